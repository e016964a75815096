//! A directory as text, to keep it on disk: a first line with its name and size, then an entry a line, its values
//! separated by tabs. Pure.

use super::{Directory, Entry, MAX_NAME, MAX_SITE, TooMany};
use crate::words::{caller_id::printable, number::is_number};

/// How the first line begins; the number of entries follows.
const HEAD: &str = "res_synch directory 1\t";

/// Why a text is no directory. Nothing of it is used; the next reading of the main replaces it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is something else.
    #[error("line 1 is not the first line of a directory of res_synch")]
    Head,
    /// A line that is no entry.
    #[error("line {line}: {problem}")]
    Entry {
        /// Which one, from 1 on.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It was cut, or something was added.
    #[error("{found} entries instead of the {wanted} that line 1 announces")]
    Count {
        /// Entries that are there.
        found: usize,
        /// Entries that were written.
        wanted: usize,
    },
    /// More entries than there may be.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

impl Directory {
    /// The text of it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}{}\n", self.len());
        for Entry { number, name, site, public } in self.iter() {
            let public = public.unwrap_or_default();
            for value in [number, "\t", name, "\t", site, "\t", public, "\n"] {
                text.push_str(value);
            }
        }
        text
    }

    /// Out of that text.
    ///
    /// # Errors
    /// When it is not just what [`Self::to_text`] writes.
    pub fn from_text(text: &str) -> Result<Self, TextError> {
        let (head, rest) = text.split_once('\n').ok_or(TextError::Head)?;
        let wanted = head.strip_prefix(HEAD).and_then(|count| count.parse().ok()).ok_or(TextError::Head)?;
        let mut directory = Self::default();
        let mut before = "";
        for (place, text) in rest.split_inclusive('\n').enumerate() {
            let error = |problem| TextError::Entry { line: place + 2, problem };
            let entry = entry(text).map_err(error)?;
            if entry.number <= before {
                return Err(error("its number is out of order"));
            }
            before = entry.number;
            directory.push(entry)?;
        }
        let found = directory.len();
        if found == wanted { Ok(directory.sorted()) } else { Err(TextError::Count { found, wanted }) }
    }
}

fn entry(text: &str) -> Result<Entry<'_>, &'static str> {
    let line = text.strip_suffix('\n').ok_or("it has no line end")?;
    let values: Vec<&str> = line.split('\t').collect();
    let [number, name, site, public] = values.as_slice() else { return Err("it does not have four values") };
    if !is_number(number) {
        return Err("its number can't be dialled");
    }
    if !public.is_empty() && !is_number(public) {
        return Err("its public number can't be dialled");
    }
    let fits = |value: &str, limit: usize| value.len() <= limit && printable(value) == value;
    if !fits(name, MAX_NAME) {
        return Err("its name is too long or has a control character");
    }
    if !fits(site, MAX_SITE) {
        return Err("its site is too long or has a control character");
    }
    Ok(Entry { number, name, site, public: Some(*public).filter(|public| !public.is_empty()) })
}

#[cfg(test)]
mod tests;
