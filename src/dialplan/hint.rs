//! The lamps of this site: which number shows which devices. Pure.
//!
//! None of them is a pattern. Asterisk makes an extension of a pattern when somebody first watches one of its numbers
//! (`ast_extension_state_add_destroy`), with the lock of contexts taken before that of hints; and pbx_config, which builds a
//! dialplan, takes them the other way round. Two threads that meet so stop the whole Asterisk.

use std::collections::{BTreeSet, HashSet};

use super::{
    Context,
    build::{device, devices},
};
use crate::{
    settings::Technology,
    site::users::{User, by_number},
    words::number::is_number,
};

/// The lamp of one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What phones subscribe to.
    pub number: String,
    /// Whose state it shows, as in `extensions.conf`: `PJSIP/1001&Custom:DND1001`.
    pub devices: String,
}

/// The most lamps of people at other sites. What Asterisk does for hints at a reload of its dialplan grows with the square of
/// their number: a second with so many, half a minute with 10,000.
pub const MOST_PEOPLE: usize = 2_000;

/// The numbers of people at other sites that have a lamp. It stays, also when nobody has the number any more: a site that has
/// other people each time must not fill Asterisk with hints.
#[derive(Debug, Default)]
pub struct Lamps(BTreeSet<String>);

impl Lamps {
    /// Returns whether a number has a lamp, or may have one from now on.
    pub fn admit(&mut self, number: &str) -> bool {
        self.0.contains(number) || self.0.len() < MOST_PEOPLE && self.0.insert(number.to_owned())
    }
}

/// The lamps of these users, of the numbers that contexts taken from the main have one for, and of people at other sites,
/// as number and device; each number once.
#[must_use]
pub fn hints<'a>(
    technology: Technology,
    users: &[User],
    taken: &[Context],
    others: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<Hint> {
    let people = by_number(users);
    let of_user = |user: &User| {
        let number = user.number.clone()?;
        let devices = devices(technology, people.get(number.as_str())?.iter().copied());
        Some(Hint { number, devices })
    };
    // An account's name that is a number goes on to lead there, and so does its lamp.
    let of_account = |user: &User| {
        let other = is_number(&user.name) && user.number.as_deref() != Some(&user.name);
        other.then(|| Hint { number: user.name.clone(), devices: device(technology, &user.name) })
    };
    let extensions = taken.iter().flat_map(|context| &context.extensions);
    let of_main =
        extensions.filter(|extension| !extension.pattern.starts_with('_')).filter_map(|extension| {
            Some(Hint { number: extension.pattern.clone(), devices: extension.hint.clone()? })
        });
    let of_others = others.into_iter().filter(|(number, _)| is_number(number)).take(MOST_PEOPLE);
    let of_others =
        of_others.map(|(number, device)| Hint { number: number.to_owned(), devices: device.to_owned() });
    let mut known = HashSet::new();
    let all = users.iter().filter_map(of_user).chain(users.iter().filter_map(of_account)).chain(of_main);
    let all = all.chain(of_others);
    all.filter(|hint| known.insert(hint.number.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan::Extension;

    #[test]
    fn each_number_has_the_devices_of_its_user_or_of_the_main() {
        let users = [
            User::new("1001", "Alice <1001>"),
            User::new("desk", "Desk <1002>"),
            User::new("x", ""),
            User::new("cell", "Desk <1002>"),
            User { number: Some("1001".to_owned()), ..User::new("991001", "Alice <1001>") },
        ];
        let lamp = |pattern: &str, hint: Option<&str>| Extension {
            pattern: pattern.to_owned(),
            hint: hint.map(str::to_owned),
            ..Extension::default()
        };
        let extensions = vec![
            lamp("*28", Some("Custom:NIGHT")),
            lamp("1001", Some("SIP/other")),
            lamp("_3X", Some("SIP/3")),
            lamp("9", None),
        ];
        let taken = [Context { extensions, ..Context::default() }];
        let others = [("1001", "PJSIP/elsewhere"), ("2001", "PJSIP/2001"), ("h", "PJSIP/h")];
        let hints = hints(Technology::Pjsip, &users, &taken, others);
        let shown: Vec<_> = hints.iter().map(|hint| (hint.number.as_str(), hint.devices.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("1001", "PJSIP/1001&PJSIP/991001"),
                ("1002", "PJSIP/desk&PJSIP/cell"),
                ("991001", "PJSIP/991001"),
                ("*28", "Custom:NIGHT"),
                ("2001", "PJSIP/2001"),
            ]
        );
    }

    #[test]
    fn people_at_other_sites_have_so_many_lamps_and_no_more() {
        let numbers: Vec<String> = (0..=MOST_PEOPLE).map(|number| number.to_string()).collect();
        let others = numbers.iter().map(|number| (&**number, "PJSIP/x"));
        assert_eq!(hints(Technology::Pjsip, &[], &[], others).len(), MOST_PEOPLE);
    }

    #[test]
    fn the_lamps_of_people_who_come_and_go_are_bounded_over_time() {
        let mut lamps = Lamps::default();
        let admitted = (0..3 * MOST_PEOPLE).filter(|number| lamps.admit(&number.to_string())).count();
        assert_eq!(admitted, MOST_PEOPLE);
        assert!(lamps.admit("0") && !lamps.admit("9999"));
    }
}
