//! The way back to the main: when it is looked at again, and who is told.

use std::time::{Duration, Instant, SystemTime};

use super::Running;
use crate::{engine::host::Level, verdict::failover::Circumstances};

/// How soon the end of a hold, a call or the beginning of the hours is noticed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl Running {
    /// How soon time alone may end what a return waits for, or a held mode; none where neither waits for time.
    pub(in crate::engine) fn look_again(&self) -> Option<Duration> {
        let home = self.failover.wants_home().then_some(LOOK_AGAIN);
        home.into_iter().chain(self.hold.due(Instant::now())).min()
    }

    /// Sends the phones back to the main, where nothing stands against it any more.
    pub(super) fn come_home(&mut self) {
        // Asterisk is asked for its calls and the hour only where a return waits for them.
        if !self.failover.wants_home() {
            return;
        }
        if let Some(change) = self.failover.come_home(&self.circumstances()) {
            self.serve();
            self.announce_service(&change);
        }
    }

    pub(super) fn circumstances(&self) -> Circumstances {
        let host = &*self.kit.host;
        let minute = host.minute_of_day(SystemTime::now());
        let channels = host.calls(self.snapshot.technology(), &self.snapshot.sync.users);
        Circumstances { now: Instant::now(), minute, channels, doubt: self.monitor.doubt() }
    }

    /// The answer of the command is in the snapshot: who gave it looks there.
    pub(super) fn fail_back(&mut self) {
        match self.failover.fail_back() {
            Ok(change) => {
                self.serve();
                if let Some(change) = change {
                    self.announce_service(&change);
                }
            }
            Err(problem) => self.log(Level::Warning, &format!("The phones are not sent back: {problem}.")),
        }
    }
}
