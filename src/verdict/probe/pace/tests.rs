//! The pace and the monitor together, in a time of their own: a main of the test's making is asked and answers.

use proptest::prelude::*;

use super::*;
use crate::{
    settings::Require,
    verdict::probe::tests::{alive, closed, settings, silent, wrong},
};
use MonitorState::{Failed, Stable, Unstable};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// As shipped: the bound of one probe.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A probe on its way: when it ends, what it is, when it began, and how it ends.
type Flying = (Instant, Kind, Instant, Outcome);

struct World {
    pace: Pace,
    monitor: Monitor,
    start: Instant,
    now: Instant,
    flying: Vec<Flying>,
    /// When probes began.
    begun: Vec<(Kind, Duration)>,
    /// When the monitor changed, and to what.
    states: Vec<(Duration, MonitorState)>,
}

impl World {
    fn new(settings: Probe) -> Self {
        let now = Instant::now();
        Self {
            pace: Pace::new(&settings, now),
            monitor: Monitor::new(settings, true, now),
            start: now,
            now,
            flying: Vec::new(),
            begun: Vec::new(),
            states: Vec::new(),
        }
    }

    /// Lets the time pass until then. `main` says how long a probe that begins takes, and how it ends.
    fn run(&mut self, until: Duration, mut main: impl FnMut(Kind, Duration) -> (Duration, Outcome)) {
        let until = self.start + until;
        for _ in 0..1_000_000 {
            let ends = self.flying.iter().map(|(end, ..)| *end).min();
            let next = self.pace.due().into_iter().chain(ends).min().unwrap();
            if next >= until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            let now = self.now;
            let ended: Vec<Flying> = self.flying.extract_if(.., |(end, ..)| *end <= now).collect();
            for (_, kind, asked, outcome) in ended {
                self.monitor.observe(kind, &outcome, asked, now);
                self.pace.ended(kind, &outcome, &self.monitor, now);
                let state = self.monitor.verdict().state;
                if self.states.last().map(|(_, state)| *state) != Some(state) {
                    self.states.push((now - self.start, state));
                }
            }
            for kind in self.pace.begin(&self.monitor, now) {
                let began = now - self.start;
                self.begun.push((kind, began));
                let (takes, outcome) = main(kind, began);
                let outcome = if outcome.is_alive() { Outcome::Alive(takes) } else { outcome };
                let patience = if kind == Kind::Sip { self.pace.patience() } else { TIMEOUT };
                if patience < takes && takes <= TIMEOUT {
                    self.flying.push((now + patience, kind, now, silent()));
                }
                if takes <= patience || outcome.is_alive() {
                    self.flying.push((now + takes, kind, now, outcome));
                }
            }
        }
        panic!("the time does not pass: {:?}", self.pace);
    }

    fn begun(&self, kind: Kind, after: Duration) -> Vec<u128> {
        let times = self.begun.iter().filter(|(begun, time)| *begun == kind && *time >= after);
        times.map(|(_, time)| time.as_millis()).collect()
    }

    fn state(&self) -> MonitorState {
        self.monitor.verdict().state
    }
}

fn well(_: Kind, _: Duration) -> (Duration, Outcome) {
    (MILLISECOND, alive())
}

fn nobody(_: Kind, _: Duration) -> (Duration, Outcome) {
    (TIMEOUT, silent())
}

#[test]
fn until_the_first_verdict_both_are_asked_often_and_then_take_turns() {
    let mut world = World::new(settings(5, 5, 1));
    world.run(20 * SECOND, well);
    assert_eq!(world.states.last(), Some(&(4 * SECOND + MILLISECOND, Stable)));
    assert_eq!(world.begun(Kind::Ami, Duration::ZERO), [0, 1000, 2000, 3000, 4000, 9000, 14_000, 19_000]);
    assert_eq!(world.begun(Kind::Sip, Duration::ZERO), [0, 1000, 2000, 3000, 4000, 6500, 11_500, 16_500]);
}

#[test]
fn they_take_turns_at_once_where_the_fast_interval_is_no_faster() {
    let mut world = World::new(Probe { fast_interval: 5 * SECOND, ..settings(5, 2, 1) });
    world.run(19 * SECOND, well);
    assert_eq!(world.begun(Kind::Ami, Duration::ZERO), [0, 5000, 10_000, 15_000]);
    assert_eq!(world.begun(Kind::Sip, Duration::ZERO), [0, 5000, 7500, 12_500, 17_500]);
}

#[test]
fn one_kind_alone_is_asked_each_interval() {
    let mut world = World::new(Probe { sip: false, ..settings(5, 5, 1) });
    world.run(14 * SECOND, well);
    assert_eq!(world.begun(Kind::Ami, 3 * SECOND), [3000, 4000, 9000]);
    assert_eq!(world.begun(Kind::Sip, Duration::ZERO), [0; 0]);
}

