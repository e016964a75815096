use std::sync::Arc;

use super::*;
use crate::{
    export::{desk::Desk, stand_in::Hashing},
    operator::{
        control::{DeviceLook, Published},
        status::tests::snapshot,
    },
    peers::DeviceState,
};

fn run(line: &str, is_there: fn(&str) -> bool) -> Answer {
    let ((commands, _), (stop, _)) = (crossbeam_channel::bounded(1), crossbeam_channel::bounded(1));
    let devices = DeviceLook::new(|_| DeviceState::Unavailable);
    let desk = Arc::new(Desk::new(Arc::new(Hashing)));
    let control = Control::new(Published::new(snapshot()), commands, stop, devices, desk);
    let words: Vec<&str> = line.split(' ').collect();
    let begins = |command: &&CliCommand| {
        let own = command.words.to_str().unwrap().split(['[', '{']).next().unwrap().trim();
        line == own || line.starts_with(&format!("{own} "))
    };
    let command = COMMANDS.iter().find(begins).unwrap();
    (command.run)(&Asked { control: &control, words: &words, now: "20260102030405".to_owned(), is_there })
}

fn text(line: &str) -> String {
    match run(line, |_| false) {
        Answer::Text(text) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn usages_name_their_command() {
    for command in COMMANDS {
        let words = command.words.to_str().unwrap();
        let own = words.split(['[', '{']).next().unwrap().trim();
        let usage = command.usage.to_str().unwrap();
        assert!(usage.starts_with(&format!("Usage: {own}")) && usage.ends_with(".\n"), "{usage}");
        assert!(usage.lines().all(|line| line.len() < 80), "{usage}");
        assert!(command.summary.to_str().unwrap().len() < 60);
    }
}

#[test]
fn what_begins_as_a_number_of_minutes_has_to_be_one() {
    for line in ["synch maintenance start 60m", "synch maintenance start 22.11 upgrade"] {
        match run(line, |_| false) {
            Answer::Failure(text) => assert!(text.contains("is no number of minutes"), "{text}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn a_word_too_many_is_answered_with_the_usage() {
    for line in [
        "synch show status text",
        "synch show config x",
        "synch show users 1001",
        "synch show users like",
        "synch show user",
        "synch show user 1001 1002",
        "synch show directory 1001",
        "synch show directory like",
        "synch show contexts x",
        "synch show versions x",
        "synch show diff 1 2 3",
        "synch show history x",
        "synch show sites x",
        "synch show state PJSIP/1001 x",
        "synch show maintenance x",
        "synch maintenance stop 22.11 now",
        "synch set mode normal 10 x",
        "synch set mode normal ten",
        "synch sync now",
        "synch failback now",
        "synch drill now",
        "synch rollback",
    ] {
        assert_eq!(run(line, |_| false), Answer::Usage, "{line}");
    }
}

#[test]
fn whether_a_phone_is_here_is_asked_of_its_device() {
    let is_here = |line| match run(line, |device| device == "PJSIP/1002") {
        Answer::Text(text) => text.contains(": registered here\n"),
        other => panic!("{other:?}"),
    };
    assert!(is_here("synch show user 1002"));
    assert!(!is_here("synch show user 1001"));
    // Who has no device here is not asked for.
    assert!(matches!(run("synch show user 9", |_| panic!("asked")), Answer::Failure(_)));
}

#[test]
fn patterns_narrow_a_list_and_nonsense_is_refused() {
    assert!(text("synch show users").contains("2 of 2 users"));
    assert!(text("synch show users like ^1001").contains("1 of 2 users"));
    assert!(text("synch show directory").contains("0 of 0 numbers"));
    for line in ["synch show users like (", "synch show directory like ("] {
        let refused = Answer::Failure("'(' is not a regular expression.\n".to_owned());
        assert_eq!(run(line, |_| false), refused);
    }
}

#[test]
fn minutes_that_are_none_are_refused_before_anything_happens() {
    for line in ["synch set mode failover 0", "synch maintenance start 99999 x"] {
        let Answer::Failure(text) = run(line, |_| false) else { panic!("{line}") };
        assert!(text.contains("no number of minutes from 1 to 10080"), "{text}");
    }
    for (line, why) in [
        ("synch set mode auto 10", "The mode auto has no end"),
        ("synch set mode maintenance", "A maintenance begins by 'synch maintenance start'."),
        ("synch set mode never", "There is no mode 'never'"),
    ] {
        let Answer::Failure(text) = run(line, |_| false) else { panic!("{line}") };
        assert!(text.starts_with(why), "{text}");
    }
}

#[test]
fn what_can_be_typed_next_is_completed() {
    let complete = |words: &str, position| {
        let command = COMMANDS.iter().find(|command| command.words.to_str() == Ok(words)).unwrap();
        (command.complete)(&snapshot(), position).join(" ")
    };
    assert_eq!(complete("synch show user", 3), "1001 1002");
    assert_eq!(complete("synch show user", 4), "");
    assert_eq!(complete("synch show directory [like]", 3), "like");
    assert_eq!(complete("synch show directory [like]", 4), "");
    for position in [3, 4] {
        assert_eq!(complete("synch show diff", position), "7");
    }
    assert_eq!(complete("synch show diff", 5), "");
    assert_eq!(complete("synch rollback", 2), "7");
    assert_eq!(complete("synch maintenance start", 3), "60");
    assert_eq!(complete("synch maintenance stop", 3), "force");
    assert_eq!(complete("synch maintenance stop", 4), "force");
    assert_eq!(complete("synch maintenance stop", 5), "");
}
