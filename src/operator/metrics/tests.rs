use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use super::*;
use crate::{
    maintenance::Until,
    operator::drill::{Outcome, Report, Stage},
    operator::status::{
        Counts, DrillStatus, Drilled, Live, MaintenanceStatus, Probes, SyncResult, SyncStatus, Syncs,
        tests::{busy, snapshot},
    },
    settings,
    words::{conf::ConfSection, state::DrainState},
};

/// Each series by its name and labels.
fn series(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let of = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.to_owned()));
    lines.filter_map(of).collect()
}

/// A branch that has everything, and something of each.
fn everything() -> Snapshot {
    let mut snapshot = busy();
    snapshot.live = Live::new("22.10.1~dfsg+\"x\"", || 4);
    snapshot.counts = Counts {
        service_changed: Some(1_764_457_200),
        to_failover: 2,
        to_normal: 3,
        ami: Probes { answered: 9, failed: 1, took: Some(Duration::from_micros(1_500)) },
        sip: Probes { answered: 8, failed: 2, took: None },
        syncs: Syncs { changed: 1, unchanged: 2, failed: 3, held: 4 },
        moved: [(50, Some(Duration::from_secs(21))), (90, None), (100, None)],
        certificate_end: Some(1_800_000_000),
        listening: [("192.168.0.254:53".parse().unwrap(), true), ("[::1]:53".parse().unwrap(), false)].into(),
        drill: Some(Drilled {
            at: 1_764_457_000,
            stages: [("dns".to_owned(), Duration::from_millis(7))].into(),
        }),
    };
    snapshot.drill = DrillStatus::from_memo("20260102030405 Passed 1 stage in 7 ms");
    let sync = Arc::make_mut(&mut snapshot.sync);
    (sync.last_sync, sync.ended) = ("20260102030405".to_owned(), 1);
    sync.boxes = Arc::new([("1001".to_owned(), "1001@default".to_owned())].into());
    Arc::make_mut(&mut snapshot.phones).asked = true;
    snapshot.main_version = "22.11.0".to_owned();
    snapshot.service.mode = Mode::Maintenance;
    snapshot.maintenance = MaintenanceStatus {
        until: Some((Until::after(60, UNIX_EPOCH), "20261129143000".to_owned())),
        drain: Some(DrainState::Waiting),
        main_calls: Some(1),
        ..MaintenanceStatus::default()
    };
    snapshot.restarts.insert("dns", 0);
    snapshot.restarts.insert("sync", 2);
    snapshot
}

#[test]
fn each_value_is_a_series_of_its_name() {
    let series = series(&text(&everything()));
    for (name, value) in [
        ("synch_monitor_state{state=\"Stable\"}", "1"),
        ("synch_monitor_state{state=\"Failed\"}", "0"),
        ("synch_service_state{state=\"Normal\"}", "1"),
        ("synch_mode{mode=\"auto\"}", "0"),
        ("synch_mode{mode=\"maintenance\"}", "1"),
        ("synch_mode_until_timestamp_seconds", "3600"),
        ("synch_main_calls", "1"),
        ("synch_mode{mode=\"failover\"}", "0"),
        ("synch_service_changed_timestamp_seconds", "1764457200"),
        ("synch_service_changes_total{to=\"Failover\"}", "2"),
        ("synch_service_changes_total{to=\"Normal\"}", "3"),
        ("synch_probes_total{over=\"ami\",result=\"answered\"}", "9"),
        ("synch_probes_total{over=\"sip\",result=\"failed\"}", "2"),
        ("synch_probe_answer_seconds{over=\"ami\"}", "0.0015"),
        ("synch_users", "2"),
        ("synch_users_left_out", "1"),
        ("synch_syncs_total{result=\"held\"}", "4"),
        ("synch_sync_held", "0"),
        ("synch_move_seconds{share=\"0.5\"}", "21"),
        ("synch_dns_listening{bind=\"192.168.0.254:53\"}", "1"),
        ("synch_dns_listening{bind=\"[::1]:53\"}", "0"),
        ("synch_dns_answers_total{from=\"zone\"}", "0"),
        ("synch_dns_refusals_total{reason=\"rate_limit\"}", "0"),
        ("synch_drill_last_timestamp_seconds", "1764457000"),
        ("synch_drill_last_passed", "1"),
        ("synch_drill_stage_seconds{stage=\"dns\"}", "0.007"),
        ("synch_main_certificate_end_timestamp_seconds", "1800000000"),
        ("synch_branch_channels", "4"),
        ("synch_config_last_reload_successful", "1"),
        ("synch_worker_restarts_total{worker=\"dns\"}", "0"),
        ("synch_worker_restarts_total{worker=\"sync\"}", "2"),
    ] {
        assert_eq!(series.get(name).map(String::as_str), Some(value), "{name}");
    }
    let version = env!("CARGO_PKG_VERSION");
    let info = format!(
        "synch_info{{version=\"{version}\",asterisk=\"22.10.1~dfsg+\\\"x\\\"\",main=\"10.0.0.254\",\
         main_version=\"22.11.0\",technology=\"pjsip\"}}"
    );
    assert_eq!(series.get(&info).map(String::as_str), Some("1"), "{series:?}");
    // What is not known.
    for name in ["share=\"0.9\"", "probe_answer_seconds{over=\"sip\"}", "last_success"] {
        assert!(!series.keys().any(|key| key.contains(name)), "{name}");
    }
}

