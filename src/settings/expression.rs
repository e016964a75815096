//! A regular expression that a whole text has to match.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Memory a compiled expression may take: far more than one of names or numbers needs.
const MAX_SIZE: usize = 1 << 20;

/// A regular expression; what it is for decides about rights, so it never matches a part of a text.
#[derive(Clone, Debug)]
pub struct Expression {
    text: String,
    whole: Regex,
}

impl Expression {
    /// Compiles it; `None` where it is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        // Alone first: `a)|(b` is no expression, and would be one inside the brackets.
        RegexBuilder::new(text).size_limit(MAX_SIZE).build().ok()?;
        let whole = RegexBuilder::new(&format!("^(?:{text})$")).size_limit(MAX_SIZE).build().ok()?;
        Some(Self { text: text.to_owned(), whole })
    }

    /// Whether the whole of `text` matches.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_matches() {
        let expression = Expression::new("from-|out").unwrap();
        assert!(expression.is_match("from-") && expression.is_match("out"));
        assert!(!expression.is_match("from-internal") && !expression.is_match("no-out"));
        assert!(!expression.is_match("out\nfrom-x"));
        assert!(Expression::new("a)|(b").is_none() && Expression::new("(").is_none());
    }
}
