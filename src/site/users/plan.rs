//! Whether a new text is written. Pure.

use crate::site::shrink::{Held, Losses, Names};

/// What to do with a new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is what is in place: nothing is written, nothing reloaded.
    Unchanged,
    /// Write it.
    Write,
    /// It would take away more users than `max_shrink` allows: the file in place stays until somebody insists.
    Hold(Held),
}

/// A text and the users in it.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The file.
    pub text: &'a [u8],
    /// Names of its users.
    pub users: &'a Names,
}

/// What bounds a removal.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'a> {
    /// What has gone before.
    pub losses: &'a Losses,
    /// Seconds since 1970.
    pub now: u64,
    /// The percentage of the users that a day may take away.
    pub max_shrink: u8,
    /// Who may go because a person has seen and accepted it.
    pub accepted: &'a Names,
}

impl Plan {
    /// Decides. Where nobody is in place there is nothing to lose.
    #[must_use]
    pub fn decide(in_place: Option<Content<'_>>, new: Content<'_>, bounds: &Bounds<'_>) -> Self {
        let Some(old) = in_place else { return Self::Write };
        if old.text == new.text {
            return Self::Unchanged;
        }
        let Bounds { losses, now, max_shrink, accepted } = *bounds;
        losses
            .judge(now, old.users, new.users, max_shrink, accepted)
            .map_or_else(Self::Hold, |()| Self::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_are_left_alone_and_a_removal_is_held_unless_it_was_accepted() {
        let (two, one) = (Names::from(["1".to_owned(), "2".to_owned()]), Names::from(["1".to_owned()]));
        let (losses, nobody) = (Losses::default(), Names::new());
        let decide = |old: Option<&Names>, new: &Names, text: &[u8], accepted: &Names| {
            let old = old.map(|users| Content { text: b"old", users });
            let bounds = Bounds { losses: &losses, now: 0, max_shrink: 0, accepted };
            Plan::decide(old, Content { text, users: new }, &bounds)
        };
        assert_eq!(decide(Some(&two), &two, b"old", &nobody), Plan::Unchanged);
        assert_eq!(decide(Some(&one), &two, b"new", &nobody), Plan::Write);
        assert!(matches!(decide(Some(&two), &one, b"new", &nobody), Plan::Hold(held) if held.of == 2));
        assert_eq!(decide(Some(&two), &one, b"new", &two), Plan::Write);
        assert_eq!(decide(None, &nobody, b"new", &nobody), Plan::Write);
    }
}
