use super::*;
use std::collections::BTreeMap;

use crate::{settings, words::conf::ConfSection};

pub(crate) fn snapshot() -> Snapshot {
    let main =
        ConfSection::new("main", [("host", "10.0.0.254"), ("username", "synch"), ("secret", "canary")]);
    let off = |name| ConfSection::new(name, [("enabled", "no")]);
    let settings = settings::read(&[main, off("sync"), off("dns")]).unwrap();
    let mut sync = SyncStatus::before_the_first(true);
    sync.users = ["1001", "1002"].map(|name| User::new(name, &format!("\"Zoë; \\\" <{name}>"))).to_vec();
    sync.left_out = vec![LeftOut { name: "1003".to_owned(), reason: "it names no aor".to_owned() }];
    sync.versions = vec![Version { number: 7, time: "20260102030405".to_owned(), users: 2, since: None }];
    sync.version = Some(7);
    Snapshot {
        handled: 0,
        settings: Arc::new(settings),
        monitor: MonitorStatus {
            state: MonitorState::Stable,
            reason: "the main answers".to_owned(),
            last_probe: String::new(),
            has_room: true,
            last_answer_ms: Some(3),
            ami: "answers".to_owned(),
            sip: "off".to_owned(),
            sip_question: String::new(),
        },
        sync: Arc::new(sync),
        service: ServiceStatus {
            state: ServiceState::Normal,
            reason: "say \"why\"".to_owned(),
            mode: Mode::Auto,
            target: Target::Main,
            waits_for: String::new(),
        },
        maintenance: MaintenanceStatus::default(),
        main_version: String::new(),
        branch: BranchStatus { state: BranchState::Healthy, reason: "it answers".to_owned() },
        dns: DnsStatus { state: "off".to_owned(), counters: Arc::default() },
        login: LoginStatus { state: LoginState::Accepted, reason: String::new() },
        watch: "heard".to_owned(),
        export: ExportStatus::default(),
        dialplan: InDialplan::InForce,
        dialplan_waits: false,
        drill: None,
        phones: Arc::default(),
        state: Arc::default(),
        http: Arc::default(),
        examined: None,
        counts: Counts::default(),
        live: Live::default(),
        history: Arc::new([]),
        restarts: BTreeMap::new(),
    }
}

/// One with everything on, two phones, and one change.
pub(crate) fn busy() -> Snapshot {
    use crate::site::{
        contacts::Book,
        phones::{Here, Phones, Registered, list},
    };
    let main =
        ConfSection::new("main", [("host", "10.0.0.254"), ("username", "synch"), ("secret", "canary")]);
    let sync = ConfSection::new("sync", [("filter_key", "accountcode"), ("filter_value", "^HeadOffice$")]);
    let dns = [
        ("bind", "192.168.0.254"),
        ("domain", "voice.example.com"),
        ("target_normal", "10.0.0.254"),
        ("target_failover", "192.168.0.254"),
    ];
    let settings = settings::read(&[main, sync, ConfSection::new("dns", dns)]).unwrap();
    let mut busy = Snapshot { settings: Arc::new(settings), ..snapshot() };
    let phone = Registered { address: "sip:1001@192.168.0.1".to_owned(), since: "20260102030405".to_owned() };
    let here = Here::from([("1001".to_owned(), phone)]);
    let phones = list(&busy.sync.users, &here, &Book::default(), None);
    busy.phones = Arc::new(Phones { list: phones.into(), ..Phones::default() });
    let entry = HistoryEntry {
        time: "20260102030405".to_owned(),
        subject: "Service",
        old: "Init",
        new: "Normal",
        reason: "main is Stable".to_owned(),
    };
    busy.history = [entry].into();
    busy
}

#[test]
fn scripts_of_the_old_socket_find_what_they_look_for_where_they_look() {
    let text = json(&snapshot(), "20190522181925".to_owned());
    let old = r#"[{"Timestamp":"20190522181925","Monitor":"Stable","Sync":"Init","Service":"Normal","#;
    assert!(text.starts_with(old), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value[0]["ServiceReason"], "say \"why\"");
    assert_eq!((value[0]["Users"].as_u64(), value[0]["LastProbeMs"].as_u64()), (Some(2), Some(3)));
    assert_eq!(value[0]["HeldVersion"], "");
}

#[test]
fn every_line_of_the_text_is_a_label_and_a_value_and_none_is_the_secret() {
    let text = text(&snapshot(), "20190522181925".to_owned());
    assert!(
        text.lines().all(|line| line.split_once(": ").is_some_and(|(_, value)| !value.is_empty())),
        "{text}"
    );
    assert!(text.contains("Monitor        : Stable\n") && !text.contains("canary"));
}

#[test]
fn users_are_found_by_name_and_caller_id_and_those_left_out_are_told() {
    let sync = snapshot().sync;
    let shown = |like: &str| users(&sync, Some(&regex::Regex::new(like).unwrap()));
    assert!(shown("^1001$").contains("1 of 2 users") && !shown("^1001$").contains("<1002>"));
    assert!(shown("Zoë").contains("2 of 2 users"));
    assert!(users(&sync, None).ends_with("left out: 1003: it names no aor\n"));
}

#[test]
fn the_version_in_force_is_marked() {
    assert!(versions(&snapshot().sync).contains("*       7 20260102030405        2\n1 version\n"));
}

#[test]
fn contexts_that_wait_are_not_in_force_yet_and_a_problem_stays_one() {
    let mut snapshot = snapshot();
    snapshot.dialplan_waits = true;
    assert_eq!(snapshot.dialplan_state(), "about to change");
    snapshot.dialplan = InDialplan::Wrong("no memory".to_owned());
    assert_eq!(snapshot.dialplan_state(), "no memory");
}

#[test]
fn a_drill_is_remembered_as_it_was() {
    let drill = DrillStatus {
        time: "20260102030405".to_owned(),
        result: DrillResult::Failed,
        reason: "1 of 7 stages failed; trunk: it is away".to_owned(),
    };
    assert_eq!(DrillStatus::from_memo(&drill.memo()), Some(drill));
    for memo in ["", "20260102030405 Passed", "20260102030405 Perhaps x"] {
        assert_eq!(DrillStatus::from_memo(memo), None);
    }
}

#[test]
fn what_is_hidden_is_shown_alike_as_text_and_to_scripts() {
    let mut snapshot = snapshot();
    snapshot.monitor.reason = "no\u{202e}\nse".to_owned();
    let shown = "no\\u{202e}\\nse";
    assert!(text(&snapshot, String::new()).contains(shown));
    // As the console gives it: whatever it would still escape is no escape of JSON's.
    let json = crate::words::wording::visible_lines(&json(&snapshot, String::new()));
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value[0]["MonitorReason"], shown);
}

#[test]
fn what_is_held_is_named_until_somebody_says_so() {
    use crate::site::shrink::{Guarded, Names};
    let mut sync = SyncStatus::before_the_first(true);
    assert_eq!(held(&sync, &Guarded::ALL), "");
    let names = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Names>();
    let removals = [(Guarded::Users, names(&["1001"])), (Guarded::Mailboxes, names(&["1001@a", "1002@a"]))];
    sync.held_removals = Arc::new(removals.into_iter().collect());
    let told = "held: user 1001 is missing on the main\n'synch sync' removes this user.\n\
                held: mailbox 1001@a is missing on the main\nheld: mailbox 1002@a is missing on the main\n\
                'synch sync' removes these mailboxes.\n";
    assert!(users(&sync, None).ends_with(told), "{}", users(&sync, None));
    assert_eq!(held(&sync, &[Guarded::Directory]), "");
}