#[test]
fn an_answer_that_is_late_has_both_asked_at_once() {
    let mut world = World::new(settings(5, 3, 1));
    world.run(13 * SECOND, well);
    // SIP is asked at 14.5 s, and that one question is lost.
    let once = |kind: Kind, began: Duration| {
        if kind == Kind::Sip && began.as_millis() == 14_500 { nobody(kind, began) } else { well(kind, began) }
    };
    world.run(30 * SECOND, once);
    // Late at 15.5 s. What was asked since is answered, so the silence of 14.5 s is no news in the end.
    let times = world.begun(Kind::Sip, 13 * SECOND);
    assert_eq!(times[..2], [14_500, 15_500]);
    assert_eq!(world.begun(Kind::Ami, 13 * SECOND)[0], 15_500);
    assert_eq!(world.state(), Stable);
    assert!(world.states.iter().all(|(_, state)| *state != Failed));
}

#[test]
fn an_ami_that_is_away_beside_a_living_sip_is_asked_no_sooner() {
    let mut world = World::new(settings(50, 3, 1));
    world.run(12 * SECOND, well);
    world.run(60 * SECOND, |kind, _| (MILLISECOND, if kind == Kind::Ami { closed() } else { alive() }));
    let times = world.begun(Kind::Ami, 12 * SECOND);
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.clone().all(|gap| gap == 5000), "{:?}", gaps.collect::<Vec<_>>());
    assert_eq!(world.state(), Unstable);
}

#[test]
fn a_failure_makes_both_hurry_until_the_main_is_stable_again() {
    let mut world = World::new(settings(5, 3, 1));
    world.run(12 * SECOND, well);
    world.run(13 * SECOND, |_, _| (MILLISECOND, wrong()));
    assert_eq!(world.state(), Unstable);
    world.run(30 * SECOND, well);
    assert_eq!(world.begun(Kind::Sip, 12 * SECOND), [12_001, 13_001, 14_001, 15_001, 17_500, 22_500, 27_500]);
    assert_eq!(world.state(), Stable);
}

#[test]
fn a_dead_main_is_asked_in_turns_again() {
    let mut world = World::new(settings(5, 3, 1));
    world.run(12 * SECOND, well);
    world.run(60 * SECOND, nobody);
    assert_eq!(world.state(), Failed);
    let (ami, sip) = (world.begun(Kind::Ami, 30 * SECOND), world.begun(Kind::Sip, 30 * SECOND));
    assert!(ami.windows(2).chain(sip.windows(2)).all(|pair| pair[1] - pair[0] == 5000), "{ami:?} {sip:?}");
    assert_eq!(ami[0].abs_diff(sip[0]), 2500);
}

#[test]
fn a_probe_that_is_never_heard_of_again_does_not_end_the_asking() {
    let mut world = World::new(Probe { sip: false, ..settings(5, 3, 1) });
    let mut first = true;
    world.run(20 * SECOND, |_, _| {
        let takes = if std::mem::take(&mut first) { 3600 * SECOND } else { MILLISECOND };
        (takes, alive())
    });
    // Late since the first second: in a hurry until three have answered.
    assert_eq!(world.begun(Kind::Ami, Duration::ZERO), [0, 5000, 6000, 7000, 12_000, 17_000]);
}

#[test]
fn a_rush_asks_both_at_once_and_they_take_turns_again() {
    let mut world = World::new(settings(5, 3, 1));
    world.run(13 * SECOND, well);
    world.pace.rush(world.now);
    world.run(24 * SECOND, well);
    assert_eq!(world.begun(Kind::Ami, 13 * SECOND), [13_000, 18_000, 23_000]);
    assert_eq!(world.begun(Kind::Sip, 13 * SECOND), [13_000, 15_500, 20_500]);
}

