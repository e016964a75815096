//! What differs between two versions of the synced file, by user and option. Pure.
//!
//! Of a version only the difference to the one before it is kept: that is small, and any two versions are told from
//! those in between. A user is an endpoint with the aors and auths it names, or a peer. No password is kept, only a
//! mark of it, under a key that lives and dies with the process.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    hash::{BuildHasher, RandomState},
};

use super::{Kind, kind_in, select::PARTS};
use crate::{
    settings::{Technology, is_secret},
    words::conf::ConfSection,
};

/// What differs, by user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    users: BTreeMap<String, UserDiff>,
}

/// What differs in one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserDiff {
    before: Option<Seen>,
    after: Option<Seen>,
    /// None where it was away in between: nobody knows then what it was.
    options: Option<Vec<OptionDiff>>,
}

/// A user in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    callerid: String,
    /// Of all its options in their order.
    mark: u64,
}

/// One option with another value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionDiff {
    /// What the section is that has it.
    pub kind: Kind,
    /// Name of that section.
    pub section: String,
    /// The option.
    pub key: String,
    /// Its value before; none where it was not set.
    pub old: Option<Value>,
    /// Its value after; none where it is not set.
    pub new: Option<Value>,
}

/// The value of an option; of one that comes more than once, all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// It can be shown.
    Text(String),
    /// A password, of which a mark tells only whether it is the same.
    Secret(u64),
}

/// What became of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// It was not there, and now is, with this caller id.
    Added(&'a str),
    /// It was there, with this caller id, and is not any more.
    Removed(&'a str),
    /// Some of its options have other values.
    Changed(&'a [OptionDiff]),
    /// It has the same values in another order.
    Reordered,
    /// It was away in between, and has come back with other values.
    Returned,
}

impl Diff {
    /// From the sections of one version to those of another. Only marks of the same `keys` can be compared.
    #[must_use]
    pub fn between(
        old: &[ConfSection],
        new: &[ConfSection],
        technology: Technology,
        keys: &RandomState,
    ) -> Self {
        let (old, new) = (accounts(old, technology), accounts(new, technology));
        let mut users = BTreeMap::new();
        for (name, account) in &old {
            if new.get(name) != Some(account) {
                users.insert((*name).to_owned(), UserDiff::between(Some(account), new.get(name), keys));
            }
        }
        for (name, account) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            users.insert((*name).to_owned(), UserDiff::between(None, Some(account), keys));
        }
        Self { users }
    }

    /// This and then a later one, whose first version is the last of this.
    #[must_use]
    pub fn then(mut self, later: &Self) -> Self {
        for (name, after) in &later.users {
            match self.users.entry(name.clone()) {
                Entry::Vacant(free) => {
                    free.insert(after.clone());
                }
                Entry::Occupied(mut known) => {
                    let both = known.get().then(after);
                    if both.is_one() {
                        known.insert(both);
                    } else {
                        known.remove();
                    }
                }
            }
        }
        self
    }

    /// The way back.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        for user in self.users.values_mut() {
            std::mem::swap(&mut user.before, &mut user.after);
            for option in user.options.iter_mut().flatten() {
                std::mem::swap(&mut option.old, &mut option.new);
            }
        }
        self
    }

    /// What became of each user in whom something differs, by name.
    pub fn changes(&self) -> impl Iterator<Item = (&str, Change<'_>)> {
        self.users.iter().filter_map(|(name, user)| Some((name.as_str(), user.change()?)))
    }

    /// Whether something differs in a user.
    #[must_use]
    pub fn names(&self, user: &str) -> bool {
        self.users.contains_key(user)
    }
}

impl UserDiff {
    fn between(old: Option<&Account<'_>>, new: Option<&Account<'_>>, keys: &RandomState) -> Self {
        let seen = |account: &Account<'_>| Seen {
            callerid: account.callerid.to_owned(),
            mark: keys.hash_one(&account.lines),
        };
        let options = match (old, new) {
            (Some(old), Some(new)) => differing(old, new, keys),
            _ => Vec::new(),
        };
        Self { before: old.map(seen), after: new.map(seen), options: Some(options) }
    }

    fn then(&self, later: &Self) -> Self {
        let options = match (&self.options, &later.options, &self.after) {
            (Some(first), Some(second), Some(_)) => Some(joined(first, second)),
            _ => None,
        };
        Self { before: self.before.clone(), after: later.after.clone(), options }
    }

    /// Whether there is a difference at all.
    fn is_one(&self) -> bool {
        let mark = |seen: &Option<Seen>| seen.as_ref().map(|seen| seen.mark);
        mark(&self.before) != mark(&self.after)
    }

    fn change(&self) -> Option<Change<'_>> {
        match (&self.before, &self.after, &self.options) {
            (None, None, _) => None,
            (None, Some(after), _) => Some(Change::Added(&after.callerid)),
            (Some(before), None, _) => Some(Change::Removed(&before.callerid)),
            (Some(_), Some(_), None) => Some(Change::Returned),
            (Some(_), Some(_), Some(options)) if options.is_empty() => Some(Change::Reordered),
            (Some(_), Some(_), Some(options)) => Some(Change::Changed(options)),
        }
    }
}

