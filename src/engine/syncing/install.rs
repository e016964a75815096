//! A new file into force: checked by Asterisk's loader, put in place, reloaded, and seen live.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use super::{Failure, Site};
use crate::{
    host::ReloadError,
    settings::{ConfSection, Technology},
    sync::{Staged, Store, Synced, difference, listed_in, users_in},
};

/// chan_sip reloads in a thread of its own after it said that it is done; 1.5 s were seen.
const LIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// A reload is refused while another runs; those take seconds.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(10);

impl Site<'_> {
    /// Writes what was synced as a new version, puts it in place and into force.
    pub(super) fn install(&mut self, store: &Store, synced: &Synced) -> Result<(), Failure> {
        let staged = store.stage(synced.text.as_bytes())?;
        let read = self.read_staged(&staged)?;
        if let Some(difference) = difference(&synced.sections, &read) {
            return Err(Failure::Misread(difference));
        }
        let version = store.add_version(synced.text.as_bytes())?;
        self.put_in_place(store, staged, &read, version)
    }

    /// What Asterisk's own loader makes of a file: the last word before it is put in place, because a broken
    /// include drops users silently. It can't hold an `#exec`: `sync::render` alone has written it.
    pub(super) fn read_staged(&self, staged: &Staged) -> Result<Vec<ConfSection>, Failure> {
        self.host.load_conf(staged.path()).map_err(|error| Failure::Misread(error.to_string()))
    }

    pub(super) fn put_in_place(
        &mut self,
        store: &Store,
        staged: Staged,
        read: &[ConfSection],
        version: u64,
    ) -> Result<(), Failure> {
        // An unload between the two would leave a new file that nobody has loaded.
        let inside = self.syncing.start.gate.enter().ok_or(Failure::Stopped)?;
        self.live = false;
        staged.commit()?;
        self.take_users(read);
        self.status.version = Some(version);
        self.list_versions(store)?;
        let reloaded = self.reload_inside();
        drop(inside);
        reloaded?;
        self.wait_until_live()
    }

    /// Notes who is in the file in place.
    pub(super) fn take_users(&mut self, read: &[ConfSection]) {
        let technology = self.syncing.settings.technology;
        self.status.users = users_in(read, technology);
        self.listed = listed_in(read, technology);
    }

    pub(super) fn reload(&self) -> Result<(), Failure> {
        let _inside = self.syncing.start.gate.enter().ok_or(Failure::Stopped)?;
        self.reload_inside()
    }

    /// Reloads the channel driver. Inside the gate: Asterisk's module list is locked meanwhile.
    fn reload_inside(&self) -> Result<(), Failure> {
        let end = Instant::now() + RELOAD_TIMEOUT;
        loop {
            match self.host.reload(self.driver().module) {
                Err(ReloadError::InProgress) if Instant::now() < end => self.pause()?,
                result => return result.map_err(Failure::NotReloaded),
            }
        }
    }

    /// That a reload succeeded says nothing of the users: they are looked for themselves.
    pub(super) fn wait_until_live(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + LIVE_TIMEOUT;
        loop {
            let missing = self.missing()?;
            let Some(first) = missing.first() else {
                self.live = true;
                return Ok(());
            };
            if Instant::now() >= end {
                let (missing, of, first) = (missing.len(), self.listed.len(), first.clone());
                return Err(if missing == of {
                    Failure::NoneLive {
                        output: self.syncing.settings.output.clone(),
                        conf: self.driver().conf,
                    }
                } else {
                    Failure::NotLive { missing, of, first }
                });
            }
            self.pause()?;
        }
    }

    /// Users in the file that the channel driver does not have.
    pub(super) fn missing(&self) -> Result<Vec<String>, Failure> {
        let live: HashSet<String> =
            self.host.live_users(self.syncing.settings.technology)?.into_iter().collect();
        Ok(self.listed.iter().filter(|name| !live.contains(*name)).cloned().collect())
    }

    fn driver(&self) -> Driver {
        match self.syncing.settings.technology {
            Technology::Pjsip => Driver { module: "res_pjsip.so", conf: "pjsip.conf" },
            Technology::Sip => Driver { module: "chan_sip.so", conf: "sip.conf" },
        }
    }
}

/// The module that has the users, and the file that includes ours.
struct Driver {
    module: &'static str,
    conf: &'static str,
}
