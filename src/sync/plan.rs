//! Whether a new text is written. Pure.

use std::collections::HashSet;

use super::User;

/// What to do with a new text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is what is in place: nothing is written, nothing reloaded.
    Unchanged,
    /// Write it.
    Write,
    /// It would take away more users than `max_shrink` allows: the file in place stays until somebody insists.
    Hold {
        /// Users that would vanish.
        removed: usize,
        /// Users in place.
        of: usize,
    },
}

/// A text and the users in it.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The file.
    pub text: &'a [u8],
    /// Its users.
    pub users: &'a [User],
}

impl Plan {
    /// Decides. `max_shrink` is the percentage of the users in place that one sync may take away; `accepted` is
    /// how many a person has seen and accepted. Where nobody is in place there is nothing to lose.
    #[must_use]
    pub fn decide(in_place: Option<Content<'_>>, new: Content<'_>, max_shrink: u8, accepted: usize) -> Self {
        let Some(old) = in_place else { return Self::Write };
        if old.text == new.text {
            return Self::Unchanged;
        }
        let staying: HashSet<&str> = new.users.iter().map(|user| user.name.as_str()).collect();
        let removed = old.users.iter().filter(|user| !staying.contains(user.name.as_str())).count();
        let of = old.users.len();
        // Multiplied out, so that no rounding decides.
        if removed > accepted && removed.saturating_mul(100) > usize::from(max_shrink).saturating_mul(of) {
            Self::Hold { removed, of }
        } else {
            Self::Write
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(range: std::ops::Range<u32>) -> Vec<User> {
        range.map(|number| User::new(&number.to_string(), "")).collect()
    }

    fn decide(old: &[User], new: &[User], max_shrink: u8, accepted: usize) -> Plan {
        let old = Content { text: b"old", users: old };
        Plan::decide(Some(old), Content { text: b"new", users: new }, max_shrink, accepted)
    }

    #[test]
    fn exactly_the_allowed_part_may_go() {
        assert_eq!(decide(&users(0..10), &users(5..10), 50, 0), Plan::Write);
        assert_eq!(decide(&users(0..10), &users(6..10), 50, 0), Plan::Hold { removed: 6, of: 10 });
        assert_eq!(decide(&users(0..3), &users(1..3), 33, 0), Plan::Hold { removed: 1, of: 3 });
        assert_eq!(decide(&users(0..3), &users(1..3), 34, 0), Plan::Write);
        assert_eq!(decide(&users(0..2), &users(0..1), 0, 0), Plan::Hold { removed: 1, of: 2 });
        assert_eq!(decide(&users(0..2), &users(5..6), 100, 0), Plan::Write);
    }

    #[test]
    fn newcomers_do_not_make_up_for_the_lost() {
        assert_eq!(decide(&users(0..10), &users(100..200), 50, 0), Plan::Hold { removed: 10, of: 10 });
    }

    #[test]
    fn what_was_accepted_and_a_fresh_start_are_not_held() {
        assert_eq!(decide(&users(0..10), &users(9..10), 0, 9), Plan::Write);
        assert_eq!(decide(&users(0..10), &users(9..10), 0, 8), Plan::Hold { removed: 9, of: 10 });
        assert_eq!(decide(&[], &users(0..1), 0, 0), Plan::Write);
        let new = Content { text: b"new", users: &[] };
        assert_eq!(Plan::decide(None, new, 0, 0), Plan::Write);
    }

    #[test]
    fn equal_bytes_are_left_alone() {
        let users = users(0..2);
        let content = Content { text: b"same", users: &users };
        assert_eq!(Plan::decide(Some(content), content, 50, 2), Plan::Unchanged);
    }
}
