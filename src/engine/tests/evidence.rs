//! What counts as evidence of the main, by its AMI: its events, its resets, its refusals.

use std::sync::atomic::Ordering;

use super::{
    main::{Ami, BOOTED, SHUTDOWN, Sip, asking, guessed, sip_server, site},
    *,
};
use crate::settings::Require;

#[test]
fn a_main_that_says_that_it_shuts_down_is_believed_without_points() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no");
    ami.tell(SHUTDOWN);
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    let reason = site.control.snapshot().service.reason.clone();
    assert_eq!(reason, "main is Failed: the main has announced its shutdown");
}

#[test]
fn one_session_serves_the_probe_and_the_events() {
    let ami = Ami::start();
    let _site = site(&ami, "", "sip=no");
    assert_eq!(ami.shared.logins.load(Ordering::SeqCst), 1);
    assert_eq!(ami.shared.connections.lock().len(), 1);
}

#[test]
fn that_it_is_shutting_down_is_believed_as_an_answer_also_where_events_are_off() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no events=no");
    ami.shared.going.store(true, Ordering::SeqCst);
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    let reason = site.control.snapshot().service.reason.clone();
    assert_eq!(reason, "main is Failed: the main has announced its shutdown");
    assert_eq!(ami.shared.logins.load(Ordering::SeqCst), 1);
}

#[test]
fn its_word_is_not_asked_for_where_events_are_off() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no events=no");
    ami.tell(SHUTDOWN);
    // Told in order: once the end of the connection is known, so is the event.
    ami.cut_connections();
    site.until("the next one", |_| ami.shared.logins.load(Ordering::SeqCst) == 2);
    assert!(site.control.snapshot().history.iter().all(|entry| entry.new != "Failover"));
}

#[test]
fn a_main_that_is_still_starting_does_not_answer_as_it_should() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no");
    ami.shared.booted.store(false, Ordering::SeqCst);
    ami.cut_connections();
    site.until("a wrong answer", |snapshot| snapshot.monitor.ami.contains("still starting"));
    ami.tell(BOOTED);
    site.until("an answer", |snapshot| snapshot.monitor.ami == "answers");
}

#[test]
fn where_nobody_listens_after_an_end_the_main_is_dead_without_points() {
    let (ami, sip) = (Ami::start(), Sip::start());
    // What is found closed within an interval is closed together: on a busy machine, the test takes its time for both.
    let site = site(&ami, &sip.place(), "interval=10");
    assert_eq!(site.control.snapshot().monitor.sip, "answers");
    sip.close();
    drop(ami);
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
    let reason = site.control.snapshot().service.reason.clone();
    assert!(reason.starts_with("main is Failed: all ports of the main are closed"), "{reason}");
    assert!(reason.contains("AMI closed for 2 probes, SIP closed for 2 probes"), "{reason}");
}

#[test]
fn where_nobody_listens_after_a_reset_it_may_be_a_firewall() {
    let (mut ami, sip) = (Ami::start(), Sip::start());
    let site = site(&ami, &sip.place(), "interval=10 failure_tolerance=2");
    sip.close();
    ami.reject();
    site.until("refusals", |snapshot| {
        assert_ne!(snapshot.service.state, ServiceState::Failover, "{}", snapshot.service.reason);
        ["AMI closed for 4", "SIP closed for 4"].iter().all(|part| snapshot.monitor.reason.contains(part))
    });
    let snapshot = site.control.snapshot();
    assert!(snapshot.monitor.reason.contains("refusals count after 10 s"), "{}", snapshot.monitor.reason);
    site.until("the verdict", |snapshot| snapshot.service.state == ServiceState::Failover);
}

/// As an administrator does whose main says so for ever.
#[test]
fn that_it_is_starting_counts_no_more_once_events_are_off() {
    let ami = Ami::start();
    let site = site(&ami, "", "sip=no");
    ami.shared.booted.store(false, Ordering::SeqCst);
    ami.cut_connections();
    site.until("a wrong answer", |snapshot| snapshot.monitor.ami.contains("still starting"));
    let settings = asking(&ami, "", "sip=no events=no");
    site.control.send_and_see(Command::Configure(settings.into())).unwrap();
    let is_starting = |snapshot: &Snapshot| snapshot.monitor.ami.contains("still starting");
    site.until("the first answer", |snapshot| snapshot.monitor.ami == "answers" || is_starting(snapshot));
    assert!(!is_starting(&site.control.snapshot()));
}

