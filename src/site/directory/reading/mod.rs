//! Sections as they stream by into a directory. Pure. Of each, four values are kept and nothing else: no password is ever
//! in it.

use std::collections::{BTreeMap, HashMap};

use super::{Directory, Entry, TooMany};
use crate::{
    settings::{FilterKey, NumberFrom, Technology},
    site::users::{
        Kind,
        number::{self, Account},
        wizard,
    },
    uplink::ami::Part,
    words::{
        caller_id,
        conf::is_yes,
        number::{dialled, is_number},
        variables::sets_variable,
    },
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
    number: &'s NumberFrom,
    directory: Directory,
    /// Entries whose number depends on who else is there, with the number in their caller id.
    unsure: Vec<(usize, Unsure)>,
    open: Option<Section>,
    full: bool,
    /// How far the directory had come with the last whole answer.
    kept: (usize, usize),
}

/// What decides over the number of an entry besides its name.
#[derive(Debug)]
struct Unsure {
    caller: String,
    has_box: bool,
}

/// What is of interest in the section in progress.
#[derive(Debug, Default)]
struct Section {
    name: String,
    is_user: bool,
    /// Whether it is one of pjsip_wizard.conf.
    wizard: bool,
    callerid: String,
    site: String,
    public: Option<String>,
    said: Option<String>,
    has_box: bool,
}

impl<'s> Reading<'s> {
    /// Nobody yet. `number` says what others dial; `public` is the name of the variable that holds a user's public number.
    #[must_use]
    pub fn new(
        technology: Technology,
        filter: &'s FilterKey,
        number: &'s NumberFrom,
        public: &'s str,
    ) -> Self {
        let site = match filter {
            FilterKey::Variable(key) => Some(key.as_str()),
            FilterKey::CategoryName => None,
        };
        let directory = Directory::default();
        let kept = directory.mark();
        let unsure = Vec::new();
        Self { technology, site, public, number, directory, unsure, open: None, full: false, kept }
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
        let there = self.directory.len();
        self.unsure.retain(|(place, _)| *place < there);
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
        if self.full {
            return Err(TooMany);
        }
        match self.unsure.as_slice() {
            [] => Ok(self.directory.sorted()),
            unsure => Directory::new(numbered(&self.directory, unsure)),
        }
    }

    fn variable(&mut self, key: &[u8], value: &[u8]) {
        let Some(section) = &mut self.open else { return };
        let key = if section.wizard { wizard::plain_key(key) } else { key };
        let is = |name: &str| key.eq_ignore_ascii_case(name.as_bytes());
        if is("type") && wizard::is_wizard(value) {
            section.wizard = true;
        } else if section.wizard && is("accepts_registrations") {
            section.is_user = is_yes(value);
        } else if is("type") {
            section.is_user = Kind::from_type(self.technology, value).is_some_and(Kind::is_account);
        } else if is("callerid") {
            section.callerid = looked_at(value);
        } else if is("mailboxes") || is("mailbox") {
            section.has_box |= number::has_own_box(&section.name, &looked_at(value));
        }
        if self.site.is_some_and(is) {
            section.site = looked_at(value);
        }
        if section.wizard && *self.number == NumberFrom::Guess && is(wizard::NUMBER) {
            let said = Some(looked_at(value)).filter(|number| is_number(number));
            section.said = section.said.take().or(said);
        }
        let holds_number = match self.number {
            NumberFrom::Variable(name) => name,
            _ => number::VARIABLE,
        };
        let Ok(key) = std::str::from_utf8(key) else { return };
        if !sets_variable(key) && !is(self.public) && !is(holds_number) {
            return;
        }
        let value = looked_at(value);
        let of = |variable: &str| number::value_of(variable, key, &value).map(str::to_owned);
        // Asterisk sets one variable after the other: the last counts.
        if let Some(number) = of(self.public).map(|text| dialled(&text)).filter(|number| is_number(number)) {
            section.public = Some(number);
        }
        section.said = of(holds_number).or(section.said.take());
    }

    fn close(&mut self) {
        let Some(section) = self.open.take().filter(|section| section.is_user) else { return };
        let account = Account::new(&section.name, &section.callerid);
        let account = Account { said: section.said.as_deref(), ..account };
        let Some(number) = account.alone(self.number) else { return };
        if let Some((_, caller)) = account.unsure().filter(|_| *self.number == NumberFrom::Guess) {
            let unsure = Unsure { caller: caller.to_owned(), has_box: section.has_box };
            self.unsure.push((self.directory.len(), unsure));
        }
        let name = caller_id::name(&section.callerid);
        let site = caller_id::printable(&section.site);
        let entry = Entry { number, name: &name, site: site.trim(), public: section.public.as_deref() };
        self.full |= self.directory.push(entry).is_err();
    }
}

/// All entries, each with what others dial: of some, the others of the site decide. Who is called after his number comes
/// before his devices.
fn numbered<'a>(directory: &'a Directory, unsure: &'a [(usize, Unsure)]) -> Vec<Entry<'a>> {
    let unsure: HashMap<usize, &Unsure> = unsure.iter().map(|(place, unsure)| (*place, unsure)).collect();
    let mut sites: BTreeMap<&str, Vec<(usize, Entry<'_>)>> = BTreeMap::new();
    for (place, entry) in directory.iter().enumerate() {
        sites.entry(entry.site).or_default().push((place, entry));
    }
    let (mut sure, mut decided) = (Vec::new(), Vec::new());
    for people in sites.into_values() {
        let account = |(place, entry): &(usize, Entry<'a>)| Account {
            name: entry.number,
            caller: unsure.get(place).map(|unsure| unsure.caller.as_str()),
            said: None,
            has_box: unsure.get(place).is_some_and(|unsure| unsure.has_box),
        };
        let accounts: Vec<Account<'_>> = people.iter().map(account).collect();
        for ((place, entry), number) in people.iter().zip(number::decide(&accounts, &NumberFrom::Guess)) {
            let entry = Entry { number: number.unwrap_or(entry.number), ..*entry };
            if unsure.contains_key(place) { decided.push(entry) } else { sure.push(entry) }
        }
    }
    sure.append(&mut decided);
    sure
}

fn looked_at(value: &[u8]) -> String {
    String::from_utf8_lossy(value.get(..LOOKED_AT).unwrap_or(value)).into_owned()
}

#[cfg(test)]
mod tests;
