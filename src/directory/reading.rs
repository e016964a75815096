//! Sections as they stream by into a directory. Pure. Of each, four values are kept and nothing else: no password is ever
//! in it.

use super::{Directory, Entry, TooMany, caller_id, is_number};
use crate::{
    ami::Part,
    settings::{FilterKey, Technology},
    sync::Kind,
};

/// Bytes of a value that are looked at: several times what any of them may have.
const LOOKED_AT: usize = 512;

/// A directory in the making. It takes the parts of one answer after the other; the first of two equal numbers wins.
/// Where an answer turns out to be void, what it brought is taken back.
#[derive(Debug)]
pub struct Reading<'s> {
    technology: Technology,
    site: Option<&'s str>,
    public: &'s str,
    directory: Directory,
    open: Option<Section>,
    full: bool,
    /// How far the directory had come with the last whole answer.
    kept: (usize, usize),
}

/// What is of interest in the section in progress.
#[derive(Debug, Default)]
struct Section {
    name: String,
    is_user: bool,
    callerid: String,
    site: String,
    public: Option<String>,
}

impl<'s> Reading<'s> {
    /// Nobody yet. `public` is the name of the variable that holds a user's public number.
    #[must_use]
    pub fn new(technology: Technology, filter: &'s FilterKey, public: &'s str) -> Self {
        let site = match filter {
            FilterKey::Variable(key) => Some(key.as_str()),
            FilterKey::CategoryName => None,
        };
        let directory = Directory::default();
        let kept = directory.mark();
        Self { technology, site, public, directory, open: None, full: false, kept }
    }

    /// Takes in the next part of an answer.
    pub fn take(&mut self, part: Part<'_>) {
        match part {
            Part::Section(name) => {
                self.close();
                self.open = Some(Section { name: looked_at(name), ..Section::default() });
            }
            Part::Template => self.open = None,
            Part::Variable { key, value } => self.variable(key, value),
            Part::Preamble | Part::Parents => {}
        }
    }

    /// The answer was whole: what it brought stays.
    pub fn keep(&mut self) {
        self.close();
        self.kept = self.directory.mark();
    }

    /// The answer was void: what it brought is taken back.
    pub fn take_back(&mut self) {
        self.open = None;
        self.directory.cut(self.kept);
    }

    /// How many have come so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.directory.len()
    }

    /// Whether nobody has come so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.directory.is_empty()
    }

    /// What has come of it.
    ///
    /// # Errors
    /// When there are too many.
    pub fn finish(mut self) -> Result<Directory, TooMany> {
        self.close();
        if self.full { Err(TooMany) } else { Ok(self.directory.sorted()) }
    }

    fn variable(&mut self, key: &[u8], value: &[u8]) {
        let Some(section) = &mut self.open else { return };
        let is = |name: &str| key.eq_ignore_ascii_case(name.as_bytes());
        if is("type") {
            section.is_user =
                matches!(Kind::from_type(self.technology, value), Some(Kind::Endpoint | Kind::Peer));
        } else if is("callerid") {
            section.callerid = looked_at(value);
        }
        if self.site.is_some_and(is) {
            section.site = looked_at(value);
        }
        let public = if is("set_var") || is("setvar") {
            let value = looked_at(value);
            let (name, number) = value.split_once('=').unwrap_or_default();
            name.trim().eq_ignore_ascii_case(self.public).then(|| number.trim().to_owned())
        } else if is(self.public) {
            Some(looked_at(value))
        } else {
            None
        };
        // Asterisk sets one variable after the other: the last counts.
        if let Some(number) = public.filter(|number| is_number(number)) {
            section.public = Some(number);
        }
    }

    fn close(&mut self) {
        let Some(section) = self.open.take().filter(|section| section.is_user) else { return };
        let from_name = Some(section.name.as_str()).filter(|name| is_number(name));
        let Some(number) = from_name.or_else(|| caller_id::number(&section.callerid)) else { return };
        let name = caller_id::name(&section.callerid);
        let site = caller_id::printable(&section.site);
        let entry = Entry { number, name: &name, site: site.trim(), public: section.public.as_deref() };
        self.full |= self.directory.push(entry).is_err();
    }
}

fn looked_at(value: &[u8]) -> String {
    String::from_utf8_lossy(value.get(..LOOKED_AT).unwrap_or(value)).into_owned()
}

#[cfg(test)]
mod tests;
