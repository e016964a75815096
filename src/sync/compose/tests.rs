use regex::bytes::Regex;

use super::*;
use crate::settings::FilterKey;

fn answers(parts: &[&str]) -> Vec<Answer> {
    let answer = |(number, text): (usize, &&str)| Answer {
        file: format!("file{number}.conf"),
        frame: Frame::new(text.replace('\n', "\r\n").into_bytes()),
    };
    parts.iter().enumerate().map(answer).collect()
}

fn all() -> Filter {
    Filter { key: FilterKey::CategoryName, value: Regex::new("").unwrap() }
}

const GOOD: &str = "Response: Success
Category-000000: 1001
Line-000000-000000: type=endpoint
Line-000000-000001: aors=1001
Line-000000-000002: set_var=A=b;c
";
const AOR: &str = "Response: Success
Category-000000: 1001
Line-000000-000000: type=aor
";

#[test]
fn answers_become_a_file() {
    let synced = compose(&answers(&[GOOD, AOR]), Technology::Pjsip, &all(), &[], "10.0.0.254").unwrap();
    let expected = "; Written by res_synch from 10.0.0.254: file0.conf, file1.conf.
; Do not edit: the next sync replaces this file.

[1001]
type = endpoint
aors = 1001
set_var = A=b\\;c

[1001]
type = aor
";
    assert_eq!(synced.text, expected);
    let lines: Vec<usize> = synced.sections.iter().map(|section| section.variables.len()).collect();
    assert_eq!(lines, [3, 1]);
    assert_eq!(synced.sections[0].variables[2].value, "A=b;c");
}

#[test]
fn one_void_answer_voids_all() {
    let error = compose(&answers(&[GOOD, "Response: Success\n"]), Technology::Pjsip, &all(), &[], "main");
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
        let synced = compose(&answers(&parts), Technology::Pjsip, &all(), &[], "main").unwrap();
        assert_eq!((synced.sections.len(), synced.left_out.len()), (2, 1), "{line:?}");
        assert!(!synced.text.contains("evil"), "{line:?}");
    }
}
