use super::*;

fn check(name: &[u8], lines: &[(&[u8], &[u8])], technology: Technology) -> Result<(), Violation> {
    let lines = lines.iter().map(|(key, value)| Line { key, value }).collect();
    Accepted::check(&Section { name, lines }, technology).map(drop)
}

fn endpoint_with(key: &[u8], value: &[u8]) -> Result<(), Violation> {
    check(b"1001", &[(b"type", b"endpoint"), (key, value)], Technology::Pjsip)
}

/// What is written of a section, and what is not.
fn written(lines: &[(&[u8], &[u8])], technology: Technology) -> (Vec<String>, Vec<Spoilt>) {
    let lines = lines.iter().map(|(key, value)| Line { key, value }).collect();
    let accepted = Accepted::check(&Section { name: b"1001", lines }, technology).unwrap();
    let written = accepted.lines().iter().map(|line| format!("{}={}", line.key, line.value)).collect();
    (written, accepted.spoilt().to_vec())
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
        let (kept, spoilt) = written(&[(b"type", b"endpoint"), (b"language", value)], Technology::Pjsip);
        assert_eq!((kept, spoilt.len()), (vec!["type=endpoint".to_owned()], 1), "{value:?}");
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
        let (kept, spoilt) = written(&[(b"type", b"endpoint"), (key, b"canary")], Technology::Pjsip);
        assert_eq!(kept, ["type=endpoint"], "{key:?}");
        assert!(spoilt.len() == 1 && spoilt[0].value == "***", "{key:?}");
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

/// As administrators have them: a name in Latin-1, and a TAB in a list and in what nobody takes.
#[test]
fn a_name_loses_its_odd_letters_and_a_list_its_odd_entries() {
    let lines: [(&[u8], &[u8]); 6] = [
        (b"type", b"endpoint"),
        (b"callerid", b"J\xfcrgen\t<1001>"),
        (b"allow", b"ulaw,g7\xff22,\talaw"),
        (b"description", b"\xff"),
        (b"@tenantid", b"acme"),
        (b"max_audio_streams", b"1\t"),
    ];
    let (kept, spoilt) = written(&lines, Technology::Pjsip);
    assert_eq!(kept, ["type=endpoint", "callerid=Jrgen<1001>", "allow=ulaw,alaw"]);
    let told: Vec<(&str, &str)> = spoilt.iter().map(|line| (&*line.key, line.why)).collect();
    assert_eq!(
        told,
        [("description", SPOILT_WHY), ("@tenantid", OWN_WHY), ("max_audio_streams", SPOILT_WHY)]
    );
}

#[test]
fn a_line_costs_the_user_where_he_would_be_open_unreachable_or_somebody_else() {
    let pjsip: [(&[u8], &[&[u8]]); 3] = [
        (b"endpoint", &[b"aors", b"auth", b"allow", b"context"]),
        (b"aor", &[b"max_contacts"]),
        (b"auth", &[b"password", b"md5_cred", b"username", b"auth_type", b"realm", b"password_digest"]),
    ];
    for (kind, keys) in pjsip {
        for key in keys {
            let odd = check(b"1", &[(b"type", kind), (key, b"\xff")], Technology::Pjsip);
            assert_eq!(odd, Err(Violation::Value(visible_octets(key))));
        }
    }
    for key in [&b"secret"[..], b"md5secret", b"context", b"defaultuser"] {
        let odd = check(b"1", &[(b"type", b"friend"), (key, b"a\tb")], Technology::Sip);
        assert_eq!(odd, Err(Violation::Value(visible_octets(key))));
    }
}

#[test]
fn types_are_the_known_ones() {
    let typed = |words: &[&[u8]], technology| {
        let lines: Vec<(&[u8], &[u8])> = words.iter().map(|word| (&b"type"[..], *word)).collect();
        check(b"1001", &lines, technology)
    };
    for word in ["transport", "system", "global", "registration", "identify", "acl", "friend", "Endpoint", ""]
    {
        assert_eq!(typed(&[word.as_bytes()], Technology::Pjsip), Err(Violation::Type(word.to_owned())));
    }
    assert_eq!(typed(&[b"endpoint"], Technology::Sip), Err(Violation::Type("endpoint".to_owned())));
    assert_eq!(typed(&[], Technology::Sip), Err(Violation::NoType));
}

#[test]
fn of_several_types_pjsip_goes_by_the_first_and_chan_sip_by_all() {
    for (words, technology, expected) in [
        (&[&b"endpoint"[..], b"ENDPOINT"][..], Technology::Pjsip, "type=endpoint"),
        (&[b"aor", b"endpoint"], Technology::Pjsip, "type=aor"),
        (&[b"endpoint", b"endpoint"], Technology::Pjsip, "type=endpoint"),
        (&[b"friend", b"peer"], Technology::Sip, "type=friend"),
        (&[b"peer", b"user"], Technology::Sip, "type=friend"),
        (&[b"Peer", b"peer"], Technology::Sip, "type=peer"),
        (&[b"user"], Technology::Sip, "type=user"),
    ] {
        let lines: Vec<(&[u8], &[u8])> = words.iter().map(|word| (&b"type"[..], *word)).collect();
        let (kept, spoilt) = written(&lines, technology);
        assert_eq!((kept, spoilt.len()), (vec![expected.to_owned()], words.len() - 1), "{expected}");
    }
}

#[test]
fn a_line_is_measured_as_it_is_written() {
    for semicolons in [0, 1, 100] {
        let room = MAX_LINE - "callerid = \n".len() - semicolons;
        let value = |length: usize| [vec![b';'; semicolons], vec![b'x'; length - semicolons]].concat();
        assert_eq!(endpoint_with(b"callerid", &value(room)), Ok(()), "{semicolons}");
        let longer = value(room + 1);
        let (_, spoilt) = written(&[(b"type", b"endpoint"), (b"callerid", &longer)], Technology::Pjsip);
        assert_eq!(spoilt.len(), 1, "{semicolons}");
    }
}
