//! What a return to a Stable main still waits for, by `[failover]`. Pure.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    settings::{Failover, ReturnWhen, Window, clock},
    verdict::probe::Doubt,
    words::wording::counted,
};

/// The circumstances of a return, besides the state of the main.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// Now.
    pub now: Instant,
    /// Minute of the local day, 0 to 1439.
    pub minute: u16,
    /// Channels of calls of this branch's users: two for a call between two of them.
    pub channels: usize,
    /// Why a Stable main should not get phones yet.
    pub doubt: Option<Doubt>,
}

/// The times from which a return waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Since {
    /// When a probe failed last.
    pub(super) healthy: Instant,
    /// Since when the hold is over and the hours are open; `None` while they are not.
    pub(super) ready: Option<Instant>,
    /// The random part of this return: out of all of `u64`.
    pub(super) share: u64,
}

/// What a return waits for. Its text follows "waits for".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The main is not well.
    Main,
    /// An operator holds the mode.
    ModeAuto,
    /// A maintenance goes on.
    Maintenance,
    /// The main has lost users: a person has to say whether they may go.
    Sync,
    /// No probe may fail for so much longer; then the random part follows.
    Health(Duration, Duration),
    /// So much of the random part is left.
    Spread(Duration),
    /// So many channels are there.
    Calls(usize),
    /// The minute of the day at which the hours open.
    Hours(u16),
    /// Either of the two, whichever comes first.
    CallsOrHours(usize, u16),
    /// The main has to answer again, or has to answer more than a BYE.
    Answer(Doubt),
    /// An operator has to order it.
    Operator,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls =
            |channels| format!("the end of the calls on this branch ({})", counted(channels, "channel"));
        match *self {
            Wait::Main => f.write_str("the main to be Stable"),
            Wait::ModeAuto => f.write_str("'synch set mode auto'"),
            Wait::Maintenance => f.write_str("'synch maintenance stop'"),
            Wait::Sync => f.write_str("a sync that is held"),
            Wait::Health(left, Duration::ZERO) => {
                write!(f, "{} s more without a failed probe", whole_seconds(left))
            }
            Wait::Health(left, spread) => {
                let (left, spread) = (whole_seconds(left), whole_seconds(spread));
                write!(f, "{left} s more without a failed probe, then {spread} s of return_spread")
            }
            Wait::Spread(left) => write!(f, "{} s more of return_spread", whole_seconds(left)),
            Wait::Calls(channels) => f.write_str(&calls(channels)),
            Wait::Hours(opens) => f.write_str(&clock(opens)),
            Wait::CallsOrHours(channels, opens) => write!(f, "{}, or {}", calls(channels), clock(opens)),
            Wait::Answer(Doubt::Unasked) => f.write_str(
                "an answer from the main: the branch could not ask it just now"
            ),
            Wait::Answer(Doubt::NoUser) => f.write_str(
                "an answer to AMI, or to SIP OPTIONS as a user, because an answer to BYE is not enough; or 'synch \
                 failback'",
            ),
            Wait::Operator => f.write_str("'synch failback'"),
        }
    }
}

/// Returns whole seconds, rounded up.
fn whole_seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// Returns whether the hold is over and the hours are open, so that the random part runs.
pub(super) fn is_ready(settings: &Failover, since: &Since, at: &Circumstances) -> bool {
    let closed = settings.return_when == ReturnWhen::Window && opens(settings, at.minute).is_some();
    hold_left(settings, since, at).is_zero() && !closed
}

fn hold_left(settings: &Failover, since: &Since, at: &Circumstances) -> Duration {
    settings.return_hold.saturating_sub(at.now.saturating_duration_since(since.healthy))
}

/// The random part of this return.
fn spread(settings: &Failover, since: &Since) -> Duration {
    let nanos = settings.return_spread.as_nanos() * u128::from(since.share) / u128::from(u64::MAX);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Returns for how long only the random part and the calls have delayed the return.
fn ready_for(since: &Since, at: &Circumstances) -> Duration {
    since.ready.map_or(Duration::ZERO, |ready| at.now.saturating_duration_since(ready))
}

/// Returns whether calls have delayed the return for as long as `return_latest` allows.
fn is_latest(settings: &Failover, since: &Since, at: &Circumstances) -> bool {
    !settings.return_latest.is_zero() && ready_for(since, at) >= settings.return_latest
}

/// Returns the first thing that a return to a Stable main waits for; `None` where it need not wait.
pub(super) fn first(settings: &Failover, since: &Since, at: &Circumstances) -> Option<Wait> {
    if settings.return_when == ReturnWhen::Manual {
        return Some(Wait::Operator);
    }
    let left = hold_left(settings, since, at);
    let spread = spread(settings, since);
    if !left.is_zero() {
        return Some(Wait::Health(left, spread));
    }
    let opens = opens(settings, at.minute);
    if let (ReturnWhen::Window, Some(opens)) = (settings.return_when, opens) {
        return Some(Wait::Hours(opens));
    }
    let left = spread.saturating_sub(ready_for(since, at));
    if !left.is_zero() {
        return Some(Wait::Spread(left));
    }
    let busy = at.channels > 0 && !is_latest(settings, since, at);
    let calls = match (settings.return_when, opens) {
        (ReturnWhen::Idle, _) => busy.then_some(Wait::Calls(at.channels)),
        (ReturnWhen::IdleOrWindow, Some(opens)) => busy.then_some(Wait::CallsOrHours(at.channels, opens)),
        _ => None,
    };
    calls.or(at.doubt.map(Wait::Answer))
}

/// Returns why a return may happen now, as the end of a sentence, which is empty where there was nothing to wait for.
/// Returns `None` where the return has to wait.
pub(super) fn why_now(settings: &Failover, since: &Since, at: &Circumstances) -> Option<String> {
    if first(settings, since, at).is_some() {
        return None;
    }
    let mut why = String::new();
    if !settings.return_hold.is_zero() {
        let seconds = at.now.saturating_duration_since(since.healthy).as_secs();
        why += &format!("; no probe has failed for {seconds} s");
    }
    let hours = || open(settings, at.minute).map(|window| format!("; the time is within {window}"));
    let idle = match at.channels {
        0 => Some("; no call is active on this branch".to_owned()),
        channels if is_latest(settings, since, at) => Some(format!(
            "; {} delayed the return for return_latest, {} s",
            counted(channels, "channel"),
            settings.return_latest.as_secs()
        )),
        _ => None,
    };
    why += &match settings.return_when {
        ReturnWhen::AtOnce | ReturnWhen::Manual => None,
        ReturnWhen::Idle => idle,
        ReturnWhen::Window => hours(),
        ReturnWhen::IdleOrWindow => idle.or_else(hours),
    }
    .unwrap_or_default();
    Some(why)
}

/// Returns the window that holds this minute.
fn open(settings: &Failover, minute: u16) -> Option<&Window> {
    settings.return_windows.iter().find(|window| window.holds(minute))
}

/// Returns the minute of the day at which the next window opens; `None` where one is open now.
fn opens(settings: &Failover, minute: u16) -> Option<u16> {
    /// Minutes of a day.
    const DAY: u16 = 24 * 60;
    if open(settings, minute).is_some() {
        return None;
    }
    let starts = settings.return_windows.iter().map(Window::from);
    starts.min_by_key(|start| (start + DAY - minute % DAY) % DAY)
}
