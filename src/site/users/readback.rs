//! What Asterisk's loader read in a file of ours, against what was meant. Pure.

use std::collections::{BTreeMap, HashMap};

use super::{Kind, number::Account};
use crate::{
    settings::Technology,
    site::directory::Directory,
    words::{
        conf::{ConfSection, ConfVariable},
        number::is_number,
    },
};

/// A synced user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name of the account: the section.
    pub name: String,
    /// Its `callerid`, empty where it has none.
    pub callerid: String,
    /// What others dial to reach it, as [`number`](super::number) decides; none where nobody can.
    pub number: Option<String>,
    /// The context in which it dials here; empty where that isn't said.
    pub context: String,
}

impl User {
    /// Of that account.
    #[must_use]
    pub fn new(name: &str, callerid: &str) -> Self {
        let number = Account::new(name, callerid).plain().map(str::to_owned);
        Self { name: name.to_owned(), callerid: callerid.to_owned(), number, context: String::new() }
    }

    /// Of a section of a file of ours.
    #[must_use]
    pub fn of(section: &ConfSection) -> Self {
        let lines = section.variables.iter().map(|line| (line.key.as_str(), line.value.as_str()));
        let number = Account::of(&section.name, lines).plain().map(str::to_owned);
        let [callerid, context] = ["callerid", "context"].map(|key| value(section, key).to_owned());
        Self { name: section.name.clone(), callerid, number, context }
    }
}

/// The users among the sections of a file.
#[must_use]
pub fn users_in(sections: &[ConfSection], technology: Technology) -> Vec<User> {
    let is_user = |section: &&ConfSection| kind_in(section, technology).is_some_and(Kind::is_account);
    sections.iter().filter(is_user).map(User::of).collect()
}

/// Those who have a number, by it: several are the devices of one person.
#[must_use]
pub fn by_number(users: &[User]) -> BTreeMap<&str, Vec<&User>> {
    let mut people: BTreeMap<&str, Vec<&User>> = BTreeMap::new();
    for user in users {
        if let Some(number) = &user.number {
            people.entry(number).or_default().push(user);
        }
    }
    people
}

/// The users that are reached by this number: one for each device of a person. Also by the name of an account that is a
/// number, where it is nobody's.
#[must_use]
pub fn reached_by<'a>(number: &str, users: &'a [User], directory: &Directory) -> Vec<&'a User> {
    let found: Vec<&User> = users.iter().filter(|user| user.number.as_deref() == Some(number)).collect();
    if !found.is_empty() || !is_number(number) || directory.get(number).is_some() {
        return found;
    }
    users.iter().filter(|user| user.name == number).collect()
}

/// The sections of a kind that is synced, each with its kind.
#[must_use]
pub fn kinds_in(sections: &[ConfSection], technology: Technology) -> Vec<(Kind, String)> {
    sections
        .iter()
        .filter_map(|section| Some((kind_in(section, technology)?, section.name.clone())))
        .collect()
}

/// What the channel driver lists of them once they are live: all but chan_sip's `type = user`, who may call and can't
/// be called. No list but one for people (`sip show users`) has those.
#[must_use]
pub fn listed_in(sections: &[ConfSection], technology: Technology) -> Vec<(Kind, String)> {
    let listed = sections.iter().filter(|section| value(section, "type") != "user");
    listed.filter_map(|section| Some((kind_in(section, technology)?, section.name.clone()))).collect()
}

/// The sections that are not among those in place as they are now.
#[must_use]
pub fn changed_in<'a>(
    sections: &'a [(Kind, ConfSection)],
    in_place: &[(Kind, ConfSection)],
) -> Vec<&'a (Kind, ConfSection)> {
    let known: HashMap<(Kind, &str), &ConfSection> =
        in_place.iter().map(|(kind, section)| ((*kind, section.name.as_str()), section)).collect();
    let is_new =
        |(kind, section): &&(Kind, ConfSection)| known.get(&(*kind, section.name.as_str())) != Some(&section);
    sections.iter().filter(is_new).collect()
}

