//! `[classes]`: what users may reach here, by the context that they have on the main.

use std::fmt;

use super::{Expression, value, walk::Keys};

/// The context that FreePBX gives to every extension with outbound routes.
pub const FREEPBX_CONTEXT: &str = "from-internal";

/// Stands in a line for the contexts of `outside`, `outside_normal` and `outside_failover`.
pub const OUTSIDE: &str = "outside";
/// Stands alone in a line that grants nothing.
pub const NONE: &str = "none";

/// Where users without any right dial: people, mailboxes and emergency numbers.
pub const PEOPLE: &str = "synch-people";
/// How the context of any other class begins.
const CLASS: &str = "synch-class-";

/// What a class may reach besides people, mailboxes and emergency numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// The contexts of `outside`, `outside_normal` and `outside_failover`.
    pub outside: bool,
    /// Other contexts of the branch.
    pub contexts: Vec<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The contexts of the main that it is about: a name, or an expression that has to match a whole name.
    pub of: Expression,
    /// What they may reach.
    pub grants: Grants,
}

/// The lines, in the order of the file; the first that fits a context counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes(Vec<Class>);

/// A context in which users dial, and what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// Its name.
    pub name: String,
    /// What it leads to besides people, mailboxes and emergency numbers.
    pub grants: Grants,
}

impl Classes {
    /// These lines, and behind them the default: FreePBX's context may call outside.
    #[must_use]
    pub fn new(mut lines: Vec<Class>) -> Self {
        if let Some(of) = Expression::new(FREEPBX_CONTEXT) {
            let usual = Class { of, grants: Grants { outside: true, contexts: Vec::new() } };
            if !lines.contains(&usual) {
                lines.push(usual);
            }
        }
        Self(lines)
    }

    /// Each key is a context of the main, or an expression for several.
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        let in_force = in_force.map(Self::lines).unwrap_or_default().iter();
        let in_force: Vec<_> = in_force.map(|line| (line.of.to_string(), line.grants.to_string())).collect();
        let mut lines = Some(Vec::new());
        for (key, value) in keys.lines(&in_force) {
            match Class::read(keys, &key, &value) {
                Some(class) => lines.iter_mut().for_each(|all| all.push(class.clone())),
                None => lines = None,
            }
        }
        lines.map(Self::new)
    }

    /// The lines, the default last.
    #[must_use]
    pub fn lines(&self) -> &[Class] {
        &self.0
    }

    /// The context of the branch in which a user dials who has this one on the main. `outside`: the context of those who
    /// may call outside, and no more than that.
    #[must_use]
    pub fn door_of(&self, context: &str, outside: &str) -> String {
        let class = self.0.iter().enumerate().find(|(_, class)| class.of.is_match(context));
        class.map_or_else(|| PEOPLE.to_owned(), |(place, class)| door(place, class, outside))
    }

    /// Every context in which users may dial, each once.
    #[must_use]
    pub fn doors(&self, outside: &str) -> Vec<Door> {
        let mut doors = vec![
            Door { name: outside.to_owned(), grants: Grants { outside: true, contexts: Vec::new() } },
            Door { name: PEOPLE.to_owned(), grants: Grants::default() },
        ];
        for (place, class) in self.0.iter().enumerate() {
            let name = door(place, class, outside);
            if doors.iter().all(|door| door.name != name) {
                doors.push(Door { name, grants: class.grants.clone() });
            }
        }
        doors
    }
}

impl Class {
    fn read(keys: &mut dyn Keys, key: &str, value: &str) -> Option<Self> {
        let of = Expression::new(key).filter(|_| !key.is_empty());
        if of.is_none() {
            keys.error(&key, &"is neither the name of a context of the main nor an expression");
            return None;
        }
        let grants = Grants::read(value);
        if grants.is_none() {
            let wanted =
                format!("wanted is {NONE}, or {OUTSIDE} and contexts of this branch, separated by commas");
            keys.error(&format_args!("{key} = {value}"), &wanted);
        }
        Some(Self { of: of?, grants: grants? })
    }
}

