//! Everybody on the main: number, name, site and public number, for the dialplan and for whoever looks somebody up.
//!
//! ```text
//! parts of GetConfig answers ─▶ reading ─▶ directory ◀─▶ text, to keep on disk
//! ```
//!
//! - [`pieces`]: what to ask for, where all at once would be too much. Pure.
//! - [`reading`]: sections as they stream by; only these four values of each are ever kept. Pure.
//! - [`text`]: the form on disk. Pure.
//! - [`mod@exported`]: the form in which a main exports it. Pure.

pub mod exported;
pub mod pieces;
pub mod reading;
pub mod text;

pub use exported::{NoDirectory, exported};
pub use pieces::{Piece, Pieces};
pub use reading::Reading;
pub use text::TextError;

use crate::words::{
    number::{MAX_NUMBER, is_number},
    wording::is_hidden,
};
use std::fmt;

use regex::Regex;

/// Entries at most: ten times a company of 20,000.
pub const MAX_ENTRIES: usize = 200_000;
/// Bytes of a name at most: what Asterisk's caller id has room for.
pub const MAX_NAME: usize = 80;
/// Bytes of a site at most: what Asterisk's account code has room for.
pub const MAX_SITE: usize = 80;

/// Somebody on the main.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What to dial.
    pub number: &'a str,
    /// Who it is; may be empty.
    pub name: &'a str,
    /// The site, as the filter of this branch calls it; may be empty.
    pub site: &'a str,
    /// The number in the public network, where one is known.
    pub public: Option<&'a str>,
}

/// More people than [`MAX_ENTRIES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the main has more than {MAX_ENTRIES} numbers; the directory stays as it is")]
pub struct TooMany;

/// Everybody, by number. 20,000 take about 1 MB.
#[derive(Clone, Default)]
pub struct Directory {
    /// All values one behind the other.
    values: String,
    /// In the order of the numbers, each once.
    rows: Vec<Row>,
}

/// Where the values of an entry are: one behind the other from `at` on.
#[derive(Clone, Copy, Debug)]
struct Row {
    at: u32,
    number: u8,
    name: u8,
    site: u8,
    public: u8,
}

impl Directory {
    /// Out of entries in any order; the first of two equal numbers wins.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new<'a>(entries: impl IntoIterator<Item = Entry<'a>>) -> Result<Self, TooMany> {
        let mut directory = Self::default();
        for entry in entries {
            directory.push(entry)?;
        }
        Ok(directory.sorted())
    }

    /// The entry of a number.
    #[must_use]
    pub fn get(&self, number: &str) -> Option<Entry<'_>> {
        self.entry(*self.rows.get(self.first_from(number))?).filter(|entry| entry.number == number)
    }

    /// Whether a number begins like that, or is that.
    #[must_use]
    pub fn begins_with(&self, prefix: &str) -> bool {
        self.number_at(self.first_from(prefix)).is_some_and(|number| number.starts_with(prefix))
    }

    /// Whether a number begins like that and goes on: then whoever dials may not have finished.
    #[must_use]
    pub fn is_longer_than(&self, prefix: &str) -> bool {
        let first = self.first_from(prefix);
        let first = if self.number_at(first) == Some(prefix) { first + 1 } else { first };
        self.number_at(first).is_some_and(|number| number.starts_with(prefix))
    }

    /// Everybody, in the order of the numbers.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.rows.iter().filter_map(|row| self.entry(*row))
    }

    /// Those whose number, name or site has a match.
    pub fn like(&self, pattern: &Regex) -> impl Iterator<Item = Entry<'_>> {
        self.iter().filter(|entry| {
            [entry.number, entry.name, entry.site].into_iter().any(|value| pattern.is_match(value))
        })
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nobody is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes that it takes in memory.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.values.capacity() + self.rows.capacity() * size_of::<Row>()
    }

    /// Adds an entry behind all others; [`Self::sorted`] is due before anything is looked up. What can't be dialled is
    /// passed over, and what is too long is cut.
    fn push(&mut self, entry: Entry<'_>) -> Result<(), TooMany> {
        if !is_number(entry.number) {
            return Ok(());
        }
        if self.rows.len() >= MAX_ENTRIES {
            return Err(TooMany);
        }
        let at = u32::try_from(self.values.len()).map_err(|_| TooMany)?;
        let public = entry.public.filter(|public| is_number(public)).unwrap_or_default();
        let (number, name) = (self.add(entry.number, MAX_NUMBER), self.add(entry.name, MAX_NAME));
        let (site, public) = (self.add(entry.site, MAX_SITE), self.add(public, MAX_NUMBER));
        self.rows.push(Row { at, number, name, site, public });
        Ok(())
    }

    /// Adds as much of a value as fits, without what is hidden: it has to stay within its line and its bound.
    fn add(&mut self, value: &str, limit: usize) -> u8 {
        let start = self.values.len();
        for letter in value.chars().filter(|letter| !is_hidden(*letter)) {
            if self.values.len() - start + letter.len_utf8() > limit {
                break;
            }
            self.values.push(letter);
        }
        u8::try_from(self.values.len() - start).unwrap_or_default()
    }

    /// Everybody so far, to come back to with [`Self::cut`].
    const fn mark(&self) -> (usize, usize) {
        (self.values.len(), self.rows.len())
    }

    /// Takes away who came since that mark.
    fn cut(&mut self, (values, rows): (usize, usize)) {
        self.values.truncate(values);
        self.rows.truncate(rows);
    }

    fn sorted(mut self) -> Self {
        let mut rows = std::mem::take(&mut self.rows);
        let number = |row: &Row| self.entry(*row).map_or("", |entry| entry.number);
        rows.sort_by(|one, other| number(one).cmp(number(other)));
        rows.dedup_by(|later, earlier| number(later) == number(earlier));
        rows.shrink_to_fit();
        self.values.shrink_to_fit();
        self.rows = rows;
        self
    }

    fn entry(&self, row: Row) -> Option<Entry<'_>> {
        let values = self.values.get(usize::try_from(row.at).ok()?..)?;
        let (number, values) = values.split_at_checked(row.number.into())?;
        let (name, values) = values.split_at_checked(row.name.into())?;
        let (site, values) = values.split_at_checked(row.site.into())?;
        let public = values.get(..row.public.into()).filter(|public| !public.is_empty());
        Some(Entry { number, name, site, public })
    }

    fn number_at(&self, place: usize) -> Option<&str> {
        Some(self.entry(*self.rows.get(place)?)?.number)
    }

    /// Where the first number is that is not less.
    fn first_from(&self, number: &str) -> usize {
        self.rows.partition_point(|row| self.entry(*row).is_some_and(|entry| entry.number < number))
    }
}

impl PartialEq for Directory {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Directory {}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
