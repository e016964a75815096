//! What has to be done to one context to make it another: as little as possible, since Asterisk finds no extension of any
//! context meanwhile. Pure.

use std::collections::HashSet;

use super::{Context, Extension};

/// What has to be done to a context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change<'a> {
    /// Extensions to take out: patterns, and of which caller.
    pub out: Vec<(&'a str, Option<&'a str>)>,
    /// Extensions to put in.
    pub put: Vec<&'a Extension>,
    /// Whether the includes, the patterns for dial tone or the switch are others.
    pub surroundings: bool,
}

impl<'a> Change<'a> {
    /// From what Asterisk has of ours to what is wanted.
    #[must_use]
    pub fn between(old: &'a Context, new: &'a Context) -> Self {
        let olds: HashSet<&Extension> = old.extensions.iter().collect();
        let news: HashSet<&Extension> = new.extensions.iter().collect();
        let out = old.extensions.iter().filter(|extension| !news.contains(extension));
        let put = new.extensions.iter().filter(|extension| !olds.contains(extension));
        Self {
            out: out.map(|extension| (extension.pattern.as_str(), extension.caller.as_deref())).collect(),
            put: put.collect(),
            surroundings: (&old.includes, &old.ignored, old.asks_synch)
                != (&new.includes, &new.ignored, new.asks_synch),
        }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.out.is_empty() && self.put.is_empty() && !self.surroundings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(extensions: &[(&str, &str)], includes: &[&str]) -> Context {
        let extension = |(pattern, arguments): &(&str, &str)| {
            let mut extension = Extension { pattern: (*pattern).to_owned(), ..Extension::default() };
            extension.then("Goto", *arguments);
            extension
        };
        Context {
            extensions: extensions.iter().map(extension).collect(),
            includes: includes.iter().map(|&name| name.to_owned()).collect(),
            ..Context::default()
        }
    }

    #[test]
    fn only_what_differs_is_touched() {
        let old = context(&[("1001", "a"), ("1002", "a"), ("1003", "a")], &["x"]);
        let new = context(&[("1001", "a"), ("1003", "b"), ("1004", "a")], &["x"]);
        let change = Change::between(&old, &new);
        assert_eq!(change.out, [("1002", None), ("1003", None)]);
        assert_eq!(change.put.iter().map(|put| put.pattern.as_str()).collect::<Vec<_>>(), ["1003", "1004"]);
        assert!(!change.surroundings);
        assert!(Change::between(&old, &old).is_empty());
        assert!(Change::between(&old, &context(&[], &["y"])).surroundings);
    }
}
