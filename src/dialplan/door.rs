//! Where a number leads that somebody dials in a context of ours: what the switch answers. Pure.

use super::build::{ELSEWHERE, OTHERS, RING};
use crate::{
    settings::{Dialplan, Grants},
    site::{
        directory::Directory,
        users::{User, reached_by},
    },
    words::{number::is_number, state::Target},
};

/// What is known of the branch as somebody dials.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// `None` where synch has no contexts.
    pub dialplan: Option<&'a Dialplan>,
    /// The users of this site.
    pub users: &'a [User],
    /// Everybody on the main.
    pub directory: &'a Directory,
    /// Who serves.
    pub target: Target,
}

/// A context of ours, as somebody dials in it.
#[derive(Clone, Debug)]
pub struct Door<'a> {
    known: Known<'a>,
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
    pub fn of(known: Known<'a>, context: &str) -> Option<Self> {
        if context == OTHERS {
            return Some(Self { known, inside: None });
        }
        let dialplan = known.dialplan?;
        let door = dialplan.doors().into_iter().find(|door| door.name == context)?;
        Some(Self { known, inside: Some((dialplan, door.grants)) })
    }

    /// Whether the people whom synch knows answer this question.
    #[must_use]
    pub fn people(&self, question: Question, digits: &str) -> bool {
        let directory = self.known.directory;
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
        if self.inside.is_some() && !reached_by(number, self.known.users, self.known.directory).is_empty() {
            return Way::To(RING);
        }
        if self.known.directory.get(number).is_some() {
            return Way::To(ELSEWHERE);
        }
        Way::FirstOf(self.beyond())
    }

    /// The contexts of the administrator's that are behind this door now, in the order in which they are looked at.
    #[must_use]
    pub fn beyond(&self) -> Vec<&str> {
        let Some((dialplan, grants)) = &self.inside else { return Vec::new() };
        let now = match self.known.target {
            Target::Main => &dialplan.outside.normal,
            Target::Branch => &dialplan.outside.failover,
        };
        let outside = dialplan.outside.always.iter().chain(now).filter(|_| grants.outside);
        outside.chain(&grants.contexts).map(String::as_str).collect()
    }

    fn users(&self) -> impl Iterator<Item = &'a str> {
        let users = self.known.users;
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
    use super::*;
    use crate::{
        settings::{self, PEOPLE, Settings},
        site::directory::Entry,
        words::conf::ConfSection,
    };

    /// 1001 is of this site, 2001 of another.
    struct Branch {
        settings: Settings,
        users: Vec<User>,
        directory: Directory,
    }

    impl Branch {
        fn new() -> Self {
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
            let bob = Entry { number: "2001", name: "Bob", site: "B", public: None };
            Self {
                settings: settings::read(&sections).unwrap(),
                users: vec![User::new("1001", "\"Alice\" <1001>")],
                directory: Directory::new([bob]).unwrap(),
            }
        }

        fn door(&self, context: &str, target: Target) -> Option<Door<'_>> {
            let dialplan = self.settings.dialplan.as_ref();
            Door::of(Known { dialplan, users: &self.users, directory: &self.directory, target }, context)
        }
    }

    #[test]
    fn people_are_reached_from_every_door_and_the_rest_by_rights() {
        let branch = Branch::new();
        for (context, beyond) in [
            ("synch-internal", &["ours", "gateway"][..]),
            (PEOPLE, &[]),
            ("synch-class-door-phones", &["intercom"]),
            ("synch-class-managers", &["ours", "gateway", "intercom"]),
        ] {
            let door = branch.door(context, Target::Branch).unwrap();
            assert_eq!(door.way("1001"), Way::To(RING), "{context}");
            assert_eq!(door.way("2001"), Way::To(ELSEWHERE), "{context}");
            assert_eq!(door.way("0301234"), Way::FirstOf(beyond.to_vec()), "{context}");
        }
        assert!(branch.door("from-internal", Target::Branch).is_none());
        let door = branch.door("synch-internal", Target::Main).unwrap();
        assert_eq!(door.beyond(), ["ours", "over-main"]);
    }

    #[test]
    fn the_context_of_other_sites_leads_to_nobody_else() {
        let branch = Branch::new();
        let door = branch.door(OTHERS, Target::Branch).unwrap();
        assert_eq!(door.way("2001"), Way::To(ELSEWHERE));
        assert_eq!(door.way("1001"), Way::FirstOf(Vec::new()));
        assert!(!door.people(Question::Is, "1001") && door.people(Question::Is, "2001"));
    }

    #[test]
    fn digits_are_waited_for_while_a_number_may_become_longer() {
        let branch = Branch::new();
        let door = branch.door("synch-internal", Target::Branch).unwrap();
        assert!(door.people(Question::CanBe, "10") && door.people(Question::CanBeMore, "100"));
        assert!(!door.people(Question::CanBeMore, "1001") && door.people(Question::CanBe, "1001"));
        assert!(!door.people(Question::CanBe, "9"));
    }
}
