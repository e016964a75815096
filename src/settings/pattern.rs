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

    /// Returns the texts that fit, where it says nothing but which they are: `^a$`, `^a$|^b$`, `^(a|b)$`.
    #[must_use]
    pub fn whole_values(&self) -> Option<Vec<String>> {
        let text = self.0.as_str();
        let grouped = text.strip_prefix("^(?:").or_else(|| text.strip_prefix("^("));
        let values: Option<Vec<String>> = match grouped.and_then(|rest| rest.strip_suffix(")$")) {
            Some(inside) => ways(inside).into_iter().map(literal).collect(),
            None => {
                let ways = ways(text).into_iter();
                ways.map(|way| literal(way.strip_prefix('^')?.strip_suffix('$')?)).collect()
            }
        };
        values.filter(|values| values.len() <= MOST_VALUES)
    }
}

/// Whoever lists more of them means something else.
const MOST_VALUES: usize = 100;

/// The parts between `|`, but for those behind a backslash.
fn ways(text: &str) -> Vec<&str> {
    let mut is_escaped = false;
    text.split(|letter| {
        let splits = letter == '|' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        splits
    })
    .collect()
}

/// The only text that fits an expression without anchors; `None` where others fit as well, or only an empty one.
fn literal(expression: &str) -> Option<String> {
    let mut text = String::new();
    let mut letters = expression.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(letters.next().filter(char::is_ascii_punctuation)?),
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => return None,
            letter => text.push(letter),
        }
    }
    (!text.is_empty()).then_some(text)
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

    #[test]
    fn what_is_only_a_list_of_texts_is_known_as_one() {
        let values = |pattern: &str| Pattern::new(pattern).unwrap().whole_values();
        for (pattern, wanted) in [
            ("^HeadOffice$", &["HeadOffice"][..]),
            ("^Head Office$|^Berlin$", &["Head Office", "Berlin"]),
            ("^(Berlin|Bonn)$", &["Berlin", "Bonn"]),
            ("^(?:Berlin|Bonn)$", &["Berlin", "Bonn"]),
            (r"^a\.b\|c\$$", &["a.b|c$"]),
            ("^Zoë$", &["Zoë"]),
        ] {
            let wanted: Vec<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(values(pattern), Some(wanted), "{pattern}");
        }
        for other in [
            "HeadOffice",
            "^Head",
            "Office$",
            "^Head.*$",
            "^$",
            "^(Berlin|)$",
            "^(Berlin|B.*)$",
            "(?i)^berlin$",
            r"^\d$",
            r"^a\$",
            "^(a|(b))$",
            "^a|b$",
            "^(a)|(b)$",
            "^[ab]$",
            ".",
        ] {
            assert_eq!(values(other), None, "{other}");
        }
        let many: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert_eq!(values(&format!("^({})$", many.join("|"))), None);
    }

    #[test]
    fn each_of_the_texts_fits_and_nothing_like_them() {
        let pattern = Pattern::new(r"^(a\.b|c\|d)$").unwrap();
        for text in pattern.whole_values().unwrap() {
            assert!(pattern.fits(&text), "{text}");
        }
        assert!(!pattern.fits("axb") && !pattern.fits("c"));
    }
}
