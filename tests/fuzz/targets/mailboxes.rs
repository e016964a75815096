//! The main's voicemail.conf into ours: nothing but boxes, and what was written once is written again.

use std::collections::HashSet;

use res_synch::{
    site::{
        mailboxes::{Mailboxes, Owner, WantedBoxes, boxes_in, find_boxes},
        users::{Document, Line, Section},
    },
    words::conf::ConfSection,
};

use super::{assert_shown, conf, strict};

/// Sections that would set something for all.
const NOT_OURS: [&str; 3] = ["general", "zonemessages", "aliases"];

/// The main's file; every box in it is wanted.
pub fn run(text: &[u8]) {
    let found = found(text);
    let written = found.text("10.0.0.254: voicemail.conf");
    let sections = strict::boxes("fuzz", &written);
    assert!(sections.iter().all(|section| !NOT_OURS.contains(&&*section.to_ascii_lowercase())));
    // Sections and boxes become folders.
    let names = sections.iter().chain(found.boxes.iter().map(|mailbox| &mailbox.number));
    names.for_each(|name| assert!(!name.starts_with('.') && !name.contains('/'), "{name}"));
    let lost = found.remarks.lost.values().flatten();
    found.remarks.left_out.iter().chain(lost).for_each(|line| assert_shown(line));
    let meaning: Vec<ConfSection> = found.meaning();
    assert_eq!(sections.len(), meaning.len());
    let there = boxes_in(&meaning);
    assert!(found.boxes.iter().all(|mailbox| there.has(&mailbox.to_string())));
    let again = self::found(conf::text(&meaning).as_bytes());
    assert_eq!(again.meaning(), meaning);
    assert!(again.remarks.left_out.is_empty(), "{:?}", again.remarks.left_out);
}

fn found(text: &[u8]) -> Mailboxes {
    let answer = conf::answer(text);
    let document = Document::read_part(&answer).expect("it is whole");
    let of = |section: &Section<'_>| {
        let name = |line: &Line<'_>| [line.key, section.name].map(String::from_utf8_lossy).join("@");
        section.lines.iter().map(name).collect()
    };
    let owners: Vec<Owner> =
        document.sections.iter().map(|section| Owner { number: None, named: of(section) }).collect();
    let options = ["kept".to_owned()];
    let wanted = WantedBoxes { owners: &owners, local: &HashSet::new(), options: &options, mails: true };
    find_boxes(&document, &wanted)
}
