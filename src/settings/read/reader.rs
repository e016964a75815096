//! One section of `res_synch.conf`, key by key.

use std::{fmt::Display, time::Duration};

use super::SettingsError;
use crate::words::conf::{ConfSection, ConfVariable};

/// The variables of one section, taken out one by one; what is left in the end nobody knows.
pub(super) struct Reader<'a> {
    section: &'static str,
    left: Vec<&'a ConfVariable>,
    errors: &'a mut Vec<SettingsError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        section: &'static str,
        sections: &'a [ConfSection],
        errors: &'a mut Vec<SettingsError>,
    ) -> Self {
        let left = sections.iter().filter(|found| found.name == section);
        Self { section, left: left.flat_map(|found| &found.variables).collect(), errors }
    }

    pub(super) fn error(&mut self, key: impl Display, problem: impl Display) {
        self.errors.push(SettingsError {
            section: self.section.to_owned(),
            key: key.to_string(),
            problem: problem.to_string(),
        });
    }

    /// The value of a key. Given twice is an error: the administrator can only mean one of them.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a str> {
        let mut values = Vec::new();
        self.left.retain(|variable| {
            let wanted = variable.key == key;
            if wanted {
                values.push(variable.value.as_str());
            }
            !wanted
        });
        if values.len() > 1 {
            self.error(key, format_args!("is given {} times; wanted is one line", values.len()));
        }
        values.first().copied()
    }

    /// `None` where the value is bad; that is an error of the section already.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        default: T,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        match self.take(key) {
            Some(value) => self.parse(key, value, wanted, parse),
            None => Some(default),
        }
    }

    /// `Some(None)` where nothing is given; an empty value gives nothing.
    pub(super) fn perhaps<T>(
        &mut self,
        key: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Option<T>> {
        self.optional(
            key,
            None,
            wanted,
            |text| if text.is_empty() { Some(None) } else { parse(text).map(Some) },
        )
    }

    pub(super) fn required<T>(
        &mut self,
        key: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        match self.take(key) {
            Some(value) => self.parse(key, value, wanted, parse),
            None => {
                self.error(key, format_args!("is missing; wanted is {wanted}"));
                None
            }
        }
    }

    pub(super) fn parse<T>(
        &mut self,
        key: &str,
        value: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(value);
        if parsed.is_none() {
            // A password is never repeated, not even a bad one.
            let shown = if key == "secret" { "***" } else { value };
            self.error(format_args!("{key} = {shown}"), format_args!("wanted is {wanted}"));
        }
        parsed
    }

    pub(super) fn number(&mut self, key: &str, default: u32, least: u32, most: u32) -> Option<u32> {
        let wanted = format!("a whole number from {least} to {most}");
        self.optional(key, default, &wanted, |text| {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        })
    }

    pub(super) fn seconds(&mut self, key: &str, default: u32, least: u32, most: u32) -> Option<Duration> {
        let wanted = format!("whole seconds from {least} to {most}");
        let seconds = self.optional(key, default, &wanted, |text| {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        })?;
        Some(Duration::from_secs(u64::from(seconds)))
    }

    /// `enabled`; a section that is off is not read further, so that it may stay half filled in.
    pub(super) fn enabled(&mut self) -> Option<bool> {
        self.truth("enabled", true)
    }

    pub(super) fn truth(&mut self, key: &str, default: bool) -> Option<bool> {
        self.optional(key, default, "yes or no", |text| match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" | "1" => Some(true),
            "no" | "false" | "off" | "0" => Some(false),
            _ => None,
        })
    }

    /// Everything that was not taken out.
    pub(super) fn rest(&mut self) -> Vec<&'a ConfVariable> {
        std::mem::take(&mut self.left)
    }

    pub(super) fn finish(&mut self) {
        for variable in self.rest() {
            self.error(&variable.key, "is no key of this section; see res_synch.conf.sample");
        }
    }
}