#[test]
fn a_fault_of_the_branch_is_no_silence_of_the_main() {
    let mut world = World::new(settings(5, 3, 1));
    world.run(13 * SECOND, well);
    let unasked = || (MILLISECOND, Outcome::Unasked("Too many open files".to_owned()));
    world.run(60 * SECOND, |_, _| unasked());
    assert_eq!(world.state(), Stable);
    assert_eq!(world.monitor.standing(Kind::Sip), "not asked: Too many open files");
    // Nor an answer: a main that fell silent meanwhile is found out as ever.
    world.run(80 * SECOND, nobody);
    assert_eq!(world.state(), Failed);
}

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    /// Whether a packet and the answer to it come through where 20 of 100 packets are lost.
    fn both_ways(&mut self) -> bool {
        self.packet() && self.packet()
    }

    fn packet(&mut self) -> bool {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % 100 >= 20
    }

    /// When one of these transmissions, in milliseconds, is the first to come through.
    fn first(&mut self, transmissions: &[u64]) -> (Duration, Outcome) {
        match transmissions.iter().find(|_| self.both_ways()) {
            Some(after) => (Duration::from_millis(after + 1), alive()),
            None => (TIMEOUT, silent()),
        }
    }

    /// One over the connection that is kept. TCP sends again after 200 ms, doubling; a first segment after 1 s, and three
    /// exchanges follow it.
    fn ping(&mut self, connected: &mut bool) -> (Duration, Outcome) {
        let (took, outcome) = self.first(if *connected { &[0, 200, 600, 1400] } else { &[0, 1000] });
        *connected = outcome.is_alive();
        (took, outcome)
    }

    /// One over a new connection each half second, of which the first counts that is through. The SYN is sent again
    /// after 1 s, the request as above.
    fn first_of_connections(&mut self) -> (Duration, Outcome) {
        let through = (0..6).filter_map(|number| {
            let opened = [0, 1000].into_iter().find(|_| self.both_ways())?;
            let answered = [0, 200, 600, 1400].into_iter().find(|_| self.both_ways())?;
            Some(Duration::from_millis(500 * number + opened + answered))
        });
        match through.min() {
            Some(took) if took < TIMEOUT => (took, alive()),
            _ => (TIMEOUT, silent()),
        }
    }
}

#[test]
fn twenty_percent_of_the_packets_lost_for_an_hour_are_no_verdict() {
    for seed in 0..50 {
        let (mut world, mut dice) = (World::new(settings(5, 5, 1)), Dice(seed));
        world.run(30 * SECOND, well);
        let mut connected = true;
        world.run(3600 * SECOND, |kind, _| match kind {
            Kind::Sip => dice.first(&[0, 100, 300, 700, 1200, 1700, 2200, 2700]),
            Kind::Ami => dice.ping(&mut connected),
        });
        assert!(world.states.iter().all(|(_, state)| *state != Failed), "{seed}: {:?}", world.states);
    }
}

#[test]
fn nor_are_they_where_sip_is_asked_over_tcp() {
    for seed in 0..50 {
        let (mut world, mut dice) = (World::new(settings(5, 5, 1)), Dice(seed));
        world.run(30 * SECOND, well);
        let mut connected = true;
        world.run(3600 * SECOND, |kind, _| match kind {
            Kind::Sip => dice.first_of_connections(),
            Kind::Ami => dice.ping(&mut connected),
        });
        assert!(world.states.iter().all(|(_, state)| *state != Failed), "{seed}: {:?}", world.states);
    }
}

