//! Which users belong to this site, and everything they need. Pure.
//!
//! A user is complete or is left out with a reason: an endpoint without its aor would be there and unreachable, one
//! without its auth would be open to everybody.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet, btree_map::Entry},
};

use super::{
    Accepted, Document, Kind, Open, Policy, Section, Violation,
    accept::kind_of,
    open::{self, Written},
};
use crate::{
    settings::{Filter, FilterKey, Technology},
    words::{variables::sets_variable, wording::visible_octets},
};

/// What a sync writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection<'a> {
    /// Names of the users, in the order of the main.
    pub users: Vec<&'a str>,
    /// Their sections and the ones they name, each once, in the order of the main, with the number of its document.
    pub sections: Vec<(usize, Accepted<'a>)>,
    /// Those that the filter chose and that can't be taken over.
    pub left_out: Vec<LeftOut>,
}

/// A section that the filter chose and that is not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is left out: {reason}")]
pub struct LeftOut {
    /// Name of the section, fit for a message.
    pub name: String,
    /// Why.
    pub reason: Reason,
}

/// Why a user is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Its own section may not be written.
    #[error("{0}")]
    Violation(#[from] Violation),
    /// Nothing to reach it by.
    #[error("it names no aor")]
    NoAor,
    /// Nothing to prove who it is.
    #[error("{0}: give it a password on the main, or set [policy] open_users = yes to take it anyway")]
    Open(#[from] Open),
    /// A section it names is not there.
    #[error("its {key} '{name}' is missing in the files that [sync] files names")]
    Missing {
        /// Key that names it.
        key: &'static str,
        /// Name of the missing section.
        name: String,
    },
    /// A section it names may not be written.
    #[error("its {key} '{name}' can't be taken over: {violation}")]
    Part {
        /// Key that names it.
        key: &'static str,
        /// Name of that section.
        name: String,
        /// What is wrong with it.
        violation: Violation,
    },
    /// Two sections of its name and kind.
    #[error("it is defined twice: merge the two sections on the main")]
    Twice,
    /// The branch has one of its own.
    #[error(
        "the branch's own configuration already has that name and type, and Asterisk would load neither of the two"
    )]
    Local,
    /// The branch has its own of a name and kind that it needs.
    #[error(
        "the branch's own configuration already has its {key} '{name}', and Asterisk would load neither of the two"
    )]
    PartLocal {
        /// Key that names it.
        key: &'static str,
        /// Name of that section.
        name: String,
    },
    /// The channel driver would not take it.
    #[error("the branch's Asterisk does not accept it; Asterisk's log says why")]
    Refused,
    /// The channel driver would not take a section that it needs.
    #[error("the branch's Asterisk does not accept its {key} '{name}'; Asterisk's log says why")]
    PartRefused {
        /// Key that names it.
        key: &'static str,
        /// Name of that section.
        name: String,
    },
    /// Two sections of a name and kind that it needs.
    #[error("its {key} '{name}' is defined twice")]
    PartTwice {
        /// Key that names it.
        key: &'static str,
        /// Name of those sections.
        name: String,
    },
}

/// The filter chose nobody who can be written. That is an error, never an empty site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectError {
    /// Sections looked at.
    pub sections: usize,
    /// The filter, as `filter_key = …, filter_value = …`; empty where it is the main that chooses.
    pub filter: String,
    /// Those that it chose and that can't be taken over.
    pub left_out: Vec<LeftOut>,
}

impl std::error::Error for SelectError {}

impl std::fmt::Display for SelectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sections, filter, left_out } = self;
        match left_out.first() {
            None if filter.is_empty() => write!(
                f,
                "the main exports no user to this account: its [export] filter_key, and [site] there, say whose users \
                 are whose"
            ),
            Some(first) if filter.is_empty() => write!(
                f,
                "all {} that the main exports to this account are left out; the first: {first}",
                left_out.len()
            ),
            None if *sections == 0 => write!(
                f,
                "nobody on the main has {filter}; users in a database (ps_endpoints) are in no file: let synch on \
                 the main export them, or write those of this site into a file"
            ),
            None => write!(f, "none of the {sections} sections on the main is a user with {filter}"),
            Some(first) => {
                let count = left_out.len();
                write!(
                    f,
                    "all {count} with {filter} among {sections} sections are left out; the first: {first}"
                )
            }
        }
    }
}

