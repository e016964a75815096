//! All contacts that the main had, by user, and their form on disk: a first line with its name and size, then a user a
//! line: name, since when, contacts, separated by tabs.

use std::collections::{BTreeMap, HashSet};

use super::Contact;
use crate::words::caller_id::printable;

/// How the first line begins; the number of users follows.
const HEAD: &str = "res_synch contacts 1\t";

/// Where the phones of one user are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The newest first; never empty.
    pub contacts: Vec<Contact>,
    /// When they were first seen so, local time.
    pub since: String,
}

/// Everybody of whom a contact is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book(BTreeMap<String, Known>);

/// Why a text is not such a book. None of it is used; the next reading of the main replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It is something else.
    #[error("line 1 is not the first line of contacts of res_synch")]
    Head,
    /// A line that is no entry.
    #[error("line {0} is not a user with contacts that can be dialled")]
    Entry(usize),
    /// It was cut, or something was added.
    #[error("{found} users instead of the {wanted} that line 1 announces")]
    Count {
        /// Users that are there.
        found: usize,
        /// Users that were written.
        wanted: usize,
    },
}

impl Book {
    /// Where the phones of a user are.
    #[must_use]
    pub fn get(&self, user: &str) -> Option<&Known> {
        self.0.get(user)
    }

    /// Everybody in it.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Stores the contacts that the main gave for a user; a user without any is away. Returns whether something changed.
    pub fn take(&mut self, user: &str, contacts: Vec<Contact>, now: &str) -> bool {
        if contacts.is_empty() {
            return self.0.remove(user).is_some();
        }
        if self.get(user).is_some_and(|known| known.contacts == contacts) || printable(user) != user {
            return false;
        }
        self.0.insert(user.to_owned(), Known { contacts, since: now.to_owned() });
        true
    }

    /// Forgets everybody who is not one of these users. Returns whether there was anybody.
    pub fn keep_only(&mut self, users: &HashSet<String>) -> bool {
        let before = self.0.len();
        self.0.retain(|user, _| users.contains(user));
        self.0.len() != before
    }

    /// How many users are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text of it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}{}\n", self.len());
        for (user, Known { contacts, since }) in &self.0 {
            let contacts: Vec<String> = contacts.iter().map(ToString::to_string).collect();
            text.push_str(&format!("{user}\t{since}\t{}\n", contacts.join("\t")));
        }
        text
    }

    /// Reads that text. Each contact is checked as if the main had sent it.
    ///
    /// # Errors
    /// When it is not just what [`Self::to_text`] writes.
    pub fn from_text(text: &str) -> Result<Self, TextError> {
        let (head, rest) = text.split_once('\n').ok_or(TextError::Head)?;
        let wanted = head.strip_prefix(HEAD).and_then(|count| count.parse().ok()).ok_or(TextError::Head)?;
        let mut book = Self::default();
        for (place, line) in rest.split_inclusive('\n').enumerate() {
            let (user, known) = entry(line).ok_or(TextError::Entry(place + 2))?;
            book.0.insert(user.to_owned(), known);
        }
        let found = book.len();
        if found == wanted { Ok(book) } else { Err(TextError::Count { found, wanted }) }
    }
}

fn entry(line: &str) -> Option<(&str, Known)> {
    let mut values = line.strip_suffix('\n')?.split('\t');
    let (user, since) = (values.next()?, values.next()?);
    let contacts = values.map(|uri| Contact::parse(uri).ok()).collect::<Option<Vec<_>>>()?;
    let fits = !user.is_empty()
        && printable(user) == user
        && since.bytes().all(|byte| byte.is_ascii_digit())
        && !contacts.is_empty();
    fits.then(|| (user, Known { contacts, since: since.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts(uris: &[&str]) -> Vec<Contact> {
        uris.iter().map(|uri| Contact::parse(uri).unwrap()).collect()
    }

    fn book() -> Book {
        let mut book = Book::default();
        assert!(book.take("1001", contacts(&["sip:1001@10.0.0.1:5060;line=a"]), "20260102030405"));
        let two = contacts(&["sip:a@10.0.0.2:5060;transport=tcp", "sip:b@[2001:db8::1]:5060"]);
        assert!(book.take("1002", two, "20260102030406"));
        book
    }

    #[test]
    fn since_is_when_it_changed() {
        let mut book = book();
        assert!(!book.take("1001", contacts(&["sip:1001@10.0.0.1:5060;line=a"]), "20270000000000"));
        assert_eq!(book.get("1001").unwrap().since, "20260102030405");
        assert!(book.take("1001", contacts(&["sip:1001@10.0.0.9:5060"]), "20270000000000"));
        assert_eq!(book.get("1001").unwrap().since, "20270000000000");
        assert!(book.take("1001", Vec::new(), "") && !book.take("1001", Vec::new(), ""));
        assert_eq!(book.get("1001"), None);
    }

    #[test]
    fn who_is_no_user_any_more_is_forgotten() {
        let mut book = book();
        let users = HashSet::from(["1002".to_owned(), "1003".to_owned()]);
        assert!(book.keep_only(&users) && !book.keep_only(&users));
        assert_eq!(book.len(), 1);
    }

    #[test]
    fn it_is_on_disk_what_it_was() {
        let book = book();
        assert_eq!(Book::from_text(&book.to_text()), Ok(book));
        assert_eq!(Book::from_text(&Book::default().to_text()), Ok(Book::default()));
    }

    #[test]
    fn a_text_that_was_changed_is_not_used() {
        let text = book().to_text();
        let cut = text.strip_suffix('\n').unwrap();
        let short = text.lines().take(2).map(|line| format!("{line}\n")).collect::<String>();
        let cases = [
            (String::new(), TextError::Head),
            ("res_synch directory 1\t0\n".to_owned(), TextError::Head),
            (cut.to_owned(), TextError::Entry(3)),
            (short, TextError::Count { found: 1, wanted: 2 }),
            (text.replace("sip:1001@", "sip:10,01@"), TextError::Entry(2)),
            (text.replace("20260102030405", "x"), TextError::Entry(2)),
        ];
        for (text, error) in cases {
            assert_eq!(Book::from_text(&text), Err(error), "{text}");
        }
    }
}
