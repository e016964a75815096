//! The rules of the verdict, against what an administrator reads of them.

use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::{
    settings::{self, Require},
    state::MonitorState,
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

mod one_kind {
    use super::*;

    #[test]
    fn five_successes_make_it_stable_and_three_errors_failed() {
        let outcomes = [vec![alive(); 5], vec![silent(); 3]].concat();
        let expected = [Unstable, Unstable, Unstable, Unstable, Stable, Unstable, Unstable, Failed];
        assert_eq!(Run::new(settings(5, 5, 1), false).all(Kind::Ami, &outcomes), expected);
    }

    #[test]
    fn a_wrong_answer_counts_one_point_only() {
        let states = Run::new(settings(5, 5, 1), false).all(Kind::Ami, &vec![wrong(); 5]);
        assert_eq!((states[3], states[4]), (Unstable, Failed));
    }

    #[test]
    fn one_success_clears_the_points() {
        let outcomes = [vec![wrong(); 4], vec![alive()], vec![wrong(); 4]].concat();
        let states = Run::new(settings(5, 5, 1), false).all(Kind::Ami, &outcomes);
        assert!(states.iter().all(|state| *state == Unstable));
    }

    #[test]
    fn the_reason_names_the_kind_the_cause_and_the_count() {
        let mut run = Run::new(settings(5, 5, 1), false);
        run.take(Kind::Ami, &silent());
        assert_eq!(run.reason(), "AMI silent for 1 probe: timed out (2 of 5 failure points)");
        run.take(Kind::Ami, &alive());
        run.take(Kind::Ami, &closed());
        assert_eq!(
            run.reason(),
            "AMI closed for 1 probe: connection refused (0 of 5 failure points; a refusal counts after 10 s)"
        );
        run.take(Kind::Ami, &alive());
        assert_eq!(run.reason(), "AMI answers: 1 of 5 in a row");
        run.all(Kind::Ami, &vec![alive(); 4]);
        assert_eq!(run.reason(), "AMI answers");
    }

    #[test]
    fn since_moves_with_the_state_only() {
        let mut run = Run::new(settings(4, 2, 1), false);
        let start = run.now;
        run.all(Kind::Ami, &[alive(), alive(), alive()]);
        assert_eq!(run.monitor.verdict().state, Stable);
        assert_eq!(run.monitor.verdict().since, start + 2 * SECOND);
    }
}

mod two_kinds {
    use super::*;

    #[test]
    fn a_dead_sip_beside_a_living_ami_is_a_dead_main() {
        let mut run = Run::stable(settings(5, 5, 1));
        for expected in [Unstable, Unstable, Failed] {
            assert_eq!(run.take(Kind::Sip, &silent()), expected);
            run.take(Kind::Ami, &alive());
        }
        assert_eq!(run.reason(), "AMI answers, SIP silent for 3 probes: timed out (5 of 5 failure points)");
    }

    #[test]
    fn a_silent_main_is_dead_when_the_points_of_both_suffice() {
        let mut run = Run::stable(settings(5, 5, 1));
        assert_eq!(run.take(Kind::Sip, &silent()), Unstable);
        assert_eq!(run.take(Kind::Ami, &silent()), Unstable);
        assert_eq!(run.take(Kind::Sip, &silent()), Failed);
    }

    #[test]
    fn an_ami_that_fails_beside_a_living_sip_counts_a_point_a_probe() {
        let mut run = Run::stable(settings(5, 5, 3));
        let mut states = Vec::new();
        for _ in 0..5 {
            states.push(run.take(Kind::Ami, &silent()));
            run.take(Kind::Sip, &alive());
        }
        assert_eq!(states, [Unstable, Unstable, Unstable, Unstable, Failed]);
    }

    #[test]
    fn the_tolerance_itself_is_enough() {
        let mut run = Run::stable(settings(5, 5, 0));
        run.all(Kind::Sip, &vec![silent(); 3]);
        assert_eq!(run.all(Kind::Ami, &[silent(), silent()]), [Unstable, Failed]);
        let mut run = Run::stable(settings(5, 5, 0));
        assert_eq!(run.all(Kind::Sip, &vec![silent(); 5]), [Unstable, Unstable, Unstable, Unstable, Failed]);
        let mut run = Run::stable(settings::Probe { require: Require::Any, ..settings(5, 5, 0) });
        assert_eq!(run.all(Kind::Ami, &vec![silent(); 5]), [Stable; 5]);
        assert_eq!(run.all(Kind::Sip, &vec![silent(); 5]), [Unstable, Unstable, Unstable, Unstable, Failed]);
    }

    #[test]
    fn points_of_a_kind_that_could_not_be_asked_any_more_are_not_added_to_the_other() {
        let mut run = Run::stable(settings(5, 5, 0));
        run.all(Kind::Ami, &vec![silent(); 4]);
        run.take(Kind::Ami, &Outcome::Unasked("no descriptors".to_owned()));
        assert_eq!(run.take(Kind::Sip, &silent()), Unstable);
        assert_eq!(run.take(Kind::Ami, &silent()), Failed);
    }

    #[test]
    fn where_any_will_do_one_that_answers_keeps_the_main_alive() {
        for (fails, answers) in [(Kind::Ami, Kind::Sip), (Kind::Sip, Kind::Ami)] {
            let mut run = Run::stable(settings::Probe { require: Require::Any, ..settings(5, 5, 1) });
            for _ in 0..20 {
                assert_eq!(run.take(fails, &silent()), Stable);
                run.take(answers, &alive());
            }
        }
    }

    #[test]
    fn behind_an_end_two_refusals_of_each_kind_need_no_points() {
        let mut run = Run::stable(settings(1000, 5, 0));
        // What refuses tells of the end a moment before or after it is known.
        assert_eq!(run.take(Kind::Ami, &closed()), Unstable);
        assert_eq!(run.end(), Unstable);
        assert_eq!(run.all(Kind::Sip, &[closed(), closed()]), [Unstable; 2]);
        assert_eq!(run.take(Kind::Ami, &closed()), Failed);
        assert_eq!(
            run.reason(),
            "nobody listens on the main any more: AMI closed for 2 probes, SIP closed for 2 probes"
        );
        assert_eq!(run.take(Kind::Sip, &alive()), Unstable);
    }

    #[test]
    fn the_second_refusal_has_to_be_asked_for_at_least_300_ms_after_the_first() {
        let mut run = Run::stable(settings(1000, 5, 0));
        run.end();
        let start = run.now;
        let mut at = |milliseconds: u64| {
            let asked = start + Duration::from_millis(milliseconds);
            for kind in Kind::ALL {
                run.monitor.observe(kind, &closed(), asked, asked);
            }
            (run.monitor.verdict().state, run.monitor.wants_confirmation(Kind::Sip))
        };
        assert_eq!(at(1), (Unstable, true));
        assert_eq!(at(300), (Unstable, true));
        assert_eq!(at(301), (Failed, false));
    }

    #[test]
    fn behind_an_end_one_kind_that_refuses_twice_brings_no_points_for_one_that_has_once() {
        let mut run = Run::stable(settings(5, 5, 1));
        run.end();
        assert_eq!(run.all(Kind::Ami, &[closed(), closed()]), [Unstable; 2]);
        assert_eq!(run.take(Kind::Sip, &closed()), Unstable);
        assert_eq!(run.take(Kind::Sip, &closed()), Failed);
        assert!(run.reason().starts_with("nobody listens on the main any more"), "{}", run.reason());
    }

    #[test]
    fn an_end_of_long_ago_or_one_that_was_none_makes_nothing_of_refusals() {
        let mut run = Run::stable(settings(1000, 5, 0));
        run.end();
        run.now += 20 * SECOND;
        for _ in 0..3 {
            assert_eq!(run.take(Kind::Ami, &closed()), Unstable);
            assert_eq!(run.take(Kind::Sip, &closed()), Unstable);
        }
        // The manager interface alone was restarted: the process answers.
        let mut run = Run::stable(settings(2, 1, 1));
        run.end();
        assert_eq!(run.take(Kind::Sip, &alive()), Stable);
        assert_eq!(run.all(Kind::Sip, &[closed(), closed(), closed()]), [Unstable; 3]);
    }

    #[test]
    fn without_an_end_refusals_count_once_they_have_lasted() {
        let mut run = Run::stable(settings(5, 5, 1));
        for _ in 0..5 {
            assert_eq!(run.take(Kind::Ami, &closed()), Unstable);
            assert_eq!(run.take(Kind::Sip, &closed()), Unstable);
        }
        // The eleventh second since the first of them.
        assert_eq!(run.take(Kind::Ami, &closed()), Failed);
        // One that begins anew does so from the start.
        run.take(Kind::Ami, &alive());
        run.take(Kind::Sip, &alive());
        assert_eq!(run.all(Kind::Sip, &vec![closed(); 10]), [Unstable; 10]);
        assert_eq!(run.take(Kind::Sip, &closed()), Failed);
    }

    #[test]
    fn what_a_firewall_says_of_itself_counts_late_whatever_has_ended_and_is_no_death() {
        let rejected = Outcome::Rejected("administratively prohibited".to_owned());
        let mut run = Run::stable(settings(1000, 5, 1));
        run.end();
        for _ in 0..20 {
            assert_eq!(run.take(Kind::Ami, &closed()), Unstable);
            assert_eq!(run.take(Kind::Sip, &rejected), Unstable);
        }
        let mut run = Run::stable(settings(5, 5, 1));
        assert_eq!(run.all(Kind::Sip, &vec![rejected.clone(); 10]), [Unstable; 10]);
        assert_eq!(run.take(Kind::Sip, &rejected), Failed);
    }

    #[test]
    fn silence_counts_at_once_where_it_came_first() {
        let mut run = Run::stable(settings(5, 5, 1));
        let outcomes = [silent(), closed(), silent(), closed(), silent()];
        assert_eq!(run.all(Kind::Sip, &outcomes), [Unstable, Unstable, Unstable, Unstable, Failed]);
    }

    /// The firewall that has said no lets most packets fall, and says it again a second later.
    #[test]
    fn silence_behind_a_refusal_counts_as_late_as_that() {
        let rejected = Outcome::Rejected("administratively prohibited".to_owned());
        for refusal in [rejected, closed()] {
            let mut run = Run::stable(settings(5, 5, 1));
            assert_eq!(run.take(Kind::Sip, &refusal), Unstable);
            assert_eq!(run.all(Kind::Sip, &vec![silent(); 9]), [Unstable; 9]);
            assert_eq!(run.take(Kind::Sip, &silent()), Failed);
            // An answer ends the row.
            run.all(Kind::Sip, &vec![alive(); 5]);
            assert_eq!(run.all(Kind::Sip, &vec![silent(); 3]), [Unstable, Unstable, Failed]);
        }
    }

    #[test]
    fn all_have_to_answer_before_the_main_is_stable() {
        let mut run = Run::new(settings(5, 2, 1), true);
        assert_eq!(run.all(Kind::Ami, &[alive(), alive(), alive()]), [Unstable; 3]);
        assert_eq!(run.all(Kind::Sip, &[alive(), alive()]), [Unstable, Stable]);
    }
}

mod a_guessed_sip {
    use super::*;

    #[test]
    fn does_not_count_before_it_has_answered() {
        let mut run = Run::new(settings(5, 2, 1), false);
        assert_eq!(run.all(Kind::Sip, &vec![closed(); 20]), [MonitorState::Init; 20]);
        assert_eq!(run.all(Kind::Ami, &[alive(), alive()]), [Unstable, Stable]);
        assert_eq!(run.take(Kind::Sip, &silent()), Stable);
        assert!(run.monitor.standing(Kind::Sip).ends_with("; it counts once it has answered"));
        assert_eq!(run.take(Kind::Ami, &closed()), Unstable);
    }

    #[test]
    fn takes_nothing_away_by_its_first_answer() {
        let mut run = Run::new(settings(5, 2, 1), false);
        assert_eq!(run.all(Kind::Ami, &[alive(), alive()]), [Unstable, Stable]);
        assert_eq!(run.all(Kind::Sip, &[silent(), alive(), alive()]), [Stable; 3]);
        assert_eq!(run.take(Kind::Sip, &silent()), Unstable);
        // From then on it has to be trusted like any other.
        assert_eq!(run.all(Kind::Sip, &[alive(), alive()]), [Unstable, Stable]);
    }

    #[test]
    fn is_trusted_at_once_only_by_its_own_first_answer_and_beside_a_stable_main() {
        let mut run = Run::new(settings(5, 2, 1), false);
        assert_eq!(run.all(Kind::Ami, &[alive(), alive(), alive(), silent()]).pop(), Some(Unstable));
        assert_eq!(run.take(Kind::Sip, &alive()), Unstable);
        assert_eq!(run.all(Kind::Ami, &[alive(), alive()]), [Unstable; 2]);
        assert_eq!(run.take(Kind::Sip, &alive()), Stable);
        // One that has counted from the start earns it, whatever the other is worth.
        let any = settings::Probe { require: Require::Any, ..settings(5, 2, 0) };
        let mut run = Run::new(any, true);
        assert_eq!(run.all(Kind::Ami, &[alive(), alive()]), [Unstable, Stable]);
        assert_eq!(run.take(Kind::Sip, &alive()), Stable);
        assert_eq!(run.take(Kind::Ami, &silent()), Unstable);
    }

    #[test]
    fn counts_from_its_first_answer() {
        let mut run = Run::new(settings(2, 1, 1), false);
        run.take(Kind::Ami, &alive());
        run.take(Kind::Sip, &alive());
        assert_eq!(run.take(Kind::Sip, &silent()), Failed);
    }

    #[test]
    fn counts_at_once_where_nothing_else_is_asked() {
        let mut run = Run::new(settings::Probe { ami: false, ..settings(2, 1, 1) }, false);
        assert_eq!(run.take(Kind::Sip, &silent()), Failed);
        assert_eq!(run.monitor.standing(Kind::Ami), "off");
    }
}

mod what_the_main_says_itself {
    use super::*;

    #[test]
    fn a_main_that_shuts_down_is_dead_at_once_until_it_answers() {
        let mut run = Run::stable(settings(5, 2, 1));
        let asked_before = run.now;
        run.now += SECOND;
        assert_eq!(run.monitor.shut_down(run.now), Some(Stable));
        assert_eq!(run.reason(), "the main says that it shuts down");
        // An answer that was on its way already is no sign of life.
        run.monitor.observe(Kind::Sip, &alive(), asked_before, run.now);
        assert_eq!(run.monitor.verdict().state, Failed);
        assert_eq!(run.take(Kind::Sip, &closed()), Failed);
        assert_eq!(run.take(Kind::Sip, &alive()), Unstable);
    }

    /// `core stop gracefully`: SIP answers as ever while calls are up, and no new one works.
    #[test]
    fn a_sip_that_answers_does_not_hide_that_the_main_shuts_down() {
        let mut run = Run::stable(settings(5, 2, 1));
        for _ in 0..30 {
            run.monitor.shut_down(run.now);
            assert_eq!(run.take(Kind::Sip, &alive()), Failed);
            assert_eq!(run.take(Kind::Ami, &wrong()), Failed);
        }
        // Somebody thought better of it (`core abort shutdown`).
        assert_eq!(run.take(Kind::Ami, &alive()), Unstable);
        // Its AMI has been switched off, and it came back between two probes.
        run.monitor.shut_down(run.now);
        assert_eq!(run.take(Kind::Sip, &alive()), Failed);
        run.now += Duration::from_secs(120);
        assert_eq!(run.take(Kind::Sip, &alive()), Unstable);
    }

    #[test]
    fn a_main_that_is_still_starting_is_not_alive() {
        let mut run = Run::new(settings(5, 1, 1), false);
        assert!(!run.monitor.is_starting());
        run.monitor.set_starting(true);
        assert!(run.monitor.is_starting());
        assert_eq!(run.all(Kind::Ami, &[alive(), alive()]), [Unstable; 2]);
        assert!(run.reason().contains("still starting"), "{}", run.reason());
        run.monitor.set_starting(false);
        assert_eq!(run.take(Kind::Ami, &alive()), Stable);
    }

    #[test]
    fn what_a_main_answered_before_its_end_does_not_make_it_stable_again() {
        let mut run = Run::stable(settings(5, 2, 1));
        run.monitor.shut_down(run.now);
        assert!(!run.monitor.is_healthy());
        // It answers for a moment yet.
        assert_eq!(run.take(Kind::Ami, &alive()), Unstable);
    }

    #[test]
    fn an_account_that_may_read_no_events_any_more_is_no_death() {
        // As a main that is starting for ever, where there is no SIP to tell the difference.
        let mut run = Run::stable(settings::Probe { sip: false, ..settings(5, 1, 1) });
        run.monitor.set_starting(true);
        assert_eq!(run.all(Kind::Ami, &vec![alive(); 20]), [Unstable; 20]);
    }

    #[test]
    fn a_main_whose_sip_answers_serves_phones_whatever_it_says_of_its_start() {
        let mut run = Run::stable(settings(2, 1, 1));
        run.monitor.set_starting(true);
        assert_eq!(run.all(Kind::Ami, &vec![alive(); 10]), [Stable; 10]);
    }

    #[test]
    fn an_older_question_that_nobody_answered_is_no_news() {
        let mut run = Run::stable(settings(2, 1, 1));
        let older = run.now - SECOND;
        run.monitor.observe(Kind::Sip, &silent(), older, run.now);
        assert_eq!(run.monitor.verdict().state, Stable);
    }
}

mod health {
    use super::*;

    #[test]
    fn evidence_that_does_not_count_takes_none_away() {
        let mut run = Run::new(settings(5, 1, 1), false);
        run.take(Kind::Ami, &alive());
        run.take(Kind::Sip, &silent());
        assert!(run.monitor.is_healthy());
        run.take(Kind::Ami, &wrong());
        assert!(!run.monitor.is_healthy());
    }

    #[test]
    fn one_answer_is_enough_where_any_is_required() {
        let mut run = Run::stable(settings::Probe { require: Require::Any, ..settings(5, 1, 1) });
        run.take(Kind::Ami, &silent());
        assert!(run.monitor.is_healthy());
        run.take(Kind::Sip, &silent());
        assert!(!run.monitor.is_healthy());
    }

    #[test]
    fn an_ami_that_fails_beside_a_sip_that_answers_keeps_nobody_away() {
        let mut run = Run::stable(settings(5, 1, 1));
        run.take(Kind::Ami, &silent());
        assert!(run.monitor.is_healthy());
        run.take(Kind::Sip, &silent());
        assert!(!run.monitor.is_healthy());
        // Until it has been away for so long that the phones were moved for it: a return waits from its end on.
        run.take(Kind::Sip, &alive());
        assert_eq!(run.all(Kind::Ami, &vec![silent(); 4]).pop(), Some(Failed));
        assert!(!run.monitor.is_healthy());
        assert_eq!(run.take(Kind::Ami, &alive()), Stable);
        assert!(run.monitor.is_healthy());
    }

    #[test]
    fn a_kind_that_is_closed_for_long_leaves_no_verdict_to_one_packet_about_the_other() {
        let mut run = Run::stable(settings::Probe { require: Require::Any, ..settings(5, 1, 1) });
        run.all(Kind::Ami, &vec![closed(); 100]);
        run.take(Kind::Sip, &alive());
        run.end();
        assert_eq!(run.all(Kind::Sip, &[closed(), closed()]), [Unstable; 2]);
        assert!(run.reason().contains("(4 of 5 failure points)"), "{}", run.reason());
        assert_eq!(run.take(Kind::Sip, &closed()), Failed);
    }

    #[test]
    fn a_fault_of_the_branch_takes_no_health_away_but_nobody_goes_home_on_it() {
        for require in [Require::Sip, Require::All, Require::Any] {
            let mut run = Run::stable(settings::Probe { require, ..settings(5, 1, 1) });
            assert_eq!(run.monitor.doubt(), None);
            run.take(Kind::Ami, &unasked());
            run.take(Kind::Sip, &unasked());
            assert!(run.monitor.is_healthy(), "{require}");
            assert_eq!(run.monitor.doubt(), Some(Doubt::Unasked), "{require}");
            // A failure before it is no health after it.
            run.take(Kind::Ami, &silent());
            run.take(Kind::Sip, &silent());
            run.take(Kind::Ami, &unasked());
            run.take(Kind::Sip, &unasked());
            assert!(!run.monitor.is_healthy(), "{require}");
        }
    }

    #[test]
    fn an_answer_to_a_bye_alone_is_no_ground_for_a_return() {
        let heard = Outcome::Heard(Duration::ZERO);
        let mut run = Run::stable(settings::Probe { require: Require::Sip, ..settings(5, 1, 1) });
        run.take(Kind::Sip, &heard);
        // Beside an AMI that answers it is.
        assert_eq!((run.monitor.doubt(), run.monitor.is_healthy()), (None, true));
        run.take(Kind::Ami, &silent());
        assert_eq!(run.monitor.doubt(), Some(Doubt::NoUser));
        // It keeps nobody from staying where he is, and moves nobody.
        assert_eq!(run.all(Kind::Sip, &vec![heard; 20]), [Stable; 20]);
        run.take(Kind::Sip, &alive());
        assert_eq!(run.monitor.doubt(), None);
    }

    #[test]
    fn a_kind_that_is_dead_for_long_does_not_bring_the_points_for_both() {
        let mut run = Run::stable(settings::Probe { require: Require::Any, ..settings(5, 1, 1) });
        run.all(Kind::Ami, &vec![silent(); 100]);
        assert_eq!(run.all(Kind::Sip, &[silent(), silent()]), [Unstable; 2]);
        assert_eq!(run.take(Kind::Sip, &silent()), Failed);
    }
}

mod where_sip_decides {
    use super::*;

    fn decides(tolerance: u32) -> settings::Probe {
        settings::Probe { require: Require::Sip, ..settings(tolerance, 5, 1) }
    }

    #[test]
    fn an_ami_that_is_away_for_hours_moves_nobody() {
        for away in [closed(), silent(), wrong()] {
            let mut run = Run::stable(decides(5));
            for _ in 0..1000 {
                assert_eq!(run.take(Kind::Ami, &away), Stable);
                assert_eq!(run.take(Kind::Sip, &alive()), Stable);
                assert!(run.monitor.is_healthy());
            }
            assert!(run.reason().contains("SIP answers, which decides: "), "{}", run.reason());
        }
    }

    #[test]
    fn a_sip_that_is_dead_beside_an_ami_that_lives_is_a_dead_main() {
        let mut run = Run::stable(decides(5));
        for expected in [Unstable, Unstable, Failed] {
            assert_eq!(run.take(Kind::Sip, &silent()), expected);
            run.take(Kind::Ami, &alive());
        }
    }

    #[test]
    fn both_that_fall_silent_together_are_known_as_soon_as_ever() {
        let mut run = Run::stable(decides(5));
        assert_eq!(run.take(Kind::Sip, &silent()), Unstable);
        assert_eq!(run.take(Kind::Ami, &silent()), Unstable);
        assert_eq!(run.take(Kind::Sip, &silent()), Failed);
    }

    #[test]
    fn an_ami_that_is_away_for_long_brings_no_points() {
        let mut run = Run::stable(decides(5));
        for _ in 0..100 {
            run.take(Kind::Ami, &silent());
            run.take(Kind::Sip, &alive());
        }
        assert_eq!(run.all(Kind::Sip, &[silent(), silent()]), [Unstable; 2]);
        assert!(run.reason().contains("(4 of 5 failure points)"), "{}", run.reason());
        assert_eq!(run.take(Kind::Sip, &silent()), Failed);
    }

    #[test]
    fn ami_decides_where_sip_does_not_count() {
        let mut run = Run::new(settings::Probe { alive_threshold: 2, ..decides(5) }, false);
        assert_eq!(run.all(Kind::Ami, &[alive(), alive()]), [Unstable, Stable]);
        assert_eq!(run.all(Kind::Ami, &vec![silent(); 3]).pop(), Some(Failed));
        // It counts from its first answer on.
        run.take(Kind::Ami, &alive());
        assert_eq!(run.all(Kind::Sip, &[alive(), alive()]), [Unstable, Stable]);
        assert_eq!(run.all(Kind::Ami, &vec![silent(); 9]), [Stable; 9]);
    }

    #[test]
    fn a_sip_that_must_not_be_asked_counts_for_nothing_whatever_it_was_before() {
        let barred = Outcome::Barred("127.0.0.1 is this machine".to_owned());
        for require in [Require::Sip, Require::All, Require::Any] {
            let mut run = Run::new(settings::Probe { require, ..settings(5, 2, 1) }, true);
            run.take(Kind::Sip, &barred);
            assert!(!run.monitor.counts(Kind::Sip));
            assert_eq!(run.monitor.standing(Kind::Sip), "not asked: 127.0.0.1 is this machine");
            assert_eq!(run.all(Kind::Ami, &[alive(), alive()]).pop(), Some(Stable), "{require}");
            assert_eq!(run.all(Kind::Ami, &vec![silent(); 3]).pop(), Some(Failed), "{require}");
        }
    }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(alive()), Just(wrong()), Just(closed()), Just(silent())]
}

