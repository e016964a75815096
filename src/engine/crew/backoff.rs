//! Longer and longer waits between tries that fail, and never the same twice. Pure.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// How long to wait after each failure. Each wait may be twice as long as the one before, up to a longest one, and is
/// drawn from the upper half of that: a hundred branches that were turned away together come back one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Backoff {
    first: Duration,
    longest: Duration,
    /// Bound of the next wait.
    next: Duration,
}

impl Backoff {
    /// With bounds of the first wait and of all.
    pub(in crate::engine) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The wait after one more failure: from half the bound of this time to all of it. `random` is any number.
    pub(in crate::engine) fn wait(&mut self, random: u64) -> Duration {
        let bound = self.next.min(self.longest);
        self.next = (bound * 2).min(self.longest);
        let half = bound / 2;
        let choices = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        half + Duration::from_nanos(random % choices)
    }

    /// All is well again.
    pub(in crate::engine) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Any number, and another one each time.
pub(in crate::engine) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: Duration = Duration::from_secs(2);
    const LONGEST: Duration = Duration::from_secs(60);

    proptest! {
        #[test]
        fn waits_double_up_to_the_longest_and_keep_their_bounds(randoms in prop::collection::vec(any::<u64>(), 1..40)) {
            let mut backoff = Backoff::new(FIRST, LONGEST);
            let mut bound = FIRST;
            for random in randoms {
                let wait = backoff.wait(random);
                prop_assert!(bound / 2 <= wait && wait <= bound, "{wait:?} of {bound:?}");
                bound = (bound * 2).min(LONGEST);
            }
            backoff.reset();
            prop_assert_eq!(backoff, Backoff::new(FIRST, LONGEST));
        }

        #[test]
        fn any_wait_between_the_bounds_can_come(share in 0.0..1.0) {
            let wanted = FIRST / 2 + (FIRST / 2).mul_f64(share);
            let random = u64::try_from((wanted - FIRST / 2).as_nanos()).unwrap();
            prop_assert_eq!(Backoff::new(FIRST, LONGEST).wait(random), wanted);
        }
    }

    #[test]
    fn two_branches_draw_different_waits() {
        let draw = || Backoff::new(LONGEST, LONGEST).wait(random());
        let waits: Vec<Duration> = std::iter::repeat_with(draw).take(4).collect();
        // The chance that all four are the same is one in 10^31.
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }
}
