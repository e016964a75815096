//! Everybody on the main into the directory.

use std::{sync::Arc, time::Instant};

use super::{Failure, Site};
use crate::{
    ami::Query,
    directory::{self, Directory},
    host::Level,
    settings::{Dialplan, Technology},
    sync::{Guarded, Names},
    wording::counted,
};

/// What a branch that starts in an outage knows of the other sites.
const FILE: &str = "directory.txt";
/// What the log hears where it can't be read on the main, and where the file can't be written.
const NOT_READ: &str = "The directory stays as it is";
const NOT_KEPT: &str = "The directory is not kept for a restart, which the next sync tries again";

impl Site<'_> {
    /// Reads it where it is due. Nothing else depends on it: where it fails, the old one stays, and the next time comes
    /// soon.
    ///
    /// There is no short way to it: the main sends whole sections, about 1 KB a head. So it is read seldom, and not at
    /// all while the main has not reloaded, where that shows (chan_sip's own reload doesn't).
    pub(super) fn sync_directory(&mut self, asked: bool) -> Result<(), Failure> {
        let interval = self.syncing.settings.directory_interval;
        if interval.is_zero() {
            return Ok(());
        }
        if self.directory_unkept {
            self.write_directory();
        }
        let tells = self.syncing.settings.technology == Technology::Pjsip && self.stamp.is_some();
        let due = self.directory_at.is_none_or(|at| at.elapsed() >= interval);
        if !asked && (!due || tells && self.directory_of == self.stamp) {
            return Ok(());
        }
        match self.read_directory() {
            Err(Failure::Stopped) => Err(Failure::Stopped),
            Err(failure) => {
                self.syncing.start.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
                Ok(())
            }
            Ok(directory) => {
                self.syncing.start.log_end(NOT_READ, "The directory is read again.");
                self.directory_at = Some(Instant::now());
                self.directory_of.clone_from(&self.stamp);
                self.take_directory(directory);
                Ok(())
            }
        }
    }

    /// What an earlier life has left.
    pub(super) fn look_at_directory(&mut self) {
        let Ok(Some(text)) = self.store().and_then(|store| store.read_beside(FILE)) else { return };
        match Directory::from_text(&String::from_utf8_lossy(&text)) {
            Ok(directory) => self.status.directory = Arc::new(directory),
            Err(error) => self.host.log(Level::Warning, &format!("The kept directory is not used: {error}")),
        }
    }

    fn read_directory(&self) -> Result<Directory, Failure> {
        let settings = &self.syncing.settings;
        let public = self.syncing.all.dialplan.as_ref().map_or(Dialplan::PUBLIC_KEY, |own| &own.public_key);
        let mut people = directory::Reading::new(settings.technology, &settings.filter.key, public);
        let mut reading = self.reading()?;
        for file in &settings.files {
            let query = match settings.technology {
                Technology::Pjsip => Query::filtered(file, "^type$=^endpoint$"),
                Technology::Sip => Query::whole(file),
            };
            reading.pour(&query, &mut |part| people.take(part))?;
        }
        reading.close();
        Ok(people.finish()?)
    }

    fn take_directory(&mut self, directory: Directory) {
        let (mut old, new) = (numbers(&self.status.directory), numbers(&directory));
        old.retain(|number| !self.freed.contains(number));
        if let Err(failure) = self.may_become(Guarded::Directory, &old, &new) {
            self.syncing.start.log_failure(Level::Warning, &format!("{NOT_READ}: {failure}"));
            return;
        }
        if *self.status.directory == directory {
            return;
        }
        let count = counted(directory.len(), "number");
        self.log(&format!("The directory has {count} of {}", self.syncing.main.host));
        self.status.directory = Arc::new(directory);
        self.write_directory();
    }

    /// For a restart. Where it can't be written, the next sync tries again.
    fn write_directory(&mut self) {
        let text = self.status.directory.to_text();
        let kept = self.store().and_then(|store| store.write_beside(FILE, text.as_bytes()));
        self.directory_unkept = kept.is_err();
        self.syncing.start.log_outcome(&kept, NOT_KEPT, "The directory is kept for a restart again.");
    }
}

/// The number of each.
fn numbers(directory: &Directory) -> Names {
    directory.iter().map(|person| person.number.to_owned()).collect()
}
