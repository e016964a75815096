use super::*;
use crate::{export::stand_in::Hashing, settings::read, words::conf::ConfSection};

fn export(lines: &[(&str, &str)], sites: &[(&str, &[(&str, &str)])]) -> Export {
    let mut all = vec![("sites", "berlin,ulm")];
    all.extend(lines);
    let mut sections = vec![ConfSection::new("export", all)];
    sections.extend(
        sites.iter().map(|(name, lines)| ConfSection::new(format!("site {name}"), lines.iter().copied())),
    );
    read(&sections).unwrap().export.unwrap()
}

fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match (line.strip_prefix('['), line.split_once('=')) {
            (Some(name), _) => sections.push(Section::new(name.trim_end_matches(']'))),
            (None, Some((key, value))) => {
                sections.last_mut().unwrap().push(key.trim().as_bytes(), value.trim().as_bytes());
            }
            (None, None) => panic!("{line}"),
        }
    }
    sections
}

const USERS: &str = "
    [1001]
    type=endpoint
    accountcode=berlin
    aors=1001
    auth=1001-auth
    mailboxes=1001@default
    callerid=Alice, the first <1001>
    set_var=PUBLIC_NUMBER=+49301001
    [1002]
    type=endpoint
    accountcode=old
    accountcode=berlin
    aors=1002,shared
    auth=1002-auth
    [2001]
    type=endpoint
    accountcode=ulm
    aors=2001,shared
    auth=2001-auth
    [trunk]
    type=endpoint
    aors=trunk
    outbound_auth=trunk
    [1001]
    type=aor
    max_contacts=1
    [1002]
    type=aor
    [2001]
    type=aor
    [shared]
    type=aor
    [trunk]
    type=aor
    [1001-auth]
    type=auth
    password=secret-1001
    [1002-auth]
    type=auth
    password=secret-1002
    [2001-auth]
    type=auth
    password=secret-2001
    [trunk]
    type=auth
    password=secret-trunk
    [1001]
    type=identify
    match=10.0.0.1";

const BOXES: &str = "
    [general]
    emailbody=x
    [default]
    1001=1234,Alice
    1002=4321,Bob
    2001=9999,Ulm
    [other]
    1001=1111,Another";

const CONTEXTS: &str = "
    [globals]
    AMPDBPASS=secret-database
    [site-a]
    exten=1,1,NoOp
    [site-b]
    exten=2,1,NoOp
    [site-a]
    exten=3,1,NoOp";

fn files(users: &str) -> Files {
    Files { users: sections(users), boxes: Some(sections(BOXES)), contexts: Some(sections(CONTEXTS)) }
}

fn stock(users: &str, export: &Export) -> (Stock, Texts) {
    let sites = BTreeSet::from(["berlin".to_owned(), "ulm".to_owned()]);
    take_stock(&Hashing, files(users), export, &sites).unwrap()
}

