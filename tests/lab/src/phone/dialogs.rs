//! A phone that has a lamp for the calls of another one's number, and does nothing but to watch it (RFC 4235).

use std::process::Child;
use std::sync::Arc;

use super::device::Device;
use super::sipp::{sipp, write_users};
use crate::asterisk::Asterisk;
use crate::error::{Context, Error, Result};
use crate::net::Net;
use crate::wait::{GENEROUS, until_ok};

const SCENARIO: &str = include_str!("../../conf/sipp/dialogs.xml");

/// It watches until it is dropped, which kills it.
pub struct Dialogs {
    device: Device,
    sipp: Child,
}

impl Dialogs {
    /// `user` watches `number` at `system`.
    pub fn start(net: &Arc<Net>, system: &Asterisk, user: &str, number: &str) -> Result<Self> {
        let device = Device::new(net, &format!("dialogs-{number}"))?;
        device.write("dialogs.xml", SCENARIO)?;
        write_users(&device, [user])?;
        let mut command = sipp(&device, "dialogs.xml");
        command.args(["-key", "watched", number, "-m", "1", "-trace_msg", "-trace_err"]);
        let sipp = command.arg(system.address().to_string()).spawn().context("starting sipp")?;
        let dialogs = Self { device, sipp };
        until_ok("the first word of the lamp", GENEROUS, || match dialogs.states().is_empty() {
            true => Err(Error::new("none")),
            false => Ok(()),
        })?;
        Ok(dialogs)
    }

    /// The states that it was told, one after the other: `terminated`, `early`, `confirmed`. The same one again is a NOTIFY that
    /// was sent again.
    pub fn states(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.device.dir).into_iter().flatten().flatten();
        let logs = files.filter(|file| file.file_name().to_string_lossy().ends_with("messages.log"));
        let text: String = logs.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
        let states = text.split("<state>").skip(1).filter_map(|rest| rest.split("</state>").next());
        let mut states: Vec<String> = states.map(str::to_owned).collect();
        states.dedup();
        states
    }

    /// Waits until the last word is that.
    pub fn wait(&self, wanted: &str) -> Result {
        until_ok(&format!("the lamp to show {wanted}"), GENEROUS, || match self.states() {
            states if states.last().is_some_and(|state| state == wanted) => Ok(()),
            states => Err(Error::new(format!("{states:?}"))),
        })
    }
}

impl Drop for Dialogs {
    fn drop(&mut self) {
        let _ = self.sipp.kill();
        let _ = self.sipp.wait();
    }
}
