//! What all kinds share: Asterisk, the status, the line to the main, and what may go.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use super::{
    Failure, HELD, LOOK_AGAIN, SUCCEEDED, Syncing, exported::Exported, kept::Kept, people::People,
    shrink::Lost,
};
use crate::{
    dialplan::Context,
    engine::{
        crew::worker::{Stop, Stopped},
        event::Event,
        host::{Host, Level},
        work::session::Exports,
    },
    operator::status::SyncStatus,
    site::{call_settings::CallSettings, users::StoreError},
    uplink::ami::{Gauge, Hangup, Stamp},
};

/// What every kind is handed.
pub(super) struct Common<'a> {
    pub(super) syncing: &'a Syncing,
    pub(super) host: &'a dyn Host,
    pub(super) hangup: &'a Hangup,
    pub(super) stop: &'a Stop,
    pub(super) status: SyncStatus,
    /// When the main had last reloaded as the last sync began, where it tells.
    pub(super) stamp: Option<Stamp>,
    /// What the line to the main takes.
    pub(super) gauge: Gauge,
    /// What has gone within a day, and what may go.
    pub(super) lost: Lost,
    /// Who is logged in where: users and call settings go by it.
    pub(super) people: People,
    /// What the branch has of the main's export.
    pub(super) exported: Exported,
}

/// What a sync can change: the version of the users, mailboxes, contexts, call settings.
pub(super) type InForce = (Option<u64>, Arc<BTreeMap<String, String>>, Arc<[Context]>, Arc<CallSettings>);

/// A file beside the versions of the users, for a restart, and what the log hears of it.
pub(super) struct Beside {
    pub(super) file: &'static str,
    pub(super) not_kept: &'static str,
    pub(super) kept_again: &'static str,
}

impl<'a> Common<'a> {
    pub(super) fn new(syncing: &'a Syncing, hangup: &'a Hangup, stop: &'a Stop) -> Self {
        let host = &*syncing.kit.host;
        let mut status = SyncStatus::before_the_first(true);
        status.succeeded = host.recall(SUCCEEDED).and_then(|text| text.parse().ok());
        status.held = host.recall(HELD).and_then(|text| text.parse().ok());
        Self {
            syncing,
            host,
            hangup,
            stop,
            status,
            stamp: None,
            gauge: Gauge::default(),
            lost: Lost::default(),
            people: People::default(),
            exported: Exported::default(),
        }
    }

    /// Holds a version, or ends that.
    pub(super) fn hold(&mut self, version: Option<u64>) {
        if self.status.held == version {
            return;
        }
        self.status.held = version;
        if let Err(error) = self.host.remember(HELD, version.map(|number| number.to_string()).as_deref()) {
            self.syncing.kit.log_failure(Level::Warning, &error.to_string());
        }
    }

    /// What of the main is in force here: where a sync leaves it as it is, nothing has changed.
    pub(super) fn in_force(&self) -> InForce {
        let SyncStatus { version, boxes, contexts, call_settings, .. } = &self.status;
        (*version, Arc::clone(boxes), Arc::clone(contexts), Arc::clone(call_settings))
    }

    /// What the main exports, where a session is kept there.
    pub(super) fn exports(&self) -> Option<&Exports> {
        self.syncing.access.session.as_ref().map(|session| session.exports())
    }

    /// Lets others see the status as it is now.
    pub(super) fn tell(&self) {
        self.syncing.teller.tell(Event::Synced(Arc::new(self.status.clone())));
    }

    pub(super) fn log(&self, text: &str) {
        self.host.log(Level::Notice, text);
    }

    /// Logs how it went with one kind: a failure behind `not_read`, and once that it is over. Returns the problem, empty
    /// where there is none. Only a stop is passed on.
    pub(super) fn problem(
        &self,
        outcome: Result<(), Failure>,
        not_read: &str,
        over: &str,
    ) -> Result<String, Failure> {
        if matches!(outcome, Err(Failure::Stopped)) {
            return Err(Failure::Stopped);
        }
        self.syncing.kit.log_outcome(&outcome, not_read, over);
        Ok(outcome.err().map_or_else(String::new, |failure| failure.to_string()))
    }

    /// Saves something for a restart, where it is not on disk yet.
    pub(super) fn keep<T: Clone + PartialEq>(
        &self,
        kept: &mut Kept<T>,
        now: &T,
        beside: &Beside,
        text: impl FnOnce() -> String,
    ) {
        let write = || self.write_beside(beside.file, &text());
        if let Some(written) = kept.keep(now, write) {
            self.syncing.kit.log_outcome(&written, beside.not_kept, beside.kept_again);
        }
    }

    /// Writes a file beside the versions of the users, where nobody else has taken our place.
    pub(super) fn write_beside(&self, file: &str, text: &str) -> Result<(), StoreError> {
        if self.host.is_replaced() {
            return Ok(());
        }
        self.store()?.write_beside(file, text.as_bytes())
    }

    /// Waits a moment for something that takes its time.
    pub(super) fn pause(&self) -> Result<(), Stopped> {
        if self.stop.wait_until(Instant::now() + LOOK_AGAIN) { Err(Stopped) } else { Ok(()) }
    }
}
