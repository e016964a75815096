use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn fine() -> Answer {
    Answer::Fine("answers".to_owned())
}

fn failed() -> Answer {
    Answer::Failed("the port is closed".to_owned())
}

/// One look, answered at once.
fn look(check: &mut SelfCheck, now: Instant, sip: Answer, dialplan: Answer) -> Option<BranchState> {
    assert_eq!(check.begin(now), Part::ALL, "{check:?}");
    check.answered(Part::Sip, sip);
    check.answered(Part::Dialplan, dialplan);
    check.judge(now)
}

fn healthy() -> (SelfCheck, Instant) {
    let now = Instant::now();
    let mut check = SelfCheck::new(now);
    assert_eq!(look(&mut check, now, fine(), fine()), Some(BranchState::Init));
    (check, now)
}

#[test]
fn it_is_healthy_once_both_have_answered_and_looks_again_every_minute() {
    let now = Instant::now();
    let mut check = SelfCheck::new(now);
    assert!(!check.takes_calls());
    assert_eq!(check.begin(now), Part::ALL);
    check.answered(Part::Dialplan, fine());
    assert_eq!((check.judge(now), check.state()), (None, BranchState::Init));
    check.answered(Part::Sip, Answer::NotAsked("SIP is not asked".to_owned()));
    assert_eq!(check.judge(now), Some(BranchState::Init));
    assert_eq!((check.state(), check.reason()), (BranchState::Healthy, "SIP is not asked; answers"));
    assert!(check.takes_calls());
    assert_eq!(check.due(), now + EVERY);
    assert_eq!(check.begin(now + EVERY - seconds(1)), []);
}

#[test]
fn one_failure_is_looked_at_again_soon_and_two_in_a_row_count() {
    let (mut check, start) = healthy();
    let mut now = start + EVERY;
    assert_eq!(look(&mut check, now, failed(), fine()), None);
    assert_eq!((check.state(), check.due()), (BranchState::Healthy, now + SOON));
    now += SOON;
    assert_eq!(look(&mut check, now, fine(), fine()), None);
    assert_eq!(check.due(), now + EVERY);
    for _ in 0..FAILURES {
        now = check.due();
        look(&mut check, now, failed(), fine());
    }
    assert_eq!(check.state(), BranchState::Unhealthy);
    assert_eq!(check.reason(), "this Asterisk takes no calls: its SIP: the port is closed");
    assert_eq!(look(&mut check, now + SOON, fine(), fine()), Some(BranchState::Unhealthy));
    assert_eq!(check.state(), BranchState::Healthy);
}

#[test]
fn a_dialplan_that_never_answers_counts_and_is_asked_again_in_case_that_the_question_was_lost() {
    let (mut check, start) = healthy();
    let asked = start + EVERY;
    assert_eq!(check.begin(asked), Part::ALL);
    check.answered(Part::Sip, fine());
    assert_eq!(check.judge(asked), None);
    let (mut states, mut again) = (Vec::new(), 0);
    for _ in 0..4 {
        let now = check.due();
        again += usize::from(check.begin(now).contains(&Part::Dialplan));
        check.answered(Part::Sip, fine());
        check.judge(now);
        states.push(check.state());
    }
    assert!(check.due() > asked + seconds(10) && states.ends_with(&[BranchState::Unhealthy]), "{states:?}");
    assert!(check.reason().contains("its dialplan has not answered for "), "{}", check.reason());
    assert!(again > 0);
    // It comes back, late, and answers both questions.
    check.answered(Part::Dialplan, fine());
    assert_eq!(check.judge(check.due()), Some(BranchState::Unhealthy));
    check.answered(Part::Dialplan, fine());
    assert_eq!((check.judge(check.due()), check.state()), (None, BranchState::Healthy));
}

#[test]
fn a_question_that_was_lost_with_who_asked_it_is_no_verdict() {
    let (mut check, start) = healthy();
    assert_eq!(check.begin(start + EVERY), Part::ALL);
    check.answered(Part::Sip, fine());
    let late = check.due();
    assert_eq!(check.begin(late), Part::ALL);
    assert_eq!(check.judge(late), None);
    check.answered(Part::Sip, fine());
    check.answered(Part::Dialplan, fine());
    assert_eq!((check.judge(late), check.state()), (None, BranchState::Healthy));
    assert_eq!(check.due(), late + SOON);
}

#[test]
fn a_failure_that_is_told_late_is_one() {
    let (mut check, start) = healthy();
    let asked = start + EVERY;
    assert_eq!(check.begin(asked), Part::ALL);
    check.answered(Part::Dialplan, fine());
    let late = check.due();
    assert_eq!(check.begin(late), Part::ALL);
    check.answered(Part::Sip, failed());
    assert_eq!((check.judge(late), check.state()), (None, BranchState::Healthy));
}

#[test]
fn a_main_in_doubt_is_a_reason_to_look_and_older_looks_are_not_enough_for_a_move() {
    let (mut check, start) = healthy();
    let doubt = start + seconds(30);
    check.main_is_in_doubt(doubt);
    assert!(!check.takes_calls());
    assert_eq!(check.due(), doubt);
    assert_eq!(look(&mut check, doubt, fine(), fine()), None);
    assert!(check.takes_calls());
    // Only once: the main may be in doubt for hours.
    check.main_is_in_doubt(doubt + seconds(1));
    assert_eq!(check.due(), doubt + EVERY);

    look(&mut check, doubt + EVERY, failed(), fine());
    assert!(!check.takes_calls());
    assert_eq!(check.state(), BranchState::Healthy);
    check.main_is_trusted();
    assert!(check.takes_calls());
}

#[test]
fn while_a_move_waits_the_looks_go_on_soon() {
    let (mut check, start) = healthy();
    let doubt = start + seconds(1);
    check.main_is_in_doubt(doubt);
    let mut now = doubt;
    for _ in 0..5 {
        look(&mut check, now, fine(), failed());
        assert_eq!(check.due(), now + SOON);
        assert!(!check.takes_calls());
        now += SOON;
    }
    look(&mut check, now, fine(), fine());
    assert!(check.takes_calls());
}

#[test]
fn before_the_boot_nothing_is_looked_at() {
    let now = Instant::now();
    let mut check = SelfCheck::new(now);
    check.wait_for_boot(now);
    assert_eq!(check.begin(now), []);
    assert_eq!(check.begin(now + seconds(1)), Part::ALL);
}
