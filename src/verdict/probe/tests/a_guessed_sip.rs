use super::*;

#[test]
fn does_not_count_before_it_has_answered() {
    let mut run = Run::new(settings(5, 2, 1), false);
    assert_eq!(run.all(Kind::Sip, &vec![closed(); 20]), [MonitorState::Init; 20]);
    assert_eq!(run.all(Kind::Ami, &[alive(), alive()]), [Unstable, Stable]);
    assert_eq!(run.take(Kind::Sip, &silent()), Stable);
    assert!(run.monitor.standing(Kind::Sip).ends_with("; it counts after its first answer"));
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
