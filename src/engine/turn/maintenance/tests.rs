//! A hold that is recalled, and what a maintenance does without its workers.

use super::*;
use crate::engine::stand_in::StandIn;

#[test]
fn a_hold_is_remembered_with_its_end_and_a_mode_that_is_none_has_none() {
    let host = StandIn::default();
    let until = Until::after(10, SystemTime::now());
    for (key, value) in [(MODE, "maintenance"), (UNTIL, &until.memo()), (REASON, "to 22.11")] {
        host.remember(key, Some(value)).unwrap();
    }
    let (mode, hold) = Hold::recall(&host);
    assert_eq!((mode, hold.reason.as_str()), (Mode::Maintenance, "to 22.11"));
    assert_eq!(hold.until.map(|(until, _)| until), Some(until));
    assert!(hold.drain.is_some());
    let due = hold.due(Instant::now()).unwrap();
    assert!(due > Duration::from_secs(590) && due <= Duration::from_secs(600), "{due:?}");

    host.remember(MODE, Some("auto")).unwrap();
    let (mode, hold) = Hold::recall(&host);
    assert!(mode == Mode::Auto && hold.until.is_none() && hold.due(Instant::now()).is_none());
}

#[test]
fn a_hold_whose_time_passed_while_nobody_was_there_is_over_at_once() {
    let host = StandIn::default();
    let past = SystemTime::now() - Duration::from_secs(3600);
    host.remember(MODE, Some("normal")).unwrap();
    host.remember(UNTIL, Some(&Until::after(1, past).memo())).unwrap();
    let (_, hold) = Hold::recall(&host);
    assert!(hold.is_over(Instant::now()));
    // What waits for the monitor is looked at again soon, and not in each turn.
    assert_eq!(hold.due(Instant::now()), Some(LOOK_AGAIN));
}