proptest! {
    /// Settings as shipped: whenever the main falls silent, 6 s are enough to know.
    #[test]
    fn silence_is_known_within_six_seconds(death in 30_000u64..40_000) {
        for require in [Require::Sip, Require::All] {
            let mut world = World::new(Probe { require, ..settings(5, 5, 1) });
            let death = Duration::from_millis(death);
            world.run(death, well);
            prop_assert_eq!(world.state(), Stable);
            world.run(death + 20 * SECOND, nobody);
            let (at, state) = *world.states.last().unwrap();
            prop_assert_eq!(state, Failed);
            prop_assert!(at - death <= 6 * SECOND, "{:?}", at - death);
        }
    }

    /// A process that ends closes its connection, and every port refuses from then on.
    #[test]
    fn a_killed_main_is_known_within_half_a_second(death in 30_000u64..40_000, answers_take in 1u64..100) {
        let mut world = World::new(settings(1000, 5, 1));
        let death = Duration::from_millis(death);
        world.run(death, well);
        world.monitor.ended(world.now);
        world.pace.rush(world.now);
        world.run(death + 20 * SECOND, |_, _| (Duration::from_millis(answers_take), closed()));
        let (at, _) = *world.states.iter().find(|(_, state)| *state == Failed).unwrap();
        let took = at - death;
        prop_assert!(Duration::from_millis(300) <= took && took < Duration::from_millis(500), "{took:?}");
    }

    /// The same for SIP alone, which is asked half as often as both.
    #[test]
    fn a_silent_sip_is_known_within_nine_seconds(death in 30_000u64..40_000) {
        let mut world = World::new(settings(5, 5, 1));
        let death = Duration::from_millis(death);
        world.run(death, well);
        world.run(death + 20 * SECOND, |kind, began| match kind {
            Kind::Ami => well(kind, began),
            Kind::Sip => nobody(kind, began),
        });
        let (at, _) = *world.states.iter().find(|(_, state)| *state == Failed).unwrap();
        prop_assert!(at - death <= 9 * SECOND, "{:?}", at - death);
    }

    /// A firewall that refuses for as long as one that is loaded anew moves nobody, whenever it comes.
    #[test]
    fn a_short_refusal_is_no_verdict(begins in 30_000u64..40_000, lasts in 1u64..9_900, sip_decides in any::<bool>()) {
        let require = if sip_decides { Require::Sip } else { Require::All };
        let mut world = World::new(Probe { require, ..settings(5, 5, 1) });
        let begins = Duration::from_millis(begins);
        let ends = begins + Duration::from_millis(lasts);
        world.run(Duration::from_secs(80), |kind, began| match began {
            began if begins <= began && began < ends => (MILLISECOND, closed()),
            began => well(kind, began),
        });
        prop_assert!(world.states.iter().all(|(_, state)| *state != Failed), "{:?}", world.states);
        prop_assert_eq!(world.state(), Stable);
    }

    /// A line whose answers always take so long becomes Stable, from the start and after an outage.
    #[test]
    fn a_line_with_slow_answers_becomes_stable(takes in 1_000u64..2_999, sip_decides in any::<bool>()) {
        let require = if sip_decides { Require::Sip } else { Require::All };
        let mut world = World::new(Probe { require, ..settings(5, 5, 1) });
        let slow = |_: Kind, _: Duration| (Duration::from_millis(takes), alive());
        world.run(60 * SECOND, slow);
        prop_assert_eq!(world.state(), Stable, "{:?} {:?} {:?}", world.states, world.begun, world.pace);
        world.run(90 * SECOND, nobody);
        prop_assert_eq!(world.state(), Failed);
        world.run(150 * SECOND, slow);
        prop_assert_eq!(world.state(), Stable, "{:?}", world.states);
    }

    /// A main that takes its time is none that is dead, however slow it is within the timeout.
    #[test]
    fn a_slow_main_is_no_dead_one(times in prop::collection::vec(0u64..3000, 1..60)) {
        let mut world = World::new(settings(5, 5, 1));
        world.run(30 * SECOND, well);
        let mut turn = times.iter().cycle();
        world.run(600 * SECOND, |_, _| (Duration::from_millis(*turn.next().unwrap()), alive()));
        prop_assert!(world.states.iter().all(|(_, state)| *state != Failed), "{:?}", world.states);
    }

    /// Whatever the main does, the pace never stops and never asks one kind more often than it may.
    #[test]
    fn nobody_is_asked_too_often(
        script in prop::collection::vec((0u64..3000, prop::sample::select(vec![alive(), closed(), silent()])), 1..60),
        fast in 1u64..5,
    ) {
        let fast = Duration::from_secs(fast);
        let mut world = World::new(Probe { fast_interval: fast, ..settings(5, 3, 1) });
        let mut turn = script.iter().cycle();
        world.run(300 * SECOND, |_, _| {
            let (takes, outcome) = turn.next().unwrap();
            (Duration::from_millis(*takes), outcome.clone())
        });
        for kind in Kind::ALL {
            let times = world.begun(kind, 6 * SECOND);
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= fast.as_millis().min(2500)), "{times:?}");
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 7500), "{times:?}");
        }
    }
}

#[test]
fn a_main_that_answers_by_itself_is_not_asked_meanwhile_unless_something_is_wrong() {
    let mut world = World::new(settings(5, 2, 1));
    world.run(SECOND * 20, |_, _| (MILLISECOND, alive()));
    assert_eq!(world.monitor.verdict().state, Stable);
    let asked = |world: &World, kind: Kind| world.begun.iter().filter(|(of, _)| *of == kind).count();
    let (ami, sip) = (asked(&world, Kind::Ami), asked(&world, Kind::Sip));
    let now = world.now;
    world.pace.answers_by_itself(Some(now + SECOND * 30), now);
    world.run(SECOND * 50, |_, _| (MILLISECOND, alive()));
    assert_eq!(asked(&world, Kind::Ami), ami);
    assert!(asked(&world, Kind::Sip) > sip + 3, "SIP is asked as ever");
    // Its answer comes, and then it is asked again in its turn.
    let now = world.now;
    world.pace.answers_by_itself(None, now);
    world.run(SECOND * 60, |_, _| (MILLISECOND, alive()));
    assert!(asked(&world, Kind::Ami) > ami);
    // It waits again, and SIP falls silent: then both are asked.
    let (now, ami) = (world.now, asked(&world, Kind::Ami));
    world.pace.answers_by_itself(Some(now + SECOND * 30), now);
    world.run(SECOND * 75, |kind, _| match kind {
        Kind::Ami => (MILLISECOND, alive()),
        Kind::Sip => (TIMEOUT, silent()),
    });
    assert!(asked(&world, Kind::Ami) > ami + 2);
}
