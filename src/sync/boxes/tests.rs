use super::*;
use crate::ami::Frame;

const FILE: &str = "Response: Success
Category-000000: general
Line-000000-000000: 1001=1,General
Line-000000-000001: mailcmd=/bin/sh
Category-000001: default
Line-000001-000000: 1001=4711,Alice,alice@example.com,,attach=yes|callback=from-internal|saycid=no
Line-000001-000001: 1002=-1234,Zoë Müller
Line-000001-000002: 2001=1,Bob
Category-000002: sales
Line-000002-000000: 1002=9,Sales
Line-000002-000001: 1003=8
";

fn names(names: &[&str]) -> HashSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn find(file: &str, named: &[&str], local: &[&str], options: &[String]) -> Mailboxes {
    let frame = Frame::new(file.replace('\n', "\r\n").into_bytes());
    let (named, local) = (names(named), names(local));
    find_boxes(&Document::read(&frame).unwrap(), &WantedBoxes { named: &named, local: &local, options })
}

#[test]
fn the_users_boxes_are_taken_with_what_is_harmless() {
    let found = find(FILE, &["1001", "1002@default", "1003"], &[], &[]);
    let expected = "; Written by res_synch from 10.0.0.254: voicemail.conf.
; Do not edit: the next sync replaces this file.

[default]
1001 = 4711,Alice,alice@example.com,,attach=yes|saycid=no
1002 = -1234,Zoë Müller

[sales]
1003 = 8
";
    assert_eq!(found.text("10.0.0.254: voicemail.conf"), expected);
    assert_eq!(boxes_in(&found.meaning())["1003"], "1003@sales");
    assert!(!format!("{found:?}").contains("4711"));
}

#[test]
fn the_branchs_own_boxes_win() {
    let found = find(FILE, &["1001"], &["1001@default"], &[]);
    assert!(found.boxes.is_empty());
    assert_eq!(found.left_out, ["1001@default: the branch's own voicemail.conf has it"]);
}

#[test]
fn an_administrator_can_take_more_options() {
    let found = find(FILE, &["1001"], &[], &["callback".to_owned()]);
    assert_eq!(
        found.boxes[0].value,
        "4711,Alice,alice@example.com,,attach=yes|callback=from-internal|saycid=no"
    );
}

#[test]
fn what_is_no_name_no_address_and_no_option_is_left_away() {
    for (value, written) in [
        ("1,\"A\" <x>,a@b,c@d", "1,,a@b,c@d"),
        ("1,A,`id`@x,-f@x", "1,A"),
        ("1,A,a@b@c", "1,A"),
        ("1,A,,,attach=$(id)|tz=../../x|x=y|attach", "1,A"),
        ("1,A,,,emailbody=${SHELL(id)}", "1,A"),
        ("", ""),
    ] {
        let file = format!("Response: Success\nCategory-000000: default\nLine-000000-000000: 1={value}\n");
        assert_eq!(find(&file, &["1"], &[], &[]).boxes[0].value, written, "{value}");
    }
    for value in ["1;2", "rm -rf", "${X}", "1\u{7}"] {
        let file = format!("Response: Success\nCategory-000000: default\nLine-000000-000000: 1={value},A\n");
        let found = find(&file, &["1"], &[], &[]);
        assert_eq!((found.boxes.len(), found.left_out.len()), (0, 1), "{value:?}");
    }
}