/// Sections and users that can't be taken.
#[derive(Clone, Copy, Debug)]
pub struct Barred<'a> {
    /// Sections that the branch has already, outside the synced file: two of one name and type would take all of that
    /// type away (`res_sorcery_config`).
    pub local: &'a [(Kind, String)],
    /// Sections that the channel driver would not take.
    pub refused: &'a [(Kind, String)],
    /// The policy by which users without a password are found and barred. With `None` they are taken.
    pub open: Option<Policy<'a>>,
}

/// Keys of an endpoint that name other sections, and what those are.
pub(super) const PARTS: [(&str, Kind); 2] = [("aors", Kind::Aor), ("auth", Kind::Auth)];

/// Chooses the users of this site out of all files together.
///
/// # Errors
/// When not one user can be written.
pub fn select<'a>(
    documents: &[Document<'a>],
    technology: Technology,
    filter: &Filter,
    barred: &Barred<'_>,
) -> Result<Selection<'a>, SelectError> {
    let numbered = documents.iter().enumerate();
    let sections: Vec<(usize, &Section<'a>)> = numbered
        .flat_map(|(number, document)| document.sections.iter().map(move |section| (number, section)))
        .collect();
    let mut index = Index::new(&sections, technology, barred.open.as_ref());
    index.mark(barred.local, Place::Local);
    index.mark(barred.refused, Place::Refused);
    let mut users = Vec::new();
    let mut chosen = BTreeMap::new();
    let mut twice = HashSet::new();
    let mut left_out: Vec<LeftOut> = Vec::new();
    for (place, (_, section)) in sections.iter().enumerate() {
        let kind = kind_of(section, technology);
        if matches!(kind, Ok(Kind::Aor | Kind::Auth)) || !matches(filter, section) {
            continue;
        }
        // A user's `type = identify` or `registration` is nobody who is missing.
        if kind.is_err() && index.has_account(section.name) {
            continue;
        }
        match kind.map_err(Reason::from).and_then(|kind| index.complete(place, kind, &chosen)) {
            Ok((user, parts)) => {
                users.push(user.name());
                chosen.insert(place, user);
                chosen.extend(parts);
            }
            Err(reason) => {
                let name = shown(section.name);
                // Somebody defined twice is one person left out.
                if reason != Reason::Twice || twice.insert(section.name) {
                    left_out.push(LeftOut { name, reason });
                }
            }
        }
    }
    if users.is_empty() {
        return Err(SelectError { sections: sections.len(), filter: describe(filter), left_out });
    }
    let numbered = |(place, section): (usize, Accepted<'a>)| Some((sections.get(place)?.0, section));
    Ok(Selection { users, sections: chosen.into_iter().filter_map(numbered).collect(), left_out })
}

/// Accepted sections by their place among all sections.
type Chosen<'a> = BTreeMap<usize, Accepted<'a>>;

/// Where the section of a kind and name is.
struct Index<'s, 'a> {
    technology: Technology,
    closed: Option<&'s Policy<'s>>,
    sections: &'s [(usize, &'s Section<'a>)],
    places: HashMap<(Kind, Cow<'a, [u8]>), Place>,
}

#[derive(Clone, Copy)]
enum Place {
    Once(usize),
    Twice,
    Local,
    Refused,
}

impl<'s, 'a> Index<'s, 'a> {
    fn new(
        sections: &'s [(usize, &'s Section<'a>)],
        technology: Technology,
        closed: Option<&'s Policy<'s>>,
    ) -> Self {
        let mut places = HashMap::with_capacity(sections.len());
        for (place, (_, section)) in sections.iter().enumerate() {
            if let Ok(kind) = kind_of(section, technology) {
                let found = places.entry((kind, key(technology, section.name)));
                found.and_modify(|known| *known = Place::Twice).or_insert(Place::Once(place));
            }
        }
        Self { technology, closed, sections, places }
    }

    fn mark(&mut self, sections: &[(Kind, String)], mark: Place) {
        for (kind, name) in sections {
            let name = Cow::Owned(key(self.technology, name.as_bytes()).into_owned());
            if let Some(place) = self.places.get_mut(&(*kind, name)) {
                *place = mark;
            }
        }
    }

    fn has_account(&self, name: &'a [u8]) -> bool {
        self.places.contains_key(&(Kind::of_account(self.technology), key(self.technology, name)))
    }

    /// A user with all it names that is not chosen already.
    fn complete(
        &self,
        place: usize,
        kind: Kind,
        chosen: &Chosen<'a>,
    ) -> Result<(Accepted<'a>, Chosen<'a>), Reason> {
        let (_, section) = self.sections.get(place).ok_or(Reason::Twice)?;
        match self.places.get(&(kind, key(self.technology, section.name))) {
            Some(Place::Once(_)) => {}
            Some(Place::Local) => return Err(Reason::Local),
            Some(Place::Refused) => return Err(Reason::Refused),
            Some(Place::Twice) | None => return Err(Reason::Twice),
        }
        let user = Accepted::check(section, self.technology)?;
        self.closes(&user)?;
        let mut parts = Chosen::new();
        if kind == Kind::Endpoint {
            let (mut reached, mut nowhere) = (false, Reason::NoAor);
            for (key, kind) in PARTS {
                for name in names(section, key) {
                    let (place, part) = match self.part(key, kind, name) {
                        // Asterisk passes over an address that isn't there, and uses the others.
                        Err(reason @ Reason::Missing { .. }) if kind == Kind::Aor => {
                            nowhere = reason;
                            continue;
                        }
                        found => found?,
                    };
                    reached |= kind == Kind::Aor;
                    if let (false, Entry::Vacant(free)) = (chosen.contains_key(&place), parts.entry(place)) {
                        let accepted = Accepted::check(part, self.technology);
                        let refused = |violation| Reason::Part { key, name: shown(name), violation };
                        free.insert(accepted.map_err(refused)?);
                    }
                }
                if kind == Kind::Aor && !reached {
                    return Err(nowhere);
                }
            }
        }
        Ok((user, parts))
    }

    /// Checks that nobody can call as this user without a password, by its own section and by each of its auths.
    fn closes(&self, user: &Accepted<'a>) -> Result<(), Open> {
        let Some(policy) = self.closed else { return Ok(()) };
        let written = policy.written(user);
        let own = open::user(user.kind(), &written);
        let auths = written.last("auth").unwrap_or_default();
        let auths = open::names(auths).filter(|_| user.kind() == Kind::Endpoint);
        // One that is not here is missing, or the branch's own that `[endpoint]` sets.
        let auths = auths.filter_map(|name| {
            let (_, section) = self.part("auth", Kind::Auth, name.as_bytes()).ok()?;
            let section = Accepted::check(section, self.technology).ok()?;
            open::auth(name, &policy.written(&section))
        });
        own.into_iter().chain(auths).next().map_or(Ok(()), Err)
    }

    fn part(&self, key: &'static str, kind: Kind, name: &[u8]) -> Result<(usize, &'s Section<'a>), Reason> {
        match self.places.get(&(kind, Cow::Borrowed(name))) {
            Some(Place::Twice) => Err(Reason::PartTwice { key, name: shown(name) }),
            Some(Place::Refused) => Err(Reason::PartRefused { key, name: shown(name) }),
            Some(Place::Local) => Err(Reason::PartLocal { key, name: shown(name) }),
            Some(Place::Once(place)) => {
                let section = self.sections.get(*place).map(|(_, section)| (*place, *section));
                section.ok_or_else(|| Reason::Missing { key, name: shown(name) })
            }
            None => Err(Reason::Missing { key, name: shown(name) }),
        }
    }
}

/// The names in a comma-separated list. Of a key that comes twice, Asterisk takes the last.
pub(super) fn names<'a>(section: &Section<'a>, key: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let last = section.values(key).next_back().unwrap_or_default();
    last.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
}

/// chan_sip takes names that differ in case alone for the same peer; res_pjsip does not.
fn key(technology: Technology, name: &[u8]) -> Cow<'_, [u8]> {
    match technology {
        Technology::Pjsip => Cow::Borrowed(name),
        Technology::Sip => Cow::Owned(name.to_ascii_lowercase()),
    }
}

/// Of a key that is repeated, Asterisk takes the last value: a template may have had another one. Variables of a channel are
/// all taken.
pub(super) fn matches(filter: &Filter, section: &Section<'_>) -> bool {
    if !filter.is_given() {
        return true;
    }
    let fits = |value: &[u8]| filter.value.is_match(value);
    match &filter.key {
        FilterKey::CategoryName => fits(section.name),
        FilterKey::Variable(key) if sets_variable(key) => section.values(key).any(fits),
        FilterKey::Variable(key) => section.values(key).next_back().is_some_and(fits),
    }
}

fn describe(filter: &Filter) -> String {
    if !filter.is_given() {
        return String::new();
    }
    let key = match &filter.key {
        FilterKey::CategoryName => "categoryname",
        FilterKey::Variable(key) => key,
    };
    let value = filter.value.as_str();
    let hint = match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(_) => " (the quotes count as part of the value: leave them out)",
        None => "",
    };
    format!("filter_key = {key}, filter_value = {value}{hint}")
}

fn shown(name: &[u8]) -> String {
    visible_octets(name)
}

#[cfg(test)]
mod tests;