#[test]
fn a_main_that_refuses_the_login_is_failed_in_time_but_not_beset() {
    let (ami, (sip, _)) = (Ami::start(), sip_server());
    ami.shared.refuses.store(true, Ordering::SeqCst);
    let mut settings = guessed(&ami, sip, "1");
    settings.probe.failure_tolerance = 8;
    settings.probe.require = Require::All;
    let site = Site::start(&Arc::default(), settings);
    site.until("the verdict", |snapshot| snapshot.monitor.state == MonitorState::Failed);
    let snapshot = site.control.snapshot();
    assert!(snapshot.monitor.ami.contains("for 8 probes") && snapshot.monitor.ami.contains("login refused"));
    // Probe and watch together, then after one second or two, and three or more.
    let logins = ami.shared.logins.load(Ordering::SeqCst);
    assert!((2..=6).contains(&logins), "{logins}");
    let next_try = |snapshot: &Snapshot, seconds: &str| {
        snapshot.monitor.ami.contains(&format!("trying again after {seconds} s"))
    };
    assert!(!next_try(&snapshot, "1") && !next_try(&snapshot, "2"), "{}", snapshot.monitor.ami);
    assert!(snapshot.watch.contains("trying again after"), "{}", snapshot.watch);
    // Whoever has mended something has it tried at once.
    let sync = Command::Sync { accepted: Arc::default() };
    site.control.send_and_see(sync).unwrap();
    site.until("a first try", |snapshot| next_try(snapshot, "1") || next_try(snapshot, "2"));
    ami.shared.refuses.store(false, Ordering::SeqCst);
    site.until("a login", |snapshot| snapshot.monitor.state == MonitorState::Stable);
}

#[test]
fn a_sync_that_was_turned_away_is_tried_again_without_being_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let host = Arc::new(StandIn::at(folder.path(), ""));
    let (ami, (sip, _)) = (Ami::start(), sip_server());
    ami.shared.refuses.store(true, Ordering::SeqCst);
    let mut settings = guessed(&ami, sip, "1");
    // Nobody else logs in: it is left to the sync to notice.
    settings.probe.ami = false;
    let main = ConfSection::new("main", [("host", "127.0.0.1"), ("username", "u"), ("secret", "s")]);
    let sync = ConfSection::new("sync", [("filter_value", "x")]);
    let dns = ConfSection::new("dns", [("enabled", "no")]);
    settings.sync = settings::read(&[main, sync, dns]).unwrap().sync;
    let site = Site::start(&host, settings);
    site.until("a refusal", |snapshot| snapshot.sync.reason.contains("login refused"));
    ami.shared.refuses.store(false, Ordering::SeqCst);
    site.until("another try", |snapshot| !snapshot.sync.reason.contains("login refused"));
}

#[test]
fn a_restart_beside_a_main_that_is_well_names_the_main_all_the_time() {
    let (host, ami) = (Arc::<StandIn>::default(), Ami::start());
    // So many that no verdict comes while this runs.
    let settings = |threshold: &str| asking(&ami, "", &format!("sip=no alive_threshold={threshold}"));
    let site = Site::start(&host, settings("1"));
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    site.until("it kept", |_| host.recall("service").is_some_and(|memo| memo.starts_with("Normal ")));
    drop(site);
    let site = Site::start(&host, settings("1000"));
    site.until("an answer", |snapshot| snapshot.monitor.ami == "answers");
    let snapshot = site.control.snapshot();
    assert_eq!((snapshot.service.state, snapshot.service.target), (ServiceState::Normal, Target::Main));
    assert!(snapshot.service.reason.contains("before this start"), "{}", snapshot.service.reason);
    // Of long ago.
    drop(site);
    host.remember("service", Some("Normal 1000000000")).unwrap();
    let site = Site::start(&host, settings("1000"));
    site.until("an answer", |snapshot| snapshot.monitor.ami == "answers");
    let snapshot = site.control.snapshot();
    assert_eq!((snapshot.service.state, snapshot.service.target), (ServiceState::Init, Target::Branch));
}
