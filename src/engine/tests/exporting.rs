//! A branch at a main that exports, by an account that may do nothing else there.

use std::{collections::BTreeMap, net::Shutdown};

use super::{
    exporter::{Exporter, Spoils, user},
    *,
};
use crate::{operator::control::Command, site::shrink::Removals, words::state::SyncState};

/// A branch at such a main, and the folder that it writes into.
fn branch(exporter: &Exporter, more: &[(&str, Vec<(&str, &str)>)]) -> (Site, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn::at(folder.path(), ""));
    (Site::start(&host, exporter.settings(more)), folder)
}

fn in_sync(exporter: &Exporter, more: &[(&str, Vec<(&str, &str)>)]) -> (Site, tempfile::TempDir) {
    let (site, folder) = branch(exporter, more);
    site.until("a sync", |snapshot| snapshot.sync.state == SyncState::Synced);
    (site, folder)
}

fn users(folder: &tempfile::TempDir) -> String {
    std::fs::read_to_string(folder.path().join("pjsip_synch.conf")).unwrap_or_default()
}

fn sync(site: &Site) {
    site.control.send_and_see(Command::Sync { accepted: Arc::new(Removals::default()) }).unwrap();
}

/// Waits until the main has the session in its hand.
fn until_it_waits(exporter: &Exporter) {
    let waits = |request: &BTreeMap<String, String>| {
        request["Action"] == "SynchWait" && request["Timeout"] != "0" && request.contains_key("Digest-users")
    };
    exporter.until("a wait", |state| state.heard.last().is_some_and(waits));
}

#[test]
fn an_account_that_may_do_nothing_else_is_enough_for_all_that_is_synced() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[("voicemail", vec![])]);
    site.until("the directory", |snapshot| snapshot.sync.directory.get("2001").is_some());
    site.until("the contacts", |snapshot| snapshot.phones.book.get("1001").is_some());
    until_it_waits(&exporter);
    let snapshot = site.control.snapshot();
    assert!(snapshot.export.is_yes(), "{:?}", snapshot.export);
    assert_eq!((snapshot.watch.as_str(), snapshot.main_version.as_str()), ("heard", "22.10.1"));
    assert_eq!(snapshot.sync.users.len(), 2);
    assert_eq!(snapshot.sync.boxes_problem, "");
    assert_eq!(snapshot.sync.boxes.get("1001").map(String::as_str), Some("1001@default"));
    assert_eq!(snapshot.sync.call_settings_problem, "");
    assert!(snapshot.sync.call_settings["1002"].values().any(|number| number == "2001"));
    let text = users(&folder);
    assert!(text.contains("[1001]") && text.contains("secret-of-his"), "{text}");
    let known = ["Challenge", "Login", "Ping", "Logoff", "SynchHello", "SynchExport", "SynchWait"];
    assert_eq!(exporter.count(|request| !known.contains(&request["Action"].as_str())), 0);
    // One session, which did it all.
    assert_eq!((exporter.count_of("Login"), exporter.shared.lock().connections.len()), (1, 1));
}

#[test]
fn what_changes_comes_at_once_and_nothing_else_with_it() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    site.until("the main to be well", |snapshot| snapshot.monitor.state == MonitorState::Stable);
    until_it_waits(&exporter);
    exporter.is(|state| state.users[1] = user("1002", "Robert"));
    site.until("the change", |_| {
        users(&folder).contains("Robert") && {
            let asked = |request: &BTreeMap<String, String>| {
                request.get("Users").is_some_and(|users| users == "1002")
            };
            exporter.count(asked) == 1
        }
    });
    site.until("the second version", |snapshot| snapshot.sync.version == Some(2));
    assert_eq!(
        exporter
            .count(|request| request.get("Users").is_some_and(|users| users == "*")
                && request["Part"] == "users"),
        1
    );
    // Who has gone need not be asked for.
    until_it_waits(&exporter);
    exporter.is(|state| state.users.truncate(1));
    site.until("one user", |snapshot| snapshot.sync.users.len() == 1);
    let named = |request: &BTreeMap<String, String>| request.get("Users").is_some_and(|users| users != "*");
    assert_eq!(exporter.count(named), 1);
    assert_eq!(exporter.count_of("Login"), 1);
}

