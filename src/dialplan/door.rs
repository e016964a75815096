//! Where a number leads that somebody dials in a context of ours: what the switch answers. Pure.

use super::build::{ELSEWHERE, OTHERS, RING};
use crate::{
    operator::status::Snapshot,
    settings::{Dialplan, Grants},
    site::directory::is_number,
    words::state::Target,
};

/// What a door knows.
#[derive(Clone, Debug)]
pub struct Door<'a> {
    snapshot: &'a Snapshot,
    /// What this context leads to besides people; `None` where that is the people of other sites alone.
    inside: Option<(&'a Dialplan, Grants)>,
}

/// Where a number leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way<'a> {
    /// To this context, where the number goes on.
    To(&'static str),
    /// To the first of these contexts of the administrator's that has it.
    FirstOf(Vec<&'a str>),
}

/// What is asked of the digits that somebody has dialled so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether they are a number.
    Is,
    /// Whether they are a number, or the beginning of one.
    CanBe,
    /// Whether they are the beginning of a longer number.
    CanBeMore,
}

impl<'a> Door<'a> {
    /// The door that this context is; `None` where it is none of ours.
    #[must_use]
    pub fn of(snapshot: &'a Snapshot, context: &str) -> Option<Self> {
        if context == OTHERS {
            return Some(Self { snapshot, inside: None });
        }
        let dialplan = snapshot.settings.dialplan.as_ref()?;
        let door = dialplan.doors().into_iter().find(|door| door.name == context)?;
        Some(Self { snapshot, inside: Some((dialplan, door.grants)) })
    }

    /// Whether the people whom synch knows answer this question.
    #[must_use]
    pub fn people(&self, question: Question, digits: &str) -> bool {
        let directory = &self.snapshot.sync.directory;
        let elsewhere = match question {
            Question::Is => directory.get(digits).is_some(),
            Question::CanBe => directory.begins_with(digits),
            Question::CanBeMore => directory.is_longer_than(digits),
        };
        elsewhere || self.inside.is_some() && self.users().any(|number| fits(question, number, digits))
    }

    /// Where a number leads.
    #[must_use]
    pub fn way(&self, number: &str) -> Way<'_> {
        if self.inside.is_some() && self.snapshot.sync.user(number).is_some() {
            return Way::To(RING);
        }
        if self.snapshot.sync.directory.get(number).is_some() {
            return Way::To(ELSEWHERE);
        }
        Way::FirstOf(self.beyond())
    }

    /// The contexts of the administrator's that are behind this door now, in the order in which they are looked at.
    #[must_use]
    pub fn beyond(&self) -> Vec<&str> {
        let Some((dialplan, grants)) = &self.inside else { return Vec::new() };
        let now = match self.snapshot.service.target {
            Target::Main => &dialplan.outside.normal,
            Target::Branch => &dialplan.outside.failover,
        };
        let outside = dialplan.outside.always.iter().chain(now).filter(|_| grants.outside);
        outside.chain(&grants.contexts).map(String::as_str).collect()
    }

    fn users(&self) -> impl Iterator<Item = &'a str> {
        let users = &self.snapshot.sync.users;
        let numbers = users.iter().filter_map(|user| user.number.as_deref());
        // An account's name that is a number leads there as well where it is nobody's.
        numbers.chain(users.iter().map(|user| user.name.as_str()).filter(|name| is_number(name)))
    }
}

fn fits(question: Question, number: &str, digits: &str) -> bool {
    match question {
        Question::Is => number == digits,
        Question::CanBe => number.starts_with(digits),
        Question::CanBeMore => number.starts_with(digits) && number.len() > digits.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        operator::status::tests::snapshot,
        settings::{self, PEOPLE},
        site::directory::{Directory, Entry},
        words::conf::ConfSection,
    };

    fn shown(service: Target) -> Snapshot {
        let mut snapshot = snapshot();
        let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
        let off = |name| ConfSection::new(name, [("enabled", "no")]);
        let dialplan =
            [("outside", "ours"), ("outside_failover", "gateway"), ("outside_normal", "over-main")];
        let classes = [("door-phones", "intercom"), ("managers", "outside,intercom")];
        let sections = [
            main,
            off("sync"),
            off("dns"),
            ConfSection::new("dialplan", dialplan),
            ConfSection::new("classes", classes),
        ];
        snapshot.settings = Arc::new(settings::read(&sections).unwrap());
        snapshot.service.target = service;
        let bob = Entry { number: "2001", name: "Bob", site: "B", public: None };
        Arc::make_mut(&mut snapshot.sync).directory = Arc::new(Directory::new([bob]).unwrap());
        snapshot
    }

    #[test]
    fn people_are_reached_from_every_door_and_the_rest_by_rights() {
        let snapshot = shown(Target::Branch);
        for (context, beyond) in [
            ("synch-internal", &["ours", "gateway"][..]),
            (PEOPLE, &[]),
            ("synch-class-door-phones", &["intercom"]),
            ("synch-class-managers", &["ours", "gateway", "intercom"]),
        ] {
            let door = Door::of(&snapshot, context).unwrap();
            assert_eq!(door.way("1001"), Way::To(RING), "{context}");
            assert_eq!(door.way("2001"), Way::To(ELSEWHERE), "{context}");
            assert_eq!(door.way("0301234"), Way::FirstOf(beyond.to_vec()), "{context}");
        }
        assert!(Door::of(&snapshot, "from-internal").is_none());
        let snapshot = shown(Target::Main);
        let door = Door::of(&snapshot, "synch-internal").unwrap();
        assert_eq!(door.beyond(), ["ours", "over-main"]);
    }

    #[test]
    fn the_context_of_other_sites_leads_to_nobody_else() {
        let snapshot = shown(Target::Branch);
        let door = Door::of(&snapshot, OTHERS).unwrap();
        assert_eq!(door.way("2001"), Way::To(ELSEWHERE));
        assert_eq!(door.way("1001"), Way::FirstOf(Vec::new()));
        assert!(!door.people(Question::Is, "1001") && door.people(Question::Is, "2001"));
    }

    #[test]
    fn digits_are_waited_for_while_a_number_may_become_longer() {
        let snapshot = shown(Target::Branch);
        let door = Door::of(&snapshot, "synch-internal").unwrap();
        assert!(door.people(Question::CanBe, "10") && door.people(Question::CanBeMore, "100"));
        assert!(!door.people(Question::CanBeMore, "1001") && door.people(Question::CanBe, "1001"));
        assert!(!door.people(Question::CanBe, "9"));
    }
}
