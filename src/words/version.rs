//! Which Asterisk this is, by the text that it gives of itself (`core show version`). Pure.
//!
//! Not by `ast_get_version_num()`: it is 0 or empty in every certified Asterisk and in every build from git.

use std::fmt;

/// The headers that the module was built with, as far as build.rs could tell: `22.10.1~dfsg+~cs6.15.60671435-1`.
/// Empty: unknown.
pub const BUILT_FOR: &str = match option_env!("SYNCH_ASTERISK_VERSION") {
    Some(version) => version,
    None => "",
};

/// No Asterisk has a major of more digits. A longer number is a date or the hash of a commit.
const MAJOR_DIGITS: usize = 2;

/// A version of Asterisk, as far as its text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// `22` of 22.10.1.
    pub major: u32,
    /// `10` of 22.10.1; none in a build from git.
    pub minor: Option<u32>,
    patch: Option<u32>,
}

impl Version {
    /// Reads the first number in a text like `22.10.1~dfsg`, `certified/18.9-cert1` or `GIT-20-1a2b3c4`. `None`: there is
    /// none that can be a version.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_end = |letter: char| !letter.is_ascii_alphanumeric() && letter != '.';
        text.split(is_end).find_map(Self::read_word)
    }

    fn read_word(word: &str) -> Option<Self> {
        // A word with letters is a name or the hash of a commit.
        if !word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return None;
        }
        let mut numbers = word.split('.');
        let major = numbers.next().filter(|major| major.len() <= MAJOR_DIGITS)?.parse().ok()?;
        let mut next = || numbers.next().and_then(|number| number.parse().ok());
        Some(Self { major, minor: next(), patch: next() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major)?;
        for number in [self.minor, self.patch].into_iter().flatten() {
            write!(f, ".{number}")?;
        }
        Ok(())
    }
}

/// Whether the module may run, and what the log should hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It was built for this one, or for all that can be told.
    Same,
    /// It was built for another minor: built for, running.
    OtherMinor(Version, Version),
    /// The running one doesn't say its version.
    Unknown,
    /// It was built for another major: built for, running. Structures differ.
    OtherMajor(u32, Version),
}

/// Compares the running Asterisk with the one that the module was built for. `major` is that of the headers; `built` is
/// their whole version, where it is known.
#[must_use]
pub fn compare(major: u32, built: &str, running: &str) -> Fit {
    let Some(running) = Version::read(running) else { return Fit::Unknown };
    if running.major != major {
        return Fit::OtherMajor(major, running);
    }
    match Version::read(built) {
        Some(built) if built.minor.is_some() && running.minor.is_some() && built.minor != running.minor => {
            Fit::OtherMinor(built, running)
        }
        _ => Fit::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_is_the_first_number_whoever_built_it() {
        for (text, version) in [
            ("22.10.1~dfsg+~cs6.15.60671435-1", "22.10.1"),
            ("16.28.0~dfsg-0+deb11u4", "16.28.0"),
            ("20.11.1", "20.11.1"),
            ("18.26.4", "18.26.4"),
            ("23.0.0-rc1", "23.0.0"),
            ("22.0.0-pre1", "22.0.0"),
            ("21.4.0~rc2", "21.4.0"),
            ("13.38.3-vici", "13.38.3"),
            ("certified-22.8-cert4", "22.8"),
            ("certified-20.7-cert1", "20.7"),
            ("certified-20.7-cert1-rc2", "20.7"),
            ("certified/18.9-cert1", "18.9"),
            ("certified/18.9-cert16", "18.9"),
            ("certified/16.8-cert14", "16.8"),
            ("GIT-20-1a2b3c4", "20"),
            ("GIT-20-1234567", "20"),
            ("GIT-22-f0c1c1a7b7M", "22"),
            ("GIT-18.9-9f3e2d1", "18.9"),
            ("GIT-certified/20.7-9f3e2d1", "20.7"),
            ("GIT-certified-20.7-cert3-1-g9f3e2d1", "20.7"),
            ("GIT-releases/22-2a7ba3e", "22"),
            ("SVN-branch-13-r430000", "13"),
            ("Asterisk 22.10.1", "22.10.1"),
        ] {
            assert_eq!(
                Version::read(text).map(|found| found.to_string()).as_deref(),
                Some(version),
                "{text}"
            );
        }
    }

    #[test]
    fn a_hash_a_date_or_a_word_is_no_version() {
        for text in [
            "",
            "UNKNOWN__and_probably_unsupported",
            "GIT-master-1a2b3c4",
            "GIT-master-1234567",
            "GIT-master-22a7ba3M",
            "GIT-development/16x",
            "master-20260102",
            "...",
            "99999999999999999999.1",
        ] {
            assert_eq!(Version::read(text), None, "{text}");
        }
    }

    #[test]
    fn only_another_major_is_declined_and_another_minor_is_told() {
        let version = |text| Version::read(text).unwrap();
        for (built, running, fit) in [
            ("22.10.1~dfsg", "22.10.1~dfsg", Fit::Same),
            ("22.10.1~dfsg", "22.10.4", Fit::Same),
            ("22.8.0", "22.10.1", Fit::OtherMinor(version("22.8.0"), version("22.10.1"))),
            ("22.10.1", "certified-22.8-cert4", Fit::OtherMinor(version("22.10.1"), version("22.8"))),
            ("22.10.1", "GIT-22-1a2b3c4", Fit::Same),
            ("", "22.10.1", Fit::Same),
            ("22.10.1", "GIT-master-1a2b3c4", Fit::Unknown),
            ("22.10.1", "", Fit::Unknown),
            ("22.10.1", "20.11.1", Fit::OtherMajor(22, version("20.11.1"))),
            ("", "certified/18.9-cert1", Fit::OtherMajor(22, version("18.9"))),
        ] {
            assert_eq!(compare(22, built, running), fit, "{built} in {running}");
        }
    }
}
