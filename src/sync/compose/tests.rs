use regex::bytes::Regex;

use super::*;
use crate::{
    settings::{Filter, FilterKey, Technology},
    sync::policy,
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
    let settings = crate::settings::Policy { open_users: true, ..policy::tests::settings() };
    let dialplan = crate::settings::Dialplan::example();
    let policy = Policy { settings: &settings, dialplan: Some(&dialplan) };
    let files: Vec<String> = answers.iter().map(|answer| answer.query.file.clone()).collect();
    let wanted = Wanted { technology: Technology::Pjsip, files: &files, filter: &all() };
    compose(answers, &Rules { wanted, policy, local: &[], refused: &[], main: "10.0.0.254" })
}

const GOOD: &str = "Response: Success
Category-000000: 1001
Line-000000-000000: type=endpoint
Line-000000-000001: aors=1001
Line-000000-000002: callerid=A=b;c
";
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
    for line in [
        "context=a\rb",
        "context=#exec /bin/sh\r",
        "#exec=/bin/sh",
        "#include passwd=x",
        "context+=x",
        "[x](!)=y",
        "type=transport",
        "context=\0",
        "context= x",
    ] {
        let bad = format!("{GOOD}Line-000000-000003: {line}\n").replace("1001", "evil");
        let bad_aor = AOR.replace("1001", "evil");
        let parts = [GOOD, AOR, &bad, &bad_aor];
        let synced = composed(&answers(&parts)).unwrap();
        assert_eq!((synced.sections.len(), synced.left_out.len()), (2, 1), "{line:?}");
        assert!(!synced.text.contains("evil"), "{line:?}");
    }
}