fn evidence() -> impl Strategy<Value = (Kind, Outcome)> {
    (prop::sample::select(Kind::ALL.to_vec()), outcome())
}

proptest! {
    /// One kind alone: the state follows from the run of equal outcomes at the end, whatever came before.
    #[test]
    fn the_state_is_a_function_of_the_last_run(
        outcomes in prop::collection::vec(outcome(), 1..60),
        tolerance in 1u32..10, threshold in 1u32..10, penalty in 0u32..4,
    ) {
        let states = Run::new(settings(tolerance, threshold, penalty), false).all(Kind::Ami, &outcomes);
        for (index, state) in states.iter().enumerate() {
            let so_far = &outcomes[..=index];
            let successes = so_far.iter().rev().take_while(|outcome| **outcome == alive()).count();
            let points: u32 = so_far.iter().rev().take_while(|outcome| **outcome != alive())
                .map(|outcome| if *outcome == wrong() { 1 } else { 1 + penalty }).sum();
            let failures: Vec<&Outcome> =
                so_far.iter().rev().take_while(|outcome| **outcome != alive()).collect();
            let began_refused = failures.last() == Some(&&closed());
            let is_weak = |outcome: &&&Outcome| ***outcome == closed() || began_refused && ***outcome == silent();
            let refused = if failures.len() > 10 {
                0
            } else {
                (1 + penalty) * u32::try_from(failures.iter().filter(is_weak).count()).unwrap()
            };
            let points = points - refused;
            let expected = if points >= tolerance {
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
