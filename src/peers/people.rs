//! Who can be called here, as other sites are told. Pure.

use std::collections::HashSet;

use super::{Person, payload::cut, topic::is_plain};
use crate::{
    settings::Technology,
    words::{caller_id, number::is_number},
};

/// Returns the person behind a device, by its caller id: `"Alice" <1001>`. `None` where it names nobody who can be called,
/// as that of a trunk: `<unknown>`.
#[must_use]
pub fn person(device: &str, callerid: &str) -> Option<Person> {
    let number = caller_id::number(callerid)?;
    told(number, &caller_id::name(callerid), device)
}

/// Returns the people whose devices these are; each number once, by its first device.
pub fn of_devices<'a>(devices: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Person> {
    once_each(devices.into_iter().filter_map(|(device, callerid)| person(device, callerid)))
}

/// Returns the people that have these users: number, caller id and device of each. Each number once, by its first device.
pub fn of_users<'a>(users: impl IntoIterator<Item = (&'a str, &'a str, String)>) -> Vec<Person> {
    let person =
        |(number, callerid, device): (&str, &str, String)| told(number, &caller_id::name(callerid), &device);
    once_each(users.into_iter().filter_map(person))
}

/// Returns the name of the device where it is a phone that may have a caller id: `PJSIP/1001`.
#[must_use]
pub fn phone(device: &str) -> Option<(Technology, &str)> {
    [Technology::Pjsip, Technology::Sip].into_iter().find_map(|technology| {
        let name = device.strip_prefix(technology.driver())?.strip_prefix('/')?;
        is_plain(name).then_some((technology, name))
    })
}

fn told(number: &str, name: &str, device: &str) -> Option<Person> {
    let name = cut(name);
    (is_number(number) && !name.is_empty() && is_plain(device)).then(|| Person {
        number: number.to_owned(),
        name,
        device: device.to_owned(),
    })
}

/// In the order of the numbers, so that the same people are always said in the same way.
fn once_each(people: impl Iterator<Item = Person>) -> Vec<Person> {
    let mut known = HashSet::new();
    let mut people: Vec<Person> = people.filter(|person| known.insert(person.number.clone())).collect();
    people.sort();
    people
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(people: &[Person]) -> Vec<[&str; 3]> {
        people.iter().map(|Person { number, name, device }| [&**number, &**name, &**device]).collect()
    }

    #[test]
    fn a_device_whose_caller_id_has_a_name_and_a_number_is_a_person() {
        let people = of_devices([
            ("PJSIP/1002", "\"Bob\" <1002>"),
            ("PJSIP/desk", "\"Alice Müller\" <1001>"),
            ("PJSIP/1001", "\"Alice again\" <1001>"),
            ("PJSIP/trunk", "<unknown>"),
            ("PJSIP/anonymous", ""),
            ("PJSIP/1003", "<1003>"),
            ("PJSIP/1004&x", "\"Carol\" <1004>"),
            ("PJSIP/1005", "\"Dan\" <s>"),
        ]);
        assert_eq!(shown(&people), [["1001", "Alice Müller", "PJSIP/desk"], ["1002", "Bob", "PJSIP/1002"]]);
    }

    #[test]
    fn users_who_have_a_number_and_a_name_are_people() {
        let user = |number, callerid, device: &str| (number, callerid, device.to_owned());
        let people = of_users([
            user("1002", "Desk <1002>", "SIP/desk"),
            user("1001", "Alice <1001>", "SIP/1001"),
            user("1001", "Alice <1001>", "SIP/991001"),
            user("1003", "1003", "SIP/1003"),
        ]);
        assert_eq!(shown(&people), [["1001", "Alice", "SIP/1001"], ["1002", "Desk", "SIP/desk"]]);
    }

    #[test]
    fn only_phones_are_asked_for_a_caller_id() {
        for (device, asked) in [
            ("PJSIP/1001", Some((Technology::Pjsip, "1001"))),
            ("SIP/1001", Some((Technology::Sip, "1001"))),
            ("PJSIP/", None),
            ("PJSIP/a,b", None),
            ("PJSIP/${x}", None),
            ("Custom:lunch", None),
            ("SIPx/1001", None),
        ] {
            assert_eq!(phone(device), asked, "{device}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_letters() {
        let callerid = format!("\"{}\" <1001>", "ü".repeat(60));
        assert_eq!(person("PJSIP/1001", &callerid).map(|person| person.name.len()), Some(78));
    }
}
