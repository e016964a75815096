//! A new file into force: checked by Asterisk's loader, put in place, reloaded, and seen live; or the last good one back.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Users, versions::version_of};
use crate::{
    engine::{
        host::Verdict,
        work::sync::{common::Common, failure::Failure},
    },
    settings::Technology,
    site::users::{Kind, Store, changed_in, difference, kinds_in, listed_in, open, users_in},
    words::{conf::ConfSection, disk::Staged, faults},
};

/// chan_sip reloads in a thread of its own after it said that it is done; 1.5 s were seen.
const LIVE_TIMEOUT: Duration = Duration::from_secs(15);

impl Users {
    /// Writes what was synced as a new version, puts it in place and into force. Where it does not come into force as it
    /// is meant, the file before it goes back.
    pub(in crate::engine::work::sync) fn install(
        &mut self,
        store: &Store,
        text: &str,
        meant: &[ConfSection],
        common: &mut Common<'_>,
    ) -> Result<(), Failure> {
        if let Some((_, why)) = self.bad.as_ref().filter(|(bad, _)| bad == text) {
            return Err(Failure::StillBad(why.clone()));
        }
        let inside = common.enter()?;
        faults::point("install");
        let before = self.last_good(store, common)?;
        let new: Vec<(Kind, ConfSection)> = common.with_kinds(meant);
        let new: Vec<(Kind, ConfSection)> =
            changed_in(&new, &common.sections_in_place()).into_iter().cloned().collect();
        let staged = common.stage(store, text.as_bytes())?;
        let read = common.read_staged(&staged)?;
        if let Some(difference) = difference(meant, &read) {
            return Err(Failure::Misread(difference));
        }
        let version = store.add_version(text.as_bytes())?;
        self.put_in_place(store, staged, &read, version, common)?;
        common.reload_inside(common.driver().module)?;
        drop(inside);
        match (self.wait_until_live(common).and_then(|()| compare(&new, common)), before) {
            (Err(failure), Some(before)) if failure.is_about_objects() => {
                self.bad = Some((text.to_owned(), failure.to_string()));
                self.go_back(store, &before, &failure, common)
            }
            (result, _) => result,
        }
    }

    /// The file in place, where all of it is in force.
    fn last_good(&self, store: &Store, common: &Common<'_>) -> Result<Option<Vec<u8>>, Failure> {
        let good = !self.listed.is_empty() && self.missing(common)?.is_empty();
        Ok(store.read_current()?.filter(|_| good))
    }

    /// Puts the file in place that was there before.
    fn go_back(
        &mut self,
        store: &Store,
        before: &[u8],
        failure: &Failure,
        common: &mut Common<'_>,
    ) -> Result<(), Failure> {
        let why = failure.to_string();
        let inside = common.enter()?;
        let staged = common.stage(store, before)?;
        let read = common.read_staged(&staged)?;
        let version = version_of(store, before, common);
        common.commit(staged)?;
        self.take_users(&read, common);
        common.status.version = version;
        self.list_versions(store, common)?;
        common.reload_inside(common.driver().module)?;
        drop(inside);
        self.wait_until_live(common)?;
        Err(Failure::WentBack { why, version: version.unwrap_or_default() })
    }

    /// Puts a kept version in place and into force, and holds it.
    pub(super) fn install_version(
        &mut self,
        store: &Store,
        version: u64,
        common: &mut Common<'_>,
    ) -> Result<(), Failure> {
        let inside = common.enter()?;
        let staged = common.stage(store, &store.read_version(version)?)?;
        let read = common.read_staged(&staged)?;
        let technology = common.syncing.settings.technology;
        if users_in(&read, technology).is_empty() {
            return Err(Failure::NoUsers(version));
        }
        let kinds = common.with_kinds(&read);
        if !common.syncing.all.policy.open_users
            && let Some((name, why)) = open::users_in(&kinds).first()
        {
            return Err(Failure::OpenUser { version, name: (*name).to_owned(), why: why.clone() });
        }
        let local = common.local_sections();
        if let Some((_, name)) =
            kinds_in(&read, technology).into_iter().find(|section| local.contains(section))
        {
            return Err(Failure::Collides { version, name });
        }
        self.put_in_place(store, staged, &read, version, common)?;
        common.hold(Some(version));
        common.reload_inside(common.driver().module)?;
        drop(inside);
        self.wait_until_live(common)
    }

    fn put_in_place(
        &mut self,
        store: &Store,
        staged: Staged,
        read: &[ConfSection],
        version: u64,
        common: &mut Common<'_>,
    ) -> Result<(), Failure> {
        common.commit(staged)?;
        self.take_users(read, common);
        common.status.version = Some(version);
        Ok(self.list_versions(store, common)?)
    }

    /// Notes who is in the file in place.
    pub(super) fn take_users(&mut self, read: &[ConfSection], common: &mut Common<'_>) {
        let technology = common.syncing.settings.technology;
        common.status.users = users_in(read, technology);
        self.listed = listed_in(read, technology);
    }

    /// Whether what is in place is known here and in force in Asterisk.
    pub(super) fn is_live(&self, sections: &[ConfSection], common: &Common<'_>) -> Result<bool, Failure> {
        let known = self.listed == listed_in(sections, common.syncing.settings.technology);
        Ok(known && self.missing(common)?.is_empty())
    }

    /// That a reload succeeded says nothing of the users: they are looked for themselves.
    fn wait_until_live(&self, common: &Common<'_>) -> Result<(), Failure> {
        // res_pjsip has done all of it when the reload returns.
        let end = match common.syncing.settings.technology {
            Technology::Pjsip => Instant::now(),
            Technology::Sip => Instant::now() + LIVE_TIMEOUT,
        };
        loop {
            let missing = self.missing(common)?;
            let Some(first) = missing.first() else { return Ok(()) };
            if Instant::now() >= end {
                let (missing, of, first) = (missing.len(), self.listed.len(), first.clone());
                return Err(if missing == of {
                    Failure::NoneLive {
                        output: common.syncing.settings.output.clone(),
                        conf: common.driver().conf,
                    }
                } else {
                    Failure::NotLive { missing, of, first }
                });
            }
            common.pause()?;
        }
    }

    /// What is in the file and not in the channel driver.
    pub(super) fn missing(&self, common: &Common<'_>) -> Result<Vec<String>, Failure> {
        let missing = common.host.missing(common.syncing.settings.technology, &self.listed)?;
        Ok(missing.into_iter().map(|(kind, name)| format!("{kind} {name}")).collect())
    }
}

/// Whether what has changed is in force as it is meant: a section that the channel driver refuses leaves the old
/// object of its name in force, and nothing tells of it.
///
/// What is meant is what the whole configuration says: the administrator may have added to a section of ours.
fn compare(new: &[(Kind, ConfSection)], common: &Common<'_>) -> Result<(), Failure> {
    let all = common.host.load_conf(&common.host.config_dir().join(common.driver().conf)).unwrap_or_default();
    let all = common.with_kinds(&all);
    let whole: HashMap<(Kind, &str), &ConfSection> =
        all.iter().map(|(kind, section)| ((*kind, section.name.as_str()), section)).collect();
    let asked: Vec<(Kind, &ConfSection)> = new
        .iter()
        .map(|(kind, section)| (*kind, *whole.get(&(*kind, section.name.as_str())).unwrap_or(&section)))
        .collect();
    let Some(verdicts) = common.host.judge(common.syncing.settings.technology, &asked)? else {
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
