use regex::bytes::Regex;

use super::*;
use crate::{
    settings::{Filter, FilterKey, NumberFrom, Technology},
    site::users::policy,
};

fn answers(parts: &[&str]) -> Vec<Answer> {
    let answer = |(number, text): (usize, &&str)| Answer {
        query: Query::whole(format!("file{number}.conf")),
        frame: Frame::new(text.replace('\n', "\r\n").into_bytes()),
    };
    parts.iter().enumerate().map(answer).collect()
}

fn all() -> Filter {
    Filter { key: FilterKey::CategoryName, value: Regex::new("").unwrap() }
}

/// With the default policy, but that nobody needs a password.
fn composed(answers: &[Answer]) -> Result<Synced, SyncError> {
    composed_with(answers, &NumberFrom::Guess, &[])
}

/// The same, where the main's database says of accounts who is logged in at them.
fn composed_with(
    answers: &[Answer],
    number: &NumberFrom,
    people: &[(&str, &str)],
) -> Result<Synced, SyncError> {
    let people =
        people.iter().map(|(account, person)| ((*account).to_owned(), (*person).to_owned())).collect();
    let settings = crate::settings::Policy { open_users: true, ..policy::tests::settings() };
    let dialplan = crate::settings::Dialplan::example();
    let policy = Policy {
        settings: &settings,
        dialplan: Some(&dialplan),
        boxes: true,
        unnamed: "default",
        declined: &crate::site::users::Declined::default(),
    };
    let files: Vec<String> = answers.iter().map(|answer| answer.query.file.clone()).collect();
    let wanted = Wanted { technology: Technology::Pjsip, files: &files, filter: &all() };
    compose(
        answers,
        &Rules { wanted, policy, number, people: &people, local: &[], refused: &[], main: "10.0.0.254" },
    )
}

const GOOD: &str = "Response: Success
Category-000000: 1001
Line-000000-000000: type=endpoint
Line-000000-000001: aors=1001
Line-000000-000002: callerid=A=b;c
";
/// As Asterisk's own sample has them: the name of a person, and the extension beside it.
#[test]
fn a_phone_of_the_wizard_is_reached_at_the_extension_that_it_makes() {
    let wizard = "Response: Success
Category-000000: joe
Line-000000-000000: type=wizard
Line-000000-000001: accepts_registrations=yes
Line-000000-000002: accepts_auth=yes
Line-000000-000003: hint_exten=6001
Line-000000-000004: inbound_auth/username=joe
Line-000000-000005: inbound_auth/password=x
";
    let numbers = |from: &NumberFrom| {
        let synced = composed_with(&answers(&[wizard]), from, &[]).unwrap();
        let meant: Vec<_> = synced.sections.iter().map(Tailored::meaning).collect();
        crate::site::users::users_in(&meant, Technology::Pjsip)
            .into_iter()
            .map(|user| user.number)
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&NumberFrom::Guess), [Some("6001".to_owned())]);
    assert_eq!(numbers(&NumberFrom::Variable("hint_exten".to_owned())), [Some("6001".to_owned())]);
    assert_eq!(numbers(&NumberFrom::Section), [None]);
}

/// A small company, where everybody shows the number of the reception.
#[test]
fn whoever_has_a_mailbox_is_no_device_of_the_reception() {
    let user = |(place, (name, mailbox)): (usize, &(&str, &str))| {
        let lines = [
            "type=endpoint",
            &format!("aors={name}"),
            "callerid=ACME <100>",
            &format!("mailboxes={mailbox}"),
        ];
        let lines =
            lines.iter().enumerate().map(|(line, text)| format!("Line-{place:06}-{line:06}: {text}\n"));
        format!("Category-{place:06}: {name}\n{}", lines.collect::<String>())
    };
    let users = [("100", "100@default"), ("101", "101@default"), ("102", "102"), ("103", "100@default")];
    let users: String = users.iter().enumerate().map(user).collect();
    let aors = ["100", "101", "102", "103"].iter().enumerate();
    let aors: String = aors
        .map(|(place, name)| format!("Category-{place:06}: {name}\nLine-{place:06}-000000: type=aor\n"))
        .collect();
    let [users, aors] = [users, aors].map(|text| format!("Response: Success\n{text}"));
    let synced = composed(&answers(&[&users, &aors])).unwrap();
    let meant: Vec<_> = synced.sections.iter().map(Tailored::meaning).collect();
    let users = crate::site::users::users_in(&meant, Technology::Pjsip);
    let numbers: Vec<&str> = users.iter().filter_map(|user| user.number.as_deref()).collect();
    assert_eq!(numbers, ["100", "101", "102", "100"]);
}

