//! Describes: lists the sections and their keys.

use super::{Facts, Keys, Source};

/// A key of `res_synch.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its section.
    pub section: &'static str,
    /// What it is called.
    pub key: &'static str,
    /// Its default, as the file would say it; `None` where it has to be given.
    pub default: Option<String>,
    /// The least and the most, where it is a number.
    pub limits: Option<Limits>,
}

/// The least and the most that a key may say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The least.
    pub least: String,
    /// The most.
    pub most: String,
}

/// What was met.
#[derive(Default)]
pub(in crate::settings) struct Describer {
    /// Every section.
    pub sections: Vec<&'static str>,
    /// Those that have begun and not ended.
    open: Vec<&'static str>,
    /// Every key of ours.
    pub keys: Vec<Described>,
}

impl Keys for Describer {
    fn goes_everywhere(&self) -> bool {
        true
    }

    fn begin(&mut self, section: &'static str) {
        self.sections.push(section);
        self.open.push(section);
    }

    fn begin_named(&mut self, described: &'static str, _: &str) {
        self.begin(described);
    }

    fn sections_of(&self, _: &str, _: &[String]) -> Vec<String> {
        vec!["NAME".to_owned()]
    }

    fn end(&mut self) {
        self.open.pop();
    }

    fn meet(&mut self, key: &Facts, _: Option<String>) -> Source {
        self.keys.push(Described {
            section: self.open.last().copied().unwrap_or_default(),
            key: key.name,
            default: key.default.clone(),
            limits: key.limits.clone(),
        });
        Source::Default
    }

    fn meet_each(&mut self, key: &Facts, _: &[String]) -> Vec<Source> {
        vec![self.meet(key, None)]
    }

    fn lines(&mut self, _: &[(String, String)]) -> Vec<(String, String)> {
        Vec::new()
    }
}
