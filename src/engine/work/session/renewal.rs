//! When the session is made anew. One that lives on shows neither that the account was deleted nor that its password was
//! changed, which nobody would notice before an outage. Pure.

use std::time::{Duration, Instant};

use crate::engine::crew::backoff::{Backoff, random};

/// How soon it is tried again where the main lets nobody in: seldom enough for fail2ban, whose usual limit is five refusals
/// in ten minutes, and others of this branch try, too.
const REFUSED_AGAIN: Duration = Duration::from_secs(600);
/// The same where the main was not reached, which the probe looks after.
const LOST_AGAIN: Duration = Duration::from_secs(60);

/// When that is next.
#[derive(Debug)]
pub(super) struct Renewal {
    age: Duration,
    at: Instant,
}

impl Renewal {
    /// Of sessions that grow as old as that.
    pub(super) fn new(age: Duration, now: Instant) -> Self {
        let mut renewal = Self { age, at: now };
        renewal.begins(now);
        renewal
    }

    /// A session begins. All branches of a main that has restarted begin theirs together: each has an age of its own.
    pub(super) fn begins(&mut self, now: Instant) {
        self.put_off(self.age, now);
    }

    /// The main did not let us in again.
    pub(super) fn refused(&mut self, now: Instant) {
        self.put_off(REFUSED_AGAIN.min(self.age), now);
    }

    /// The main was not reached.
    pub(super) fn lost(&mut self, now: Instant) {
        self.put_off(LOST_AGAIN.min(self.age), now);
    }

    /// It is time now.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.at = now;
    }

    /// Whether it is time.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.at
    }

    /// When it is.
    pub(super) const fn at(&self) -> Instant {
        self.at
    }

    fn put_off(&mut self, longest: Duration, now: Instant) {
        self.at = now + Backoff::new(longest, longest).wait(random());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_grows_no_older_than_it_may_and_a_refusal_is_soon_tried_again() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let mut renewal = Renewal::new(hour, now);
        assert!(!renewal.is_due(now + hour / 2 - Duration::from_secs(1)));
        assert!(renewal.is_due(now + hour));
        renewal.refused(now);
        assert!(!renewal.is_due(now + REFUSED_AGAIN / 2 - Duration::from_secs(1)));
        assert!(renewal.is_due(now + REFUSED_AGAIN));
        renewal.lost(now);
        assert!(renewal.is_due(now + LOST_AGAIN));
        renewal.begins(now);
        renewal.hurry(now);
        assert!(renewal.is_due(now));
    }
}
