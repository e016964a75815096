//! `[failover]`: when the phones may go back to the main.

use std::{fmt, time::Duration};

use super::{
    value::{DAY, WEEK},
    walk::{Keys, key, rows},
};
use crate::words::state::words;

/// Minutes of a day.
const MINUTES: u16 = 24 * 60;

/// `[failover]`: what a return to the main waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failover {
    /// How long no probe may have failed; zero: the verdict Stable is enough.
    pub return_hold: Duration,
    /// The most that is waited besides, drawn anew for each return; zero: nothing.
    pub return_spread: Duration,
    /// How long calls may keep phones from a main that is well; zero: for ever.
    pub return_latest: Duration,
    /// What it waits for besides.
    pub return_when: ReturnWhen,
    /// Hours of the day for it; empty unless `return_when` asks for them or the administrator gave them.
    pub return_windows: Vec<Window>,
}

impl Failover {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        let when = "at_once, idle, window, idle_or_window or manual";
        let windows = "HH:MM-HH:MM, several separated by commas, such as 22:00-06:00";
        rows!(
            keys,
            in_force,
            Failover {
                return_hold: key::seconds(120, 0..=WEEK),
                return_spread: key::seconds(60, 0..=DAY),
                return_latest: key::seconds(12 * 3600, 0..=WEEK),
                return_when: key::text(when, ReturnWhen::from_word).or(ReturnWhen::AtOnce),
                return_windows: key::list(windows, Window::read).named("return_window"),
            },
            has_its_hours(keys, return_when, return_windows.as_deref()),
        )
    }
}

fn has_its_hours(keys: &mut dyn Keys, when: Option<ReturnWhen>, windows: Option<&[Window]>) {
    let (Some(when), Some(windows)) = (when, windows) else { return };
    if when.needs_window() && windows.is_empty() {
        let problem = format!("is missing; return_when = {when} needs hours of the day, such as 22:00-06:00");
        keys.error(&"return_window", &problem);
    }
}

/// When phones may go back to a main that is well again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// Whatever goes on.
    AtOnce,
    /// While there is no call on this branch.
    Idle,
    /// Within hours of the day.
    Window,
    /// Whichever of the two comes first.
    IdleOrWindow,
    /// Only when an operator says so.
    Manual,
}

words!(ReturnWhen {
    AtOnce => "at_once",
    Idle => "idle",
    Window => "window",
    IdleOrWindow => "idle_or_window",
    Manual => "manual",
});

impl ReturnWhen {
    /// Whether it makes no sense without hours.
    fn needs_window(self) -> bool {
        matches!(self, Self::Window | Self::IdleOrWindow)
    }
}

/// Hours of the day, in the zone of the machine: from a minute on, up to another one. It may cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from: u16,
    to: u16,
}

impl Window {
    /// Reads `HH:MM-HH:MM`, where the end may be 24:00. Two times that are the same are nobody's hours.
    fn read(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from)?, minute(to)?);
        (from != to && from < MINUTES).then_some(Self { from, to })
    }

    /// Minute of the day (0 to 1439) at which it opens.
    #[must_use]
    pub fn from(&self) -> u16 {
        self.from
    }

    /// Whether this minute of the day (0 to 1439) is in it.
    #[must_use]
    pub fn holds(&self, minute: u16) -> bool {
        if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", clock(self.from), clock(self.to))
    }
}

/// A minute of the day as `HH:MM`.
#[must_use]
pub fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// `HH:MM` as the minute of the day; 24:00 is its end.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |text: &str| {
        let plain = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| plain)
    };
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (minute < 60).then_some(hour * 60 + minute).filter(|minute| *minute <= MINUTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_crosses_midnight_is_open_on_both_sides_of_it() {
        let night = Window::read("22:00-06:00").unwrap();
        for (minute, open) in
            [(1319, false), (1320, true), (1439, true), (0, true), (359, true), (360, false)]
        {
            assert_eq!(night.holds(minute), open, "{}", clock(minute));
        }
        let noon = Window::read(" 9:30 - 12:00 ").unwrap();
        assert!(noon.holds(570) && !noon.holds(569) && !noon.holds(720) && !noon.holds(0));
        assert!(Window::read("00:00-24:00").unwrap().holds(1439));
        assert_eq!(night.to_string(), "22:00-06:00");
    }

    #[test]
    fn what_is_no_hours_of_the_day_is_refused() {
        for bad in [
            "",
            "22:00",
            "22-06",
            "22:00-22:00",
            "24:00-06:00",
            "25:00-06:00",
            "22:60-06:00",
            "22:00-24:01",
            "+2:00-6:00",
        ] {
            assert_eq!(Window::read(bad), None, "{bad}");
        }
    }
}
