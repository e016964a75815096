//! The calls of this site's users on the main: a call that has begun there ends there. A maintenance waits for that and
//! cuts nothing. Pure.

use std::{
    collections::{BTreeSet, HashSet},
    time::{Duration, Instant},
};

use crate::words::state::DrainState;

/// How far the calls on the main have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    began: Instant,
    state: DrainState,
    calls: Option<usize>,
}

impl Drain {
    /// Begins to wait. Nothing is counted yet.
    #[must_use]
    pub const fn begin(now: Instant) -> Self {
        Self { began: now, state: DrainState::Waiting, calls: None }
    }

    /// Returns how far it is.
    #[must_use]
    pub const fn state(&self) -> DrainState {
        self.state
    }

    /// Returns how many calls there were at the last count; `None` where the main did not say.
    #[must_use]
    pub const fn calls(&self) -> Option<usize> {
        self.calls
    }

    /// Takes a count; `None` where the main did not say. Returns the state where it is another one now.
    ///
    /// A phone that has not moved yet may begin a new call there: then it is waited for anew, as long as for the first.
    pub fn counted(&mut self, calls: Option<usize>, limit: Duration, now: Instant) -> Option<DrainState> {
        if self.state == DrainState::Drained && calls.is_some_and(|calls| calls > 0) {
            self.began = now;
        }
        let is_late = now.saturating_duration_since(self.began) >= limit;
        let state = match (calls, self.state) {
            (Some(0), _) => DrainState::Drained,
            (Some(_), _) if is_late => DrainState::TimedOut,
            (Some(_), _) => DrainState::Waiting,
            // A main that is being worked on does not answer, and has no calls that it had not when it did.
            (None, last @ (DrainState::Drained | DrainState::TimedOut)) => last,
            (None, DrainState::Waiting | DrainState::Unknown) => DrainState::Unknown,
        };
        self.calls = calls;
        let is_new = std::mem::replace(&mut self.state, state) != state;
        is_new.then_some(state)
    }
}

/// The calls of some users, out of the channels of a whole system.
#[derive(Debug)]
pub struct Calls<'a> {
    users: HashSet<&'a str>,
    /// By Linkedid: all channels of one call have the same.
    linked: BTreeSet<String>,
}

impl<'a> Calls<'a> {
    /// Makes the calls of these users. There are none yet.
    #[must_use]
    pub fn of(users: impl IntoIterator<Item = &'a str>) -> Self {
        Self { users: users.into_iter().collect(), linked: BTreeSet::new() }
    }

    /// Takes note of a channel of this user.
    pub fn take(&mut self, user: &str, linked: &str) {
        if self.users.contains(user) && !self.linked.contains(linked) {
            self.linked.insert(linked.to_owned());
        }
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.linked.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1800);

    #[test]
    fn it_waits_for_the_end_of_the_last_call() {
        let now = Instant::now();
        let mut drain = Drain::begin(now);
        assert_eq!((drain.state(), drain.calls()), (DrainState::Waiting, None));
        assert_eq!(drain.counted(Some(2), LIMIT, now), None);
        assert_eq!(drain.counted(Some(1), LIMIT, now), None);
        assert_eq!(drain.calls(), Some(1));
        assert_eq!(drain.counted(Some(0), LIMIT, now), Some(DrainState::Drained));
        assert_eq!(drain.counted(Some(0), LIMIT, now + LIMIT * 2), None);
    }

    #[test]
    fn a_call_that_goes_on_is_told_once_and_its_end_as_well() {
        let now = Instant::now();
        let mut drain = Drain::begin(now);
        assert_eq!(drain.counted(Some(1), LIMIT, now + LIMIT - Duration::from_millis(1)), None);
        assert_eq!(drain.counted(Some(1), LIMIT, now + LIMIT), Some(DrainState::TimedOut));
        assert_eq!(drain.counted(Some(1), LIMIT, now + LIMIT * 2), None);
        assert_eq!(drain.counted(Some(0), LIMIT, now + LIMIT * 3), Some(DrainState::Drained));
    }

    #[test]
    fn a_call_of_a_phone_that_has_not_moved_yet_is_waited_for() {
        let now = Instant::now();
        let mut drain = Drain::begin(now);
        assert_eq!(drain.counted(Some(0), LIMIT, now), Some(DrainState::Drained));
        let late = now + LIMIT * 2;
        assert_eq!(drain.counted(Some(1), LIMIT, late), Some(DrainState::Waiting));
        assert_eq!(drain.counted(Some(1), LIMIT, late + LIMIT / 2), None);
        assert_eq!(drain.counted(Some(1), LIMIT, late + LIMIT), Some(DrainState::TimedOut));
    }

    #[test]
    fn a_main_that_does_not_say_is_unknown_and_one_that_was_drained_stays_so() {
        let now = Instant::now();
        let mut drain = Drain::begin(now);
        assert_eq!(drain.counted(None, LIMIT, now + LIMIT * 2), Some(DrainState::Unknown));
        assert_eq!(drain.calls(), None);
        assert_eq!(drain.counted(Some(0), LIMIT, now), Some(DrainState::Drained));
        assert_eq!(drain.counted(None, LIMIT, now), None);
        assert_eq!((drain.state(), drain.calls()), (DrainState::Drained, None));
    }

    #[test]
    fn a_call_between_two_of_us_is_one_and_one_of_others_is_none() {
        let mut calls = Calls::of(["1001", "1002", "1003"]);
        for (user, linked) in
            [("1001", "a.1"), ("1002", "a.1"), ("2001", "b.2"), ("1003", "b.2"), ("2002", "c.3")]
        {
            calls.take(user, linked);
        }
        assert_eq!(calls.count(), 2);
    }
}
