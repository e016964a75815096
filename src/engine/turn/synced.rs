//! What came of a sync: told, and shown.

use std::sync::Arc;

use super::Running;
use crate::{engine::host::Level, operator::status::SyncStatus, words::state::SyncState};

/// What the log hears of a sync that fails again.
const STILL_UNSYNCED: &str = "Still Unsynced";

impl Running {
    /// The sync is somewhere else than before.
    pub(super) fn synced(&mut self, status: Arc<SyncStatus>) {
        let old = std::mem::replace(&mut self.snapshot.sync, status);
        let new = Arc::clone(&self.snapshot.sync);
        self.users_known = true;
        if old.state != new.state {
            self.announce(old.state, new.state, &new.reason);
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
