//! A host with a folder of its own in a root file system: where a program runs that is not installed on this machine.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::error::{Context, Result};
use crate::net::{Host, Net};

/// Dropped, the folder is gone. Whatever runs there has to have ended.
pub struct Quarters {
    root: PathBuf,
    /// The folder, as programs there name it.
    home: String,
    host: Host,
}

impl Quarters {
    /// Makes a host of that name in the LAN, with an empty folder.
    pub fn new(net: &Arc<Net>, root: PathBuf, name: &str) -> Result<Self> {
        let quarters =
            Self { root, home: format!("/lab/{}/{name}", net.name()), host: net.phone_host(name)? };
        let folder = quarters.path("");
        fs::create_dir_all(&folder).context(format!("making {}", folder.display()))?;
        Ok(quarters)
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.host.address
    }

    /// The root file system, seen from outside.
    pub fn root(&self) -> &PathBuf {
        &self.root
    }

    /// The folder as programs there name it.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// Where a file of the folder is, seen from outside.
    pub fn path(&self, file: &str) -> PathBuf {
        self.root.join(self.home.trim_start_matches('/')).join(file)
    }

    /// The same file as programs there name it.
    pub fn inside(&self, file: &str) -> String {
        format!("{}/{file}", self.home)
    }

    /// Writes a file of the folder, and returns its name there.
    pub fn write(&self, file: &str, text: &str) -> Result<String> {
        let path = self.path(file);
        fs::write(&path, text).context(format!("writing {}", path.display()))?;
        Ok(self.inside(file))
    }

    /// A command in the root file system.
    pub fn command(&self, line: &[&str]) -> Command {
        let mut command = self.host.chroot(&self.root);
        command.args(line);
        command
    }

    /// Starts a command that goes on; what it says is in that file of the folder.
    pub fn spawn(&self, command: &mut Command, log: &str) -> Result<Child> {
        let path = self.path(log);
        let log = File::create(&path).context(format!("making {}", path.display()))?;
        let copy = log.try_clone().context("sharing a log")?;
        command.stdin(Stdio::null()).stdout(copy).stderr(log);
        command.spawn().context(format!("starting what logs to {}", path.display()))
    }
}

impl Drop for Quarters {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.path(""));
        if let Some(lab) = self.path("").parent() {
            let _ = fs::remove_dir(lab);
        }
    }
}
