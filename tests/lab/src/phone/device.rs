//! What every phone is, whatever runs in it: a host in the LAN, a folder, one process.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::error::{Context, Result};
use crate::net::{Host, Net};
use crate::rootfs::lab_dir;

/// A phone's host, files and process. Dropped, the process is killed and the folder removed.
pub struct Device {
    /// Its place in the LAN.
    pub host: Host,
    /// What it reads and writes.
    pub dir: PathBuf,
    child: Option<Child>,
}

impl Device {
    /// Plugs it in, with an empty folder; switched off.
    pub fn new(net: &Arc<Net>, name: &str) -> Result<Self> {
        let host = net.phone_host(name)?;
        let dir = lab_dir().join("phones").join(net.name()).join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).context(format!("making {}", dir.display()))?;
        let dir = dir.canonicalize().context(format!("finding {}", dir.display()))?;
        Ok(Self { host, dir, child: None })
    }

    /// Writes a file of its folder.
    pub fn write(&self, name: &str, text: &str) -> Result {
        let path = self.dir.join(name);
        fs::write(&path, text).context(format!("writing {}", path.display()))
    }

    /// Starts what it runs, a command of [`Host::command`]. What that prints goes to [`Self::output`].
    pub fn start(&mut self, command: &mut Command) -> Result {
        let output = File::create(self.dir.join("output")).context("a file for the phone's output")?;
        // A pipe nobody writes to: at the end of its input, a phone made for a terminal would leave.
        command.stdin(Stdio::piped());
        command.stdout(output.try_clone().context("sharing the output file")?).stderr(output);
        self.child = Some(command.spawn().context("starting a phone")?);
        Ok(())
    }

    /// Switches it off without a word to anybody.
    pub fn switch_off(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// What it printed.
    pub fn output(&self) -> String {
        fs::read(self.dir.join("output"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.switch_off();
        let _ = fs::remove_dir_all(&self.dir);
        // The lab's folder goes with its last phone.
        if let Some(lab) = self.dir.parent() {
            let _ = fs::remove_dir(lab);
        }
    }
}