impl Grants {
    fn read(text: &str) -> Option<Self> {
        if text.trim() == NONE {
            return Some(Self::default());
        }
        let mut contexts = value::each_of(text, value::context)?;
        let outside = contexts.iter().any(|name| name == OUTSIDE);
        contexts.retain(|name| name != OUTSIDE);
        let empty = !outside && contexts.is_empty();
        (!empty && contexts.iter().all(|name| name != NONE)).then_some(Self { outside, contexts })
    }
}

impl Default for Classes {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// The context of a class; equal rights have the same where they are the usual ones.
fn door(place: usize, class: &Class, outside: &str) -> String {
    let Class { of, grants } = class;
    match (grants.outside, grants.contexts.is_empty()) {
        (true, true) => outside.to_owned(),
        (false, true) => PEOPLE.to_owned(),
        _ => {
            let of = of.to_string();
            let plain = of.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            // Digits alone are the place of another line.
            let is_place = of.bytes().all(|byte| byte.is_ascii_digit());
            if plain && !is_place && of.len() <= MAX_IN_NAME {
                format!("{CLASS}{of}")
            } else {
                format!("{CLASS}{}", place + 1)
            }
        }
    }
}

/// Characters of a class in the name of its context: Asterisk has room for 79 in all.
const MAX_IN_NAME: usize = 60;

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outside = self.outside.then_some(OUTSIDE);
        let all: Vec<&str> = outside.into_iter().chain(self.contexts.iter().map(String::as_str)).collect();
        f.write_str(if all.is_empty() { NONE.to_owned() } else { all.join(",") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(lines: &[(&str, bool, &[&str])]) -> Classes {
        let class = |(of, outside, contexts): &(&str, bool, &[&str])| Class {
            of: Expression::new(of).unwrap(),
            grants: Grants {
                outside: *outside,
                contexts: contexts.iter().map(|&name| name.to_owned()).collect(),
            },
        };
        Classes::new(lines.iter().map(class).collect())
    }

    #[test]
    fn by_default_only_freepbxs_context_may_call_outside() {
        let classes = Classes::default();
        assert_eq!(classes.door_of("from-internal", "synch-internal"), "synch-internal");
        for other in ["no-outside-lines", "from-internal-xfer", "x-from-internal", "default", ""] {
            assert_eq!(classes.door_of(other, "synch-internal"), PEOPLE, "{other}");
        }
    }

    #[test]
    fn no_two_lines_share_a_context() {
        let classes = classes(&[("2", true, &["intercom"]), ("lab-[0-9]", false, &["lab"])]);
        assert_ne!(classes.door_of("2", "ours"), classes.door_of("lab-1", "ours"));
        assert_eq!(classes.doors("ours").len(), 4);
    }

    #[test]
    fn the_first_line_that_fits_the_whole_name_counts() {
        let classes = classes(&[
            ("managers", true, &["intercom"]),
            ("from-internal", false, &[]),
            ("site-.*", true, &[]),
            ("lab-[0-9]", false, &["lab"]),
        ]);
        let door = |context| classes.door_of(context, "ours");
        assert_eq!(door("managers"), "synch-class-managers");
        assert_eq!(door("from-internal"), PEOPLE);
        assert_eq!(door("site-berlin"), "ours");
        assert_eq!(door("my-site-berlin"), PEOPLE);
        assert_eq!(door("lab-1"), "synch-class-4");
        let doors = classes.doors("ours");
        let names: Vec<&str> = doors.iter().map(|door| door.name.as_str()).collect();
        assert_eq!(names, ["ours", PEOPLE, "synch-class-managers", "synch-class-4"]);
        assert_eq!(doors[2].grants.to_string(), "outside,intercom");
        assert_eq!(doors[1].grants.to_string(), "none");
    }
}
