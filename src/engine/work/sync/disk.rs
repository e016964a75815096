//! What is on disk: the file in place and its versions, as the status shows them.

use std::{path::PathBuf, sync::Arc};

use super::{Failure, Site, shrink};
use crate::{
    engine::host::Level,
    operator::status::Version,
    site::users::{Diff, Kind, Store, StoreError, is_ours, kind_in, open, users_in},
    words::{conf::ConfSection, wording::counted},
};

/// Folder of the versions, in Asterisk's variable data.
const VERSIONS: &str = "synch";

impl Site<'_> {
    pub(super) fn store(&self) -> Result<Store, StoreError> {
        self.store_of(&self.syncing.settings.output)
    }

    /// Of a file of ours in Asterisk's configuration folder.
    pub(super) fn store_of(&self, output: &str) -> Result<Store, StoreError> {
        Store::new(
            self.host.config_dir().join(output),
            self.versions_of(output),
            self.syncing.settings.versions,
        )
    }

    /// Where the versions of a file of ours are.
    pub(super) fn versions_of(&self, output: &str) -> PathBuf {
        self.host.data_dir().join(VERSIONS).join(output)
    }

    /// What an earlier life has left: that is what the branch has, whether or not the main answers.
    pub(super) fn look_at_disk(&mut self) -> Result<(), Failure> {
        self.look_at_boxes();
        self.look_at_directory();
        self.look_at_contexts();
        let store = self.store()?;
        self.losses = shrink::kept(|name| store.read_beside(name).ok().flatten());
        self.list_versions(&store)?;
        let Some(text) = self.in_place(&store)? else { return Ok(()) };
        match self.host.load_conf(&self.output()) {
            Ok(read) => {
                self.take_users(&read);
                self.look_at_call_settings();
            }
            Err(error) => {
                // Who was there is still worth to know: a sync that loses many of them is held.
                let newest = self.status.versions.iter().rev();
                let mut read = newest.map(|version| self.host.load_conf(&store.version_path(version.number)));
                if let Some(read) = read.find_map(Result::ok) {
                    self.take_users(&read);
                }
                return Err(Failure::Unreadable(error));
            }
        }
        self.status.version = self.version_of(&store, &text);
        self.warn_of_open_users();
        Ok(())
    }

    /// An earlier version of the module took users who need no password. The next sync leaves them out.
    fn warn_of_open_users(&self) {
        let sections = self.sections_in_place();
        let open = open::users_in(&sections);
        let Some((name, why)) = open.first().filter(|_| !self.syncing.all.policy.open_users) else { return };
        let (users, output) = (counted(open.len(), "user"), &self.syncing.settings.output);
        let text = format!(
            "{users} in {output} can be anybody, {name} the first: {why}. The next sync leaves them out; until then, the \
             firewall has to keep strangers from this machine's SIP."
        );
        self.host.log(Level::Warning, &text);
    }

    /// The newest version that has this text.
    pub(super) fn version_of(&self, store: &Store, text: &[u8]) -> Option<u64> {
        let same = |version: &&Version| store.read_version(version.number).is_ok_and(|kept| kept == text);
        self.status.versions.iter().rev().find(same).map(|version| version.number)
    }

    /// The users' sections in the file in place; none where it can't be read.
    pub(super) fn sections_in_place(&self) -> Vec<(Kind, ConfSection)> {
        self.with_kinds(&self.host.load_conf(&self.output()).unwrap_or_default())
    }

    /// Those of a kind that is synced.
    pub(super) fn with_kinds(&self, sections: &[ConfSection]) -> Vec<(Kind, ConfSection)> {
        let technology = self.syncing.settings.technology;
        sections.iter().filter_map(|section| Some((kind_in(section, technology)?, section.clone()))).collect()
    }

    /// Reads only what is not known yet, and the version before that, to compare them.
    pub(super) fn list_versions(&mut self, store: &Store) -> Result<(), StoreError> {
        let all = store.versions()?;
        let known = std::mem::take(&mut self.status.versions);
        let mut listed: Vec<Version> = Vec::with_capacity(all.len());
        let mut read: Option<(u64, Option<Vec<ConfSection>>)> = None;
        for kept in all {
            let time = self.host.local_time(kept.time);
            let before = listed.last().map(|version| version.number);
            let same = |version: &&Version| {
                let compared = version.since.as_ref().map(|(number, _)| *number);
                version.number == kept.number
                    && version.time == time
                    && (before.is_none() || before == compared)
            };
            if let Some(version) = known.iter().find(same) {
                listed.push(version.clone());
                continue;
            }
            let old = before.and_then(|before| match read.take() {
                Some((number, sections)) if number == before => sections,
                _ => self.read_version(store, before),
            });
            let new = self.read_version(store, kept.number);
            let technology = self.syncing.settings.technology;
            let since = before.zip(old.as_ref().zip(new.as_ref())).map(|(before, (old, new))| {
                (before, Arc::new(Diff::between(old, new, technology, &self.marks)))
            });
            let users = new.as_ref().map_or(0, |sections| users_in(sections, technology).len());
            listed.push(Version { number: kept.number, time, users, since });
            read = Some((kept.number, new));
        }
        self.status.versions = listed;
        Ok(())
    }

    fn read_version(&self, store: &Store, version: u64) -> Option<Vec<ConfSection>> {
        self.host.load_conf(&store.version_path(version)).ok()
    }

    /// The text in place. Not one that somebody else has written: it would be lost.
    pub(super) fn in_place(&self, store: &Store) -> Result<Option<Vec<u8>>, Failure> {
        match store.read_current()? {
            Some(text) if !is_ours(&text) => Err(Failure::NotOurs(self.output())),
            text => Ok(text),
        }
    }

    fn output(&self) -> PathBuf {
        self.host.config_dir().join(&self.syncing.settings.output)
    }
}
