use super::*;

/// Sections as `[name] key=value …`; `(!)` behind the name makes a template.
fn read(technology: Technology, key: &FilterKey, sections: &[&[&str]]) -> Directory {
    let mut reading = Reading::new(technology, key, &NumberFrom::Guess, "PUBLIC_NUMBER");
    for section in sections {
        let (name, lines) = section.split_first().unwrap();
        let template = name.strip_suffix("(!)");
        reading.take(Part::Preamble);
        reading.take(Part::Section(template.unwrap_or(name).as_bytes()));
        if template.is_some() {
            reading.take(Part::Template);
        }
        for line in lines.iter() {
            let (key, value) = line.split_once('=').unwrap();
            reading.take(Part::Variable { key: key.as_bytes(), value: value.as_bytes() });
        }
    }
    reading.finish().unwrap()
}

fn pjsip(sections: &[&[&str]]) -> Directory {
    read(Technology::Pjsip, &FilterKey::Variable("accountcode".to_owned()), sections)
}

#[test]
fn a_user_becomes_an_entry() {
    let directory = pjsip(&[&[
        "1001",
        "type=endpoint",
        "callerid=\"Alice\" <1001>",
        "AccountCode=HeadOffice",
        "set_var=X=1",
        "set_var=PUBLIC_NUMBER=+49301001",
    ]]);
    let alice = Entry { number: "1001", name: "Alice", site: "HeadOffice", public: Some("+49301001") };
    assert_eq!(directory.iter().collect::<Vec<_>>(), [alice]);
}

#[test]
fn the_number_is_the_section_or_what_the_caller_id_says() {
    let directory = pjsip(&[
        &["1001", "type=endpoint", "callerid=Alice <2001>"],
        &["alice", "type=endpoint", "callerid=Alice <2002>"],
        &["trunk", "type=endpoint", "callerid=Trunk"],
        &["other-trunk", "type=endpoint"],
    ]);
    let numbers: Vec<&str> = directory.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, ["1001", "2002"]);
}

#[test]
fn an_id_is_no_number_and_a_device_is_no_person() {
    let directory = pjsip(&[
        &["991001", "type=endpoint", "callerid=Web <1001>", "accountcode=A"],
        &["1001", "type=endpoint", "callerid=Alice <1001>", "accountcode=A"],
        &["8439201745", "type=endpoint", "callerid=Ann <201>", "accountcode=B"],
        &["101", "type=endpoint", "callerid=Company <1>", "accountcode=C"],
        &["102", "type=endpoint", "callerid=Company <1>", "accountcode=C"],
    ]);
    let entries: Vec<_> = directory.iter().map(|entry| (entry.number, entry.name, entry.site)).collect();
    let expected =
        [("1001", "Alice", "A"), ("101", "Company", "C"), ("102", "Company", "C"), ("201", "Ann", "B")];
    assert_eq!(entries, expected);
}

#[test]
fn whoever_has_a_mailbox_is_no_device_of_the_reception() {
    let directory = pjsip(&[
        &["100", "type=endpoint", "callerid=ACME <100>", "mailboxes=100@default"],
        &["101", "type=endpoint", "callerid=ACME <100>", "mailboxes=101@default"],
        &["102", "type=endpoint", "callerid=ACME <100>", "mailboxes=100@default"],
        &["103", "type=endpoint", "callerid=ACME <100>", "mailboxes=103@device"],
    ]);
    assert_eq!(directory.iter().map(|entry| entry.number).collect::<Vec<_>>(), ["100", "101"]);
}

#[test]
fn a_phone_of_the_wizard_is_somebody_and_its_trunk_is_not() {
    let phone = [
        "1001",
        "type=wizard",
        "accepts_registrations=yes",
        "endpoint/callerid=Ann <1001>",
        "endpoint/accountcode=A",
    ];
    let directory = pjsip(&[&phone, &["2001", "type=wizard", "endpoint/callerid=Trunk <2001>"]]);
    let entries: Vec<_> = directory.iter().map(|entry| (entry.number, entry.name, entry.site)).collect();
    assert_eq!(entries, [("1001", "Ann", "A")]);
}

#[test]
fn a_phone_of_the_wizard_has_the_extension_that_it_makes() {
    let phone = ["joe", "type=wizard", "accepts_registrations=yes", "hint_exten=6001"];
    let directory = pjsip(&[&phone, &["jane", "type=endpoint", "hint_exten=6002"]]);
    assert_eq!(directory.iter().map(|entry| entry.number).collect::<Vec<_>>(), ["6001"]);
}

