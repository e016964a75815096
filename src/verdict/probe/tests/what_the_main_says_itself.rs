use super::*;

#[test]
fn a_main_that_shuts_down_is_dead_at_once_until_it_answers() {
    let mut run = Run::stable(settings(5, 2, 1));
    let asked_before = run.now;
    run.now += SECOND;
    assert_eq!(run.monitor.shut_down(run.now), Some(Stable));
    assert_eq!(run.reason(), "the main has announced its shutdown");
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
