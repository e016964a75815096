//! Which broker is tried next, in which version of MQTT, and when. Pure.

use std::time::{Duration, Instant};

use super::mqtt::Version;

/// Put out of the broker so soon after joining, three times in a row, is by another system of the same name: each puts the
/// other out.
const TWIN: Duration = Duration::from_secs(5);
const TWIN_TIMES: u32 = 3;
/// How long a system waits that has a twin.
const TWIN_WAIT: Duration = Duration::from_secs(60);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In a way in which one ends that does not speak this version.
    Unspoken,
    /// Without a word: so does a broker that does not speak this version, and one of 3.1.1 that puts us out.
    Closed,
    /// In any other way.
    Failed,
    /// The broker says that another connection has come under our name.
    TakenOver,
}

/// What to do after an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Try this at once.
    AtOnce,
    /// Try all again after a wait that gets longer.
    Later,
    /// Another system has our name: try again after this wait.
    Twin(Duration),
}

/// The tries, one after the other.
#[derive(Debug)]
pub struct Attempts {
    brokers: usize,
    broker: usize,
    version: Version,
    joined: Option<Instant>,
    put_out: u32,
}

impl Attempts {
    /// Begins with the first of so many brokers.
    #[must_use]
    pub const fn new(brokers: usize) -> Self {
        Self { brokers, broker: 0, version: Version::V5, joined: None, put_out: 0 }
    }

    /// Returns which broker is to be tried, by its place.
    #[must_use]
    pub const fn broker(&self) -> usize {
        self.broker
    }

    /// Returns the version that is to be tried.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Takes note that the broker has let us in.
    pub const fn joined(&mut self, now: Instant) {
        self.joined = Some(now);
    }

    /// Takes note of an end.
    pub fn ended(&mut self, end: End, now: Instant) -> Then {
        if let Some(joined) = self.joined.take() {
            let soon = end == End::Closed && now.saturating_duration_since(joined) < TWIN;
            self.put_out = if soon || end == End::TakenOver { self.put_out + 1 } else { 0 };
            if self.put_out >= TWIN_TIMES {
                self.put_out = 0;
                return Then::Twin(TWIN_WAIT);
            }
            // A broker that was well is tried again first, in the version that it speaks.
            return Then::Later;
        }
        if matches!(end, End::Unspoken | End::Closed) && self.version == Version::V5 {
            self.version = Version::V3;
            return Then::AtOnce;
        }
        self.version = Version::V5;
        self.broker += 1;
        if self.broker < self.brokers {
            return Then::AtOnce;
        }
        self.broker = 0;
        Then::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_version_is_tried_and_then_the_next_broker() {
        let now = Instant::now();
        let mut attempts = Attempts::new(2);
        let at = |attempts: &Attempts| (attempts.broker(), attempts.version());
        assert_eq!(attempts.ended(End::Unspoken, now), Then::AtOnce);
        assert_eq!(at(&attempts), (0, Version::V3));
        assert_eq!(attempts.ended(End::Unspoken, now), Then::AtOnce);
        assert_eq!(at(&attempts), (1, Version::V5));
        assert_eq!(attempts.ended(End::Failed, now), Then::Later);
        assert_eq!(at(&attempts), (0, Version::V5));
    }

    #[test]
    fn a_version_that_was_spoken_is_kept() {
        let now = Instant::now();
        let mut attempts = Attempts::new(1);
        attempts.ended(End::Closed, now);
        attempts.joined(now);
        assert_eq!(attempts.ended(End::Failed, now + Duration::from_secs(60)), Then::Later);
        assert_eq!(attempts.version(), Version::V3);
    }

    #[test]
    fn who_is_put_out_again_and_again_has_a_twin() {
        let mut now = Instant::now();
        let mut attempts = Attempts::new(1);
        let mut put_out = |end| {
            now += Duration::from_secs(9);
            attempts.joined(now);
            attempts.ended(end, now + Duration::from_secs(1))
        };
        assert_eq!([put_out(End::TakenOver), put_out(End::Closed)], [Then::Later; 2]);
        assert_eq!(put_out(End::TakenOver), Then::Twin(TWIN_WAIT));
        assert_eq!(put_out(End::TakenOver), Then::Later);
        // A broker that says why, or that talks nonsense, has put nobody out.
        assert_eq!([put_out(End::TakenOver), put_out(End::Failed)], [Then::Later; 2]);
        assert_eq!([put_out(End::Unspoken), put_out(End::Closed)], [Then::Later; 2]);
        attempts.joined(now);
        assert_eq!(attempts.ended(End::Failed, now + Duration::from_secs(600)), Then::Later);
        assert_eq!(attempts.put_out, 0);
    }
}
