//! A phone that has a lamp for another one's number, and does nothing but to watch it (RFC 6665, RFC 3856).

use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::device::Device;
use crate::asterisk::Asterisk;
use crate::conf::password;
use crate::error::{Context, Error, Result};
use crate::net::Net;

const SCENARIO: &str = include_str!("../../conf/sipp/lamp.xml");
const PAUSE: Duration = Duration::from_millis(50);

/// It watches until its lamp was dark and then lit. Dropped, it is killed.
pub struct Lamp {
    device: Device,
    sipp: Child,
}

impl Lamp {
    /// `user` watches `number` at `system`.
    pub fn start(net: &Arc<Net>, system: &Asterisk, user: &str, number: &str) -> Result<Self> {
        let device = Device::new(net, "lamp")?;
        device.write("lamp.xml", SCENARIO)?;
        let credentials = format!("[authentication username={user} password={}]", password(user));
        device.write("users.csv", &format!("SEQUENTIAL\n{user};{credentials}\n"))?;
        let mut command = device.host.command(&["sipp", "-nostdin", "-t", "u1", "-p", "5060", "-i"]);
        command.arg(device.host.address.to_string()).current_dir(&device.dir);
        command.args(["-sf", "lamp.xml", "-inf", "users.csv", "-key", "watched", number, "-m", "1"]);
        command.args(["-trace_err"]).arg(system.address().to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let sipp = command.spawn().context("starting sipp")?;
        Ok(Self { device, sipp })
    }

    /// An error where it was not dark at first, or is not lit within such a time.
    pub fn wait_lit(mut self, bound: Duration) -> Result {
        let end = Instant::now() + bound;
        loop {
            match self.sipp.try_wait().context("waiting for sipp")? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Error::new(format!("sipp: {status}: {}", self.errors()))),
                None if Instant::now() > end => return Err(Error::new("the lamp was not lit in time")),
                None => sleep(PAUSE),
            }
        }
    }

    /// What sipp did not expect.
    fn errors(&self) -> String {
        let files = std::fs::read_dir(&self.device.dir).into_iter().flatten().flatten();
        let logs = files.filter(|file| file.file_name().to_string_lossy().ends_with("errors.log"));
        logs.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect()
    }
}

impl Drop for Lamp {
    fn drop(&mut self) {
        let _ = self.sipp.kill();
        let _ = self.sipp.wait();
    }
}
