//! The branch looks at itself, and a move waits for it where the main still serves somebody.

use super::{
    main::{Ami, guessed, sip_server},
    *,
};
use crate::{settings::Require, words::state::BranchState};

/// A main in normal service whose AMI lets nobody in any more, while its SIP answers.
fn without_ami(host: &Arc<StandIn>, ami: &Ami, sip: std::net::SocketAddr) -> Site {
    // Only then a main that serves phones can be Failed.
    let mut settings = guessed(ami, sip, "1");
    settings.probe.require = Require::All;
    let site = Site::start(host, settings);
    site.until("normal service", |snapshot| snapshot.service.state == ServiceState::Normal);
    site.until("SIP", |snapshot| snapshot.monitor.sip == "answers");
    ami.refuse();
    site
}

fn failed_and_still_there(snapshot: &Snapshot) -> bool {
    assert_ne!(snapshot.service.state, ServiceState::Failover, "{}", snapshot.service.reason);
    snapshot.monitor.state == MonitorState::Failed
}

#[test]
fn a_branch_that_takes_calls_is_told_and_shown() {
    let host = Arc::<StandIn>::default();
    let site = Site::start(&host, settings(free_port(), "192.0.2.1"));
    site.until("the look", |snapshot| snapshot.branch.state == BranchState::Healthy);
    let reason = site.control.snapshot().branch.reason.clone();
    assert!(reason.contains("its dialplan answers in"), "{reason}");
    let events = host.events.lock().join("\n");
    assert!(
        events.contains("SynchBranchState [(\"OldState\", \"Init\"), (\"NewState\", \"Healthy\")"),
        "{events}"
    );
}

#[test]
fn a_main_that_still_serves_is_left_only_for_a_branch_that_takes_calls() {
    let (host, ami, (sip, _)) = (Arc::<StandIn>::default(), Ami::start(), sip_server());
    // Its dialplan never answers.
    let hung = host.dialplan.lock();
    let site = without_ami(&host, &ami, sip);
    site.until("the verdict", failed_and_still_there);
    site.until("the reason", |snapshot| {
        failed_and_still_there(snapshot);
        snapshot.service.reason.contains("its SIP still answers and this branch is")
    });
    site.until("a state of the branch", |snapshot| {
        failed_and_still_there(snapshot);
        snapshot.branch.state == BranchState::Unhealthy
    });
    site.until("a warning", |_| {
        let log = host.log.lock().join("\n");
        log.contains("Warning The main is Failed, but the phones stay there")
            && log.contains("Warning Branch state changed from")
    });

    drop(hung);
    site.until("the move", |snapshot| snapshot.service.state == ServiceState::Failover);
    assert_eq!(site.control.snapshot().branch.state, BranchState::Healthy);
}

#[test]
fn a_main_that_serves_nobody_is_left_whatever_the_branch_does() {
    let (host, ami, (sip, mute)) = (Arc::<StandIn>::default(), Ami::start(), sip_server());
    let hung = host.dialplan.lock();
    let site = without_ami(&host, &ami, sip);
    site.until("the verdict", failed_and_still_there);
    mute.store(true, Ordering::SeqCst);
    site.until("the move", |snapshot| snapshot.service.state == ServiceState::Failover);
    assert_ne!(site.control.snapshot().branch.state, BranchState::Healthy);
    drop(hung);
}

#[test]
fn an_operator_is_not_kept_waiting() {
    let (host, ami, (sip, _)) = (Arc::<StandIn>::default(), Ami::start(), sip_server());
    let hung = host.dialplan.lock();
    let site = without_ami(&host, &ami, sip);
    let snapshot = site.control.send_and_see(Command::SetMode(Mode::Failover)).unwrap();
    assert_eq!(snapshot.service.state, ServiceState::Failover);
    drop(hung);
}
