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
        "all ports of the main are closed: AMI closed for 2 probes, SIP closed for 2 probes"
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
    assert!(run.reason().starts_with("all ports of the main are closed"), "{}", run.reason());
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
fn a_refusal_behind_silence_takes_nothing_back_that_is_known() {
    let mut run = Run::stable(settings(5, 5, 1));
    assert_eq!(run.all(Kind::Sip, &[silent(), silent(), silent()]), [Unstable, Unstable, Failed]);
    assert_eq!(run.all(Kind::Sip, &[closed(), silent(), closed()]), [Failed; 3]);
}

/// TCP takes no refusal for the end of a connection that it has: AMI is silent where SIP is refused, or the other way round
/// where the firewall has said no too often.
#[test]
fn silence_beside_a_refusal_counts_as_late_as_that() {
    for require in [Require::Sip, Require::All] {
        for (refused, quiet) in [(Kind::Sip, Kind::Ami), (Kind::Ami, Kind::Sip)] {
            let mut run = Run::stable(settings::Probe { require, ..settings(5, 5, 1) });
            for _ in 0..5 {
                assert_ne!(run.take(quiet, &silent()), Failed, "{require}, {quiet}");
                assert_ne!(run.take(refused, &closed()), Failed, "{require}, {quiet}");
            }
            let reason = &run.monitor.verdict().reason;
            assert!(reason.ends_with("; refusals, and silence beside them, count after 10 s)"), "{reason}");
            run.take(quiet, &silent());
            assert_eq!(run.take(refused, &closed()), Failed, "{require}, {quiet}");
        }
    }
}

/// A link that breaks behind a router that refuses looks like that.
#[test]
fn what_began_with_silence_and_is_refused_is_known_a_moment_after_ten_seconds() {
    for require in [Require::Sip, Require::All, Require::Any] {
        let mut run = Run::stable(settings::Probe { require, ..settings(5, 5, 1) });
        for outcome in [silent(), closed()] {
            assert_ne!(run.take(Kind::Sip, &outcome), Failed, "{require}");
            assert_ne!(run.take(Kind::Ami, &silent()), Failed, "{require}");
        }
        for _ in 0..5 {
            run.take(Kind::Sip, &closed());
            run.take(Kind::Ami, &silent());
        }
        assert_eq!(run.monitor.verdict().state, Failed, "{require}");
    }
}

#[test]
fn silence_beside_what_was_refused_for_long_counts_at_once() {
    let mut run = Run::stable(settings::Probe { require: Require::Sip, ..settings(5, 5, 1) });
    for _ in 0..20 {
        assert_eq!(run.take(Kind::Ami, &closed()), Stable);
        assert_eq!(run.take(Kind::Sip, &alive()), Stable);
    }
    assert_eq!(run.all(Kind::Sip, &vec![silent(); 3]), [Unstable, Unstable, Failed]);
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
