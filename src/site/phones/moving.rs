//! One move of the phones to the branch: who is still missing, and how long it took until half, most and all had come.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// Shares of the phones, in percent, whose coming is told.
const SHARES: [usize; 3] = [50, 90, 100];

/// The move, from the verdict on.
#[derive(Clone, Debug)]
pub struct Moving {
    began: Instant,
    all: usize,
    missing: BTreeSet<String>,
    /// Shares that were told.
    told: usize,
}

/// So many phones have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// This share of all, in percent.
    pub percent: usize,
    /// How many that are now.
    pub come: usize,
    /// How many were at the main.
    pub all: usize,
    /// Since the verdict.
    pub after: Duration,
}

impl Moving {
    /// Begins with those who were registered at the main; none: there is nobody to wait for.
    pub fn begin(users: impl IntoIterator<Item = String>, now: Instant) -> Option<Self> {
        let missing: BTreeSet<String> = users.into_iter().collect();
        (!missing.is_empty()).then_some(Self { began: now, all: missing.len(), missing, told: 0 })
    }

    /// Whether that user's phone has not come yet.
    #[must_use]
    pub fn awaits(&self, user: &str) -> bool {
        self.missing.contains(user)
    }

    /// Looks who is here now, and gives the shares that have been reached with that. Who has come once has come.
    pub fn look(&mut self, is_here: impl Fn(&str) -> bool, now: Instant) -> Vec<Mark> {
        self.missing.retain(|user| !is_here(user));
        let come = self.all - self.missing.len();
        let (all, after) = (self.all, now.saturating_duration_since(self.began));
        let due = SHARES.iter().skip(self.told).take_while(|percent| come * 100 >= all * **percent);
        let marks: Vec<Mark> = due.map(|percent| Mark { percent: *percent, come, all, after }).collect();
        self.told += marks.len();
        marks
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn users(count: usize) -> Vec<String> {
        (0..count).map(|number| number.to_string()).collect()
    }

    #[test]
    fn half_most_and_all_are_told_once_with_their_time() {
        let start = Instant::now();
        let mut moving = Moving::begin(users(10), start).unwrap();
        let mut told = Vec::new();
        for come in 0..=10_usize {
            let now = start + Duration::from_secs(come as u64);
            told.extend(moving.look(|user| user.parse::<usize>().unwrap() < come, now));
        }
        let mark = |percent, come| Mark { percent, come, all: 10, after: Duration::from_secs(come as u64) };
        assert_eq!(told, [mark(50, 5), mark(90, 9), mark(100, 10)]);
        assert!(moving.look(|_| true, start).is_empty());
    }

    #[test]
    fn nobody_is_no_move_and_one_phone_is_all_of_them() {
        assert!(Moving::begin([], Instant::now()).is_none());
        let mut moving = Moving::begin(users(1), Instant::now()).unwrap();
        assert!(moving.look(|_| false, Instant::now()).is_empty());
        let shares: Vec<usize> =
            moving.look(|_| true, Instant::now()).iter().map(|mark| mark.percent).collect();
        assert_eq!(shares, SHARES);
    }

    proptest! {
        #[test]
        fn each_share_is_told_once_and_not_before_it_is_reached(
            count in 1..40_usize,
            looks in prop::collection::vec(prop::collection::hash_set(0..40_usize, 0..40), 1..20),
        ) {
            let mut moving = Moving::begin(users(count), Instant::now()).unwrap();
            let mut come = BTreeSet::new();
            let mut told = Vec::new();
            for here in looks {
                come.extend(here.iter().copied().filter(|user| *user < count));
                for mark in moving.look(|user| here.contains(&user.parse().unwrap()), Instant::now()) {
                    prop_assert_eq!((mark.come, mark.all), (come.len(), count));
                    prop_assert!(come.len() * 100 >= count * mark.percent);
                    told.push(mark.percent);
                }
                let reached = SHARES.iter().filter(|percent| come.len() * 100 >= count * **percent);
                prop_assert_eq!(&told, &reached.copied().collect::<Vec<_>>());
            }
            prop_assert!((0..count).all(|user| moving.awaits(&user.to_string()) != come.contains(&user)));
        }
    }
}
