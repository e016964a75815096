//! Many reloads in a row into one sync. Pure.

use std::time::{Duration, Instant};

/// A reload of everything tells of itself module by module; this long after the last word there is no more to come.
const QUIET: Duration = Duration::from_millis(100);
/// Somebody who reloads without end is not waited for.
const LONGEST: Duration = Duration::from_secs(2);

/// What has happened and is not acted on yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Debounce(Option<Pending>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pending {
    first: Instant,
    last: Instant,
}

impl Debounce {
    /// Something happened.
    pub(in crate::engine) fn note(&mut self, now: Instant) {
        let first = self.0.map_or(now, |pending| pending.first);
        self.0 = Some(Pending { first, last: now });
    }

    /// When to act; none where nothing has happened.
    pub(in crate::engine) fn due(&self) -> Option<Instant> {
        self.0.map(|Pending { first, last }| (last + QUIET).min(first + LONGEST))
    }

    /// Whether to act now; then nothing is pending any more.
    pub(in crate::engine) fn take(&mut self, now: Instant) -> bool {
        let due = self.due().is_some_and(|due| due <= now);
        if due {
            self.0 = None;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_for_quiet_and_acts_once() {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        assert_eq!(debounce.due(), None);
        debounce.note(start);
        debounce.note(start + QUIET / 2);
        assert!(!debounce.take(start + QUIET));
        assert!(debounce.take(start + QUIET / 2 + QUIET));
        assert!(!debounce.take(start + LONGEST * 2));
    }

    #[test]
    fn it_does_not_wait_for_ever() {
        let start = Instant::now();
        let mut debounce = Debounce::default();
        let mut now = start;
        while now < start + LONGEST {
            debounce.note(now);
            assert!(!debounce.take(now));
            now += QUIET / 2;
        }
        debounce.note(now);
        assert!(debounce.take(now));
    }
}