fn names(things: &Things) -> Vec<String> {
    things.names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

fn part(stock: &Stock, site: &str, part: Part) -> Arc<Things> {
    Arc::clone(stock.part(site, part).unwrap().unwrap())
}

fn said(texts: &Texts, stock: &Stock, site: &str, part: Part, names: Option<&[&str]>) -> String {
    let names: Option<BTreeSet<&str>> = names.map(|names| names.iter().copied().collect());
    let answer = texts.answer(stock, site, part, names.as_ref());
    String::from_utf8_lossy(answer.headers()).into_owned()
}

#[test]
fn a_site_has_its_own_users_with_what_they_name_and_nobody_elses() {
    let (stock, texts) = stock(USERS, &export(&[], &[]));
    assert_eq!(names(&part(&stock, "berlin", Part::Users)), ["1001", "1002"]);
    assert_eq!(names(&part(&stock, "ulm", Part::Users)), ["2001"]);
    assert!(stock.part("bonn", Part::Users).is_none());
    let berlin = said(&texts, &stock, "berlin", Part::Users, None);
    for there in ["secret-1001", "secret-1002", "Category-000000: 1001\r\nLine-000000-000000: type=endpoint"]
    {
        assert!(berlin.contains(there), "{there}: {berlin}");
    }
    for elsewhere in ["secret-2001", "secret-trunk", "2001", "identify"] {
        assert!(!berlin.contains(elsewhere), "{elsewhere}: {berlin}");
    }
    // The aor that both name, once.
    assert_eq!(berlin.matches(": shared\r\n").count(), 1);
    let one = said(&texts, &stock, "berlin", Part::Users, Some(&["1002", "2001", "trunk"]));
    assert!(one.contains("secret-1002") && !one.contains("1001") && !one.contains("2001"), "{one}");
    assert!(!one.contains("trunk"), "{one}");
}

#[test]
fn a_change_of_one_user_is_a_change_of_that_user_alone() {
    let export = export(&[], &[]);
    let (before, _) = stock(USERS, &export);
    let (after, _) = stock(&USERS.replace("secret-1002", "other"), &export);
    let of = |stock: &Stock, site| part(stock, site, Part::Users);
    assert_eq!(of(&before, "ulm"), of(&after, "ulm"));
    assert_ne!(of(&before, "berlin").digest, of(&after, "berlin").digest);
    let (old, new) = (of(&before, "berlin"), of(&after, "berlin"));
    assert_eq!(old.iter().next(), new.iter().next());
    assert_ne!(old.iter().nth(1), new.iter().nth(1));
    for (site, part) in [("berlin", Part::Boxes), ("berlin", Part::Contexts), ("ulm", Part::Directory)] {
        assert_eq!(self::part(&before, site, part), self::part(&after, site, part));
    }
}

#[test]
fn a_section_of_a_site_names_its_users_and_their_number_is_bounded() {
    let special: &[(&str, &[(&str, &str)])] =
        &[("berlin", &[("filter_value", "^(berlin|ulm)$"), ("max_users", "3")])];
    let export = export(&[], special);
    let (most, _) = stock(USERS, &export);
    assert_eq!(names(&part(&most, "berlin", Part::Users)), ["1001", "1002", "2001"]);
    // One more, and nothing is given.
    let more = format!("{USERS}\n[1003]\ntype=endpoint\naccountcode=berlin");
    let (more, _) = stock(&more, &export);
    let problem = more.part("berlin", Part::Users).unwrap().unwrap_err().to_string();
    assert!(problem.contains("berlin has 4 users, more than max_users = 3"), "{problem}");
    assert_eq!(names(&part(&more, "ulm", Part::Users)), ["2001"]);
    assert!(more.part("berlin", Part::Boxes).unwrap().is_err(), "nor are the passwords of all mailboxes");
}

#[test]
fn other_keys_tell_sites_apart_as_well() {
    let users = "
        [berlin]
        type=endpoint
        [1001]
        type=endpoint
        set_var=SITE=no
        set_var=berlin
        [wizard]
        type=wizard
        endpoint/accountcode=ulm";
    let (by_name, _) = stock(users, &export(&[("filter_key", "categoryname")], &[]));
    assert_eq!(names(&part(&by_name, "berlin", Part::Users)), ["berlin"]);
    let (by_variable, _) = stock(users, &export(&[("filter_key", "set_var")], &[]));
    assert_eq!(names(&part(&by_variable, "berlin", Part::Users)), ["1001"]);
    let (usual, _) = stock(users, &export(&[], &[]));
    assert_eq!(names(&part(&usual, "ulm", Part::Users)), ["wizard"]);
    let (sip, _) = stock(
        "[1001]\ntype=friend\naccountcode=ulm\n[1001]\ntype=aor",
        &export(&[("technology", "sip")], &[]),
    );
    assert_eq!(names(&part(&sip, "ulm", Part::Users)), ["1001"]);
}

#[test]
fn boxes_are_those_that_the_users_name_and_those_of_their_numbers() {
    let (stock, texts) = stock(USERS, &export(&[], &[]));
    assert_eq!(names(&part(&stock, "ulm", Part::Boxes)), ["2001@default"]);
    // In another context, 1001 is somebody else, as long as nobody of the site says that it is theirs.
    assert_eq!(names(&part(&stock, "berlin", Part::Boxes)), ["1001@default", "1002@default"]);
    let named = USERS.replacen("accountcode=old", "mailboxes=1002@other", 1);
    let (named, _) = self::stock(&named, &export(&[], &[]));
    assert_eq!(names(&part(&named, "berlin", Part::Boxes)), ["1001@default", "1002@default", "1001@other"]);
    let berlin = said(&texts, &stock, "berlin", Part::Boxes, Some(&["1002@default", "2001@default"]));
    assert_eq!(berlin, "Category-000000: default\r\nLine-000000-000000: 1002=4321,Bob\r\n");
}

#[test]
fn contexts_are_told_but_never_what_is_global() {
    let (stock, texts) = stock(USERS, &export(&[], &[]));
    let all = part(&stock, "berlin", Part::Contexts);
    assert_eq!(names(&all), ["site-a", "site-b"]);
    assert_eq!(names(&all.chosen(&Hashing, &["site-b", "globals"]).unwrap()), ["site-b"]);
    assert_ne!(all.chosen(&Hashing, &["site-b"]).unwrap().digest, all.digest);
    let said = said(&texts, &stock, "berlin", Part::Contexts, Some(&["site-a", "globals"]));
    assert!(
        said.contains("exten=1,1") && said.contains("exten=3,1") && !said.contains("exten=2,1"),
        "{said}"
    );
    assert!(!said.contains("secret-database"), "{said}");
}

#[test]
fn everybody_is_in_the_directory_and_no_password() {
    let (stock, texts) = stock(USERS, &export(&[], &[]));
    let said = said(&texts, &stock, "ulm", Part::Directory, Some(&["1001", "2001"]));
    let expected = "Category-000000: directory\r\nLine-000000-000000: 1001=Alice  the first,berlin,+49301001\r\n\
         Line-000000-000001: 2001=,ulm,\r\n";
    assert_eq!(said, expected);
    let numbers: Vec<&str> = stock.sites["berlin"].numbers.texts().collect();
    assert_eq!(numbers, ["1001", "1002"]);
}

#[test]
fn a_main_without_mailboxes_has_no_such_part() {
    let files = Files { boxes: None, contexts: None, ..files(USERS) };
    let sites = BTreeSet::from(["berlin".to_owned()]);
    let (stock, _) = take_stock(&Hashing, files, &export(&[], &[]), &sites).unwrap();
    assert!(stock.part("berlin", Part::Boxes).is_none() && stock.part("berlin", Part::Contexts).is_none());
    assert!(stock.part("berlin", Part::Users).is_some());
}
