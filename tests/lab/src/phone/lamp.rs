//! A phone that has a lamp for another one's number, and does nothing but to watch it (RFC 6665, RFC 3856).

use std::process::Child;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::device::Device;
use super::sipp::{sipp, write_users};
use crate::asterisk::Asterisk;
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
        write_users(&device, [user])?;
        let mut command = sipp(&device, "lamp.xml");
        command.args(["-key", "watched", number, "-m", "1", "-trace_err"]).arg(system.address().to_string());
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
