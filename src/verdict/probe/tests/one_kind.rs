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
        "AMI closed for 1 probe: connection refused (0 of 5 failure points; refusals count after 10 s)"
    );
    run.take(Kind::Ami, &alive());
    assert_eq!(run.reason(), "AMI answers: 1 of 5 answers in a row");
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
