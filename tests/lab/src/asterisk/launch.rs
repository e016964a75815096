//! How an Asterisk is started: as whom, under what, and with which clock.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Asterisk;
use crate::command::run;
use crate::error::{Context, Result};

/// What holds the distance of its clock from the real one, as libfaketime reads it.
const CLOCK: &str = "clock";

impl Asterisk {
    /// From the next start on, begins as root and runs as this user of the root file system (`asterisk` is one), as
    /// `asterisk -U` does.
    pub fn run_as(&mut self, user: &'static str) -> Result {
        self.user = user;
        self.give_to(user)
    }

    /// From the next start on, is started as this user, who may listen on ports below 1024, as systemd does with
    /// `User=` and `AmbientCapabilities=CAP_NET_BIND_SERVICE`.
    pub fn start_as(&mut self, user: &'static str) -> Result {
        let words = [
            "setpriv",
            &format!("--reuid={user}"),
            &format!("--regid={user}"),
            "--init-groups",
            "--inh-caps=+net_bind_service",
            "--ambient-caps=+net_bind_service",
        ];
        self.launcher = words.map(str::to_owned).to_vec();
        self.give_to(user)
    }

    /// From the next start on, runs under that program of the root file system: `["/usr/bin/valgrind", "--quiet"]`.
    pub fn run_under(&mut self, program: &[String]) {
        self.launcher = program.to_vec();
    }

    /// From the next start on, has a clock of its own, which [`Self::set_clock`] moves. What counts the time since the
    /// machine was started goes on as it does.
    pub fn with_own_clock(&mut self) -> Result {
        let name = "libfaketime.so.1";
        let library = find(Path::new("/usr/lib"), &Path::new("faketime").join(name))?;
        let copy = self.path(name);
        fs::copy(&library, &copy).context(format!("copying {}", library.display()))?;
        self.set_clock("+0")?;
        self.launcher = vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", self.inside(name)),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.inside(CLOCK)),
            "FAKETIME_CACHE_DURATION=1".to_owned(),
            "DONT_FAKE_MONOTONIC=1".to_owned(),
        ];
        Ok(())
    }

    /// Moves its clock: `+1d` is a day ahead of the real one. Within a second it is so.
    pub fn set_clock(&self, distance: &str) -> Result {
        let (clock, new) = (self.path(CLOCK), self.path("clock.new"));
        fs::write(&new, format!("{distance}\n")).context(new.display())?;
        fs::rename(&new, &clock).context(clock.display())
    }

    fn give_to(&self, user: &str) -> Result {
        run(Command::new("chroot").arg(&self.root).args(["chown", "-R", user, &self.home])).map(drop)
    }
}

/// The file of that name in one of the folders of `libraries`: each architecture has its own.
fn find(libraries: &Path, name: &Path) -> Result<PathBuf> {
    let folders = fs::read_dir(libraries).context(libraries.display())?.flatten().map(|entry| entry.path());
    let mut files = folders.map(|folder| folder.join(name));
    files.find(|file| file.is_file()).context(format!("no {}: tests/lab/install gets it", name.display()))
}