/// What a section is; none where it is nothing that is synced.
#[must_use]
pub fn kind_in(section: &ConfSection, technology: Technology) -> Option<Kind> {
    Kind::from_type(technology, value(section, "type").as_bytes())
}

/// The value of a key; of one that comes twice, the last.
pub(in crate::site) fn value<'a>(section: &'a ConfSection, key: &str) -> &'a str {
    let found = section.variables.iter().rev().find(|variable| variable.key.eq_ignore_ascii_case(key));
    found.map_or("", |variable| &variable.value)
}

/// The first place where two readings differ, without the values: some of them are passwords.
#[must_use]
pub fn difference(meant: &[ConfSection], read: &[ConfSection]) -> Option<String> {
    for (meant, read) in meant.iter().zip(read) {
        if meant.name != read.name {
            return Some(format!("section [{}] instead of [{}]", read.name, meant.name));
        }
        let pairs = meant.variables.iter().zip(&read.variables);
        let differs = |(meant, read): &(&ConfVariable, &ConfVariable)| meant != read;
        if let Some((variable, _)) = pairs.clone().find(differs) {
            return Some(format!("'{}' in section [{}]", variable.key, meant.name));
        }
        if meant.variables.len() != read.variables.len() {
            let (meant_lines, read_lines) = (meant.variables.len(), read.variables.len());
            return Some(format!("{read_lines} lines instead of {meant_lines} in section [{}]", meant.name));
        }
    }
    let (meant, read) = (meant.len(), read.len());
    (meant != read).then(|| format!("{read} sections instead of {meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, variables: &[(&str, &str)]) -> ConfSection {
        ConfSection::new(name, variables.iter().copied())
    }

    #[test]
    fn users_are_endpoints_or_peers_with_their_caller_id() {
        let endpoint = section("1001", &[("type", "endpoint"), ("callerid", "Alice <1001>")]);
        let sections =
            [endpoint, section("1001", &[("type", "aor")]), section("1001-auth", &[("type", "auth")])];
        let user = User::new("1001", "Alice <1001>");
        assert_eq!(users_in(&sections, Technology::Pjsip), [user]);
        assert!(users_in(&sections, Technology::Sip).is_empty());
        let peers = [section("1002", &[("type", "friend")]), section("general", &[("bindport", "5060")])];
        assert_eq!(users_in(&peers, Technology::Sip)[0].name, "1002");
    }

    #[test]
    fn those_who_only_call_are_users_and_in_no_list() {
        let sections = ["friend", "peer", "user"].map(|word| section(word, &[("type", word)]));
        assert_eq!(users_in(&sections, Technology::Sip).len(), 3);
        let peers = ["friend", "peer"].map(|name| (Kind::Peer, name.to_owned()));
        assert_eq!(listed_in(&sections, Technology::Sip), peers);
        assert_eq!(kinds_in(&sections, Technology::Sip).len(), 3);
        let endpoint = [section("user", &[("type", "endpoint")]), section("user", &[("type", "auth")])];
        let both = [Kind::Endpoint, Kind::Auth].map(|kind| (kind, "user".to_owned()));
        assert_eq!(listed_in(&endpoint, Technology::Pjsip), both);
    }

    #[test]
    fn every_kind_of_difference_is_found_and_no_value_is_shown() {
        let meant = [section("1001", &[("type", "auth"), ("password", "canary")]), section("1002", &[])];
        let cases = [
            (vec![], "0 sections instead of 2"),
            (vec![meant[0].clone(), section("1003", &[])], "section [1003] instead of [1002]"),
            (
                vec![section("1001", &[("type", "auth"), ("password", "other")])],
                "'password' in section [1001]",
            ),
            (vec![section("1001", &[("type", "auth")])], "1 lines instead of 2 in section [1001]"),
            (vec![meant[0].clone(), meant[1].clone(), meant[1].clone()], "3 sections instead of 2"),
        ];
        for (read, expected) in cases {
            assert_eq!(difference(&meant, &read).as_deref(), Some(expected));
        }
        assert_eq!(difference(&meant, &meant), None);
    }
}
