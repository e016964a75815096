use std::{hash::RandomState, sync::Arc};

use super::*;
use crate::{settings::Technology, words::conf::ConfSection};

/// A peer for each of them: name, caller id, secret.
fn sections(users: &[(&str, &str, &str)]) -> Vec<ConfSection> {
    let section = |(name, callerid, secret): &(&str, &str, &str)| {
        ConfSection::new(*name, [("type", "friend"), ("callerid", callerid), ("secret", secret)])
    };
    users.iter().map(section).collect()
}

/// Versions 3, 4 and 6, of which the newest is in force.
fn synced() -> SyncStatus {
    let keys = RandomState::new();
    let contents = [
        sections(&[("1001", "Alice <1001>", "canary"), ("1002", "Bob <1002>", "canary")]),
        sections(&[("1001", "Alicia <1001>", "canary2"), ("1002", "Bob <1002>", "canary")]),
        sections(&[("1001", "Alicia <1001>", "canary"), ("1003", "Zoë\u{202e} <1003>", "canary")]),
    ];
    let mut sync = SyncStatus::before_the_first(true);
    for (place, number) in [3, 4, 6].into_iter().enumerate() {
        let since = place.checked_sub(1).map(|before| {
            let diff = Diff::between(&contents[before], &contents[place], Technology::Sip, &keys);
            (sync.versions[before].number, Arc::new(diff))
        });
        let time = format!("2026010203040{number}");
        sync.versions.push(Version { number, time, users: contents[place].len(), since });
    }
    sync.version = Some(6);
    sync
}

#[test]
fn without_a_version_it_is_the_newest_against_the_one_before() {
    let expected = "From version 4 (20260102030404) to version 6 (20260102030406):\n\
                    ~ 1001 peer secret: *** -> *** (changed)\n\
                    - 1002 Bob <1002>\n\
                    + 1003 Zoë\\u{202e} <1003>\n\
                    users: 1 added, 1 removed, 1 changed\n";
    assert_eq!(diff(&synced(), &[]).unwrap(), expected);
}

#[test]
fn one_version_is_against_the_one_in_force_and_a_password_that_came_back_is_none() {
    let expected = "From version 3 (20260102030403) to version 6 (20260102030406):\n\
                    ~ 1001 peer callerid: Alice <1001> -> Alicia <1001>\n\
                    - 1002 Bob <1002>\n\
                    + 1003 Zoë\\u{202e} <1003>\n\
                    users: 1 added, 1 removed, 1 changed\n";
    assert_eq!(diff(&synced(), &["3"]).unwrap(), expected);
    assert!(diff(&synced(), &["6"]).unwrap().ends_with("):\nusers: 0 added, 0 removed, 0 changed\n"));
    let mut back = synced();
    back.version = Some(3);
    let text = diff(&back, &["4"]).unwrap();
    assert!(text.starts_with("From version 4 ") && text.contains("Alicia <1001> -> Alice <1001>"), "{text}");
    back.version = None;
    assert!(diff(&back, &["4"]).unwrap_err().contains("not one of the kept versions"));
}

#[test]
fn of_two_versions_either_may_be_the_first() {
    let there = diff(&synced(), &["3", "4"]).unwrap();
    assert!(there.contains("~ 1001 peer callerid: Alice <1001> -> Alicia <1001>\n"), "{there}");
    let back = diff(&synced(), &["6", "3"]).unwrap();
    assert!(back.contains("+ 1002 Bob <1002>\n") && back.contains("- 1003 Zoë"), "{back}");
}

#[test]
fn what_can_not_be_compared_is_said() {
    let mut sync = synced();
    assert!(diff(&sync, &["5"]).unwrap_err().contains("There is no version '5'"));
    assert!(diff(&sync, &["3", "x"]).unwrap_err().contains("There is no version 'x'"));
    sync.versions[1].since = None;
    assert!(diff(&sync, &["3"]).unwrap_err().contains("Version 4 or 3 can't be read"));
    assert!(diff(&sync, &["4"]).is_ok());
    sync.versions.truncate(1);
    assert!(diff(&sync, &[]).unwrap_err().contains("Less than two versions"));
}

#[test]
fn a_user_last_changed_in_the_newest_version_that_names_it() {
    let mut sync = synced();
    sync.version = Some(4);
    assert_eq!(last_change(&sync, "1001"), "version 4 (20260102030404)");
    assert_eq!(last_change(&sync, "1002"), "version 3 or before");
    sync.version = Some(6);
    assert_eq!(last_change(&sync, "1003"), "version 6 (20260102030406)");
    // The version before it is gone.
    sync.versions.remove(0);
    assert_eq!(last_change(&sync, "1004"), "before version 4");
    sync.versions.clear();
    assert!(last_change(&sync, "1001").starts_with("not known"));
}
