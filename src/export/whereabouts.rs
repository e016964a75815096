//! Whether a site is here, on its own, or has not been seen yet, from what its sessions say. Pure.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// Where a site is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whereabouts {
    /// It has said nothing since the start of this main.
    #[default]
    Away,
    /// It waits for news, or has said something a moment ago.
    Here,
    /// It has said nothing for a while, or says that it serves its phones itself.
    Alone,
}

impl Whereabouts {
    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Away => "Away",
            Self::Here => "Here",
            Self::Alone => "Alone",
        }
    }
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The states of a branch that serves its phones itself, as it gives them.
const SERVES: [&str; 2] = ["Failover", "Maintenance"];

/// From one change of a site to the next: each is told to everybody who listens, and calls to all its users may go elsewhere.
const CALM: Duration = Duration::from_secs(10);

/// Returns whether it may be told that a site is elsewhere; `last`: when that was told last.
#[must_use]
pub fn may_change(last: Option<Instant>, now: Instant) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= CALM)
}

/// What is known of a site that has said something.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Whether it waits for news now.
    pub waits: bool,
    /// When it last said something.
    pub last_word: Instant,
    /// The service state that it gave last.
    pub state: &'a str,
}

/// Judges where a site is, and says why. `None`: it has said nothing yet.
#[must_use]
pub fn judge(heard: Option<Heard<'_>>, lost_after: Duration, now: Instant) -> (Whereabouts, String) {
    let Some(Heard { waits, last_word, state }) = heard else {
        return (Whereabouts::Away, "it has said nothing since the start of this main".to_owned());
    };
    let silent = now.saturating_duration_since(last_word);
    if !waits && silent > lost_after {
        return (Whereabouts::Alone, format!("it has said nothing for {} s", lost_after.as_secs()));
    }
    if SERVES.iter().any(|serves| state.eq_ignore_ascii_case(serves)) {
        return (Whereabouts::Alone, "it says that it serves its phones itself".to_owned());
    }
    (Whereabouts::Here, "it is connected".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_comes_and_goes_without_end_is_told_of_now_and_then() {
        let start = Instant::now();
        assert!(may_change(None, start) && may_change(Some(start), start + CALM));
        assert!(!may_change(Some(start), start + CALM / 2));
    }

    #[test]
    fn a_site_is_here_as_long_as_it_waits_or_has_just_spoken() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let lost_after = Duration::from_secs(30);
        let judged = |heard, now| judge(heard, lost_after, now).0;
        assert_eq!(judged(None, after(1000)), Whereabouts::Away);
        let heard = |waits, state| Some(Heard { waits, last_word: start, state });
        assert_eq!(judged(heard(false, "Normal"), after(30)), Whereabouts::Here);
        assert_eq!(judged(heard(false, "Normal"), after(31)), Whereabouts::Alone);
        assert_eq!(judged(heard(true, "Normal"), after(1000)), Whereabouts::Here);
        assert_eq!(judged(heard(true, ""), after(1)), Whereabouts::Here);
        for serves in ["failover", "Maintenance"] {
            assert_eq!(judged(heard(true, serves), after(1)), Whereabouts::Alone);
        }
        let (_, why) = judge(heard(false, "Failover"), lost_after, after(31));
        assert_eq!(why, "it has said nothing for 30 s");
    }
}
