//! A branch keeps one session with the main's manager interface, and needs no other.

use std::time::Duration;

use lab::wait::{GENEROUS, until_value};
use lab::{Result, Site, Version};

lab::on_22_and_16!(
    at_rest_there_is_one_session,
    a_main_that_allows_one_login_is_watched_and_synced,
    a_main_that_stops_gracefully_is_left_while_calls_are_up,
    a_changed_password_is_told_while_the_old_session_works,
);

/// How many sessions the branch's account has on the main.
fn sessions(site: &Site) -> Result<usize> {
    let connected = site.main.rx("manager show connected")?;
    Ok(connected.lines().filter(|line| line.split_whitespace().next() == Some("synch")).count())
}

/// The sync has its own for as long as it reads; then there is one, and it stays the only one.
fn assert_one_session(site: &Site) -> Result {
    until_value("sessions", GENEROUS, || Ok(sessions(site)?.to_string()), |count| count == "1")?;
    for _ in 0..20 {
        assert_eq!(sessions(site)?, 1, "{}", site.main.rx("manager show connected")?);
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn assert_well(site: &Site) -> Result {
    for (key, wanted) in [
        ("Sync", "Synced"),
        ("Monitor", "Stable"),
        ("Service", "Normal"),
        ("MainEvents", "heard"),
        ("MainLogin", "accepted"),
        ("ProbeAmi", "answers"),
    ] {
        until_value(key, GENEROUS, || site.status(key), |value| value == wanted)?;
    }
    Ok(())
}

fn at_rest_there_is_one_session(version: Version) -> Result {
    let site = Site::in_service(version)?;
    site.wait_directory()?;
    assert_well(&site)?;
    assert_one_session(&site)
}

fn a_main_that_allows_one_login_is_watched_and_synced(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.main.edit_conf("manager.conf", "[general]\n", "[general]\nallowmultiplelogin = no\n")?;
    site.serve()?;
    site.wait_directory()?;
    assert_well(&site)?;
    assert_one_session(&site)?;
    assert_ne!(site.status("Users")?, "0");
    assert_eq!(site.status("MailboxesReason")?, "");
    site.branch.rx("synch doctor")?;
    let syncs = site.status("Syncs")?;
    site.branch.rx("synch sync")?;
    until_value("another sync", GENEROUS, || site.status("Syncs"), |now| now != syncs)?;
    assert_well(&site)?;
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    assert!(!site.branch.rx("synch show history")?.contains("Refused"));
    Ok(())
}

fn a_main_that_stops_gracefully_is_left_while_calls_are_up(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.start_main_first()?;
    assert_well(&site)?;
    let mut alice = site.phone_at(&site.main, "1001")?;
    alice.dial("700")?;
    alice.wait_in_call(GENEROUS)?;
    let mut console = site.main.console()?;
    console.type_line("core stop gracefully")?;
    site.wait_status("Service", "Failover")?;
    let reason = site.status("ServiceReason")?;
    assert!(reason.contains("the main has announced its shutdown"), "{reason}");
    site.wait_name(site.branch.address())?;
    // The call goes on, and nobody's password is blamed.
    assert!(site.main.is_running());
    let history = site.branch.rx("synch show history")?;
    assert!(!history.contains("Refused") && !history.contains("secret"), "{history}");
    assert_eq!(site.moves()?, 2, "{history}");
    // Its SIP answers all the time, which makes it no better.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(site.branch.rx("synch show history")?, history);
    alice.hang_up()?;
    site.main.wait_ended()
}

fn a_changed_password_is_told_while_the_old_session_works(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "[main]\n", "[main]\nsession_renewal = 10\n")?;
    site.serve()?;
    assert_well(&site)?;
    site.main.edit_conf("manager.conf", "SomePasswordHere", "AnotherOne")?;
    site.main.rx("manager reload")?;
    let refused = |value: &str| value.starts_with("refused: ") && value.contains("username and secret");
    until_value("MainLogin", GENEROUS, || site.status("MainLogin"), refused)?;
    for (key, wanted) in [("Monitor", "Stable"), ("ProbeAmi", "answers"), ("Service", "Normal")] {
        assert_eq!(site.status(key)?, wanted, "{key}");
    }
    assert_one_session(&site)?;
    site.main.edit_conf("manager.conf", "AnotherOne", "SomePasswordHere")?;
    site.main.rx("manager reload")?;
    until_value(
        "MainLogin",
        Duration::from_secs(120),
        || site.status("MainLogin"),
        |value| value == "accepted",
    )?;
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);
    Ok(())
}
