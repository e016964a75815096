//! The module in a running Asterisk, as an administrator handles it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::{ANSWER, Asterisk, folder};
use crate::command::run;
use crate::error::{Context, Error, Result};
use crate::version::Version;
use crate::wait::{GENEROUS, PHONES_RETRY, until_ok, until_value};

/// Where the module looks for orders to panic or to hang.
const ORDERS: &str = "var/synch";

impl Asterisk {
    /// Puts the module that was built for another version in place, as one who forgot to build anew does.
    pub fn install_module_of(&self, version: Version) -> Result {
        folder::install_module(version, &self.path(""))
    }

    /// Puts a module from this file in place.
    pub fn install_module_from(&self, module: &Path) -> Result {
        folder::install_module_from(module, &self.path(""))
    }

    /// Puts the module that panics to order in place. Orders may be given from now on.
    pub fn install_module_that_panics(&self) -> Result {
        let orders = self.path(ORDERS);
        fs::create_dir_all(&orders).context(format!("making {}", orders.display()))?;
        folder::install_module_from(&folder::module_file(&format!("faults-{}", self.version)), &self.path(""))
    }

    /// Has the module panic at each of these points (`words::faults::point` in its source), once.
    pub fn order_panics(&self, points: &[&str]) -> Result {
        points.iter().try_for_each(|point| self.order(&format!("panic-{point}")))
    }

    /// The panics that were ordered and have not come yet.
    pub fn panics_to_come(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(self.path(ORDERS)).context("reading the orders")?;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.filter_map(|name| name.strip_prefix("panic-").map(str::to_owned)).collect())
    }

    /// Has each thread of the module hang that comes to this point, until [`Asterisk::end_hang`].
    pub fn order_hang(&self, point: &str) -> Result {
        self.order(&format!("hang-{point}"))
    }

    /// Whether somebody hangs at this point: the module says so in a file of its own.
    pub fn hangs_at(&self, point: &str) -> bool {
        self.path(ORDERS).join(format!("hangs-{point}")).exists()
    }

    /// Forgets that somebody has hung there.
    pub fn hung_at(&self, point: &str) -> Result {
        self.order_no_more(&format!("hangs-{point}"))
    }

    /// Lets everybody go who hangs at this point.
    pub fn end_hang(&self, point: &str) -> Result {
        self.order_no_more(&format!("hang-{point}"))
    }

    /// Has the first thread of the module hang that comes to this point, and no other, until [`Asterisk::let_go`].
    pub fn order_hold(&self, point: &str) -> Result {
        self.order(&format!("hold-{point}"))
    }

    /// Whether it has come there.
    pub fn is_held_at(&self, point: &str) -> bool {
        self.path(ORDERS).join(format!("held-{point}")).exists()
    }

    /// Lets it go on.
    pub fn let_go(&self, point: &str) -> Result {
        self.order_no_more(&format!("held-{point}"))
    }

    fn order(&self, name: &str) -> Result {
        let order = self.path(ORDERS).join(name);
        fs::write(&order, "").context(format!("writing {}", order.display()))
    }

    fn order_no_more(&self, name: &str) -> Result {
        let order = self.path(ORDERS).join(name);
        fs::remove_file(&order).context(format!("removing {}", order.display()))
    }

    /// Loads the module; an error where Asterisk says no.
    pub fn load_module(&self) -> Result {
        said(&self.rx("module load res_synch.so")?, "Loaded res_synch.so")
    }

    /// Unloads the module. It is refused while a reload of ours runs, and asked for again then.
    pub fn unload_module(&self) -> Result {
        self.unload_module_within(ANSWER)
    }

    /// The same, where each answer may take so long.
    pub fn unload_module_within(&self, bound: Duration) -> Result {
        until_ok("the module to be unloaded", GENEROUS, || {
            said(&self.rx_within(bound, "module unload res_synch.so")?, "Unloaded res_synch.so")
        })
    }

    /// Has the module read its configuration anew; an error where it says no.
    pub fn reload_module(&self) -> Result {
        said(&self.reload_answer()?, "reloaded successfully")
    }

    /// What Asterisk says of such a reload.
    pub fn reload_answer(&self) -> Result<String> {
        self.reload("module reload res_synch.so")
    }

    /// What Asterisk says of a command that reloads something. It is asked again while another reload runs, such as one of ours.
    pub fn reload(&self, command: &str) -> Result<String> {
        until_value(
            "no other reload to run",
            GENEROUS,
            || self.rx(command),
            |answer| !answer.contains("already in progress"),
        )
    }

    /// Who listens on `port` in its namespace, a line for each socket.
    pub fn listeners(&self, port: u16) -> Result<String> {
        run(&mut self.host.command(&["ss", "-Hlntu", &format!("sport = :{port}")]))
    }

    /// One value of `synch show status json`.
    pub fn status(&self, key: &str) -> Result<String> {
        let status = self.whole_status()?;
        value(&status, key).context(format!("the status has no {key}: {status}"))
    }

    /// Waits until the status says so. What it says of phones takes as long as a phone does.
    pub fn wait_status(&self, key: &str, wanted: &str) -> Result {
        let bound = if key.starts_with("Phones") { PHONES_RETRY } else { GENEROUS };
        until_ok(&format!("{key} of the {} to be {wanted}", self.role.name()), bound, || {
            let status = self.whole_status()?;
            match value(&status, key).context(format!("the status has no {key}: {status}"))? {
                found if found == wanted => Ok(()),
                found => {
                    let reason = value(&status, &format!("{key}Reason")).unwrap_or_default();
                    Err(Error::new(format!("{key} is {found}; reason: {reason}")))
                }
            }
        })
    }

    fn whole_status(&self) -> Result<serde_json::Value> {
        let text = self.rx("synch show status json")?;
        serde_json::from_str(&text).context(format!("reading the status {text}"))
    }

    /// The module's threads.
    pub fn module_threads(&self) -> Result<Vec<String>> {
        let names = self.thread_names()?;
        Ok(names.into_iter().filter(|name| name.starts_with("synch/")).collect())
    }

    /// Waits until these are the module's threads. The system still shows one for a moment after it was joined.
    pub fn wait_module_threads(&self, wanted: &[&str]) -> Result {
        until_ok("the module's threads", GENEROUS, || match self.module_threads()? {
            found if found == wanted => Ok(()),
            found => Err(Error::new(format!("{found:?} and not {wanted:?}"))),
        })
    }

    /// The lines of its log that the module wrote at `level`: `ERROR`, `WARNING` or `NOTICE`.
    pub fn module_log(&self, level: &str) -> Vec<String> {
        let wanted = |line: &&str| line.contains(&format!("] {level}[")) && line.contains("] res_synch: ");
        self.log().lines().filter(wanted).map(str::to_owned).collect()
    }
}

fn said(answer: &str, wanted: &str) -> Result {
    if answer.contains(wanted) { Ok(()) } else { Err(Error::new(format!("not '{wanted}': {answer}"))) }
}

/// A value of a status, as text.
fn value(status: &serde_json::Value, key: &str) -> Option<String> {
    match status.pointer(&format!("/0/{key}"))? {
        serde_json::Value::String(value) => Some(value.clone()),
        value => Some(value.to_string()),
    }
}
