//! The parts of what is exported, each with a digest of its own. Pure.

use std::fmt;

/// A part of what a branch takes from its main.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The users of the site, with all that their phones need.
    Users,
    /// The mailboxes of its users.
    Boxes,
    /// Contexts of the main's dialplan, those that the branch names.
    Contexts,
    /// Everybody on the main.
    Directory,
    /// Where the phones of the site are.
    Contacts,
    /// Forwards, do not disturb and call waiting of its users.
    Settings,
}

impl Part {
    /// All of them, in the order of their worth.
    pub const ALL: [Self; 6] =
        [Self::Users, Self::Boxes, Self::Contexts, Self::Directory, Self::Contacts, Self::Settings];

    /// Returns the word for it in headers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Boxes => "boxes",
            Self::Contexts => "contexts",
            Self::Directory => "directory",
            Self::Contacts => "contacts",
            Self::Settings => "settings",
        }
    }

    /// Returns the header of SynchWait that has its digest.
    #[must_use]
    pub const fn digest_header(self) -> &'static str {
        match self {
            Self::Users => "Digest-users",
            Self::Boxes => "Digest-boxes",
            Self::Contexts => "Digest-contexts",
            Self::Directory => "Digest-directory",
            Self::Contacts => "Digest-contacts",
            Self::Settings => "Digest-settings",
        }
    }

    /// Returns whether it is in no file, and changes without a reload.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Contacts | Self::Settings)
    }

    /// Returns the name of the thing that a line of a section is, as both sides have it in their digests. A context is a whole
    /// section, and has the name of that.
    #[must_use]
    pub fn thing(self, section: &[u8], key: &[u8]) -> Vec<u8> {
        match self {
            Self::Boxes => [key, b"@", section].concat(),
            _ => key.to_vec(),
        }
    }

    /// Returns the part of that word, in upper or lower case.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.word().eq_ignore_ascii_case(word))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_by_its_word_and_has_a_header_of_that_word() {
        for part in Part::ALL {
            assert_eq!(Part::of_word(part.word()), Some(part));
            assert_eq!(part.digest_header(), format!("Digest-{part}"));
        }
        assert_eq!(Part::of_word("Users"), Some(Part::Users));
        assert_eq!(Part::of_word("passwords"), None);
    }
}
