//! Which contexts of the main are wanted. Pure.

use regex::Regex;

/// How the names of the branch's own contexts begin: nothing foreign takes one.
pub const OWN_PREFIX: &str = "synch-";

/// Names and patterns, as the administrator wrote them.
#[derive(Clone, Debug, Default)]
pub struct ContextChoice {
    names: Vec<String>,
    patterns: Vec<Regex>,
}

/// Why an entry is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{entry}' is neither the name of a context nor a regular expression: {reason}")]
pub struct ChoiceError {
    /// The entry.
    pub entry: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ContextChoice {
    /// Reads entries. What consists of the characters of a name alone is that name, and nothing else; the rest are regular
    /// expressions, anchored only where they say so.
    ///
    /// # Errors
    /// With the first entry that is no regular expression.
    pub fn new(entries: &[&str]) -> Result<Self, ChoiceError> {
        let mut choice = Self::default();
        for entry in entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty()) {
            if entry.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
                choice.names.push(entry.to_owned());
            } else {
                let wrong = |error: regex::Error| ChoiceError {
                    entry: entry.to_owned(),
                    reason: error.to_string().lines().last().unwrap_or_default().to_owned(),
                };
                choice.patterns.push(Regex::new(entry).map_err(wrong)?);
            }
        }
        Ok(choice)
    }

    /// The names, where nothing but names is wanted.
    #[must_use]
    pub fn only_names(&self) -> Option<&[String]> {
        self.patterns.is_empty().then_some(self.names.as_slice())
    }

    /// Whether a context of that name is wanted.
    #[must_use]
    pub fn chooses(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
            || self.patterns.iter().any(|pattern| pattern.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_that_name_alone() {
        let choice = ContextChoice::new(&["site-a", " "]).unwrap();
        assert!(choice.chooses("site-a"));
        assert!(!choice.chooses("site-ab") && !choice.chooses("xsite-a") && !choice.chooses("Site-a"));
        assert!(!choice.chooses(""));
        assert_eq!(choice.only_names(), Some(&["site-a".to_owned()][..]));
        assert_eq!(ContextChoice::new(&["site-a", "^ext-"]).unwrap().only_names(), None);
    }

    #[test]
    fn a_pattern_is_anchored_only_where_it_says_so() {
        let choice = ContextChoice::new(&["^ext-", "vm$", "a.c"]).unwrap();
        assert!(choice.chooses("ext-local") && choice.chooses("macro-vm") && choice.chooses("xabcx"));
        assert!(!choice.chooses("my-ext-local") && !choice.chooses("vmx"));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        let error = ContextChoice::new(&["ok", "a(b"]).unwrap_err();
        assert!(error.to_string().starts_with("'a(b' is neither"), "{error}");
    }
}
