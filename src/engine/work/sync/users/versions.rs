//! The file in place and its versions, as the status shows them.

use std::sync::Arc;

use super::Users;
use crate::{
    engine::{
        host::Level,
        work::sync::{common::Common, failure::Failure},
    },
    operator::status::Version,
    site::users::{Diff, Store, StoreError, is_ours, open, users_in},
    words::{conf::ConfSection, wording::counted},
};

impl Users {
    /// What an earlier life has left: that is what the branch has, whether or not the main answers.
    pub(super) fn look_at_file(&mut self, common: &mut Common<'_>) -> Result<(), Failure> {
        let store = common.store()?;
        self.list_versions(&store, common)?;
        let Some(text) = in_place(&store, common)? else { return Ok(()) };
        match common.host.load_conf(&common.output()) {
            Ok(read) => self.take_users(&read, common),
            Err(error) => {
                // Who was there is still worth to know: a sync that loses many of them is held.
                let newest = common.status.versions.iter().rev();
                let mut read =
                    newest.map(|version| common.host.load_conf(&store.version_path(version.number)));
                if let Some(read) = read.find_map(Result::ok) {
                    self.take_users(&read, common);
                }
                return Err(Failure::Unreadable(error));
            }
        }
        common.status.version = version_of(&store, &text, common);
        warn_of_open_users(common);
        Ok(())
    }

    /// Reads only what is not known yet, and the version before that, to compare them.
    pub(super) fn list_versions(&self, store: &Store, common: &mut Common<'_>) -> Result<(), StoreError> {
        let all = store.versions()?;
        let known = std::mem::take(&mut common.status.versions);
        let mut listed: Vec<Version> = Vec::with_capacity(all.len());
        let mut read: Option<(u64, Option<Vec<ConfSection>>)> = None;
        for kept in all {
            let time = common.host.local_time(kept.time);
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
                _ => read_version(store, before, common),
            });
            let new = read_version(store, kept.number, common);
            let technology = common.syncing.settings.technology;
            let since = before.zip(old.as_ref().zip(new.as_ref())).map(|(before, (old, new))| {
                (before, Arc::new(Diff::between(old, new, technology, &self.marks)))
            });
            let users = new.as_ref().map_or(0, |sections| users_in(sections, technology).len());
            listed.push(Version { number: kept.number, time, users, since });
            read = Some((kept.number, new));
        }
        common.status.versions = listed;
        Ok(())
    }
}

/// The text in place. Not one that somebody else has written: it would be lost.
pub(super) fn in_place(store: &Store, common: &Common<'_>) -> Result<Option<Vec<u8>>, Failure> {
    match store.read_current()? {
        Some(text) if !is_ours(&text) => Err(Failure::NotOurs(common.output())),
        text => Ok(text),
    }
}

/// An earlier version of the module took users who need no password. The next sync leaves them out.
fn warn_of_open_users(common: &Common<'_>) {
    let sections = common.sections_in_place();
    let open = open::users_in(&sections);
    let Some((name, why)) = open.first().filter(|_| !common.syncing.all.policy.open_users) else { return };
    let (users, output) = (counted(open.len(), "user"), &common.syncing.settings.output);
    let text = format!(
        "Anybody can call as {users} in {output}, {name} the first: {why}. The next sync leaves them out; until then, the \
         firewall must keep strangers away from SIP on this machine."
    );
    common.host.log(Level::Warning, &text);
}

/// The newest version that has this text.
pub(super) fn version_of(store: &Store, text: &[u8], common: &Common<'_>) -> Option<u64> {
    let same = |version: &&Version| store.read_version(version.number).is_ok_and(|kept| kept == text);
    common.status.versions.iter().rev().find(same).map(|version| version.number)
}

fn read_version(store: &Store, version: u64, common: &Common<'_>) -> Option<Vec<ConfSection>> {
    common.host.load_conf(&store.version_path(version)).ok()
}
