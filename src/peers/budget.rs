//! How much may come or go in a second: a store of permissions that fills up with time. Pure.

use std::time::{Duration, Instant};

/// A store of permissions.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// Permissions that come in a second.
    rate: f64,
    /// Permissions that are kept at most.
    burst: f64,
    left: f64,
    at: Instant,
}

impl Budget {
    /// Makes a full one.
    pub(super) fn new(rate: u32, burst: u32, now: Instant) -> Self {
        Self { rate: f64::from(rate), burst: f64::from(burst), left: f64::from(burst), at: now }
    }

    /// Takes a permission. Returns `false` where there is none.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.take_some(1, now)
    }

    /// Takes so many, or none. Returns `false` where there are not so many.
    pub(super) fn take_some(&mut self, some: u32, now: Instant) -> bool {
        self.fill(now);
        let there = self.left >= f64::from(some);
        if there {
            self.left -= f64::from(some);
        }
        there
    }

    /// Returns when there is one again.
    pub(super) fn due(&self) -> Instant {
        let missing = (1.0 - self.left).max(0.0) / self.rate;
        self.at + Duration::from_secs_f64(missing)
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.rate).min(self.burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_through_and_then_the_rate() {
        let start = Instant::now();
        let mut budget = Budget::new(10, 3, start);
        assert_eq!((0..5).filter(|_| budget.take(start)).count(), 3);
        let due = budget.due();
        assert!(due > start && due <= start + Duration::from_millis(101));
        assert!(budget.take(due + Duration::from_millis(1)));
        let minute = start + Duration::from_secs(60);
        let mut some = budget.clone();
        assert!(some.take_some(2, minute) && !some.take_some(2, minute) && some.take_some(1, minute));
        assert_eq!((0..9).filter(|_| budget.take(start + Duration::from_secs(60))).count(), 3);
    }
}
