use std::sync::Arc;

use super::*;
use crate::{
    operator::status::tests::snapshot,
    site::directory::{Directory, Entry},
};

fn fate(key: &str, value: &str, origin: Origin) -> Fate {
    Fate { key: key.into(), value: value.into(), origin }
}

fn section(kind: Kind, name: &str, file: &str, options: Vec<Fate>) -> Tailored {
    Tailored { kind, name: name.to_owned(), file: file.into(), options }
}

/// 1001 is synced, with one option of each fate; 1003 is left out, 2001 is of another site.
fn synced() -> Snapshot {
    let mut snapshot = snapshot();
    let sync = Arc::make_mut(&mut snapshot.sync);
    let rewritten = |was: Option<&str>, why| Origin::Rewritten { was: was.map(Into::into), why };
    let endpoint = vec![
        fate("aors", "1001", Origin::Main),
        fate("auth", "1001-auth", Origin::Main),
        fate("context", "synch-internal", rewritten(Some("from-internal"), "[dialplan] context")),
        fate("language", "de", rewritten(None, "set in res_synch.conf")),
        fate("transport", "0.0.0.0-udp", Origin::Dropped { why: "it is the main's" }),
    ];
    let auth = vec![fate("password", "canary", Origin::Main)];
    let auth = section(Kind::Auth, "1001-auth", "pjsip.auth.conf", auth).masked();
    let other = vec![fate("max_contacts", "9", Origin::Main)];
    sync.sections = Arc::from([
        auth,
        section(Kind::Endpoint, "1001", "pjsip.endpoint.conf", endpoint),
        section(Kind::Aor, "1002", "pjsip.aor.conf", other),
    ]);
    let entry = |number, name, site| Entry { number, name, site, public: None };
    let people = [entry("1001", "Zoë", "HeadOffice"), entry("2001", "Bob", "Berlin")];
    sync.directory = Arc::new(Directory::new(people).unwrap());
    sync.boxes = Arc::new([("1001".to_owned(), "1001@default".to_owned())].into());
    snapshot
}

#[test]
fn each_option_says_where_it_comes_from() {
    let text = user(&synced(), "1001", true).unwrap();
    let lines: Vec<String> =
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "endpoint 1001, in pjsip.endpoint.conf on the main",
        "aors = 1001 from the main",
        "auth = 1001-auth from the main",
        "context = synch-internal rewritten, from-internal on the main: [dialplan] context",
        "language = de added: set in res_synch.conf",
        "not taken over, 1 option:",
        "transport = 0.0.0.0-udp it is the main's",
        "",
        "auth 1001-auth, in pjsip.auth.conf on the main",
        "password = *** from the main",
    ];
    let start = lines.iter().position(|line| line.starts_with("endpoint")).unwrap();
    assert_eq!(&lines[start..], expected);
    assert!(!text.contains("canary") && !text.contains("max_contacts"));
}

#[test]
fn who_it_is_comes_first() {
    let mut snapshot = synced();
    let text = user(&snapshot, "1001", true).unwrap();
    for line in [
        "User         : 1001",
        "Number       : 1001",
        "Site         : HeadOffice",
        "Public number: -",
        "Mailbox      : 1001@default",
        "Phone        : registered here",
        "Last changed : version 7 or before",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }
    assert!(user(&snapshot, "1001", false).unwrap().contains(": not registered here\n"));
    assert!(!text.contains("is held"));
    Arc::make_mut(&mut snapshot.sync).held = Some(6);
    assert!(user(&snapshot, "1001", true).unwrap().contains("\nVersion 6 is held. "));
}

#[test]
fn a_user_is_found_by_its_number_too() {
    let mut snapshot = synced();
    Arc::make_mut(&mut snapshot.sync).users.push(User::new("desk", "Eve <1234>"));
    assert!(user(&snapshot, "1234", false).unwrap().starts_with("User         : desk\n"));
    assert_eq!(device_of(&snapshot, "1234").as_deref(), Some("PJSIP/desk"));
    assert_eq!(device_of(&snapshot, "4321"), None);
}

#[test]
fn before_the_first_sync_it_says_so_and_shows_what_there_is() {
    let mut snapshot = synced();
    Arc::make_mut(&mut snapshot.sync).sections = Arc::from([]);
    let text = user(&snapshot, "1002", false).unwrap();
    assert!(text.contains("Caller ID    : \"Zoë; \\\" <1002>\n"), "{text}");
    assert!(text.contains("The options can be shown after the first sync"), "{text}");
}

#[test]
fn who_is_left_out_or_elsewhere_is_told_why() {
    let snapshot = synced();
    let text = user(&snapshot, "1003", false).unwrap();
    assert_eq!(text, "The last sync left 1003 out: it names no aor\n");
    assert!(user(&snapshot, "2001", false).unwrap_err().contains("on the main it is Bob, of Berlin"));
    assert!(user(&snapshot, "3001", false).unwrap_err().contains("There is no user '3001'"));
}
