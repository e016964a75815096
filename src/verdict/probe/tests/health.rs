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
