//! A new file into force: checked by Asterisk's loader, put in place, reloaded, and seen live; or the last good one back.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Failure, Site};
use crate::{
    engine::{
        gate::Inside,
        host::{Level, ReloadError, Verdict},
    },
    settings::Technology,
    site::users::{Kind, Store, changed_in, difference, kinds_in, listed_in, open, users_in},
    words::{
        conf::ConfSection,
        disk::{DiskError, Staged},
    },
};

/// chan_sip reloads in a thread of its own after it said that it is done; 1.5 s were seen.
const LIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// A reload is refused while another runs; those take seconds.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(10);

impl Site<'_> {
    /// Writes what was synced as a new version, puts it in place and into force. Where it does not come into force as it
    /// is meant, the file before it goes back.
    pub(super) fn install(
        &mut self,
        store: &Store,
        text: &str,
        meant: &[ConfSection],
    ) -> Result<(), Failure> {
        if let Some((_, why)) = self.bad.as_ref().filter(|(bad, _)| bad == text) {
            return Err(Failure::StillBad(why.clone()));
        }
        let inside = self.enter()?;
        let before = self.last_good(store)?;
        let new: Vec<(Kind, ConfSection)> = self.with_kinds(meant);
        let new: Vec<(Kind, ConfSection)> =
            changed_in(&new, &self.sections_in_place()).into_iter().cloned().collect();
        let staged = store.stage(text.as_bytes())?;
        let read = self.read_staged(&staged)?;
        if let Some(difference) = difference(meant, &read) {
            return Err(Failure::Misread(difference));
        }
        let version = store.add_version(text.as_bytes())?;
        self.put_in_place(store, staged, &read, version)?;
        self.reload_inside(self.driver().module)?;
        drop(inside);
        match (self.wait_until_live().and_then(|()| self.compare(&new)), before) {
            (Err(failure), Some(before)) if failure.is_about_objects() => {
                self.bad = Some((text.to_owned(), failure.to_string()));
                self.go_back(store, &before, &failure)
            }
            (result, _) => result,
        }
    }

    /// The file in place, where all of it is in force.
    fn last_good(&self, store: &Store) -> Result<Option<Vec<u8>>, Failure> {
        let good = !self.listed.is_empty() && self.missing()?.is_empty();
        Ok(store.read_current()?.filter(|_| good))
    }

    /// Puts the file in place that was there before.
    fn go_back(&mut self, store: &Store, before: &[u8], failure: &Failure) -> Result<(), Failure> {
        let why = failure.to_string();
        let inside = self.enter()?;
        let staged = store.stage(before)?;
        let read = self.read_staged(&staged)?;
        let version = self.version_of(store, before);
        self.commit(staged)?;
        self.take_users(&read);
        self.status.version = version;
        self.list_versions(store)?;
        self.reload_inside(self.driver().module)?;
        drop(inside);
        self.wait_until_live()?;
        Err(Failure::WentBack { why, version: version.unwrap_or_default() })
    }

    /// Whether what has changed is in force as it is meant: a section that the channel driver refuses leaves the old
    /// object of its name in force, and nothing tells of it.
    ///
    /// What is meant is what the whole configuration says: the administrator may have added to a section of ours.
    fn compare(&self, new: &[(Kind, ConfSection)]) -> Result<(), Failure> {
        let all = self.host.load_conf(&self.host.config_dir().join(self.driver().conf)).unwrap_or_default();
        let all = self.with_kinds(&all);
        let whole: HashMap<(Kind, &str), &ConfSection> =
            all.iter().map(|(kind, section)| ((*kind, section.name.as_str()), section)).collect();
        let asked: Vec<(Kind, &ConfSection)> = new
            .iter()
            .map(|(kind, section)| (*kind, *whole.get(&(*kind, section.name.as_str())).unwrap_or(&section)))
            .collect();
        let Some(verdicts) = self.host.judge(self.syncing.settings.technology, &asked)? else {
            return Ok(());
        };
        let mut others = asked.iter().zip(verdicts).filter(|(_, verdict)| *verdict != Verdict::InForce);
        match others.next() {
            None => Ok(()),
            Some(((kind, section), _)) => Err(Failure::NotAsMeant {
                differing: 1 + others.count(),
                first: format!("{kind} {}", section.name),
            }),
        }
    }

    /// Puts a kept version in place and into force, and holds it.
    pub(super) fn install_version(&mut self, store: &Store, version: u64) -> Result<(), Failure> {
        let inside = self.enter()?;
        let staged = store.stage(&store.read_version(version)?)?;
        let read = self.read_staged(&staged)?;
        let technology = self.syncing.settings.technology;
        if users_in(&read, technology).is_empty() {
            return Err(Failure::NoUsers(version));
        }
        let kinds = self.with_kinds(&read);
        if !self.syncing.all.policy.open_users
            && let Some((name, why)) = open::users_in(&kinds).first()
        {
            return Err(Failure::OpenUser { version, name: (*name).to_owned(), why: why.clone() });
        }
        let local = self.local_sections();
        if let Some((_, name)) =
            kinds_in(&read, technology).into_iter().find(|section| local.contains(section))
        {
            return Err(Failure::Collides { version, name });
        }
        self.put_in_place(store, staged, &read, version)?;
        self.hold(Some(version));
        self.reload_inside(self.driver().module)?;
        drop(inside);
        self.wait_until_live()
    }

    /// From here on an unload is refused: it would wait for our disk and for the reload with Asterisk's module list
    /// locked, or leave a new file behind that nobody has loaded.
    pub(super) fn enter(&self) -> Result<Inside, Failure> {
        self.syncing.kit.gate.enter().ok_or(Failure::Stopped)
    }

    /// What Asterisk's own loader makes of a file: the last word before it is put in place, because a broken
    /// include drops users silently. It can't hold an `#exec`: `site::users::render` alone has written it.
    pub(super) fn read_staged(&self, staged: &Staged) -> Result<Vec<ConfSection>, Failure> {
        self.host.load_conf(staged.path()).map_err(|error| Failure::Misread(error.to_string()))
    }

    fn put_in_place(
        &mut self,
        store: &Store,
        staged: Staged,
        read: &[ConfSection],
        version: u64,
    ) -> Result<(), Failure> {
        self.commit(staged)?;
        self.take_users(read);
        self.status.version = Some(version);
        Ok(self.list_versions(store)?)
    }

    /// Puts a checked file in place.
    pub(super) fn commit(&self, staged: Staged) -> Result<(), Failure> {
        match staged.commit() {
            // It is in place all the same, so the rest has to follow.
            Err(error @ DiskError::Unflushed { .. }) => {
                self.syncing.kit.log_failure(Level::Warning, &error.to_string());
            }
            result => result?,
        }
        Ok(())
    }

    /// Notes who is in the file in place.
    pub(super) fn take_users(&mut self, read: &[ConfSection]) {
        let technology = self.syncing.settings.technology;
        self.status.users = users_in(read, technology);
        self.listed = listed_in(read, technology);
    }

    /// What the branch's own configuration has, outside our file.
    pub(super) fn local_sections(&self) -> Vec<(Kind, String)> {
        let settings = &self.syncing.settings;
        let conf = self.host.config_dir().join(self.driver().conf);
        // Where that file can't be read, Asterisk has refused it as a whole, and nothing can collide.
        let sections = self.host.load_conf_besides(&conf, &settings.output).unwrap_or_default();
        kinds_in(&sections, settings.technology)
    }

    /// Whether what is in place is known here and in force in Asterisk.
    pub(super) fn is_live(&self, sections: &[ConfSection]) -> Result<bool, Failure> {
        let known = self.listed == listed_in(sections, self.syncing.settings.technology);
        Ok(known && self.missing()?.is_empty())
    }

    /// Reloads a module. Inside the gate: Asterisk's module list is locked meanwhile.
    pub(super) fn reload_inside(&self, module: &str) -> Result<(), Failure> {
        let end = Instant::now() + RELOAD_TIMEOUT;
        loop {
            match self.host.reload(module) {
                Err(ReloadError::InProgress) if Instant::now() < end => self.pause()?,
                result => return result.map_err(Failure::NotReloaded),
            }
        }
    }

    /// That a reload succeeded says nothing of the users: they are looked for themselves.
    fn wait_until_live(&self) -> Result<(), Failure> {
        // res_pjsip has done all of it when the reload returns.
        let end = match self.syncing.settings.technology {
            Technology::Pjsip => Instant::now(),
            Technology::Sip => Instant::now() + LIVE_TIMEOUT,
        };
        loop {
            let missing = self.missing()?;
            let Some(first) = missing.first() else { return Ok(()) };
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

    /// What is in the file and not in the channel driver.
    fn missing(&self) -> Result<Vec<String>, Failure> {
        let missing = self.host.missing(self.syncing.settings.technology, &self.listed)?;
        Ok(missing.into_iter().map(|(kind, name)| format!("{kind} {name}")).collect())
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