#[test]
fn a_phone_that_registers_there_is_known_here() {
    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    site.until("the first", |snapshot| snapshot.phones.book.get("1001").is_some());
    until_it_waits(&exporter);
    exporter.is(|state| state.contacts.push(("1002".to_owned(), "sip:1002@10.0.0.8:5060".to_owned())));
    site.until("the second", |snapshot| snapshot.phones.book.get("1002").is_some());
}

#[test]
fn a_module_that_goes_and_comes_back_touches_no_user() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    let text = users(&folder);
    until_it_waits(&exporter);
    exporter.is(|state| state.loaded = false);
    site.until("it to be gone", |snapshot| snapshot.export.exports == Some(false));
    assert!(site.control.snapshot().export.reason.contains("[export]"));
    sync(&site);
    // Nothing says whose users they are, and nobody goes for that.
    site.until("a sync without it", |snapshot| snapshot.sync.reason.contains("filter_value"));
    assert_eq!(users(&folder), text);
    exporter.is(|state| state.loaded = true);
    sync(&site);
    site.until("it to be back", |snapshot| snapshot.export.is_yes());
    site.until("a sync", |snapshot| snapshot.sync.state == SyncState::Synced);
    assert_eq!((users(&folder), site.control.snapshot().sync.version), (text, Some(1)));
    assert_eq!(site.control.snapshot().monitor.state, MonitorState::Stable);
}

fn is(action: &'static str) -> impl Fn(&BTreeMap<String, String>) -> bool {
    move |request| request["Action"] == action
}

#[test]
fn a_main_that_is_starting_has_no_session_of_ours_until_it_knows_the_question() {
    let exporter = Exporter::start();
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn::at(folder.path(), ""));
    // No probe comes in time to end the rest.
    let site = Site::start(&host, exporter.settings_with("3600", &[]));
    until_it_waits(&exporter);
    let logins = exporter.count_of("Login");
    // It dies, and lets us in again before its modules are loaded.
    exporter.is(|state| state.loaded = false);
    exporter.dies();
    exporter.until("the end of our session", |state| state.heard.iter().any(is("Logoff")));
    exporter.is(|state| state.loaded = true);
    until_it_waits(&exporter);
    assert_eq!(exporter.count_of("Login"), logins + 2);
    assert_eq!(exporter.count_of("GetConfig"), 0);
    assert!(site.control.snapshot().export.is_yes());
}

#[test]
fn a_main_that_has_booted_without_the_module_is_not_taken_for_one_that_is_starting() {
    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    until_it_waits(&exporter);
    exporter.is(|state| (state.loaded, state.greets) = (false, true));
    exporter.dies();
    site.until("no export", |snapshot| !snapshot.export.is_yes());
    assert_eq!(exporter.count_of("Logoff"), 0);
}

#[test]
fn a_main_that_is_too_busy_to_answer_once_exports_again_soon() {
    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    until_it_waits(&exporter);
    exporter.is(|state| state.silent = 1);
    exporter.dies();
    exporter.until("the question", |state| state.silent == 0);
    until_it_waits(&exporter);
    site.until("the export", |snapshot| snapshot.export.is_yes());
}

#[test]
fn a_proof_that_is_not_believed_is_not_given_again_and_again_and_says_nothing_against_the_main() {
    let exporter = Exporter::start();
    exporter.is(|state| state.believes = false);
    let (site, _folder) = branch(&exporter, &[]);
    site.until("the reason", |snapshot| snapshot.export.reason.contains("does not believe"));
    site.until("the main to be well", |snapshot| snapshot.monitor.state == MonitorState::Stable);
    for connection in exporter.shared.lock().connections.drain(..) {
        let _ = connection.shutdown(Shutdown::Both);
    }
    let logins = exporter.count_of("Login");
    exporter.until("another session", |state| {
        state.heard.iter().filter(|request| request["Action"] == "Login").count() > logins
    });
    site.until("the main to be well again", |snapshot| snapshot.monitor.state == MonitorState::Stable);
    assert_eq!(exporter.count(|request| request["Action"] == "SynchHello" && request.contains_key("Key")), 1);
    // An administrator mends it.
    exporter.is(|state| state.believes = true);
    sync(&site);
    site.until("it to export", |snapshot| snapshot.export.is_yes());
    site.until("a sync", |snapshot| snapshot.sync.state == SyncState::Synced);
}

