//! What the branch's Asterisk has in use of its memory, to the octet: what a leak adds to. The kernel's figure for the
//! process has malloc's holes in it as well, which differ by megabytes from round to round.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::command::run;
use lab::error::Context;
use lab::{Asterisk, Result};

const SOURCE: &str = include_str!("in_use.c");
/// It is looked at for so long: a reload of the dialplan has the old one and the new one in use for a moment, and a sync two
/// sets of users, on a busy machine for more than five seconds.
const WATCHED: Duration = Duration::from_secs(20);
/// As often as it is written.
const PAUSE: Duration = Duration::from_millis(100);

/// Where it is written.
#[derive(Clone)]
pub struct InUse(PathBuf);

impl InUse {
    /// From its next start on, that Asterisk writes what it has in use, and has one heap for all threads: what one gives
    /// back serves another.
    pub fn of(asterisk: &mut Asterisk) -> Result<Self> {
        let (source, library, file) = (asterisk.path("in_use.c"), "in_use.so", "in_use");
        fs::write(&source, SOURCE).context(source.display())?;
        // Linked with no library, so that it asks for no version of glibc's symbols: each root file system has another.
        let options = ["-shared", "-fPIC", "-O1", "-Wall", "-Wno-deprecated-declarations", "-nostdlib", "-o"];
        run(Command::new("cc").args(options).args([asterisk.path(library), source]))?;
        asterisk.run_under(&[
            "/usr/bin/env".to_owned(),
            "MALLOC_ARENA_MAX=1".to_owned(),
            format!("LD_PRELOAD={}", asterisk.inside(library)),
            format!("IN_USE={}", asterisk.inside(file)),
        ]);
        Ok(Self(asterisk.path(file)))
    }

    /// What is in use now, in KiB.
    pub fn now_kib(&self) -> Result<u64> {
        let text = fs::read_to_string(&self.0).context(self.0.display())?;
        let octets: u64 = text.trim().parse().context(format!("'{text}' in {}", self.0.display()))?;
        Ok(octets / 1024)
    }

    /// The least that is in use within a few seconds, in KiB.
    pub fn least_kib(&self) -> Result<u64> {
        let (end, mut least) = (Instant::now() + WATCHED, self.now_kib()?);
        while Instant::now() < end {
            sleep(PAUSE);
            least = least.min(self.now_kib()?);
        }
        Ok(least)
    }
}
