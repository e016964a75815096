//! Whose box is whose: the one that the user names; a number alone is a guess. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::DEFAULT;
use crate::{
    site::users::{Kind, User, open::names, readback::value},
    words::conf::ConfSection,
};

/// A user's number, and the boxes that he names, as `number@context`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// What others dial, where there is such a number.
    pub number: Option<String>,
    /// His boxes, in his order.
    pub named: Vec<String>,
}

impl Owner {
    /// Names a box with its context that he names without one, where voicemail looks through all of them
    /// (`searchcontexts`).
    pub fn search(&mut self, there: &Contexts<'_>) {
        for name in self.named.iter_mut().filter(|name| !there.has(name)) {
            let number = name.strip_suffix(&format!("@{DEFAULT}"));
            if let Some((number, [context])) = number.map(|number| (number, there.of(number))) {
                *name = format!("{number}@{context}");
            }
        }
    }

    /// The box that takes his messages: of several the one with his number, else the first; where he names none, the
    /// one box of his number. `there` are all boxes.
    #[must_use]
    pub fn takes(&self, there: &Contexts<'_>) -> Option<String> {
        let number = self.number.as_deref()?;
        if self.named.is_empty() {
            let [context] = there.of(number) else { return None };
            return Some(format!("{number}@{context}"));
        }
        let mut live = self.named.iter().filter(|name| there.has(name)).peekable();
        let first = live.peek().copied();
        let own = live.find(|name| name.split('@').next() == Some(number));
        own.or(first).cloned()
    }
}

/// The users of a file of ours, with the boxes that they name: an endpoint its own and then its aors'.
#[must_use]
pub fn owners_in(sections: &[(Kind, ConfSection)]) -> Vec<Owner> {
    let aors: HashMap<&str, &ConfSection> = sections
        .iter()
        .filter(|(kind, _)| *kind == Kind::Aor)
        .map(|(_, section)| (section.name.as_str(), section))
        .collect();
    let owner = |(kind, section): &(Kind, ConfSection)| {
        let mut named = Vec::new();
        match kind {
            Kind::Endpoint => {
                named.extend(names(value(section, "mailboxes")));
                let of_aors = names(value(section, "aors")).filter_map(|name| aors.get(name));
                named.extend(of_aors.flat_map(|aor| names(value(aor, "mailboxes"))));
            }
            // chan_sip adds up what several lines say (`build_peer`).
            Kind::Peer => {
                let lines = section.variables.iter().filter(|line| line.key.eq_ignore_ascii_case("mailbox"));
                named.extend(lines.flat_map(|line| names(&line.value)));
            }
            Kind::Aor | Kind::Auth => return None,
        }
        let mut known = BTreeSet::new();
        let named = named.into_iter().map(whole_name).filter(|name| known.insert(name.clone())).collect();
        Some(Owner { number: User::of(section).number, named })
    };
    sections.iter().filter_map(owner).collect()
}

/// The box of each number that has one.
#[must_use]
pub fn assign(owners: &[Owner], there: &Contexts<'_>) -> BTreeMap<String, String> {
    let mut boxes = BTreeMap::new();
    for owner in owners {
        if let (Some(number), Some(name)) = (&owner.number, owner.takes(there)) {
            boxes.entry(number.clone()).or_insert(name);
        }
    }
    boxes
}

/// The contexts in which there is a box of a number.
#[derive(Clone, Debug, Default)]
pub struct Contexts<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Contexts<'a> {
    /// Of these boxes: their number and context.
    pub fn new(boxes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut contexts: HashMap<&str, Vec<&str>> = HashMap::new();
        for (number, context) in boxes {
            let known = contexts.entry(number).or_default();
            if !known.contains(&context) {
                known.push(context);
            }
        }
        Self(contexts)
    }

    /// Those of that number.
    #[must_use]
    pub fn of(&self, number: &str) -> &[&'a str] {
        self.0.get(number).map_or(&[], Vec::as_slice)
    }

    /// Whether there is such a box.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        name.split_once('@').is_some_and(|(number, context)| self.of(number).contains(&context))
    }
}

/// A box that is named without a context is of the default one.
#[must_use]
pub fn whole_name(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@{DEFAULT}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(number: &str, named: &[&str]) -> Owner {
        Owner { number: Some(number.to_owned()), named: named.iter().map(|name| whole_name(name)).collect() }
    }

    /// Tenants that share numbers: `1004` of sales is not `1004` of everybody.
    #[test]
    fn the_box_is_the_one_that_the_user_names() {
        let there = Contexts::new([
            ("1004", "default"),
            ("1006", "default"),
            ("1004", "sales"),
            ("1005", "sales"),
            ("1005", "tenant2"),
            ("1006", "tenant2"),
            ("1007", "sales"),
            ("200", "support"),
        ]);
        for (number, named, taken) in [
            ("1004", &["1004@sales"][..], Some("1004@sales")),
            ("1004", &["1004"], Some("1004@default")),
            ("1004", &["200@support", "1004@sales"], Some("1004@sales")),
            ("1004", &["200@support"], Some("200@support")),
            ("1004", &["1004@gone"], None),
            ("1005", &["1005@device"], None),
            // Nobody says which.
            ("1006", &[], None),
            ("1007", &[], Some("1007@sales")),
            ("1008", &[], None),
        ] {
            assert_eq!(owner(number, named).takes(&there).as_deref(), taken, "{number} {named:?}");
        }
        let boxes =
            assign(&[owner("1004", &["1004@sales"]), owner("1004", &["1004"]), owner("1008", &[])], &there);
        assert_eq!(boxes.into_iter().collect::<Vec<_>>(), [("1004".to_owned(), "1004@sales".to_owned())]);
    }

    #[test]
    fn an_endpoint_names_its_own_and_its_aors() {
        let section = |name: &str, lines: &[(&str, &str)]| ConfSection::new(name, lines.iter().copied());
        let sections = [
            (
                Kind::Endpoint,
                section("1", &[("aors", "1,shared"), ("mailboxes", "9@a, 8"), ("callerid", "A <201>")]),
            ),
            (Kind::Aor, section("1", &[("mailboxes", "9@a")])),
            (Kind::Aor, section("shared", &[("mailboxes", "7@b")])),
            (Kind::Endpoint, section("anna", &[("aors", "none")])),
        ];
        let owners = owners_in(&sections);
        assert_eq!(owners[0].named, ["9@a", "8@default", "7@b"]);
        assert_eq!(owners[1], Owner { number: None, named: vec![] });
        let peer = [(Kind::Peer, section("2", &[("mailbox", "x"), ("mailbox", "2@device")]))];
        assert_eq!(owners_in(&peer)[0].named, ["x@default", "2@device"]);
    }
}