/// A user with all lines of its sections, in order.
#[derive(PartialEq, Eq)]
struct Account<'a> {
    callerid: &'a str,
    lines: Vec<(Place<'a>, &'a str)>,
}

/// Where an option stands.
#[derive(Clone, Copy, Hash, PartialEq, Eq)]
struct Place<'a> {
    kind: Kind,
    section: &'a str,
    key: &'a str,
}

fn accounts(sections: &[ConfSection], technology: Technology) -> BTreeMap<&str, Account<'_>> {
    let known = sections.iter().filter_map(|section| Some((kind_in(section, technology)?, section)));
    let known: Vec<(Kind, &ConfSection)> = known.collect();
    let parts: HashMap<(Kind, &str), &ConfSection> =
        known.iter().map(|(kind, section)| ((*kind, section.name.as_str()), *section)).collect();
    let mut accounts = BTreeMap::new();
    for (kind, user) in known.into_iter().filter(|(kind, _)| kind.is_account()) {
        let mut lines = lines(kind, user);
        for (key, part) in PARTS.into_iter().filter(|_| kind == Kind::Endpoint) {
            for name in last(user, key).split(',').map(str::trim) {
                lines.extend(
                    parts.get(&(part, name)).into_iter().flat_map(|section| self::lines(part, section)),
                );
            }
        }
        accounts.insert(user.name.as_str(), Account { callerid: last(user, "callerid"), lines });
    }
    accounts
}

fn lines(kind: Kind, section: &ConfSection) -> Vec<(Place<'_>, &str)> {
    let place = |key| Place { kind, section: &section.name, key };
    section.variables.iter().map(|line| (place(line.key.as_str()), line.value.as_str())).collect()
}

/// Of a key that comes twice, Asterisk takes the last.
fn last<'a>(section: &'a ConfSection, key: &str) -> &'a str {
    let found = section.variables.iter().rev().find(|variable| variable.key.eq_ignore_ascii_case(key));
    found.map_or("", |variable| &variable.value)
}

/// The options of the old one in its order, then those that only the new one has.
fn differing(old: &Account<'_>, new: &Account<'_>, keys: &RandomState) -> Vec<OptionDiff> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for (place, _) in old.lines.iter().chain(&new.lines) {
        if !places.iter().any(|known| known.is(place)) {
            places.push(*place);
        }
    }
    let option = |place: &Place<'_>| {
        let (old, new) = (old.value(place, keys), new.value(place, keys));
        let Place { kind, section, key } = *place;
        (old != new).then(|| OptionDiff { kind, section: section.to_owned(), key: key.to_owned(), old, new })
    };
    places.iter().filter_map(option).collect()
}

fn joined(first: &[OptionDiff], second: &[OptionDiff]) -> Vec<OptionDiff> {
    let find = |options: &[OptionDiff], wanted: &OptionDiff| {
        options.iter().position(|option| option.place().is(&wanted.place()))
    };
    let mut options = first.to_vec();
    for later in second {
        match find(&options, later).and_then(|place| options.get_mut(place)) {
            Some(known) => known.new.clone_from(&later.new),
            None => options.push(later.clone()),
        }
    }
    options.retain(|option| option.old != option.new);
    options
}

impl OptionDiff {
    fn place(&self) -> Place<'_> {
        Place { kind: self.kind, section: &self.section, key: &self.key }
    }
}

impl Place<'_> {
    fn is(&self, other: &Place<'_>) -> bool {
        self.kind == other.kind && self.section == other.section && self.key.eq_ignore_ascii_case(other.key)
    }
}

impl Account<'_> {
    fn value(&self, wanted: &Place<'_>, keys: &RandomState) -> Option<Value> {
        let found = self.lines.iter().filter(|(place, _)| place.is(wanted));
        let values: Vec<&str> = found.map(|(_, value)| *value).collect();
        if values.is_empty() {
            return None;
        }
        let secret = is_secret(wanted.key);
        Some(if secret { Value::Secret(keys.hash_one(&values)) } else { Value::Text(values.join(", ")) })
    }
}

#[cfg(test)]
mod tests;
