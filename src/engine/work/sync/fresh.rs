//! Whether something of the main is to be read again. Pure.

use std::time::{Duration, Instant};

use crate::uplink::ami::Stamp;

/// When something was read, and when the main had last reloaded by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fresh {
    of: Option<Stamp>,
    at: Option<Instant>,
}

impl Fresh {
    /// It was read from a main with this stamp.
    pub(super) fn read(&mut self, of: Option<Stamp>, at: Instant) {
        (self.of, self.at) = (of, Some(at));
    }

    /// Whether it was never read, or so long ago.
    pub(super) fn is_old(&self, now: Instant, age: Duration) -> bool {
        self.at.is_none_or(|at| now.saturating_duration_since(at) >= age)
    }

    /// Whether the main has not reloaded since. `false` where it does not tell.
    pub(super) fn is_of(&self, stamp: Option<&Stamp>) -> bool {
        stamp.is_some() && self.of.as_ref() == stamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::ami::Frame;

    fn stamp(time: &str) -> Option<Stamp> {
        let text = format!(
            "Response: Success\r\nCoreStartupDate: 2026-01-02\r\nCoreStartupTime: 09:20:04\r\n\
             CoreReloadDate: 2026-01-02\r\nCoreReloadTime: {time}\r\n\r\n"
        );
        Some(Stamp::read(&Frame::new(text.into_bytes())).unwrap())
    }

    #[test]
    fn what_was_never_read_is_old_and_of_no_stamp() {
        let fresh = Fresh::default();
        assert!(fresh.is_old(Instant::now(), Duration::MAX));
        assert!(!fresh.is_of(None) && !fresh.is_of(stamp("10:00:00").as_ref()));
    }

    #[test]
    fn it_is_fresh_until_the_main_reloads_or_time_has_passed() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        let mut fresh = Fresh::default();
        fresh.read(stamp("10:00:00"), now);
        assert!(fresh.is_of(stamp("10:00:00").as_ref()) && !fresh.is_of(stamp("10:00:01").as_ref()));
        assert!(!fresh.is_old(now + hour / 2, hour) && fresh.is_old(now + hour, hour));
    }

    #[test]
    fn a_main_that_does_not_tell_may_have_reloaded() {
        let mut fresh = Fresh::default();
        fresh.read(None, Instant::now());
        assert!(!fresh.is_of(None));
        fresh.read(stamp("10:00:00"), Instant::now());
        assert!(!fresh.is_of(None));
    }
}
