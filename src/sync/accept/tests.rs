use super::*;

fn check(name: &[u8], lines: &[(&[u8], &[u8])], technology: Technology) -> Result<(), Violation> {
    let lines = lines.iter().map(|(key, value)| Line { key, value }).collect();
    Accepted::check(&Section { name, lines }, technology).map(drop)
}

fn endpoint_with(key: &[u8], value: &[u8]) -> Result<(), Violation> {
    check(b"1001", &[(b"type", b"endpoint"), (key, value)], Technology::Pjsip)
}

#[test]
fn ordinary_sections_pass() {
    for name in [&b"1001"[..], b"1001-auth", b"anna.b@site_2", b"+49301234"] {
        assert_eq!(check(name, &[(b"type", b"aor")], Technology::Pjsip), Ok(()));
    }
    assert_eq!(check(b"1", &[(b"type", b"friend"), (b"call-limit", b"4")], Technology::Sip), Ok(()));
}

#[test]
fn values_keep_whatever_can_come_back() {
    for value in
        ["", "a=b;c", "=", ">", "=> x", "#exec rm", "[x](!)", "\\", ";--", "--;", "\"Änne ☎\" <1>", "a  b"]
    {
        assert_eq!(endpoint_with(b"callerid", value.as_bytes()), Ok(()), "{value:?}");
    }
}

#[test]
fn no_value_leaves_its_line() {
    let long = [b'x'; 9000];
    let semicolons = [b';'; 4500];
    for value in [
        &b"a\nb"[..],
        b"a\n#exec /bin/sh",
        b"a\r",
        b"a\rb",
        b"a\0b",
        b"a\tb",
        b"\x7f",
        "a\u{85}b".as_bytes(),
        b"\xff",
        b"\xc3",
        b" a",
        b"a ",
        b" ",
        &long,
        &semicolons,
    ] {
        assert_eq!(
            endpoint_with(b"context", value),
            Err(Violation::Value("context".to_owned())),
            "{value:?}"
        );
    }
}

#[test]
fn no_key_is_syntax() {
    let long = [b'x'; 65];
    for key in [
        &b""[..],
        b"#include",
        b"[x]",
        b"a+",
        b"a b",
        b"a>",
        b";",
        b"a;b",
        b"a\\",
        b"\xc3\xa4",
        b"a\n",
        b"a:b",
        &long,
    ] {
        assert!(matches!(endpoint_with(key, b"x"), Err(Violation::Key(_))), "{key:?}");
    }
}

#[test]
fn no_name_is_syntax() {
    let long = [b'x'; 80];
    for name in [
        &b""[..],
        b"x](!)",
        b"a]b",
        b"[a",
        b"a(b)",
        b"a b",
        b"a;b",
        b"a\nb",
        b"#a",
        b"\xc3\xa4",
        b"a,b",
        &long,
    ] {
        assert_eq!(check(name, &[(b"type", b"aor")], Technology::Pjsip), Err(Violation::Name), "{name:?}");
    }
    for name in [&b"general"[..], b"General", b"authentication"] {
        assert_eq!(check(name, &[(b"type", b"friend")], Technology::Sip), Err(Violation::Name));
    }
}

#[test]
fn types_are_the_known_ones_and_agree() {
    let typed = |words: &[&[u8]], technology| {
        let lines: Vec<(&[u8], &[u8])> = words.iter().map(|word| (&b"type"[..], *word)).collect();
        check(b"1001", &lines, technology)
    };
    for word in ["transport", "system", "global", "registration", "identify", "acl", "friend", "Endpoint", ""]
    {
        assert_eq!(typed(&[word.as_bytes()], Technology::Pjsip), Err(Violation::Type(word.to_owned())));
    }
    assert_eq!(typed(&[b"endpoint", b"endpoint"], Technology::Pjsip), Ok(()));
    assert_eq!(typed(&[b"endpoint", b"transport"], Technology::Pjsip), Err(Violation::TwoTypes));
    assert_eq!(typed(&[b"endpoint"], Technology::Sip), Err(Violation::Type("endpoint".to_owned())));
    assert_eq!(typed(&[], Technology::Sip), Err(Violation::NoType));
    let lines = [(&b"type"[..], &b"endpoint"[..]), (b"TYPE", b"transport")];
    assert_eq!(check(b"1001", &lines, Technology::Pjsip), Err(Violation::TwoTypes));
}

#[test]
fn a_line_is_measured_as_it_is_written() {
    for semicolons in [0, 1, 100] {
        let room = MAX_LINE - "callerid = \n".len() - semicolons;
        let value = |length: usize| [vec![b';'; semicolons], vec![b'x'; length - semicolons]].concat();
        assert_eq!(endpoint_with(b"callerid", &value(room)), Ok(()), "{semicolons}");
        assert!(endpoint_with(b"callerid", &value(room + 1)).is_err(), "{semicolons}");
    }
}
