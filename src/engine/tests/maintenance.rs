//! Work on the main, and holds that end by themselves. Nothing is synced here: that is the laboratory's.

use std::time::{Duration, SystemTime};

use super::{
    main::{Ami, asking, site},
    *,
};
use crate::{
    maintenance::Until,
    operator::{operate, status::Snapshot},
};

fn mode(snapshot: &Snapshot) -> (Mode, ServiceState) {
    (snapshot.service.mode, snapshot.service.state)
}

/// A host that remembers a mode which ended so many minutes ago.
fn remembering(mode: &str, minutes_ago: u64) -> Arc<StandIn> {
    let host = Arc::new(StandIn::default());
    let past = SystemTime::now() - Duration::from_secs((minutes_ago + 1) * 60);
    host.remember("mode", Some(mode)).unwrap();
    host.remember("until", Some(&Until::after(1, past).memo())).unwrap();
    host
}

#[test]
fn the_phones_stay_here_whatever_becomes_of_the_main_until_it_is_well() {
    let ami = Ami::start();
    let site = site(&ami, "", "alive_threshold=1 failure_tolerance=1");
    let said = operate::start_maintenance(&site.control, "5", "new\ndisk").unwrap();
    assert!(said.contains("service state is Failover"), "{said}");
    let snapshot = site.control.snapshot();
    assert_eq!(mode(&snapshot), (Mode::Maintenance, ServiceState::Failover));
    assert_eq!(snapshot.maintenance.reason, "newdisk");
    assert!(snapshot.maintenance.until.is_some());
    // Nobody is known to be of this site, and nobody asks.
    assert_eq!(snapshot.maintenance.drain.map(|drain| drain.word()), Some("unknown"));
    assert_eq!(operate::fail_back(&site.control).unwrap_err().matches("a maintenance goes on").count(), 1);

    // The main that is played here does not say its version.
    let refused = operate::stop_maintenance(&site.control, "22.11", false).unwrap_err();
    assert!(
        refused.contains("the phones stay here: the main does not say whether it runs 22.11"),
        "{refused}"
    );
    drop(ami);
    site.until("the verdict", |snapshot| snapshot.monitor.state == MonitorState::Failed);
    let refused = operate::stop_maintenance(&site.control, "", false).unwrap_err();
    assert!(refused.contains("the phones stay here: the main is Failed ("), "{refused}");
    assert_eq!(mode(&site.control.snapshot()), (Mode::Maintenance, ServiceState::Failover));
    let said = operate::stop_maintenance(&site.control, "", true).unwrap();
    assert!(said.contains("mode is auto, service state is Failover"), "{said}");

    let events = site.host.events.lock().join("\n");
    for state in ["Started", "Refused", "Ended"] {
        assert!(events.contains(&format!("SynchMaintenanceState [(\"State\", \"{state}\")")), "{events}");
    }
}

#[test]
fn a_main_that_is_well_has_its_phones_back_and_nothing_is_left_of_it() {
    let ami = Ami::start();
    let site = site(&ami, "", "");
    operate::start_maintenance(&site.control, "", "").unwrap();
    // Another end and another reason, which wait for nothing.
    operate::start_maintenance(&site.control, "90", "longer").unwrap();
    assert_eq!(site.control.snapshot().maintenance.reason, "longer");
    operate::start_maintenance(&site.control, "95", "").unwrap();
    assert_eq!(site.control.snapshot().maintenance.reason, "longer");
    let said = operate::stop_maintenance(&site.control, "", false).unwrap();
    assert!(said.contains("phones go to the main"), "{said}");
    let snapshot = site.control.snapshot();
    assert_eq!(mode(&snapshot), (Mode::Auto, ServiceState::Normal));
    assert!(snapshot.maintenance == Default::default(), "{:?}", snapshot.maintenance);
    assert_eq!((site.host.recall("until"), site.host.recall("reason")), (None, None));
    assert!(
        operate::stop_maintenance(&site.control, "", false)
            .unwrap_err()
            .starts_with("There is no maintenance")
    );
}

#[test]
fn a_mode_that_is_chosen_ends_a_maintenance() {
    let ami = Ami::start();
    let site = site(&ami, "", "");
    operate::start_maintenance(&site.control, "", "").unwrap();
    operate::set_mode(&site.control, "auto", "").unwrap();
    assert_eq!(mode(&site.control.snapshot()), (Mode::Auto, ServiceState::Normal));
    let events = site.host.events.lock().join("\n");
    assert!(
        events.contains("(\"State\", \"Ended\"), (\"Reason\", \"an operator has set the mode\")"),
        "{events}"
    );
}

#[test]
fn a_hold_has_an_end_that_is_kept_and_goes_with_the_next_mode() {
    let ami = Ami::start();
    let site = site(&ami, "", "");
    operate::set_mode(&site.control, "failover", "10").unwrap();
    let snapshot = site.control.snapshot();
    assert_eq!(mode(&snapshot), (Mode::Failover, ServiceState::Failover));
    let (until, _) = snapshot.maintenance.until.clone().unwrap();
    let left = until.left(SystemTime::now());
    assert!(left > Duration::from_secs(540) && left <= Duration::from_secs(600), "{left:?}");
    assert_eq!(site.host.recall("until"), Some(until.memo()));
    operate::set_mode(&site.control, "failover", "").unwrap();
    assert!(site.control.snapshot().maintenance.until.is_none());
    assert_eq!(site.host.recall("until"), None);
}

#[test]
fn a_hold_that_ended_while_nobody_was_there_is_auto_at_once() {
    let ami = Ami::start();
    let site = Site::start(&remembering("failover", 5), asking(&ami, "", ""));
    // The snapshot from before the first step of the engine says auto, too.
    let is_kept = || site.host.recall("mode").as_deref() == Some("auto");
    site.until("auto", |snapshot| snapshot.service.mode == Mode::Auto && is_kept());
    // Phones that are here go back as from any outage.
    site.until("the return", |snapshot| snapshot.service.waits_for.contains("without a failed probe"));
    assert_eq!(site.control.snapshot().service.state, ServiceState::Failover);
}

#[test]
fn a_forgotten_maintenance_asks_a_main_that_is_well_and_leaves_a_dead_one_to_the_monitor() {
    let ami = Ami::start();
    let home = Site::start(&remembering("maintenance", 5), asking(&ami, "", ""));
    home.until("the way home", |snapshot| mode(snapshot) == (Mode::Auto, ServiceState::Normal));

    let dead = Site::start(&remembering("maintenance", 5), settings(free_port(), "192.0.2.1"));
    dead.until("the outage", |snapshot| mode(snapshot) == (Mode::Auto, ServiceState::Failover));
    let log = dead.host.log.lock().join("\n");
    assert!(log.contains("its time is over, and the main is Failed: an outage as any other"), "{log}");
}
