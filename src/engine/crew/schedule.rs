//! When something is done again that every branch of a main does, for each at a time of its own. Pure.

use std::time::{Duration, Instant};

/// The time between two turns is drawn anew each time from so much less to so much more: this part of it. Branches that
/// were once in step would be for ever, and the main would have all of them at once.
const JITTER: u32 = 10;

/// Turns at intervals, and earlier where the main gives a reason, which it gives all its branches at the same moment.
///
/// `random` is any number. The first turn of all is due at once: there is nothing to live on before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Schedule {
    interval: Duration,
    spread: Duration,
    next: Instant,
    had_one: bool,
    /// Whether there was a reason since the last turn.
    has_reason: bool,
}

impl Schedule {
    /// A turn each `interval`, and one within `spread` of each reason.
    pub(in crate::engine) const fn new(interval: Duration, spread: Duration, now: Instant) -> Self {
        Self { interval, spread, next: now, had_one: false, has_reason: false }
    }

    /// When the next turn is due.
    pub(in crate::engine) const fn due(&self) -> Instant {
        self.next
    }

    /// A turn begins.
    pub(in crate::engine) fn begins(&mut self, now: Instant, random: u64) {
        let least = self.interval - self.interval / JITTER;
        self.next = now + least + part(self.interval / JITTER * 2, random);
        (self.had_one, self.has_reason) = (true, false);
    }

    /// All branches have a reason for a turn. Several before it are one: drawn again, the earliest would win.
    pub(in crate::engine) fn has_reason(&mut self, now: Instant, random: u64) {
        if self.had_one && !self.has_reason {
            self.next = self.next.min(now + part(self.spread, random));
            self.has_reason = true;
        }
    }

    /// There could be no turn for a while. Whatever was due meanwhile is due to all branches now.
    pub(in crate::engine) fn resumes(&mut self, now: Instant, random: u64) {
        if self.had_one {
            self.next = now + part(self.spread, random);
            self.has_reason = true;
        }
    }

    /// A turn is due then at the latest.
    pub(in crate::engine) fn no_later_than(&mut self, then: Instant) {
        self.next = self.next.min(then);
    }
}

/// From nothing to all of it.
fn part(of: Duration, random: u64) -> Duration {
    let nanos = of.as_nanos() * u128::from(random) / u128::from(u64::MAX);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(300);
    const SPREAD: Duration = Duration::from_secs(60);

    /// After its first turn, with the next one in the middle of when it may be.
    fn schedule(now: Instant) -> Schedule {
        let mut schedule = Schedule::new(INTERVAL, SPREAD, now);
        schedule.begins(now, u64::MAX / 2 + 1);
        assert_eq!(schedule.due(), now + INTERVAL);
        schedule
    }

    proptest! {
        #[test]
        fn each_branch_has_times_of_its_own(random: u64) {
            let now = Instant::now();
            let mut schedule = schedule(now);
            schedule.begins(now, random);
            let wait = schedule.due() - now;
            prop_assert!(INTERVAL * 9 / 10 <= wait && wait <= INTERVAL * 11 / 10, "{wait:?}");
            schedule.has_reason(now, random);
            prop_assert_eq!(schedule.due(), now + part(SPREAD, random));
            prop_assert!(schedule.due() - now <= SPREAD);
        }
    }

    #[test]
    fn any_time_within_the_bounds_can_come() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        for (random, interval, spread) in
            [(0, INTERVAL * 9 / 10, Duration::ZERO), (u64::MAX, INTERVAL * 11 / 10, SPREAD)]
        {
            schedule.begins(now, random);
            assert_eq!(schedule.due(), now + interval);
            schedule.has_reason(now, random);
            assert_eq!(schedule.due(), now + spread);
        }
    }

    #[test]
    fn many_reasons_are_one_turn_and_the_next_one_has_another_time() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        schedule.has_reason(now, u64::MAX / 2 + 1);
        let due = schedule.due();
        assert_eq!(due, now + SPREAD / 2);
        schedule.has_reason(now + SPREAD / 4, 0);
        schedule.has_reason(now + SPREAD / 4, u64::MAX);
        assert_eq!(schedule.due(), due);
        schedule.begins(due, u64::MAX);
        schedule.has_reason(due, u64::MAX);
        assert_eq!(schedule.due(), due + SPREAD);
        // A reason puts nothing off.
        schedule.begins(now, 0);
        let next = schedule.due();
        schedule.has_reason(next - Duration::from_secs(1), u64::MAX);
        assert_eq!(schedule.due(), next);
    }

    #[test]
    fn the_first_turn_waits_for_nothing_and_neither_does_one_without_a_spread() {
        let now = Instant::now();
        let mut first = Schedule::new(INTERVAL, SPREAD, now);
        first.has_reason(now, u64::MAX);
        first.resumes(now, u64::MAX);
        assert_eq!(first.due(), now);
        let mut quick = Schedule { spread: Duration::ZERO, ..schedule(now) };
        quick.has_reason(now, u64::MAX);
        assert_eq!(quick.due(), now);
    }

    #[test]
    fn what_an_outage_held_up_is_spread_when_it_is_over() {
        let now = Instant::now();
        let mut schedule = schedule(now);
        schedule.has_reason(now, 0);
        let over = now + INTERVAL * 2;
        schedule.resumes(over, u64::MAX / 2 + 1);
        assert_eq!(schedule.due(), over + SPREAD / 2);
        schedule.no_later_than(over);
        assert_eq!(schedule.due(), over);
    }
}
