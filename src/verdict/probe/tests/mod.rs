//! The rules of the verdict, against what an administrator reads of them.

mod a_guessed_sip;
mod health;
mod one_kind;
mod two_kinds;
mod what_the_main_says_itself;
mod where_sip_decides;

use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::{
    settings::{self, Require},
    words::state::MonitorState,
};
use MonitorState::{Failed, Stable, Unstable};

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn settings(failure_tolerance: u32, alive_threshold: u32, error_penalty: u32) -> settings::Probe {
    settings::Probe {
        interval: 5 * SECOND,
        timeout: 3 * SECOND,
        failure_tolerance,
        alive_threshold,
        error_penalty,
        ami: true,
        sip: true,
        events: true,
        require: Require::All,
        fast_interval: SECOND,
    }
}

pub(super) fn alive() -> Outcome {
    Outcome::Alive(Duration::ZERO)
}

pub(super) fn wrong() -> Outcome {
    Outcome::Wrong("login refused".to_owned())
}

pub(super) fn closed() -> Outcome {
    Outcome::Closed("connection refused".to_owned())
}

pub(super) fn silent() -> Outcome {
    Outcome::Silent("timed out".to_owned())
}

pub(super) fn unasked() -> Outcome {
    Outcome::Unasked("Too many open files".to_owned())
}

/// A monitor under outcomes that come a second apart.
struct Run {
    monitor: Monitor,
    now: Instant,
}

impl Run {
    fn new(settings: settings::Probe, sip_given: bool) -> Self {
        let now = Instant::now();
        Self { monitor: Monitor::new(settings, sip_given, now), now }
    }

    fn take(&mut self, kind: Kind, outcome: &Outcome) -> MonitorState {
        self.now += SECOND;
        self.monitor.observe(kind, outcome, self.now, self.now);
        self.monitor.verdict().state
    }

    /// The main closes its AMI connection.
    fn end(&mut self) -> MonitorState {
        self.monitor.ended(self.now);
        self.monitor.verdict().state
    }

    fn all(&mut self, kind: Kind, outcomes: &[Outcome]) -> Vec<MonitorState> {
        outcomes.iter().map(|outcome| self.take(kind, outcome)).collect()
    }

    /// Both answer until the main is Stable.
    fn stable(settings: settings::Probe) -> Self {
        let mut run = Self::new(settings, true);
        for _ in 0..settings.alive_threshold {
            run.take(Kind::Ami, &alive());
            run.take(Kind::Sip, &alive());
        }
        assert_eq!(run.monitor.verdict().state, Stable);
        run
    }

    fn reason(&self) -> &str {
        &self.monitor.verdict().reason
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(alive()), Just(wrong()), Just(closed()), Just(silent())]
}

fn evidence() -> impl Strategy<Value = (Kind, Outcome)> {
    (prop::sample::select(Kind::ALL.to_vec()), outcome())
}

proptest! {
    /// One kind alone: the state follows from the failures or successes at the end, whatever came before.
    #[test]
    fn the_state_is_a_function_of_the_last_run(
        outcomes in prop::collection::vec(outcome(), 1..60),
        tolerance in 1u32..10, threshold in 1u32..10, penalty in 0u32..4,
    ) {
        let states = Run::new(settings(tolerance, threshold, penalty), false).all(Kind::Ami, &outcomes);
        let mut failed = false;
        for (index, state) in states.iter().enumerate() {
            let so_far = &outcomes[..=index];
            let run = |ends: fn(&&Outcome) -> bool| so_far.iter().rev().take_while(ends).collect::<Vec<_>>();
            let failures = run(|outcome| !outcome.is_alive());
            let successes = run(|outcome| outcome.is_alive()).len();
            // A refusal takes the weight of all but wrong answers, as long as it lasts for ten seconds at most.
            let is_refused = failures.contains(&&closed()) && failures.len() <= 10 && !failed;
            let points: u32 = failures
                .iter()
                .map(|outcome| match **outcome == wrong() {
                    true => 1,
                    false if is_refused => 0,
                    false => 1 + penalty,
                })
                .sum();
            failed = points >= tolerance;
            let expected = if failed {
                Failed
            } else if successes >= threshold as usize {
                Stable
            } else {
                Unstable
            };
            prop_assert_eq!(*state, expected);
        }
    }

    /// Whatever comes in whatever order: no verdict before its threshold. What each kind has said since its last
    /// success is recounted from the whole schedule here.
    #[test]
    fn no_verdict_comes_before_its_threshold(
        schedule in prop::collection::vec(evidence(), 1..80),
        tolerance in 1u32..10, threshold in 1u32..10, penalty in 0u32..4, any in any::<bool>(),
    ) {
        let require = if any { Require::Any } else { Require::All };
        let mut run = Run::new(settings::Probe { require, ..settings(tolerance, threshold, penalty) }, true);
        for (index, (kind, outcome)) in schedule.iter().enumerate() {
            let state = run.take(*kind, outcome);
            let of = |wanted: Kind| {
                let so_far = schedule[..=index].iter().rev();
                so_far.filter(move |(kind, _)| *kind == wanted).map(|(_, outcome)| outcome)
            };
            let failures = |kind| of(kind).take_while(|outcome| !outcome.is_alive()).count();
            let most = |kind| u32::try_from(failures(kind)).unwrap() * (1 + penalty);
            let successes = |kind| of(kind).take_while(|outcome| outcome.is_alive()).count();
            let newest_closed = |kind| of(kind).next() == Some(&closed());
            let [ami, sip] = Kind::ALL;
            let none_answers = failures(ami) > 0 && failures(sip) > 0;
            if state == Failed {
                let nobody = newest_closed(ami) && newest_closed(sip);
                let alone = !any && (most(ami) >= tolerance || most(sip) >= tolerance);
                let together = none_answers && most(ami) + most(sip) >= tolerance;
                prop_assert!(nobody || alone || together, "{:?}", &schedule[..=index]);
            }
            if state == Stable {
                let enough = |kind| successes(kind) >= threshold as usize;
                let stable = if any { enough(ami) || enough(sip) } else { enough(ami) && enough(sip) };
                prop_assert!(stable, "{:?}", &schedule[..=index]);
            }
            if any && !none_answers {
                prop_assert_ne!(state, Failed);
            }
        }
    }

    /// An AMI that comes and goes beside a SIP that answers each time is never a verdict, as long as it comes back
    /// before it has failed `failure_tolerance` times.
    #[test]
    fn a_restarting_ami_is_never_a_verdict(
        runs in prop::collection::vec((1usize..5, outcome()), 1..40), penalty in 0u32..4,
    ) {
        let mut run = Run::stable(settings(5, 2, penalty));
        for (failures, outcome) in runs {
            for _ in 0..failures {
                prop_assert_ne!(run.take(Kind::Ami, &outcome), Failed);
                prop_assert_ne!(run.take(Kind::Sip, &alive()), Failed);
            }
            prop_assert_ne!(run.take(Kind::Ami, &alive()), Failed);
        }
    }
}
