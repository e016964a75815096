//! What came of a sync: told, and shown.

use std::sync::Arc;

use super::{Running, level_of};
use crate::{
    engine::host::Level,
    operator::status::SyncStatus,
    words::state::{Mode, SyncState},
};

/// What the log hears of a sync that fails again.
const STILL_UNSYNCED: &str = "Still Unsynced";

impl Running {
    /// The sync is somewhere else than before.
    pub(super) fn synced(&mut self, status: Arc<SyncStatus>) {
        let old = std::mem::replace(&mut self.snapshot.sync, status);
        let new = Arc::clone(&self.snapshot.sync);
        self.users_known = true;
        // A worker that begins anew has not read the main yet, and a sync that fails knows no better.
        let was_held = self.failover.sync_is_held() && new.state != SyncState::Synced;
        self.failover.set_sync_is_held(was_held || new.knows_who_is_gone());
        if old.ended != new.ended && new.ended > 0 {
            self.snapshot.counts.syncs.count(new.result);
        }
        if old.state != new.state {
            // That nothing is read from a main that is worked on is meant so.
            let is_meant = self.failover.mode() == Mode::Maintenance;
            let level = if is_meant { Level::Notice } else { level_of(new.state) };
            self.announce_at(level, old.state, new.state, &new.reason);
        }
        match new.state {
            SyncState::Unsynced if old.ended != new.ended => {
                let text = format!("{STILL_UNSYNCED}: {}", new.reason);
                if old.state == new.state {
                    self.kit.log_failure(Level::Warning, &text);
                } else {
                    // The change of state was the first line about it.
                    self.kit.count_failure(&text);
                }
            }
            SyncState::Synced => self.kit.forget_failures(STILL_UNSYNCED),
            SyncState::Init | SyncState::Unsynced => {}
        }
        self.show_phones();
    }
}
