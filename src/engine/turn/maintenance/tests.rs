//! A hold that is recalled, and what a maintenance does without its workers.

use std::sync::Arc;

use super::{
    hold::{LOOK_AGAIN, MODE, REASON, REFUSED, UNTIL},
    *,
};
use crate::{
    engine::{crew::roll::Roll, host::Host, stand_in::StandIn},
    maintenance::{Losing, Refusal},
    operator::status::SyncStatus,
    settings::Settings,
    site::users::User,
    verdict::probe::{Kind, Outcome},
    words::{
        conf::ConfSection,
        state::{MonitorState, ServiceState, SyncState},
    },
};

/// A main that nobody asks, whose users are synced, and nothing else; without these sections.
fn settings(without: &[&str]) -> Settings {
    let main = [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")];
    let probe = [("alive_threshold", "1"), ("failure_tolerance", "1")];
    let off = |name| ConfSection::new(name, [("enabled", "no")]);
    let sections = [
        ConfSection::new("main", main),
        ConfSection::new("probe", probe),
        ConfSection::new("sync", [("filter_value", "x")]),
        off("dns"),
        off("dialplan"),
    ];
    let mut settings = crate::settings::read(&sections).unwrap();
    settings.main.take_if(|_| without.contains(&"main"));
    settings.sync.take_if(|_| without.contains(&"sync"));
    settings
}

/// The engine before its workers are started.
fn engine(host: &Arc<StandIn>) -> Running {
    let settings = Arc::new(settings(&[]));
    Running::new(host.kit(&settings), settings, Roll::default())
}

/// The same in a maintenance whose time is over.
fn over(host: &Arc<StandIn>) -> Running {
    let past = SystemTime::now() - Duration::from_secs(3600);
    host.remember(MODE, Some("maintenance")).unwrap();
    host.remember(UNTIL, Some(&Until::after(1, past).memo())).unwrap();
    engine(host)
}

fn probed(engine: &mut Running, outcome: &Outcome) {
    for _ in 0..3 {
        engine.probed(Kind::Ami, Instant::now(), outcome);
    }
}

fn is_well(engine: &mut Running) {
    probed(engine, &Outcome::Alive(Duration::from_millis(1)));
    assert_eq!(engine.monitor.verdict().state, MonitorState::Stable);
}

fn is_dead(engine: &mut Running) {
    probed(engine, &Outcome::Silent("no answer".to_owned()));
    assert_eq!(engine.monitor.verdict().state, MonitorState::Failed);
}

fn claim() -> Claim {
    Claim::new(1, Instant::now() + LATE).0
}

fn answer(mut reply: Told) -> Result<String, String> {
    reply.take().unwrap().unwrap()
}

fn synced(state: SyncState, none_on_main: bool) -> Arc<SyncStatus> {
    let users = vec![User::new("1001", "")];
    Arc::new(SyncStatus { state, none_on_main, users, ..SyncStatus::before_the_first(true) })
}

fn lost() -> Refusal {
    let names = ["1001".to_owned()].into_iter().collect();
    Refusal::Loses(Losing { names, of: 2 })
}

#[test]
fn a_hold_is_remembered_with_its_end_and_a_mode_that_is_none_has_none() {
    let host = StandIn::default();
    let until = Until::after(10, SystemTime::now());
    for (key, value) in [(MODE, "maintenance"), (UNTIL, &until.memo()), (REASON, "to 22.11")] {
        host.remember(key, Some(value)).unwrap();
    }
    let (mode, hold) = Hold::recall(&host, &settings(&[]));
    assert_eq!((mode, hold.reason.as_str()), (Mode::Maintenance, "to 22.11"));
    assert_eq!(hold.until.map(|(until, _)| until), Some(until));
    assert!(hold.drain.is_some());
    let due = hold.due(Instant::now()).unwrap();
    assert!(due > Duration::from_secs(590) && due <= Duration::from_secs(600), "{due:?}");

    host.remember(MODE, Some("auto")).unwrap();
    let (mode, hold) = Hold::recall(&host, &settings(&[]));
    assert!(mode == Mode::Auto && hold.until.is_none() && hold.due(Instant::now()).is_none());
}

#[test]
fn a_hold_whose_time_passed_while_nobody_was_there_is_over_at_once() {
    let host = StandIn::default();
    let past = SystemTime::now() - Duration::from_secs(3600);
    host.remember(MODE, Some("normal")).unwrap();
    host.remember(UNTIL, Some(&Until::after(1, past).memo())).unwrap();
    let (_, hold) = Hold::recall(&host, &settings(&[]));
    assert!(hold.is_over(Instant::now()));
    // What waits for the monitor is looked at again soon, and not in each turn.
    assert_eq!(hold.due(Instant::now()), Some(LOOK_AGAIN));
}

#[test]
fn a_sync_that_is_held_stays_so_until_one_has_ended_well() {
    let mut engine = engine(&Arc::default());
    engine.synced(synced(SyncState::Unsynced, true));
    assert!(engine.failover.sync_is_held());
    // A worker that was made anew, and does not reach the main.
    for state in [SyncState::Init, SyncState::Unsynced] {
        engine.synced(synced(state, false));
        assert!(engine.failover.sync_is_held(), "{state:?}");
    }
    engine.synced(synced(SyncState::Synced, false));
    assert!(!engine.failover.sync_is_held());
}

#[test]
fn a_question_at_the_end_that_is_cancelled_is_asked_again() {
    let mut engine = over(&Arc::default());
    engine.hold.is_told = true;
    engine.hold.waits = Waits::Gate(None, claim());
    engine.cancel("the settings were changed meanwhile; try again");
    assert!(!engine.hold.is_told && engine.hold.due(Instant::now()).is_some());
}

#[test]
fn after_a_refusal_a_main_that_is_dead_for_a_while_does_not_get_its_phones_by_itself() {
    let host = Arc::<StandIn>::default();
    let mut engine = over(&host);
    engine.refuse(&lost(), None);
    // Another end does not mend the main.
    engine.hold_phones(Start::default());
    // A restart, and a main that comes later than the branch.
    let mut engine = over(&host);
    assert_eq!(engine.hold.refused, lost().to_string());
    for turn in [is_dead, is_well] {
        turn(&mut engine);
        engine.look_at_hold();
        engine.come_home();
        let (mode, service) = (engine.failover.mode(), engine.failover.service());
        assert_eq!((mode, service), (Mode::Maintenance, ServiceState::Failover));
    }
    // Nobody was ever asked: an outage as any other.
    let mut engine = over(&Arc::default());
    is_dead(&mut engine);
    engine.look_at_hold();
    assert_eq!(engine.failover.mode(), Mode::Auto);
}

#[test]
fn a_last_sync_that_is_late_begins_nothing_where_the_branch_could_not_serve() {
    let mut engine = engine(&Arc::default());
    for (sync, mode) in [
        (SyncStatus::before_the_first(true).into(), Mode::Auto),
        (synced(SyncState::Synced, false), Mode::Maintenance),
    ] {
        engine.synced(sync);
        engine.kit.leave_main_alone(true);
        let (reply, late) = (Told::default(), Claim::new(1, Instant::now()).0);
        engine.hold.waits = Waits::Last(Start::default(), reply.clone(), late);
        engine.look_at_hold();
        assert_eq!(engine.failover.mode(), mode, "{:?}", answer(reply));
        assert_eq!(engine.kit.leaves_main_alone(), mode == Mode::Maintenance);
    }
}

#[test]
fn no_maintenance_begins_without_its_last_sync() {
    let mut engine = engine(&Arc::default());
    engine.synced(synced(SyncState::Synced, false));
    let reply = Told::default();
    engine.start_maintenance(Start::default(), reply.clone());
    assert!(answer(reply).unwrap_err().contains("the sync does not run just now"));
    assert!(engine.failover.mode() == Mode::Auto && !engine.kit.leaves_main_alone());
}

#[test]
fn the_mode_is_kept_though_its_end_is_not_and_gets_an_end_at_the_next_start() {
    let host = Arc::<StandIn>::default();
    host.unwritable.lock().extend(["synch/until", "synch/reason"]);
    let mut running = engine(&host);
    running.hold_phones(Start::default());
    assert_eq!(host.recall(MODE).as_deref(), Some("maintenance"));
    assert!(host.log.lock().iter().any(|line| line.contains("in force, but its until is not kept")));
    host.unwritable.lock().clear();
    let (mode, hold) = Hold::recall(&*host, &settings(&[]));
    assert!(mode == Mode::Maintenance && !hold.is_over(Instant::now()));
    assert_eq!(hold.until.map(|(until, _)| until.memo()), host.recall(UNTIL));
}

#[test]
fn without_a_main_there_is_no_maintenance_and_without_a_sync_no_count() {
    let mut running = over(&Arc::default());
    running.counted(Some(1));
    running.configure(settings(&["sync"]).into());
    assert_eq!(running.failover.mode(), Mode::Maintenance);
    assert_eq!(running.hold.drain.map(|drain| drain.state()), Some(DrainState::Unknown));
    running.configure(settings(&["main", "sync"]).into());
    assert_eq!(running.failover.mode(), Mode::Auto);

    let host = Arc::<StandIn>::default();
    over(&host);
    for (without, mode) in [(&["sync"][..], Mode::Maintenance), (&["main", "sync"], Mode::Auto)] {
        let settings = Arc::new(settings(without));
        let running = Running::new(host.kit(&settings), settings, Roll::default());
        assert_eq!(running.failover.mode(), mode, "{without:?}");
        let unknown = (mode == Mode::Maintenance).then_some(DrainState::Unknown);
        assert_eq!(running.hold.drain.map(|drain| drain.state()), unknown);
    }
}

#[test]
fn a_hold_that_ends_by_itself_lets_the_phones_come_home_as_after_an_outage() {
    let mut engine = engine(&Arc::default());
    is_well(&mut engine);
    engine.change_mode(Mode::Failover, Some(10), String::new(), "a test");
    engine.hold.until = engine.hold.until.map(|(until, _)| (until, Instant::now()));
    engine.look_at_hold();
    assert_eq!((engine.failover.mode(), engine.failover.service()), (Mode::Auto, ServiceState::Failover));
    assert!(engine.failover.wants_home());
}

#[test]
fn force_and_questions_that_were_passed_let_the_phones_go_though_a_sync_is_held() {
    for force in [true, false] {
        let mut engine = over(&Arc::default());
        is_well(&mut engine);
        engine.synced(synced(SyncState::Unsynced, true));
        let reply = Told::default();
        if force {
            engine.stop_maintenance(None, true, reply.clone());
        } else {
            engine.hold.waits = Waits::Gate(Some(reply.clone()), claim());
            engine.gated(engine.hold.number, Ok(()));
        }
        assert!(answer(reply).unwrap().contains("phones go to the main"), "{force}");
        assert_eq!(engine.failover.service(), ServiceState::Normal);
    }
}

#[test]
fn a_main_that_did_not_answer_at_the_end_is_asked_again_and_told_of_once() {
    let host = Arc::<StandIn>::default();
    let mut engine = over(&host);
    is_well(&mut engine);
    for _ in 0..2 {
        engine.hold.is_told = true;
        engine.refuse(&Refusal::Unanswered("the line is lost".to_owned()), None);
        assert!(!engine.hold.is_told && engine.hold.not_before.is_some());
        // Not at once.
        engine.look_at_hold();
        assert!(!engine.hold.is_told);
    }
    let told = host.events.lock().iter().filter(|event| event.contains("Refused")).count();
    assert_eq!(told, 1);
    // A dead main is an outage all the same.
    is_dead(&mut engine);
    engine.look_at_hold();
    assert_eq!(engine.failover.mode(), Mode::Auto);
}

#[test]
fn a_panic_leaves_no_main_alone_for_ever_and_none_is_read_in_a_maintenance() {
    let mut engine = engine(&Arc::default());
    engine.kit.leave_main_alone(true);
    engine.recover();
    assert!(!engine.kit.leaves_main_alone());
    engine.hold.waits = Waits::Last(Start::default(), Told::default(), claim());
    engine.recover();
    assert!(engine.kit.leaves_main_alone());

    let mut engine = over(&Arc::default());
    engine.hold.drain = None;
    engine.kit.leave_main_alone(false);
    engine.recover();
    assert!(engine.kit.leaves_main_alone() && engine.hold.drain.is_some());
}

#[test]
fn a_main_that_is_still_starting_at_the_end_is_told_of_as_such() {
    let host = Arc::<StandIn>::default();
    let mut engine = over(&host);
    is_well(&mut engine);
    engine.monitor.set_starting(true);
    engine.hold.until = engine.hold.until.and_then(|(until, at)| Some((until, at.checked_sub(DOUBT)?)));
    engine.look_at_hold();
    let log = host.log.lock().join("\n");
    assert!(log.contains("the main is still starting at the end of the maintenance"), "{log}");
}

#[test]
fn what_ends_as_a_question_gets_no_point() {
    assert_eq!(sentence("is it there?"), "is it there?");
    assert_eq!(sentence("it is"), "it is.");
}

#[test]
fn a_held_mode_is_kept_behind_its_end_and_auto_before_nothing_is_left_of_one() {
    let keys = |mode| Hold::default().words(mode).map(|(key, _)| key);
    assert_eq!(keys(Mode::Maintenance), [UNTIL, REASON, REFUSED, MODE]);
    assert_eq!(keys(Mode::Auto), [MODE, REFUSED, REASON, UNTIL]);
}