#[test]
fn only_users_are_in_it() {
    let directory = pjsip(&[
        &["1001(!)", "type=endpoint", "callerid=Template <1001>"],
        &["1002", "type=aor"],
        &["1003-auth", "type=auth", "username=1003", "password=canary"],
        &["1004", "callerid=No type <1004>"],
        &["1005", "type=endpoint"],
        &["1005", "type=aor"],
    ]);
    assert_eq!(directory.iter().map(|entry| entry.number).collect::<Vec<_>>(), ["1005"]);
    assert!(!format!("{directory:?}").contains("canary"));
}

#[test]
fn peers_of_chan_sip_are_users_too() {
    let sections: &[&[&str]] = &[
        &[
            "1001",
            "type=friend",
            "callerid=Alice <1001>",
            "setvar=PUBLIC_NUMBER=030 1",
            "public_number=0301001",
        ],
        &["general", "bindport=5060"],
        &["1002", "type=endpoint"],
    ];
    let directory = read(Technology::Sip, &FilterKey::CategoryName, sections);
    let alice = Entry { number: "1001", name: "Alice", site: "", public: Some("0301001") };
    assert_eq!(directory.iter().collect::<Vec<_>>(), [alice]);
}

#[test]
fn the_last_public_number_that_can_be_dialled_counts() {
    let directory = pjsip(&[&[
        "1",
        "type=endpoint",
        "set_var=PUBLIC_NUMBER=1",
        "PUBLIC_NUMBER=2",
        "set_var=PUBLIC_NUMBER=x",
        "set_var=PUBLIC_NUMBERS=3",
    ]]);
    assert_eq!(directory.get("1").unwrap().public, Some("2"));
}

#[test]
fn a_public_number_may_be_written_for_people() {
    for (said, public) in [("+49 30 20 20-01", Some("+4930202001")), ("030/2020.02", Some("030202002"))]
        .into_iter()
        .chain(["+49 (0)30 1", "- -", "0301;x"].map(|said| (said, None)))
    {
        let line = format!("set_var=PUBLIC_NUMBER={said}");
        let directory = pjsip(&[&["2001", "type=endpoint", &line]]);
        assert_eq!(directory.get("2001").unwrap().public, public, "{said}");
    }
}

#[test]
fn of_several_files_the_first_wins() {
    let directory = pjsip(&[
        &["1", "type=endpoint", "callerid=first <1>"],
        &["1", "type=endpoint", "callerid=second <1>"],
    ]);
    assert_eq!(directory.get("1").unwrap().name, "first");
}

#[test]
fn no_value_is_more_than_text() {
    let long = format!("callerid={}", "x".repeat(5000));
    let directory = pjsip(&[
        &["1", "type=endpoint", "callerid=\"a\tb\r\u{1b}\" <1>", "accountcode= Head\tOffice "],
        &["2", "type=endpoint", &long],
    ]);
    let first = directory.get("1").unwrap();
    assert_eq!((first.name, first.site), ("ab", "HeadOffice"));
    assert_eq!(directory.get("2").unwrap().name.len(), 80);
    assert_eq!(Directory::from_text(&directory.to_text()), Ok(directory));
}

#[test]
fn what_a_void_answer_brought_is_taken_back_and_comes_again() {
    let key = FilterKey::Variable("accountcode".to_owned());
    let mut reading = Reading::new(Technology::Pjsip, &key, &NumberFrom::Guess, "PUBLIC_NUMBER");
    let user = |reading: &mut Reading<'_>, name: &str, lines: &[(&str, &str)]| {
        reading.take(Part::Section(name.as_bytes()));
        for (key, value) in lines {
            reading.take(Part::Variable { key: key.as_bytes(), value: value.as_bytes() });
        }
    };
    user(&mut reading, "1001", &[("type", "endpoint"), ("callerid", "Alice <1001>")]);
    reading.keep();
    // The caller id of the second was lost, and the third broke off.
    user(&mut reading, "1002", &[("type", "endpoint")]);
    user(&mut reading, "1003", &[("type", "endpoint")]);
    reading.take_back();
    assert_eq!(reading.len(), 1);
    user(&mut reading, "1002", &[("type", "endpoint"), ("callerid", "Bob <1002>")]);
    reading.keep();
    let directory = reading.finish().unwrap();
    let names: Vec<&str> = directory.iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["Alice", "Bob"]);
}
