//! What Asterisk has to be shown of other sites, in portions that leave it room for calls. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::peers::budget::Budget;

/// Changes that Asterisk is shown in a second: with hints it manages some five thousand on one core.
const RATE: u32 = 2_000;
/// The most of them at once.
const PORTION: u32 = 200;
/// Between showing that a device is gone and taking its entry away. Hints read the state when they work the first off: at
/// once they might find the entry gone, about which they are told nothing.
pub const CLEAR_AFTER: Duration = Duration::from_millis(100);

/// What is to be shown.
#[derive(Debug)]
pub(super) struct Showing {
    budget: Budget,
    /// Entries to be taken away: when, the site, the device.
    clears: VecDeque<(Instant, String, String)>,
}

impl Showing {
    pub(super) fn new(now: Instant) -> Self {
        Self { budget: Budget::new(RATE, PORTION, now), clears: VecDeque::new() }
    }

    /// Returns whether one more may be shown now.
    pub(super) fn may(&mut self, now: Instant) -> bool {
        self.budget.take(now)
    }

    /// Returns when one more may be shown.
    pub(super) fn due(&self) -> Instant {
        self.budget.due()
    }

    /// Wants an entry taken away that shows that the device is gone.
    pub(super) fn clear_later(&mut self, site: &str, device: &str, now: Instant) {
        self.clears.push_back((now + CLEAR_AFTER, site.to_owned(), device.to_owned()));
    }

    /// Returns an entry that is due to be taken away.
    pub(super) fn next_clear(&mut self, now: Instant) -> Option<(String, String)> {
        let due = self.clears.front().is_some_and(|(due, ..)| *due <= now);
        due.then(|| self.clears.pop_front()).flatten().map(|(_, site, device)| (site, device))
    }

    /// Returns all entries that are to be taken away, due or not.
    pub(super) fn take_clears(&mut self) -> impl Iterator<Item = (String, String)> + use<> {
        std::mem::take(&mut self.clears).into_iter().map(|(_, site, device)| (site, device))
    }

    /// Returns when the next entry is due.
    pub(super) fn clear_due(&self) -> Option<Instant> {
        self.clears.front().map(|(due, ..)| *due)
    }
}
