use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    settings::{ReturnWhen, clock},
    verdict::probe::Doubt,
    words::conf::ConfSection,
};

/// What `[failover]` with these lines comes to.
fn settings(lines: &[(&str, &str)]) -> settings::Failover {
    let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
    let off = |name| ConfSection::new(name, [("enabled", "no")]);
    let mut lines = lines.to_vec();
    if lines.iter().all(|(key, _)| *key != "return_spread") {
        lines.push(("return_spread", "0"));
    }
    let failover = ConfSection::new("failover", lines);
    settings::read(&[main, off("sync"), off("dns"), failover]).unwrap().failover
}

fn at_once() -> settings::Failover {
    settings(&[("return_hold", "0")])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(now: Instant, minute: u16, channels: usize) -> Circumstances {
    Circumstances { now, minute, channels, doubt: None }
}

/// The branch serves, the main is Stable, and its last probe failed now.
fn on_the_branch(settings: settings::Failover) -> (Failover, Instant) {
    let start = Instant::now();
    let mut failover = Failover::new(settings, Mode::Auto, start);
    failover.main_is_unwell(start);
    assert!(failover.monitor_changed(MonitorState::Failed, "no answer").is_some());
    assert_eq!(failover.monitor_changed(MonitorState::Stable, "the main answers"), None);
    (failover, start)
}

fn waits_for(failover: &Failover, circumstances: Circumstances) -> String {
    failover.waits_for(&circumstances).map(|wait| wait.to_string()).unwrap_or_default()
}

#[test]
fn the_default_is_served_until_the_monitor_decides() {
    // With everything in the way of a return: this is none.
    let mut failover = Failover::new(settings(&[("return_when", "manual")]), Mode::Auto, Instant::now());
    assert_eq!(failover.target(Target::Branch), Target::Branch);
    assert_eq!(failover.target(Target::Main), Target::Main);
    assert_eq!(failover.monitor_changed(MonitorState::Unstable, "1 of 5"), None);
    assert_eq!(failover.service(), ServiceState::Init);
    let change = failover.monitor_changed(MonitorState::Stable, "the main answers").unwrap();
    assert_eq!((change.old, change.new), (ServiceState::Init, ServiceState::Normal));
    assert_eq!(change.reason, "main is Stable: the main answers");
    assert_eq!(failover.target(Target::Branch), Target::Main);
}

#[test]
fn unstable_keeps_what_is() {
    let (mut failover, start) = on_the_branch(at_once());
    assert_eq!(failover.monitor_changed(MonitorState::Unstable, ""), None);
    assert_eq!(failover.come_home(&at(start + seconds(9999), 0, 0)), None);
    assert_eq!(failover.service(), ServiceState::Failover);
    assert_eq!(waits_for(&failover, at(start, 0, 0)), "the main to be Stable");
}

#[test]
fn a_held_mode_overrules_the_monitor_until_auto() {
    let mut failover = Failover::new(settings(&[]), Mode::Auto, Instant::now());
    failover.monitor_changed(MonitorState::Stable, "");
    assert_eq!(failover.set_mode(Mode::Failover).unwrap().new, ServiceState::Failover);
    assert_eq!(failover.monitor_changed(MonitorState::Unstable, ""), None);
    assert_eq!(failover.monitor_changed(MonitorState::Stable, ""), None);
    let now = at(Instant::now() + seconds(9999), 0, 0);
    assert_eq!(failover.come_home(&now), None);
    assert_eq!(waits_for(&failover, now), "'synch set mode auto'");
    assert_eq!(failover.fail_back(), Err(NoReturn::Held(Mode::Failover)));
    // At once, although a return would have to wait.
    let change = failover.set_mode(Mode::Auto).unwrap();
    assert_eq!(
        (change.new, change.reason.as_str()),
        (ServiceState::Normal, "mode is auto again and the main is Stable")
    );
}

#[test]
fn the_reason_is_that_of_the_mode_now() {
    let mut failover = Failover::new(at_once(), Mode::Auto, Instant::now());
    failover.monitor_changed(MonitorState::Stable, "");
    assert_eq!(failover.set_mode(Mode::Normal), None);
    assert_eq!(failover.reason(), "mode was set to normal");
    assert_eq!(failover.set_mode(Mode::Auto), None);
    assert_eq!(failover.reason(), "mode is auto again and the main is Stable");
}

#[test]
fn a_mode_held_before_the_start_is_held_at_once() {
    let service = |mode| Failover::new(settings(&[]), mode, Instant::now()).service();
    assert_eq!(service(Mode::Normal), ServiceState::Normal);
    assert_eq!(service(Mode::Failover), ServiceState::Failover);
}

#[test]
fn a_return_waits_for_health_and_each_failure_begins_it_anew() {
    let (mut failover, start) = on_the_branch(settings(&[]));
    assert_eq!(waits_for(&failover, at(start, 0, 0)), "120 s more without a failed probe");
    assert_eq!(
        waits_for(&failover, at(start + Duration::from_millis(31_500), 0, 0)),
        "89 s more without a failed probe"
    );
    assert_eq!(failover.come_home(&at(start + Duration::from_millis(119_999), 0, 0)), None);
    // One failure that leaves the monitor Stable, or soon Stable again.
    failover.main_is_unwell(start + seconds(119));
    assert_eq!(failover.come_home(&at(start + seconds(238), 0, 0)), None);
    let change = failover.come_home(&at(start + seconds(239), 0, 7)).unwrap();
    assert_eq!(change.new, ServiceState::Normal);
    assert_eq!(change.reason, "main is Stable: the main answers; no probe has failed for 120 s");
    assert_eq!(failover.waits_for(&at(start + seconds(239), 0, 0)), None);
}

#[test]
fn without_a_hold_stable_is_enough() {
    let (mut failover, start) = on_the_branch(at_once());
    let change = failover.come_home(&at(start, 0, 4)).unwrap();
    assert_eq!(change.reason, "main is Stable: the main answers");
}

#[test]
fn an_idle_return_waits_for_the_last_call() {
    let (mut failover, start) = on_the_branch(settings(&[("return_hold", "10"), ("return_when", "idle")]));
    assert_eq!(waits_for(&failover, at(start + seconds(9), 0, 2)), "1 s more without a failed probe");
    let later = start + seconds(10);
    assert_eq!(waits_for(&failover, at(later, 0, 2)), "the end of the calls on this branch (2 channels)");
    assert_eq!(failover.come_home(&at(later, 0, 1)), None);
    let reason = failover.come_home(&at(later, 0, 0)).unwrap().reason;
    assert!(reason.ends_with("; no probe has failed for 10 s; no call is active on this branch"), "{reason}");
}

#[test]
fn a_return_spreads_by_a_part_that_is_drawn_and_an_operator_does_not_wait_for_it() {
    let (mut failover, start) = on_the_branch(settings(&[("return_hold", "10"), ("return_spread", "60")]));
    failover.draw(u64::MAX / 2);
    assert_eq!(
        waits_for(&failover, at(start, 0, 0)),
        "10 s more without a failed probe, then 30 s of return_spread"
    );
    assert_eq!(failover.come_home(&at(start + seconds(10), 0, 0)), None);
    assert_eq!(waits_for(&failover, at(start + seconds(15), 0, 0)), "25 s more of return_spread");
    // A failure begins all of it anew.
    failover.main_is_unwell(start + seconds(15));
    assert_eq!(failover.come_home(&at(start + seconds(25), 0, 0)), None);
    let late = start + seconds(55);
    assert!(failover.clone().fail_back().unwrap().is_some());
    assert_eq!(failover.come_home(&at(late - Duration::from_millis(1), 0, 0)), None);
    assert!(failover.come_home(&at(late, 0, 0)).is_some());
}

#[test]
fn the_spread_of_a_return_in_hours_begins_when_they_open() {
    let when = [
        ("return_hold", "0"),
        ("return_spread", "60"),
        ("return_when", "window"),
        ("return_window", "22:00-06:00"),
    ];
    let (mut failover, start) = on_the_branch(settings(&when));
    failover.draw(u64::MAX);
    assert_eq!(failover.come_home(&at(start + seconds(9999), 1319, 0)), None);
    let opened = start + seconds(10_000);
    assert_eq!(failover.come_home(&at(opened, 1320, 0)), None);
    assert_eq!(waits_for(&failover, at(opened + seconds(1), 1320, 0)), "59 s more of return_spread");
    assert!(failover.come_home(&at(opened + seconds(60), 1321, 0)).is_some());
}

#[test]
fn calls_keep_a_return_no_longer_than_they_may() {
    let when = [("return_hold", "10"), ("return_when", "idle"), ("return_latest", "3600")];
    let (mut failover, start) = on_the_branch(settings(&when));
    for second in [10, 3609] {
        assert_eq!(failover.come_home(&at(start + seconds(second), 0, 1)), None, "{second}");
    }
    let reason = failover.come_home(&at(start + seconds(3610), 0, 1)).unwrap().reason;
    assert!(reason.ends_with("; 1 channel delayed the return for return_latest, 3600 s"), "{reason}");
    let (mut failover, start) = on_the_branch(settings(&[("return_when", "idle"), ("return_latest", "0")]));
    failover.come_home(&at(start + seconds(1000), 0, 1));
    assert_eq!(failover.come_home(&at(start + seconds(10_000_000), 0, 1)), None);
}

#[test]
fn nobody_goes_home_on_what_is_not_known_now() {
    let (mut failover, start) = on_the_branch(at_once());
    for (doubt, wait) in [
        (Doubt::Unasked, "an answer from the main: "),
        (Doubt::NoUser, "an answer to AMI, or to SIP OPTIONS as a user"),
    ] {
        let doubted = Circumstances { doubt: Some(doubt), ..at(start + seconds(999), 0, 0) };
        assert_eq!(failover.come_home(&doubted), None);
        assert!(waits_for(&failover, doubted).starts_with(wait));
    }
    assert!(failover.clone().fail_back().is_ok());
    assert!(failover.come_home(&at(start, 0, 0)).is_some());
}

#[test]
fn what_was_served_before_a_restart_is_served_until_the_monitor_knows_better() {
    let start = Instant::now();
    let resumed = |service| {
        let mut failover = Failover::new(settings(&[("return_hold", "10")]), Mode::Auto, start);
        failover.resume(service, "kept");
        failover
    };
    let mut failover = resumed(ServiceState::Normal);
    assert_eq!((failover.target(Target::Branch), failover.reason()), (Target::Main, "kept"));
    assert_eq!(failover.monitor_changed(MonitorState::Stable, ""), None);
    let mut failover = resumed(ServiceState::Normal);
    assert_eq!(failover.monitor_changed(MonitorState::Failed, "").unwrap().new, ServiceState::Failover);
    // An outage goes on, with its hold.
    let mut failover = resumed(ServiceState::Failover);
    assert_eq!(failover.monitor_changed(MonitorState::Stable, ""), None);
    assert_eq!(failover.come_home(&at(start + seconds(9), 0, 0)), None);
    assert!(failover.come_home(&at(start + seconds(10), 0, 0)).is_some());
    // A mode that is held decides.
    let mut failover = Failover::new(at_once(), Mode::Failover, start);
    failover.resume(ServiceState::Normal, "kept");
    assert_eq!(failover.service(), ServiceState::Failover);
}

#[test]
fn a_return_in_hours_waits_for_the_next_ones() {
    let when =
        [("return_hold", "0"), ("return_when", "window"), ("return_window", "22:00-06:00,12:30-13:00")];
    let (mut failover, start) = on_the_branch(settings(&when));
    for (minute, opens) in [(359, ""), (360, "12:30"), (750, ""), (780, "22:00"), (1320, "")] {
        assert_eq!(waits_for(&failover, at(start, minute, 3)), opens, "{}", clock(minute));
    }
    assert_eq!(failover.come_home(&at(start, 800, 0)), None);
    let reason = failover.come_home(&at(start, 1439, 3)).unwrap().reason;
    assert!(reason.ends_with("; the time is within 22:00-06:00"), "{reason}");
}

#[test]
fn idle_or_hours_waits_for_whichever_comes_first() {
    let when = [("return_hold", "0"), ("return_when", "idle_or_window"), ("return_window", "22:00-06:00")];
    let wait = "the end of the calls on this branch (2 channels), or 22:00";
    assert_eq!(waits_for(&on_the_branch(settings(&when)).0, at(Instant::now(), 720, 2)), wait);
    for (minute, channels, why) in
        [(720, 0, "no call is active on this branch"), (0, 2, "the time is within 22:00-06:00")]
    {
        let (mut failover, start) = on_the_branch(settings(&when));
        let reason = failover.come_home(&at(start, minute, channels)).unwrap().reason;
        assert!(reason.ends_with(why), "{reason}");
    }
}

#[test]
fn a_manual_return_waits_for_the_operator_alone() {
    let (mut failover, start) = on_the_branch(settings(&[("return_when", "manual")]));
    let later = at(start + seconds(9999), 0, 0);
    assert_eq!(failover.come_home(&later), None);
    assert_eq!(waits_for(&failover, later), "'synch failback'");
    let change = failover.fail_back().unwrap().unwrap();
    assert_eq!((change.old, change.new), (ServiceState::Failover, ServiceState::Normal));
    assert_eq!(failover.fail_back(), Err(NoReturn::NotInFailover(ServiceState::Normal)));
}

#[test]
fn an_operator_is_refused_who_would_send_the_phones_to_a_main_that_is_not_well() {
    let (mut failover, _) = on_the_branch(settings(&[]));
    for state in [MonitorState::Failed, MonitorState::Unstable] {
        failover.monitor_changed(state, "no answer");
        let problem = failover.fail_back().unwrap_err();
        assert_eq!(problem, NoReturn::NotStable(state));
        assert!(problem.to_string().contains("'synch set mode normal'"), "{problem}");
    }
    assert_eq!(failover.service(), ServiceState::Failover);
    failover.monitor_changed(MonitorState::Stable, "the main answers");
    assert!(failover.fail_back().unwrap().is_some());
}

#[test]
fn other_settings_count_from_now_on() {
    let (mut failover, start) = on_the_branch(settings(&[("return_when", "manual")]));
    failover.configure(&settings(&[("return_hold", "30")]));
    assert_eq!(failover.come_home(&at(start + seconds(29), 0, 0)), None);
    assert!(failover.come_home(&at(start + seconds(30), 0, 0)).is_some());
}

#[derive(Clone, Copy, Debug)]
enum Input {
    Monitor(MonitorState),
    Mode(Mode),
}

/// How one probe ended, how long after the one before it, and what it was like then.
#[derive(Clone, Copy, Debug)]
struct Probe {
    alive: bool,
    after: u64,
    minute: u16,
    channels: usize,
}

prop_compose! {
    fn probe()(alive in prop::bool::weighted(0.8), after in 1u64..20, minute in 0u16..1440, channels in 0usize..2) -> Probe {
        Probe { alive, after, minute, channels }
    }
}

/// A move: when, in seconds from the start, and where to.
type Move = (u64, ServiceState);

/// What any schedule of probes comes to. Two failures in a row are Failed, two successes Stable; the loop looks again each
/// second between them.
fn run(settings: &settings::Failover, probes: &[Probe]) -> (Vec<Move>, Vec<u64>) {
    let start = Instant::now();
    let mut failover = Failover::new(settings.clone(), Mode::Auto, start);
    let (mut moves, mut failures) = (Vec::new(), Vec::new());
    let (mut now, mut monitor, mut run) = (0, MonitorState::Init, (true, 0));
    for probe in probes {
        for second in now + 1..=now + probe.after {
            let circumstances = at(start + seconds(second), probe.minute, probe.channels);
            moves.extend(failover.come_home(&circumstances).map(|change| (second, change.new)));
        }
        now += probe.after;
        if !probe.alive {
            failures.push(now);
            failover.main_is_unwell(start + seconds(now));
        }
        run = if run.0 == probe.alive { (run.0, run.1 + 1) } else { (probe.alive, 1) };
        let state = match run {
            (_, 1) => MonitorState::Unstable,
            (true, _) => MonitorState::Stable,
            (false, _) => MonitorState::Failed,
        };
        if std::mem::replace(&mut monitor, state) != state {
            moves.extend(failover.monitor_changed(state, "").map(|change| (now, change.new)));
        }
    }
    (moves, failures)
}

/// Moves home from the branch: not the first decision after the start.
fn returns(moves: &[Move]) -> impl Iterator<Item = u64> {
    let home = |pair: &[Move]| (pair[1].1 == ServiceState::Normal).then_some(pair[1].0);
    moves.windows(2).filter_map(home)
}

#[test]
fn a_mode_that_is_in_force_already_ends_no_wait() {
    let (mut failover, start) = on_the_branch(settings(&[("return_when", "manual")]));
    assert_eq!(failover.set_mode(Mode::Auto), None);
    assert_eq!(waits_for(&failover, at(start, 0, 0)), "'synch failback'");
}

#[test]
fn time_alone_brings_the_phones_home_only_from_a_branch_that_serves_beside_a_stable_main() {
    let (mut failover, _) = on_the_branch(settings(&[]));
    assert!(failover.wants_home());
    failover.monitor_changed(MonitorState::Unstable, "silent");
    assert!(!failover.wants_home());
    failover.monitor_changed(MonitorState::Stable, "the main answers");
    failover.set_mode(Mode::Failover);
    assert!(!failover.wants_home());
    assert!(!Failover::new(settings(&[]), Mode::Auto, Instant::now()).wants_home());
}

proptest! {
    #[test]
    fn every_sequence_ends_where_the_rules_say(inputs in prop::collection::vec(prop_oneof![
        prop::sample::select(MonitorState::ALL).prop_map(Input::Monitor),
        prop::sample::select(Mode::ALL).prop_map(Input::Mode),
    ], 0..40)) {
        let now = Instant::now();
        let mut failover = Failover::new(at_once(), Mode::Auto, now);
        let (mut mode, mut monitor) = (Mode::Auto, MonitorState::Init);
        for input in inputs {
            let before = failover.service();
            let change = match input {
                Input::Monitor(state) => { monitor = state; failover.monitor_changed(state, "") }
                Input::Mode(chosen) => { mode = chosen; failover.set_mode(chosen) }
            };
            let change = change.or_else(|| failover.come_home(&at(now, 0, 0)));
            let expected = match (mode, monitor) {
                (Mode::Normal, _) => ServiceState::Normal,
                (Mode::Failover | Mode::Maintenance, _) => ServiceState::Failover,
                (Mode::Auto, MonitorState::Stable) => ServiceState::Normal,
                (Mode::Auto, MonitorState::Failed) => ServiceState::Failover,
                (Mode::Auto, _) => before,
            };
            prop_assert_eq!(failover.service(), expected);
            prop_assert_eq!(change.is_some(), before != expected);
        }
    }

    /// Whatever the link does, no phone is sent home within a hold of a failed probe; so each hold has one return at most, and
    /// two ways out are at least a hold apart.
    #[test]
    fn no_return_within_a_hold_and_one_at_most_per_hold(
        probes in prop::collection::vec(probe(), 0..200), hold in 1u64..60,
    ) {
        let text = hold.to_string();
        let (moves, failures) = run(&settings(&[("return_hold", &text)]), &probes);
        for home in returns(&moves) {
            prop_assert!(failures.iter().all(|failure| *failure >= home || home - failure >= hold));
        }
        for state in [ServiceState::Normal, ServiceState::Failover] {
            // The first decision is made at once, whatever it is.
            let all: Vec<u64> = moves.iter().skip(1).filter(|(_, to)| *to == state).map(|(when, _)| *when).collect();
            prop_assert!(all.windows(2).all(|pair| pair[1] - pair[0] >= hold), "{:?}", moves);
        }
    }

    /// A link that never stays well for a hold moves the phones once.
    #[test]
    fn a_flapping_link_moves_the_phones_once(probes in prop::collection::vec(probe(), 0..200)) {
        let flapping: Vec<Probe> = probes
            .chunks(5)
            .flat_map(|five| {
                let last = Probe { alive: false, after: 1, ..five[five.len() - 1] };
                five.iter().copied().chain([last, last])
            })
            .collect();
        // Five times 19 seconds at most between two failures.
        let (moves, _) = run(&settings(&[("return_hold", "100")]), &flapping);
        let away = moves.iter().filter(|(_, to)| *to == ServiceState::Failover).count();
        prop_assert!(away <= 1 && returns(&moves).count() == 0, "{:?}", moves);
    }

    /// Idle, hours, either of them: never a return in any other minute.
    #[test]
    fn a_return_is_only_where_the_rule_lets_it(
        probes in prop::collection::vec(probe(), 0..200),
        rule in prop::sample::select(ReturnWhen::ALL), from in 0u16..1440, length in 1u16..1439,
    ) {
        let window = format!("{}-{}", clock(from), clock((from + length) % 1440));
        let text = rule.to_string();
        let lines = [("return_hold", "0"), ("return_when", text.as_str()), ("return_window", window.as_str())];
        let settings = settings(&lines);
        let (moves, _) = run(&settings, &probes);
        let mut now = 0;
        let mut then = probes.iter().map(|probe| { now += probe.after; (now, probe) });
        let mut current = then.next();
        for home in returns(&moves) {
            while current.is_some_and(|(until, _)| until < home) {
                current = then.next();
            }
            let (_, probe) = current.unwrap();
            let (idle, open) = (probe.channels == 0, settings.return_windows[0].holds(probe.minute));
            let allowed = match rule {
                ReturnWhen::AtOnce => true,
                ReturnWhen::Idle => idle,
                ReturnWhen::Window => open,
                ReturnWhen::IdleOrWindow => idle || open,
                ReturnWhen::Manual => false,
            };
            prop_assert!(allowed, "{:?}", probe);
        }
    }
}

/// The main is Failed although its SIP answers, and the branch was not found to take calls.
const BARRED: Way = Way { main_serves: true, branch_takes_calls: false };

#[test]
fn a_main_that_still_serves_is_left_once_the_branch_takes_calls_or_the_main_serves_nobody() {
    for way in [
        Way { main_serves: true, branch_takes_calls: true },
        Way { main_serves: false, branch_takes_calls: false },
        Way { main_serves: false, branch_takes_calls: true },
    ] {
        // Known before the verdict: no wait at all.
        let mut failover = Failover::new(settings(&[]), Mode::Auto, Instant::now());
        failover.monitor_changed(MonitorState::Stable, "");
        assert_eq!(failover.set_way(way), None);
        assert_eq!(
            failover.monitor_changed(MonitorState::Failed, "no Pong").unwrap().new,
            ServiceState::Failover
        );

        let mut failover = Failover::new(settings(&[]), Mode::Auto, Instant::now());
        failover.monitor_changed(MonitorState::Stable, "");
        failover.set_way(BARRED);
        assert_eq!(failover.monitor_changed(MonitorState::Failed, "no Pong"), None);
        assert!(failover.move_waits());
        assert_eq!((failover.set_way(BARRED), failover.service()), (None, ServiceState::Normal));
        let change = failover.set_way(way).unwrap();
        assert_eq!((change.new, change.reason.as_str()), (ServiceState::Failover, "main is Failed: no Pong"));
        assert!(!failover.move_waits());
        assert_eq!(failover.set_way(way), None);
    }
}

#[test]
fn a_move_that_waits_is_forgotten_with_its_cause_and_no_operator_waits() {
    let mut failover = Failover::new(settings(&[]), Mode::Auto, Instant::now());
    failover.monitor_changed(MonitorState::Stable, "");
    failover.set_way(BARRED);
    failover.monitor_changed(MonitorState::Failed, "no Pong");
    assert_eq!(failover.monitor_changed(MonitorState::Stable, "Pong"), None);
    assert!(!failover.move_waits());
    assert_eq!(failover.set_way(Way::default()), None);
    assert_eq!(failover.service(), ServiceState::Normal);

    failover.set_way(BARRED);
    failover.monitor_changed(MonitorState::Failed, "no Pong");
    assert_eq!(failover.set_mode(Mode::Failover).unwrap().new, ServiceState::Failover);
    // Whoever is on the branch stays there: this is about the way to it.
    assert_eq!(failover.set_mode(Mode::Auto), None);
    assert_eq!(failover.service(), ServiceState::Failover);
}

#[test]
fn no_phone_goes_back_by_itself_to_a_main_that_has_lost_users() {
    let (mut failover, start) = on_the_branch(at_once());
    failover.set_sync_is_held(true);
    assert_eq!(waits_for(&failover, at(start, 0, 0)), "a sync that is held");
    assert_eq!(failover.come_home(&at(start + seconds(9999), 0, 0)), None);
    // Not by way of another mode either: it ends by itself, too.
    failover.set_mode(Mode::Failover);
    assert_eq!(failover.set_mode(Mode::Auto), None);
    assert_eq!(failover.service(), ServiceState::Failover);
    assert_eq!(waits_for(&failover, at(start, 0, 0)), "a sync that is held");
    // It is looked at again and again.
    assert!(failover.wants_home());
    failover.set_sync_is_held(false);
    assert_eq!(failover.come_home(&at(start + seconds(9999), 0, 0)).unwrap().new, ServiceState::Normal);
}

#[test]
fn an_operator_sends_phones_back_to_a_main_that_has_lost_users() {
    for by in [
        |failover: &mut Failover| failover.fail_back().unwrap(),
        |failover: &mut Failover| failover.set_mode(Mode::Normal),
    ] {
        let (mut failover, _) = on_the_branch(at_once());
        failover.set_sync_is_held(true);
        assert_eq!(by(&mut failover).unwrap().new, ServiceState::Normal);
    }
}

#[test]
fn a_held_sync_keeps_no_phone_from_leaving_and_none_at_a_main_that_serves() {
    let mut failover = Failover::new(at_once(), Mode::Auto, Instant::now());
    failover.set_sync_is_held(true);
    assert_eq!(failover.monitor_changed(MonitorState::Stable, "").unwrap().new, ServiceState::Normal);
    assert_eq!(failover.monitor_changed(MonitorState::Failed, "").unwrap().new, ServiceState::Failover);
}

#[test]
fn a_hold_that_ends_by_itself_is_followed_by_a_return_like_any_other_and_by_a_move_at_once() {
    let settings = settings(&[("return_hold", "60")]);
    let (mut failover, start) = on_the_branch(settings.clone());
    failover.set_mode(Mode::Failover);
    failover.monitor_changed(MonitorState::Stable, "");
    assert_eq!(failover.end_hold(), None);
    assert_eq!((failover.mode(), failover.service()), (Mode::Auto, ServiceState::Failover));
    assert_eq!(failover.come_home(&at(start + seconds(59), 0, 0)), None);
    assert_eq!(failover.come_home(&at(start + seconds(60), 0, 0)).unwrap().new, ServiceState::Normal);

    let (mut failover, _) = on_the_branch(settings);
    failover.set_mode(Mode::Normal);
    failover.monitor_changed(MonitorState::Failed, "");
    assert_eq!(failover.end_hold().unwrap().new, ServiceState::Failover);
}

#[test]
fn in_a_maintenance_the_monitor_moves_nobody() {
    let mut failover = Failover::new(at_once(), Mode::Auto, Instant::now());
    failover.monitor_changed(MonitorState::Stable, "");
    assert_eq!(failover.set_mode(Mode::Maintenance).unwrap().new, ServiceState::Failover);
    for state in [MonitorState::Failed, MonitorState::Unstable, MonitorState::Stable] {
        assert_eq!(failover.monitor_changed(state, ""), None);
        let now = at(Instant::now() + seconds(9999), 0, 0);
        assert_eq!(failover.come_home(&now), None);
        assert_eq!(waits_for(&failover, now), "'synch maintenance stop'");
        assert_eq!(failover.fail_back(), Err(NoReturn::Maintenance));
    }
    assert_eq!(failover.set_mode(Mode::Auto).unwrap().new, ServiceState::Normal);
    assert_eq!(Failover::new(at_once(), Mode::Maintenance, Instant::now()).service(), ServiceState::Failover);
}
