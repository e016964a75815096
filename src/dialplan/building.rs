//! Whether pbx_config is building a dialplan: from when it has read its file until it has merged what it made. Pure.
//!
//! It tells when it begins and not when it has ended. A merge puts new contexts in the place of all of its old ones
//! (`ast_merge_contexts_and_delete`), so it has ended when none of those is left. Contexts are known by their addresses; the
//! new ones are made while the old ones are there, so that theirs are others.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// Building for longer than this is none: five thousand hints take seven seconds. It can have ended unseen where two went on
/// at once.
const LONGEST: Duration = Duration::from_secs(600);
/// For one that may have begun before anybody looked.
const LONGEST_UNSEEN: Duration = Duration::from_secs(60);

/// Names and addresses of all contexts: a merge makes all of them anew, whoever has made them (`ast_merge_contexts_and_delete`).
/// An address alone may be given out again.
pub type Contexts = HashSet<(String, usize)>;

/// One that has begun, or may have.
#[derive(Clone, Debug)]
pub struct Building {
    /// The contexts that there were when it began.
    before: Contexts,
    /// Whether another one had begun before and not ended: then nobody knows whose end is seen.
    crossed: bool,
    since: Instant,
    longest: Duration,
}

impl Building {
    /// It begins; `before` are the contexts that there are, `other` is what had begun before.
    #[must_use]
    pub fn begin(other: Option<&Self>, before: Contexts, now: Instant) -> Self {
        let crossed = other.is_some_and(|other| !other.is_over(&before, now));
        Self { before, crossed, since: now, longest: LONGEST }
    }

    /// One may be going on already.
    #[must_use]
    pub const fn unseen(before: Contexts, now: Instant) -> Self {
        Self { before, crossed: false, since: now, longest: LONGEST_UNSEEN }
    }

    /// Whether it has ended, now that there are these contexts.
    #[must_use]
    pub fn is_over(&self, contexts: &Contexts, now: Instant) -> bool {
        let merged = if self.before.is_empty() {
            // The first one of all.
            !contexts.is_empty()
        } else {
            self.before.is_disjoint(contexts)
        };
        merged && !self.crossed || now.saturating_duration_since(self.since) >= self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(contexts: &[usize]) -> Contexts {
        contexts.iter().map(|address| ("default".to_owned(), *address)).collect()
    }

    #[test]
    fn it_ends_when_the_old_contexts_are_gone() {
        let now = Instant::now();
        let building = Building::begin(None, set(&[1, 2]), now);
        assert!(!building.is_over(&set(&[1, 2]), now));
        assert!(!building.is_over(&set(&[2, 3]), now));
        assert!(building.is_over(&set(&[3, 4]), now) && building.is_over(&set(&[]), now));
    }

    #[test]
    fn the_first_one_ends_when_there_are_contexts() {
        let now = Instant::now();
        let building = Building::begin(None, set(&[]), now);
        assert!(!building.is_over(&set(&[]), now) && building.is_over(&set(&[1]), now));
    }

    #[test]
    fn of_two_at_once_neither_end_is_believed() {
        let now = Instant::now();
        let first = Building::begin(None, set(&[1]), now);
        let second = Building::begin(Some(&first), set(&[1]), now);
        assert!(!second.is_over(&set(&[2]), now));
        assert!(second.is_over(&set(&[2]), now + LONGEST));
        let after = Building::begin(Some(&first), set(&[2]), now);
        assert!(after.is_over(&set(&[3]), now));
    }

    #[test]
    fn one_that_nobody_saw_begin_is_over_after_a_while() {
        let now = Instant::now();
        let unseen = Building::unseen(set(&[1]), now);
        assert!(!unseen.is_over(&set(&[1]), now) && unseen.is_over(&set(&[2]), now));
        assert!(unseen.is_over(&set(&[1]), now + LONGEST_UNSEEN));
    }
}
