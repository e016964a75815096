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
        assert!(run.reason().contains("SIP answers (SIP decides): "), "{}", run.reason());
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
