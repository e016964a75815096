//! Shows: prints what is in force, in the form of `res_synch.conf`, without the passwords.

use std::fmt::Write;

use super::{Facts, Keys, Source};

/// What was printed. A key without a value in force is not, nor is a section without a key.
#[derive(Default)]
pub(in crate::settings) struct Shower {
    /// The section whose heading is still to be printed.
    heading: Option<String>,
    /// All of it.
    pub text: String,
}

impl Shower {
    fn line(&mut self, key: &str, value: &str) {
        if let Some(section) = self.heading.take() {
            let _ = writeln!(self.text, "[{section}]");
        }
        let _ = writeln!(self.text, "{key} = {value}");
    }
}

impl Keys for Shower {
    fn begin(&mut self, section: &'static str) {
        self.begin_named(section, section);
    }

    fn begin_named(&mut self, _: &'static str, section: &str) {
        self.heading = Some(section.to_owned());
    }

    fn sections_of(&self, _: &str, in_force: &[String]) -> Vec<String> {
        in_force.to_vec()
    }

    fn end(&mut self) {
        self.heading = None;
    }

    fn meet(&mut self, key: &Facts, in_force: Option<String>) -> Source {
        if let Some(value) = in_force {
            // A password says `***` of itself.
            self.line(key.name, &value);
        }
        Source::InForce
    }

    fn meet_each(&mut self, key: &Facts, in_force: &[String]) -> Vec<Source> {
        in_force.iter().for_each(|value| self.line(key.name, value));
        vec![Source::InForce]
    }

    fn lines(&mut self, in_force: &[(String, String)]) -> Vec<(String, String)> {
        in_force.iter().for_each(|(key, value)| self.line(key, value));
        in_force.to_vec()
    }
}
