//! What a return to a Stable main still waits for, by `[failover]`. Pure.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    settings::{Failover, ReturnWhen, Window, clock},
    wording::counted,
};

/// What a return is decided by, besides the main.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// Now.
    pub now: Instant,
    /// Minute of the local day, 0 to 1439.
    pub minute: u16,
    /// Channels on this branch: two for a call between phones.
    pub channels: usize,
}

/// What a return waits for; in words for the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The main is not well.
    Main,
    /// An operator holds the mode.
    ModeAuto,
    /// The main has to be well for so much longer.
    Health(Duration),
    /// So many channels are there.
    Calls(usize),
    /// The minute of the day at which the hours open.
    Hours(u16),
    /// Whichever of the two comes first.
    CallsOrHours(usize, u16),
    /// An operator has to say so.
    Operator,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls =
            |channels| format!("the end of the calls on this branch ({})", counted(channels, "channel"));
        match *self {
            Wait::Main => f.write_str("a main that is Stable"),
            Wait::ModeAuto => f.write_str("'synch set mode auto'"),
            Wait::Health(left) => write!(f, "{} s more of health", whole_seconds(left)),
            Wait::Calls(channels) => f.write_str(&calls(channels)),
            Wait::Hours(opens) => f.write_str(&clock(opens)),
            Wait::CallsOrHours(channels, opens) => write!(f, "{}, or {}", calls(channels), clock(opens)),
            Wait::Operator => f.write_str("'synch failback'"),
        }
    }
}

/// Not 0 while there is something left.
fn whole_seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// The first thing that a return waits for, with a main that is Stable; none: it may go.
pub(super) fn first(settings: &Failover, healthy_since: Instant, at: &Circumstances) -> Option<Wait> {
    if settings.return_when == ReturnWhen::Manual {
        return Some(Wait::Operator);
    }
    let left = settings.return_hold.saturating_sub(at.now.saturating_duration_since(healthy_since));
    if !left.is_zero() {
        return Some(Wait::Health(left));
    }
    let busy = at.channels > 0;
    match settings.return_when {
        ReturnWhen::AtOnce | ReturnWhen::Manual => None,
        ReturnWhen::Idle => busy.then_some(Wait::Calls(at.channels)),
        ReturnWhen::Window => opens(settings, at.minute).map(Wait::Hours),
        ReturnWhen::IdleOrWindow => {
            opens(settings, at.minute).filter(|_| busy).map(|opens| Wait::CallsOrHours(at.channels, opens))
        }
    }
}

/// Why a return that waits for nothing any more goes just now, as the end of a sentence: empty where there was nothing to
/// wait for. None: it has to wait.
pub(super) fn why_now(settings: &Failover, healthy_since: Instant, at: &Circumstances) -> Option<String> {
    if first(settings, healthy_since, at).is_some() {
        return None;
    }
    let mut why = String::new();
    if !settings.return_hold.is_zero() {
        let seconds = at.now.saturating_duration_since(healthy_since).as_secs();
        why += &format!("; it has been well for {seconds} s");
    }
    let hours = || open(settings, at.minute).map(|window| format!("; it is within {window}"));
    let idle = (at.channels == 0).then(|| "; there is no call on this branch".to_owned());
    why += &match settings.return_when {
        ReturnWhen::AtOnce | ReturnWhen::Manual => None,
        ReturnWhen::Idle => idle,
        ReturnWhen::Window => hours(),
        ReturnWhen::IdleOrWindow => idle.or_else(hours),
    }
    .unwrap_or_default();
    Some(why)
}

/// The hours that hold this minute.
fn open(settings: &Failover, minute: u16) -> Option<&Window> {
    settings.return_windows.iter().find(|window| window.holds(minute))
}

/// The minute of the day at which the next hours open; none where some are open now.
fn opens(settings: &Failover, minute: u16) -> Option<u16> {
    /// Minutes of a day.
    const DAY: u16 = 24 * 60;
    if open(settings, minute).is_some() {
        return None;
    }
    let starts = settings.return_windows.iter().map(Window::from);
    starts.min_by_key(|start| (start + DAY - minute % DAY) % DAY)
}