const AOR: &str = "Response: Success
Category-000000: 1001
Line-000000-000000: type=aor
";

#[test]
fn answers_become_a_file() {
    let synced = composed(&answers(&[GOOD, AOR])).unwrap();
    let expected = "; Written by res_synch from 10.0.0.254: file0.conf, file1.conf.
; Do not edit: the next sync replaces this file.

[1001]
type = endpoint
aors = 1001
callerid = A=b\\;c
context = synch-people

[1001]
type = aor
maximum_expiration = 120
default_expiration = 120
";
    assert_eq!(synced.text, expected);
    let lines: Vec<usize> = synced.sections.iter().map(|section| section.options.len()).collect();
    assert_eq!(lines, [4, 3]);
    assert_eq!(synced.sections[0].meaning().variables[2].value, "A=b;c");
}

#[test]
fn one_void_answer_voids_all() {
    let error = composed(&answers(&[GOOD, "Response: Success\n"]));
    assert_eq!(error.unwrap_err().to_string(), "file1.conf on the main: the answer has no section");
}

#[test]
fn nothing_hostile_reaches_the_file() {
    for (line, left_out) in [
        ("context=a\rb", 1),
        ("context=#exec /bin/sh\r", 1),
        ("context=\0", 1),
        ("context= x", 1),
        ("language=#exec /bin/sh\r", 0),
        ("callerid=\r[evil]\0", 0),
        ("#exec=/bin/evil", 0),
        ("#include evil=x", 0),
        ("context+=evil", 0),
        ("[evil](!)=y", 0),
        ("type=evil", 0),
    ] {
        let bad = format!("{GOOD}Line-000000-000003: {line}\n").replace("1001", "1002");
        let bad_aor = AOR.replace("1001", "1002");
        let parts = [GOOD, AOR, &bad, &bad_aor];
        let synced = composed(&answers(&parts)).unwrap();
        assert_eq!((synced.sections.len(), synced.left_out.len()), (4 - 2 * left_out, left_out), "{line:?}");
        let lines: Vec<&str> =
            synced.text.lines().filter(|line| line.contains("evil") || line.contains("exec")).collect();
        // In a caller id it is text like any other.
        assert!(lines.iter().all(|line| *line == "callerid = [evil]"), "{line:?}: {lines:?}");
    }
}

#[test]
fn whoever_is_logged_in_at_a_device_is_reached_there() {
    let account = |text: &str| text.replace("1001", "99001").replace("A=b;c", "Phone <99001>");
    let answers = answers(&[&account(GOOD), &account(AOR)]);
    let people = [("99001", "1021"), ("7", "8")];
    let written = |number: &NumberFrom, people: &[(&str, &str)]| {
        let synced = composed_with(&answers, number, people).unwrap();
        synced.text.lines().find(|line| line.contains("SYNCH_NUMBER")).map(str::to_owned)
    };
    assert_eq!(written(&NumberFrom::Guess, &people).as_deref(), Some("set_var = SYNCH_NUMBER=1021"));
    assert_eq!(written(&NumberFrom::Guess, &[]), None);
    assert_eq!(written(&NumberFrom::Section, &people), None);
}
