//! A walk over the keys of `res_synch.conf`: each section says its keys once, as rows, and whoever walks meets them all.
//!
//! - `key`: what a row may say: the forms of a value, with default and limits
//! - `read`: walks to take every value from the file, or everything that is wrong with it
//! - `show`: walks to print what is in force
//! - `describe`: walks to list the keys, with their defaults and limits
//!
//! A row is a field and its form: `timeout: seconds(3, 1..=WEEK)`. The key is called as the field unless the row says
//! `named`. Where one field takes several keys, its row is a `group`: a function that walks on.

mod describe;
pub(super) mod key;
mod read;
mod show;

use std::fmt::Display;

pub use self::describe::{Described, Limits};
pub(super) use self::{describe::Describer, key::Key, read::Reader, show::Shower};

/// Whoever walks over the keys.
pub(super) trait Keys {
    /// Begins a section, which may stand within another one: as one of its rows.
    fn begin(&mut self, section: &'static str);

    /// Begins a section whose name the administrator chose: as the pages call it, and as it is called.
    fn begin_named(&mut self, described: &'static str, name: &str);

    /// Returns the names behind the word by which such sections begin, each once.
    fn sections_of(&self, word: &str, in_force: &[String]) -> Vec<String>;

    /// Ends the section that was begun last.
    fn end(&mut self) {}

    /// Meets a key. `in_force` is its value as text, where there is one. Returns where the value is to come from.
    fn meet(&mut self, key: &Facts, in_force: Option<String>) -> Source;

    /// Meets a key that may stand there several times. Returns what the file says, in its order.
    fn meet_each(&mut self, key: &Facts, in_force: &[String]) -> Vec<Source>;

    /// Returns whether the file has this section.
    fn has(&self, _section: &str) -> bool {
        true
    }

    /// Meets the lines of a section that has no keys of ours. Returns those that the file has.
    fn lines(&mut self, in_force: &[(String, String)]) -> Vec<(String, String)>;

    /// Returns what the file says of a key whose row comes later.
    fn ahead(&self, _name: &str) -> Option<&str> {
        None
    }

    /// Returns whether it wants to see the keys of a section that is off, too.
    fn goes_everywhere(&self) -> bool {
        false
    }

    /// Passes over the rest of the section, whatever stands there.
    fn pass_over(&mut self) {}

    /// Takes note of what is wrong with a key.
    fn error(&mut self, _key: &dyn Display, _problem: &dyn Display) {}
}

/// What is known of a key besides its value.
pub(super) struct Facts {
    /// What it is called.
    pub name: &'static str,
    /// What its value has to be, for the error.
    pub wanted: String,
    /// The least and the most, where it is a number.
    pub limits: Option<Limits>,
    /// `None` where it has to be given.
    pub default: Option<String>,
    /// Whether its value is shown to nobody.
    pub hidden: bool,
}

/// Where the value of a key comes from.
pub(super) enum Source {
    /// This text of the file.
    File(String),
    /// The default; there is no value where there is none.
    Default,
    /// The settings in force.
    InForce,
}

/// What a row says of its field.
pub(super) trait Row<T> {
    /// Walks over the keys of the field. `None` is an error that `keys` knows of.
    fn walk(self, field: &'static str, keys: &mut dyn Keys, in_force: Option<&T>) -> Option<T>;
}

/// Walks over the rows of a struct, and makes one of what they return. All rows are walked before the first error ends it.
///
/// A row sees the fields of the rows above it by their names, as `Option`: the default of one key may depend on another.
/// Behind the struct stand the checks that look at several keys. They see all fields.
macro_rules! rows {
    ($keys:expr, $in_force:expr, $name:ident { $($field:ident: $row:expr),+ $(,)? } $(, $check:expr)* $(,)?) => {{
        $(let $field = $crate::settings::walk::Row::walk(
            $row,
            stringify!($field),
            $keys,
            $in_force.map(|in_force| &in_force.$field),
        );)+
        $($check;)*
        Some($name { $($field: $field?,)+ })
    }};
}
pub(super) use rows;

/// A row of several keys: a function that walks over them.
pub(super) struct Group<F>(F);

/// A row of several keys.
pub(super) fn group<T, F>(walk: F) -> Group<F>
where
    F: FnOnce(&mut dyn Keys, Option<&T>) -> Option<T>,
{
    Group(walk)
}

impl<T, F> Row<T> for Group<F>
where
    F: FnOnce(&mut dyn Keys, Option<&T>) -> Option<T>,
{
    fn walk(self, _: &'static str, keys: &mut dyn Keys, in_force: Option<&T>) -> Option<T> {
        (self.0)(keys, in_force)
    }
}

/// The rows of a struct.
type Rows<T> = fn(&mut dyn Keys, Option<&T>) -> Option<T>;

/// A section.
pub(super) fn section<T>(name: &'static str, rows: Rows<T>) -> impl Row<T> {
    group(move |keys: &mut dyn Keys, in_force: Option<&T>| {
        keys.begin(name);
        let read = rows(keys, in_force);
        keys.end();
        read
    })
}

/// A section that may be missing, where `there` says so.
pub(super) fn section_if<T>(there: bool, name: &'static str, rows: Rows<T>) -> impl Row<Option<T>> {
    group(move |keys: &mut dyn Keys, in_force: Option<&Option<T>>| match in_force {
        Some(None) => Some(None),
        _ if !there => Some(None),
        in_force => section(name, rows).walk(name, keys, in_force.and_then(Option::as_ref)).map(Some),
    })
}

/// A section that `enabled = no` switches off. It is not read further then, so that it may stay half filled in.
pub(super) fn switched<T>(by_default: bool, name: &'static str, rows: Rows<T>) -> impl Row<Option<T>> {
    group(move |keys: &mut dyn Keys, in_force: Option<&Option<T>>| {
        keys.begin(name);
        let on = key::yes_no(by_default).walk("enabled", keys, in_force.map(Option::is_some).as_ref());
        let read = if on == Some(true) || keys.goes_everywhere() {
            rows(keys, in_force.and_then(Option::as_ref)).map(Some)
        } else {
            keys.pass_over();
            on.map(|_| None)
        };
        keys.end();
        read
    })
}