#[test]
fn names_have_one_help_and_one_type_and_stand_together() {
    let text = text(&everything());
    let mut seen: Vec<&str> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("# HELP ") {
            Some(rest) => {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(!seen.contains(&name) && help.ends_with('.'), "{line}");
                seen.push(name);
            }
            None => {
                let name = line.strip_prefix("# TYPE ").unwrap_or(line);
                let name = name.split([' ', '{']).next().unwrap();
                assert_eq!(seen.last(), Some(&name), "{line}");
            }
        }
    }
    let all = series(&text);
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(all.len(), samples, "one series stands twice");
}

#[test]
fn before_anything_has_happened_nothing_is_said_of_it() {
    let mut snapshot = snapshot();
    snapshot.sync = Arc::new(crate::operator::status::SyncStatus::before_the_first(true));
    let series = series(&text(&snapshot));
    let names: Vec<&str> = series.keys().filter_map(|name| name.split('{').next()).collect();
    for name in [
        "synch_users",
        "synch_phones",
        "synch_move_seconds",
        "synch_drill_last_passed",
        "synch_drill_last_timestamp_seconds",
        "synch_probe_answer_seconds",
        "synch_service_changed_timestamp_seconds",
        "synch_main_certificate_end_timestamp_seconds",
        "synch_dns_listening",
        "synch_main_calls",
        "synch_mode_until_timestamp_seconds",
    ] {
        assert!(!names.contains(&name), "{name}");
    }
    assert!(names.contains(&"synch_service_changes_total"), "a counter begins with 0");
}

/// A first sync that failed, or none yet; a main that was never asked for its phones.
#[test]
fn what_the_main_was_not_asked_is_no_zero() {
    let mut snapshot = busy();
    let mut before = SyncStatus::before_the_first(true);
    let names = ["synch_users", "synch_users_left_out", "synch_mailboxes", "synch_directory_entries"];
    snapshot.sync = Arc::new(before.clone());
    assert!(!series(&text(&snapshot)).contains_key("synch_sync_held"));
    (before.ended, before.result) = (1, SyncResult::Failed);
    snapshot.sync = Arc::new(before.clone());
    let shown = series(&text(&snapshot));
    for name in names.into_iter().chain([
        "synch_phones{place=\"main\"}",
        "synch_phones{place=\"away\"}",
        "synch_phones_awaited",
    ]) {
        assert!(!shown.contains_key(name), "{name}");
    }
    assert_eq!(shown.get("synch_phones{place=\"here\"}").map(String::as_str), Some("1"));
    assert_eq!(shown.get("synch_sync_held").map(String::as_str), Some("0"));
    // It was read, and has none.
    before.last_sync = "20260102030405".to_owned();
    snapshot.sync = Arc::new(before.clone());
    let shown = series(&text(&snapshot));
    for name in names {
        assert_eq!(shown.get(name).map(String::as_str), Some("0"), "{name}");
    }
    before.directory_state = "1 piece; 20 numbers so far".to_owned();
    before.boxes_problem = "voicemail.conf: not allowed".to_owned();
    snapshot.sync = Arc::new(before);
    let shown = series(&text(&snapshot));
    for name in ["synch_mailboxes", "synch_directory_entries"] {
        assert!(!shown.contains_key(name), "{name}");
    }
}

/// Of before a restart.
#[test]
fn a_version_that_is_held_is_known_before_the_first_sync() {
    let mut snapshot = busy();
    let held = SyncStatus { held: Some(7), ..SyncStatus::before_the_first(true) };
    snapshot.sync = Arc::new(held);
    assert_eq!(series(&text(&snapshot)).get("synch_sync_held").map(String::as_str), Some("1"));
}

#[test]
fn a_system_that_only_shares_its_states_has_no_branch_to_tell_of() {
    let mut snapshot = snapshot();
    let section = ConfSection::new("state", [("host", "10.0.0.5")]);
    snapshot.settings = settings::read(&[section]).unwrap().into();
    let text = text(&snapshot);
    assert!(text.contains("synch_info{version=") && text.contains("synch_branch_channels "));
    assert!(!text.contains("synch_service_state") && !text.contains("main="), "{text}");
}

#[test]
fn no_user_is_in_any_series() {
    let mut snapshot = everything();
    let took = Duration::from_millis(7);
    let stage = |name: &str| Stage { name: name.to_owned(), took, outcome: Outcome::Passed(String::new()) };
    let report = Report(["user 1001", "user 1002", "emergency 112"].map(stage).to_vec());
    snapshot.counts.drill = Some(Drilled { at: 1, stages: report.longest() });
    let text = text(&snapshot);
    assert!(text.contains("synch_drill_stage_seconds{stage=\"emergency\"} 0.007"), "{text}");
    for word in ["1001", "1002", "112", "Zo", "canary"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

/// The page has each metric, and no other.
#[test]
fn the_page_names_the_metrics_that_there_are() {
    let page = include_str!("../../../docs/monitoring.md");
    let listed: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `synch_")?.split('`').next()).collect();
    let text = text(&everything());
    let mut there: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE synch_")?.split(' ').next()).collect();
    there.push("sync_last_success_timestamp_seconds");
    for name in &there {
        assert!(listed.contains(name), "synch_{name} is missing in docs/monitoring.md");
    }
    for name in &listed {
        assert!(there.contains(name), "synch_{name} of docs/monitoring.md is no metric");
    }
    assert!(listed.len() >= there.len(), "{listed:?}");
}
