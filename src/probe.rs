//! The verdict on the main system: outcomes of probes in, monitor state out. Pure.
//!
//! The arithmetic: a failed answer is one point, an error on TCP/IP level one point and the penalty; the points
//! are consecutive, so a success clears them. `failure_tolerance` points make the main Failed,
//! `alive_threshold` successes in a row make it Stable, between them it is Unstable.

use std::time::{Duration, Instant};

use crate::{settings, state::MonitorState};

/// How one probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The main answered as it should, after this long.
    Alive(Duration),
    /// The main answered, but not as it should; the text says how.
    Refused(String),
    /// No answer: the connection failed, broke or timed out; the text says which.
    Unreachable(String),
}

/// What the probes so far amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub state: MonitorState,
    /// Since when it has been this state.
    pub since: Instant,
    /// Why, in one line.
    pub reason: String,
}

/// Counts outcomes.
#[derive(Clone, Debug)]
pub struct Monitor {
    settings: settings::Probe,
    points: u32,
    successes: u32,
    verdict: Verdict,
}

impl Monitor {
    /// A monitor that knows nothing yet.
    #[must_use]
    pub fn new(settings: settings::Probe, now: Instant) -> Self {
        let verdict =
            Verdict { state: MonitorState::Init, since: now, reason: "no probe has ended yet".to_owned() };
        Self { settings, points: 0, successes: 0, verdict }
    }

    /// The verdict so far.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Takes one outcome in. Returns the state before where it changed.
    pub fn observe(&mut self, outcome: &Outcome, now: Instant) -> Option<MonitorState> {
        match outcome {
            Outcome::Alive(_) => {
                self.points = 0;
                self.successes = self.successes.saturating_add(1);
            }
            Outcome::Refused(_) => self.fail(1),
            Outcome::Unreachable(_) => self.fail(self.settings.error_penalty.saturating_add(1)),
        }
        let state = if self.points >= self.settings.failure_tolerance {
            MonitorState::Failed
        } else if self.successes >= self.settings.alive_threshold {
            MonitorState::Stable
        } else {
            MonitorState::Unstable
        };
        self.verdict.reason = self.reason(outcome);
        if state == self.verdict.state {
            return None;
        }
        self.verdict.since = now;
        Some(std::mem::replace(&mut self.verdict.state, state))
    }

    fn fail(&mut self, points: u32) {
        self.successes = 0;
        self.points = self.points.saturating_add(points);
    }

    fn reason(&self, outcome: &Outcome) -> String {
        let settings::Probe { failure_tolerance, alive_threshold, .. } = self.settings;
        match outcome {
            Outcome::Alive(_) if self.successes < alive_threshold => {
                format!("the main answers: {} of {alive_threshold} in a row", self.successes)
            }
            Outcome::Alive(_) => "the main answers".to_owned(),
            Outcome::Refused(why) | Outcome::Unreachable(why) => {
                format!(
                    "{why} ({} of {failure_tolerance} failure points)",
                    self.points.min(failure_tolerance)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings(failure_tolerance: u32, alive_threshold: u32, error_penalty: u32) -> settings::Probe {
        settings::Probe {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(3),
            failure_tolerance,
            alive_threshold,
            error_penalty,
        }
    }

    fn run(settings: settings::Probe, outcomes: &[Outcome]) -> Vec<MonitorState> {
        let now = Instant::now();
        let mut monitor = Monitor::new(settings, now);
        let mut states = Vec::new();
        for outcome in outcomes {
            monitor.observe(outcome, now);
            states.push(monitor.verdict().state);
        }
        states
    }

    fn alive() -> Outcome {
        Outcome::Alive(Duration::ZERO)
    }

    fn refused() -> Outcome {
        Outcome::Refused("login refused".to_owned())
    }

    fn unreachable() -> Outcome {
        Outcome::Unreachable("connection refused".to_owned())
    }

    #[test]
    fn five_successes_make_it_stable_and_three_errors_failed() {
        use MonitorState::{Failed, Stable, Unstable};
        let outcomes = [vec![alive(); 5], vec![unreachable(); 3]].concat();
        let expected = [Unstable, Unstable, Unstable, Unstable, Stable, Unstable, Unstable, Failed];
        assert_eq!(run(settings(5, 5, 1), &outcomes), expected);
    }

    #[test]
    fn a_failed_answer_counts_one_point_only() {
        let states = run(settings(5, 5, 1), &vec![refused(); 5]);
        assert_eq!(states[3], MonitorState::Unstable);
        assert_eq!(states[4], MonitorState::Failed);
    }

    #[test]
    fn one_success_clears_the_points() {
        let outcomes = [vec![refused(); 4], vec![alive()], vec![refused(); 4]].concat();
        assert!(run(settings(5, 5, 1), &outcomes).iter().all(|state| *state == MonitorState::Unstable));
    }

    #[test]
    fn the_reason_names_the_cause_and_the_count() {
        let mut monitor = Monitor::new(settings(5, 5, 1), Instant::now());
        assert_eq!(monitor.observe(&unreachable(), Instant::now()), Some(MonitorState::Init));
        assert_eq!(monitor.verdict().reason, "connection refused (2 of 5 failure points)");
        assert_eq!(monitor.observe(&alive(), Instant::now()), None);
        assert_eq!(monitor.verdict().reason, "the main answers: 1 of 5 in a row");
    }

    #[test]
    fn since_moves_with_the_state_only() {
        let start = Instant::now();
        let mut monitor = Monitor::new(settings(4, 2, 1), start);
        for second in 1..=3 {
            monitor.observe(&alive(), start + Duration::from_secs(second));
        }
        assert_eq!(monitor.verdict().state, MonitorState::Stable);
        assert_eq!(monitor.verdict().since, start + Duration::from_secs(2));
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![Just(alive()), Just(refused()), Just(unreachable())]
    }

    proptest! {
        /// The state follows from the run of equal outcomes at the end alone, whatever came before.
        #[test]
        fn the_state_is_a_function_of_the_last_run(
            outcomes in prop::collection::vec(outcome(), 1..60),
            tolerance in 1u32..10, threshold in 1u32..10, penalty in 0u32..4,
        ) {
            let states = run(settings(tolerance, threshold, penalty), &outcomes);
            for (index, state) in states.iter().enumerate() {
                let so_far = &outcomes[..=index];
                let successes = so_far.iter().rev().take_while(|outcome| **outcome == alive()).count();
                let points: u32 = so_far.iter().rev().take_while(|outcome| **outcome != alive())
                    .map(|outcome| if *outcome == refused() { 1 } else { 1 + penalty }).sum();
                let expected = if points >= tolerance {
                    MonitorState::Failed
                } else if successes >= threshold as usize {
                    MonitorState::Stable
                } else {
                    MonitorState::Unstable
                };
                prop_assert_eq!(*state, expected);
            }
        }

        /// From Stable to Failed and back it takes at least the configured number of probes.
        #[test]
        fn no_jump_between_the_extremes(
            outcomes in prop::collection::vec(outcome(), 1..80), tolerance in 3u32..10, threshold in 2u32..10,
        ) {
            let states = run(settings(tolerance, threshold, 1), &outcomes);
            for pair in states.windows(2) {
                prop_assert_ne!((pair[0], pair[1]), (MonitorState::Stable, MonitorState::Failed));
                prop_assert_ne!((pair[0], pair[1]), (MonitorState::Failed, MonitorState::Stable));
                prop_assert_ne!(pair[1], MonitorState::Init);
            }
        }
    }
}
