use super::*;
use crate::{
    settings::Require,
    verdict::probe::{Monitor, Pace},
    words::state::MonitorState,
};

const SETTINGS: Probe = Probe {
    interval: Duration::from_secs(5),
    timeout: Duration::from_secs(3),
    failure_tolerance: 5,
    alive_threshold: 5,
    error_penalty: 1,
    ami: true,
    sip: true,
    events: true,
    require: Require::All,
    fast_interval: Duration::from_secs(1),
};
const USUAL: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(50);

fn silent() -> Outcome {
    Outcome::Silent("no answer".to_owned())
}

/// A line on which a probe of each kind was answered as usual.
fn line(now: Instant) -> Burden {
    let mut burden = Burden::new(&SETTINGS);
    for kind in Kind::ALL {
        burden.asked(kind, now);
        burden.ended(kind, &Outcome::Alive(USUAL), now, now);
    }
    burden
}

#[test]
fn there_is_room_until_a_probe_is_late_and_again_when_one_is_answered() {
    let now = Instant::now();
    let mut burden = line(now);
    assert!(burden.has_room(now));
    burden.asked(Kind::Sip, now);
    assert!(burden.has_room(now + SETTINGS.fast_interval / 2));
    let late = now + SETTINGS.fast_interval;
    assert!(!burden.has_room(late));
    burden.ended(Kind::Sip, &silent(), now, late);
    assert!(!burden.has_room(late));
    burden.ended(Kind::Sip, &Outcome::Alive(USUAL), late, late);
    assert!(burden.has_room(late));
}

#[test]
fn what_never_answered_stands_in_nobodys_way() {
    let now = Instant::now();
    let mut burden = Burden::new(&SETTINGS);
    burden.asked(Kind::Sip, now);
    burden.ended(Kind::Sip, &silent(), now, now + SETTINGS.timeout);
    assert!(burden.has_room(now + SETTINGS.timeout));
}

#[test]
fn an_answer_much_slower_than_usual_leaves_no_room() {
    let now = Instant::now();
    let mut burden = line(now);
    burden.reading(true, now);
    burden.ended(Kind::Ami, &Outcome::Alive(USUAL + SLOWER), now, now);
    assert!(burden.has_room(now));
    let slow = Outcome::Alive(USUAL + SLOWER + TICK);
    burden.ended(Kind::Ami, &slow, now, now);
    assert!(!burden.has_room(now));
    // What was slow because of us is not usual, however often it comes.
    for _ in 0..REMEMBERED * 2 {
        burden.ended(Kind::Ami, &slow, now, now);
    }
    assert!(!burden.has_room(now));
    burden.reading(false, now);
    let later = now + DRAIN + TICK;
    for _ in 0..REMEMBERED {
        burden.ended(Kind::Ami, &slow, later, later);
    }
    assert!(burden.has_room(later), "the line has become slow for good");
}

#[test]
fn a_silence_may_be_our_doing_until_we_have_stopped_for_a_second() {
    let now = Instant::now();
    let mut burden = line(now);
    assert!(!burden.shares(now));
    burden.reading(true, now);
    assert!(burden.shares(now));
    burden.asked(Kind::Sip, now);
    let late = now + SETTINGS.fast_interval;
    assert!(!burden.has_room(late));
    assert!(burden.shares(late + DRAIN) && !burden.shares(late + DRAIN + TICK));
    // Whoever does not stop changes nothing, nor who begins all the same.
    burden.reading(false, late + DRAIN * 2);
    burden.reading(true, late + DRAIN * 2);
    assert!(!burden.shares(late + DRAIN * 2));
}

#[test]
fn who_reads_on_because_there_was_room_again_before_he_looked_shares_the_line_still() {
    let now = Instant::now();
    let mut burden = line(now);
    burden.reading(true, now);
    burden.ended(Kind::Sip, &Outcome::Alive(USUAL + SLOWER * 2), now, now + SECOND);
    assert!(!burden.has_room(now + SECOND));
    let quick = now + SECOND + TICK;
    burden.ended(Kind::Sip, &Outcome::Alive(USUAL), quick, quick);
    assert!(burden.has_room(quick));
    assert!(burden.shares(quick + DRAIN * 5));
    // The next late answer is told as the first was.
    let asked = quick + DRAIN * 5;
    burden.asked(Kind::Sip, asked);
    let late = asked + SETTINGS.fast_interval;
    assert!(!burden.has_room(late));
    assert!(burden.shares(late + DRAIN) && !burden.shares(late + DRAIN + TICK));
}

#[test]
fn a_piece_that_has_ended_is_on_the_line_for_a_moment_yet() {
    let now = Instant::now();
    let mut burden = line(now);
    burden.reading(true, now);
    burden.reading(false, now);
    assert!(burden.shares(now + DRAIN) && !burden.shares(now + DRAIN + TICK));
}

/// Plays probes against a main that falls silent at `dies`, or for a while only: how long until it is Failed.
fn verdict(reads: bool, dies: Duration, silence: Option<Duration>) -> Option<Duration> {
    let start = Instant::now();
    let (mut monitor, mut pace) = (Monitor::new(SETTINGS, true, start), Pace::new(&SETTINGS, start));
    let mut burden = Burden::new(&SETTINGS);
    let mut open: Vec<(Kind, Instant, Instant)> = Vec::new();
    let mut reading = false;
    for step in 0..2400_u32 {
        let now = start + TICK * step;
        let silent_from = start + dies;
        let is_silent =
            |at: Instant| at >= silent_from && silence.is_none_or(|silence| at < silent_from + silence);
        let wanted = reads && now >= start + Duration::from_secs(30) && burden.has_room(now);
        if wanted != reading {
            reading = wanted;
            burden.reading(reading, now);
        }
        for kind in pace.begin(&monitor, now) {
            let patience = if kind == Kind::Sip { pace.patience() } else { SETTINGS.timeout };
            burden.asked(kind, now);
            open.push((kind, now, now + patience));
        }
        for (kind, asked, until) in std::mem::take(&mut open) {
            let outcome = match (is_silent(asked), now >= until) {
                (false, _) => Outcome::Alive(USUAL),
                (true, true) => silent(),
                (true, false) => {
                    open.push((kind, asked, until));
                    continue;
                }
            };
            monitor.set_burdened(burden.shares(asked));
            monitor.observe(kind, &outcome, asked, now);
            pace.ended(kind, &outcome, &monitor, now);
            burden.ended(kind, &outcome, asked, now);
        }
        if monitor.verdict().state == MonitorState::Failed {
            return Some(now.saturating_duration_since(silent_from));
        }
    }
    None
}

#[test]
fn a_main_that_dies_while_we_read_is_noticed_within_eight_seconds() {
    let mut longest = [Duration::ZERO; 2];
    for step in 0..100_u32 {
        let dies = Duration::from_secs(60) + TICK * step;
        for (reads, longest) in [false, true].into_iter().zip(&mut longest) {
            let took = verdict(reads, dies, None).unwrap();
            *longest = took.max(*longest);
        }
    }
    let [quiet, reading] = longest;
    assert!(reading <= Duration::from_secs(8), "{reading:?}");
    assert!(reading <= quiet + Duration::from_secs(2), "{reading:?}, {quiet:?}");
}

#[test]
fn a_silence_that_ends_with_our_reading_moves_nobody() {
    // From the moment that a probe is late, the line is free after a second and something.
    let silence = Duration::from_millis(2500);
    for step in 0..100_u32 {
        let dies = Duration::from_secs(60) + TICK * step;
        assert_eq!(verdict(true, dies, Some(silence)), None, "{dies:?}");
    }
}
