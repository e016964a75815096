//! A machine that its own systemd has booted, as a branch's is: in namespaces of its own, and in the network of a lab's host.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::command::{run, words};
use crate::error::{Context, Error, Result};
use crate::net::Host;
use crate::wait::{GENEROUS, until, until_ok, until_value};

/// Boots it.
const BOOT: &str = include_str!("../../conf/deploy/boot");
/// What a process enters to be one of its.
pub const NAMESPACES: [&str; 8] =
    ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"];

/// The systemd. Dropped, it and all that it has started are killed.
pub struct Systemd {
    /// Its group of processes.
    name: String,
    child: Child,
    pid: u32,
}

impl Systemd {
    /// Boots `root` at that host, and waits until all has been started that is started at boot.
    pub fn boot(host: &Host, root: &Path) -> Result<Self> {
        let name = host.namespace.clone();
        let mut command = host.command(&["sh", "-c", BOOT, "boot", &name]);
        command.arg(root).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().context(format!("booting {name}"))?;
        let mut systemd = Self { name, child, pid: 0 };
        systemd.pid = systemd.first_process()?;
        // It ends with an error where a unit has failed: `degraded` is as good as `running` for what is tried here.
        let state = || Ok(systemd.output(&["systemctl", "is-system-running"]));
        let is_up = |state: &str| ["running", "degraded"].contains(&state.trim());
        until_value(&format!("{} to boot", systemd.name), GENEROUS, state, is_up)?;
        Ok(systemd)
    }

    /// Its process, as it is seen from here. Before it is systemd it is the shell that mounts for it.
    fn first_process(&mut self) -> Result<u32> {
        let id = self.child.id();
        let children = format!("/proc/{id}/task/{id}/children");
        let what = format!("{} to have a systemd", self.name);
        let found = until_ok(&what, GENEROUS, || {
            if let Some(status) = self.child.try_wait().context("waiting for systemd")? {
                return Ok(Err(Error::new(format!("{} was not booted: {status}", self.name))));
            }
            let text = fs::read_to_string(&children).context(&children)?;
            let pid: u32 = text.trim().parse().context(format!("the children of {id} are {text}"))?;
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).context("its name")?;
            if name.trim() == "systemd" { Ok(Ok(pid)) } else { Err(Error::new(format!("it is {name}"))) }
        });
        found?
    }

    /// Its process, as it is seen from here.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// A command that runs in the machine.
    pub fn command(&self) -> Command {
        let mut command = words(&["nsenter", "--target", &self.pid.to_string()]);
        command.args(NAMESPACES).arg("--");
        command
    }

    /// What a command in it prints, however it ends.
    pub fn output(&self, line: &[&str]) -> String {
        let output = self.command().args(line).stdin(Stdio::null()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // The first process of a namespace takes all others with it, which takes it a moment.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let remove = "mount -t cgroup2 cgroup2 /sys/fs/cgroup && cd /sys/fs/cgroup && \
                      find \"$0\" -depth -type d -exec rmdir {} +";
        let gone = || run(&mut words(&["unshare", "--mount", "sh", "-c", remove, &self.name])).is_ok();
        let _ = until("systemd to be gone", GENEROUS, gone);
    }
}
