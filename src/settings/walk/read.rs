//! Reads: takes each value from the file, and everything that is wrong with it.

use std::fmt::Display;

use super::{Facts, Keys, Source};
use crate::{
    settings::SettingsError,
    words::conf::{ConfSection, ConfVariable},
};

/// The file, and everything that is wrong with it so far.
pub(in crate::settings) struct Reader<'a> {
    sections: &'a [ConfSection],
    /// The sections that have begun and not ended, the last one at hand.
    open: Vec<Open<'a>>,
    /// Everything that is wrong.
    pub errors: Vec<SettingsError>,
}

/// The variables of a section, taken out one by one; what is left in the end nobody knows.
struct Open<'a> {
    section: String,
    left: Vec<&'a ConfVariable>,
}

impl<'a> Reader<'a> {
    /// Before the first section. `errors`: what is known to be wrong already.
    pub fn new(sections: &'a [ConfSection], errors: Vec<SettingsError>) -> Self {
        Self { sections, open: Vec::new(), errors }
    }

    /// The value of a key. Given twice is an error: the administrator can only mean one of them.
    fn take(&mut self, key: &str) -> Option<&'a str> {
        let mut values = Vec::new();
        if let Some(open) = self.open.last_mut() {
            open.left.retain(|variable| {
                let wanted = variable.key == key;
                if wanted {
                    values.push(variable.value.as_str());
                }
                !wanted
            });
        }
        if values.len() > 1 {
            self.error(&key, &format_args!("is given {} times; wanted is one line", values.len()));
        }
        values.first().copied()
    }
}

impl Keys for Reader<'_> {
    fn begin(&mut self, section: &'static str) {
        self.begin_named(section, section);
    }

    fn begin_named(&mut self, _: &'static str, section: &str) {
        let found = self.sections.iter().filter(|found| found.name == section);
        let left = found.flat_map(|found| &found.variables).collect();
        self.open.push(Open { section: section.to_owned(), left });
    }

    fn sections_of(&self, word: &str, _: &[String]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for section in self.sections {
            let rest = section.name.strip_prefix(word).and_then(|rest| rest.strip_prefix(' '));
            if let Some(name) = rest.filter(|name| !names.iter().any(|known| known == name)) {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn end(&mut self) {
        for (key, _) in self.lines(&[]) {
            self.error(&key, &"is no key of this section; see res_synch.conf.sample");
        }
        self.open.pop();
    }

    fn meet(&mut self, key: &Facts, _: Option<String>) -> Source {
        let given = self.take(key.name);
        if given.is_none() && key.default.is_none() {
            self.error(&key.name, &format_args!("is missing; wanted is {}", key.wanted));
        }
        given.map_or(Source::Default, |text| Source::File(text.to_owned()))
    }

    fn meet_each(&mut self, key: &Facts, _: &[String]) -> Vec<Source> {
        let mut values = Vec::new();
        if let Some(open) = self.open.last_mut() {
            open.left.retain(|variable| {
                let wanted = variable.key == key.name;
                if wanted {
                    values.push(Source::File(variable.value.clone()));
                }
                !wanted
            });
        }
        values
    }

    fn has(&self, section: &str) -> bool {
        self.sections.iter().any(|found| found.name == section)
    }

    fn lines(&mut self, _: &[(String, String)]) -> Vec<(String, String)> {
        let left = self.open.last_mut().map(|open| std::mem::take(&mut open.left));
        left.into_iter().flatten().map(|line| (line.key.clone(), line.value.clone())).collect()
    }

    fn ahead(&self, name: &str) -> Option<&str> {
        let line = self.open.last()?.left.iter().find(|variable| variable.key == name)?;
        Some(&line.value)
    }

    fn pass_over(&mut self) {
        self.lines(&[]);
    }

    fn error(&mut self, key: &dyn Display, problem: &dyn Display) {
        let section = self.open.last().map_or("-", |open| open.section.as_str()).to_owned();
        self.errors.push(SettingsError { section, key: key.to_string(), problem: problem.to_string() });
    }
}