#[test]
fn a_main_that_ends_its_waits_with_a_shutdown_is_left_and_one_that_ends_none_is_silent() {
    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    until_it_waits(&exporter);
    exporter.is(|state| state.shuts_down = true);
    site.until("failover", |snapshot| snapshot.service.state == ServiceState::Failover);
    assert!(site.control.snapshot().monitor.reason.contains("shutdown"));

    let exporter = Exporter::start();
    let (site, _folder) = in_sync(&exporter, &[]);
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    until_it_waits(&exporter);
    exporter.is(|state| state.ends_waits = false);
    site.until("silence", |snapshot| snapshot.monitor.state != MonitorState::Stable);
}

#[test]
fn answers_that_are_torn_or_others_than_were_sent_take_nobody_away() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    let text = users(&folder);
    let spoils: [(&str, Spoils); 8] = [
        ("a line less", |text| text.replacen("Line-000000-000001", "X-Line-000000-000001", 1)),
        ("another line", |text| text.replace("type=endpoint", "type=aor")),
        ("another digest", |text| text.replace("AnswerDigest: ", "AnswerDigest: 0")),
        ("no digest", |text| text.replace("AnswerDigest: ", "Other: ")),
        ("a manifest of others", |text| text.replace("User: 1002", "User: 1003")),
        ("a manifest of nobody", |text| text.replace("User: ", "Nobody: ")),
        ("no digest of the part", |text| text.replace("\r\nDigest: ", "\r\nOther: ")),
        ("unchanged, to whoever has something else", |_| "Response: Success\r\n".to_owned()),
    ];
    for (number, (what, spoil)) in spoils.into_iter().enumerate() {
        let before = site.control.snapshot().sync.ended;
        exporter.is(|state| {
            state.users[1] = user("1002", &format!("Bob {number}"));
            state.spoils = spoil;
        });
        sync(&site);
        site.until(what, |snapshot| {
            snapshot.sync.ended > before && snapshot.sync.state == SyncState::Unsynced
        });
        assert!(
            site.control.snapshot().sync.reason.contains("export"),
            "{what}: {:?}",
            site.control.snapshot().sync.reason
        );
        assert_eq!(users(&folder), text, "{what}");
    }
    exporter.is(|state| state.spoils = |text| text);
    sync(&site);
    site.until("the truth", |snapshot| snapshot.sync.state == SyncState::Synced);
    assert_ne!(users(&folder), text);
}

#[test]
fn a_main_that_has_nobody_for_us_any_more_takes_nobody_away() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    let text = users(&folder);
    until_it_waits(&exporter);
    exporter.is(|state| state.users.clear());
    site.until("the reason", |snapshot| snapshot.sync.reason.contains("exports no user"));
    assert_eq!(users(&folder), text);
    assert!(site.control.snapshot().sync.none_on_main);
}

#[test]
fn a_filter_of_the_branch_narrows_down_what_the_main_gives() {
    let exporter = Exporter::start();
    let mut settings = exporter.settings(&[]);
    let filter = settings::read(&[
        ConfSection::new("main", [("host", "127.0.0.1"), ("username", "berlin"), ("secret", "s")]),
        ConfSection::new("sync", [("filter_key", "categoryname"), ("filter_value", "^1002$")]),
        ConfSection::new("dns", [("enabled", "no")]),
    ])
    .unwrap();
    settings.sync.as_mut().unwrap().filter = filter.sync.unwrap().filter;
    let folder = tempfile::tempdir().unwrap();
    let site = Site::start(&Arc::new(StandIn::at(folder.path(), "")), settings);
    site.until("a sync", |snapshot| snapshot.sync.state == SyncState::Synced);
    let names: Vec<String> =
        site.control.snapshot().sync.users.iter().map(|user| user.name.clone()).collect();
    assert_eq!(names, ["1002"]);
}

#[test]
fn who_was_replaced_meanwhile_writes_no_file() {
    let exporter = Exporter::start();
    let (site, folder) = in_sync(&exporter, &[]);
    let before = (users(&folder), *site.host.reloads.lock());
    until_it_waits(&exporter);
    site.host.replaced.store(true, Ordering::SeqCst);
    exporter.is(|state| state.users[1] = user("1002", "Robert"));
    site.until("the refusal", |snapshot| snapshot.sync.reason.contains("loaded again meanwhile"));
    assert_eq!((users(&folder), *site.host.reloads.lock()), before);
}
