//! A regular expression that is looked for anywhere in a text, unless it is anchored.

use std::{fmt, sync::LazyLock};

use regex::{Regex, RegexBuilder};

/// Memory a compiled pattern may take: far more than one of names needs.
const MAX_SIZE: usize = 1 << 20;

/// What everything fits that is not empty. It can't fail to compile, which only a test can show.
static ANY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(".").unwrap_or_else(|_| unreachable!("a single dot is an expression")));

/// A regular expression for names.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles it; `None` where it is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        RegexBuilder::new(text).size_limit(MAX_SIZE).build().ok().map(Self)
    }

    /// One that everything fits that is not empty.
    #[must_use]
    pub fn any() -> Self {
        Self(ANY.clone())
    }

    /// Returns whether a part of `text` fits.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_enough_unless_it_is_anchored() {
        let fits = |pattern: &str, text: &str| Pattern::new(pattern).unwrap().fits(text);
        assert!(fits(".", "PJSIP/1001") && fits("1001", "PJSIP/1001") && !fits("^1001$", "PJSIP/1001"));
        assert!(Pattern::new("(").is_none());
    }
}
