//! What is on disk: the file in place and its versions, as the status shows them.

use std::path::PathBuf;

use super::{Failure, Site};
use crate::{
    status::Version,
    sync::{self, Store, StoreError, is_ours, users_in},
};

/// Folder of the versions, in Asterisk's variable data.
const VERSIONS: &str = "synch";

impl Site<'_> {
    pub(super) fn store(&self) -> Result<Store, StoreError> {
        let settings = &self.syncing.settings;
        let versions = self.host.data_dir().join(VERSIONS).join(&settings.output);
        Store::new(self.output(), versions, settings.versions)
    }

    /// What an earlier life has left: that is what the branch has, whether or not the main answers.
    pub(super) fn look_at_disk(&mut self) -> Result<(), Failure> {
        let store = self.store()?;
        self.list_versions(&store)?;
        let Some(text) = self.in_place(&store)? else { return Ok(()) };
        match self.host.load_conf(&self.output()) {
            Ok(read) => self.take_users(&read),
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
        let same = |version: &&Version| store.read_version(version.number).is_ok_and(|kept| kept == text);
        self.status.version = self.status.versions.iter().rev().find(same).map(|version| version.number);
        Ok(())
    }

    pub(super) fn list_versions(&mut self, store: &Store) -> Result<(), StoreError> {
        let known = std::mem::take(&mut self.status.versions);
        let listed = store.versions()?.into_iter().map(|kept| {
            let known = known.iter().find(|version| version.number == kept.number).cloned();
            known.unwrap_or_else(|| self.version(store, &kept))
        });
        let listed = listed.collect();
        self.status.versions = listed;
        Ok(())
    }

    fn version(&self, store: &Store, kept: &sync::Version) -> Version {
        let read = self.host.load_conf(&store.version_path(kept.number)).unwrap_or_default();
        let users = users_in(&read, self.syncing.settings.technology).len();
        Version { number: kept.number, time: self.host.local_time(kept.time), users }
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
