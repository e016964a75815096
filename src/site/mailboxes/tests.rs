use super::*;
use crate::uplink::ami::Frame;

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

fn owner(number: &str, named: &[&str]) -> Owner {
    let named = named.iter().map(|name| owner::whole_name(name)).collect();
    Owner { number: Some(number.to_owned()), named }
}

fn find(file: &str, owners: &[Owner], local: &[&str], options: &[String]) -> Mailboxes {
    let frame = Frame::new(file.replace('\n', "\r\n").into_bytes());
    let local: HashSet<String> = local.iter().map(|name| (*name).to_owned()).collect();
    find_boxes(&Document::read(&frame).unwrap(), &WantedBoxes { owners, local: &local, options, mails: true })
}

#[test]
fn the_users_boxes_are_taken_with_what_is_harmless() {
    let owners = [owner("1001", &[]), owner("1002", &["1002@default"]), owner("1003", &[])];
    let found = find(FILE, &owners, &[], &[]);
    let expected = "; Written by res_synch from 10.0.0.254: voicemail.conf.
; Do not edit: the next sync replaces this file.

[default]
1001 = 4711,Alice,alice@example.com,,attach=yes|saycid=no
1002 = -1234,Zoë Müller

[sales]
1003 = 8
";
    assert_eq!(found.text("10.0.0.254: voicemail.conf"), expected);
    assert_eq!(found.of_number["1003"], "1003@sales");
    assert!(boxes_in(&found.meaning()).has("1003@sales"));
    assert_eq!(found.remarks.lost["1001@default"].len(), 1);
    assert!(!format!("{found:?}").contains("4711"));
}

/// A number that two tenants have: the stranger's box, with its PIN, stays where it is.
#[test]
fn nobodys_box_is_copied_whom_no_user_names() {
    let owners = [owner("1002", &["1002@sales"]), owner("2001", &["2001@gone"])];
    let found = find(FILE, &owners, &[], &[]);
    assert_eq!(found.boxes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1002@sales"]);
    assert_eq!(found.of_number.len(), 1);
    let found = find(FILE, &[owner("1002", &[])], &[], &[]);
    assert!(found.boxes.is_empty() && found.of_number.is_empty());
    assert_eq!(found.remarks.unclear["1002"], ["1002@default", "1002@sales"]);
}

/// As FreePBX names the box of a device.
#[test]
fn a_box_goes_by_its_other_name() {
    let file = format!(
        "{FILE}Category-000003: pbxaliases\nLine-000003-000000: 1001@device=1001@default\nLine-000003-000001: 5=1001\n"
    );
    let file = file.replacen(
        "Line-000000-000000: 1001=1,General",
        "Line-000000-000000: aliasescontext=pbxaliases",
        1,
    );
    let found = find(&file, &[owner("1001", &["1001@device"]), owner("1005", &["1005@device"])], &[], &[]);
    assert_eq!(
        found.of_number.into_iter().collect::<Vec<_>>(),
        [("1001".to_owned(), "1001@default".to_owned())]
    );
    let found = find(&file, &[owner("5", &[])], &[], &[]);
    assert!(found.boxes.is_empty(), "{found:?}");
}

#[test]
fn a_box_may_be_called_after_a_public_number() {
    let file = FILE.replacen("2001=1,Bob", "+49302001=1,Bob", 1);
    let found = find(&file, &[owner("+49302001", &["+49302001@default"])], &[], &[]);
    assert_eq!(found.of_number["+49302001"], "+49302001@default");
    assert!(found.text("x").contains("\n+49302001 = 1,Bob\n"));
}

#[test]
fn a_box_without_a_context_is_looked_for_where_the_main_does() {
    let owners = [owner("1003", &["1003"]), owner("1002", &["1002"])];
    assert!(!find(FILE, &owners, &[], &[]).of_number.contains_key("1003"));
    let file = FILE.replacen("mailcmd=/bin/sh", "searchcontexts=yes", 1);
    let found = find(&file, &owners, &[], &[]);
    assert_eq!((&*found.of_number["1003"], &*found.of_number["1002"]), ("1003@sales", "1002@default"));
}

#[test]
fn the_branchs_own_boxes_win() {
    let found = find(FILE, &[owner("1001", &[])], &["1001@default"], &[]);
    assert!(found.boxes.is_empty());
    assert_eq!(found.remarks.left_out, ["1001@default: the branch's own voicemail.conf already has it"]);
    assert_eq!(found.of_number["1001"], "1001@default");
}

/// A user who names it would hear that the main doesn't have it.
#[test]
fn a_box_that_cant_be_taken_is_named_with_the_reason() {
    let file = "Response: Success\nCategory-000000: default\nLine-000000-000000: 1001=12;34,Ann\n";
    let found = find(file, &[owner("1001", &["1001@default"])], &[], &[]);
    assert!(found.boxes.is_empty());
    assert_eq!(found.remarks.lost["1001@default"], ["the whole mailbox, because it has no valid PIN"]);
}

#[test]
fn an_administrator_can_take_more_options() {
    let found = find(FILE, &[owner("1001", &[])], &[], &["callback".to_owned()]);
    assert_eq!(
        found.boxes[0].value,
        "4711,Alice,alice@example.com,,attach=yes|callback=from-internal|saycid=no"
    );
}

#[test]
fn pins_that_are_elsewhere_are_told() {
    let file = FILE.replacen("mailcmd=/bin/sh", "passwordlocation=spooldir", 1);
    assert!(
        find(&file, &[], &[], &[]).remarks.pins_elsewhere
            && !find(FILE, &[], &[], &[]).remarks.pins_elsewhere
    );
}
