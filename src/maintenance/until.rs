//! When a held mode ends by itself, and what an operator says of that. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::settings::LONGEST_HOLD;

/// Letters of a reason that are kept: a line of the status has room for them.
const REASON: usize = 120;

/// When a held mode ends by itself: seconds since 1970, which are what a restart leaves of a time, and how long it was to
/// last from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Until {
    at: u64,
    lasts: u64,
}

/// Seconds of the longest hold.
const LONGEST: u64 = LONGEST_HOLD as u64 * 60;

impl Until {
    /// Returns the end of a hold that begins now.
    #[must_use]
    pub fn after(minutes: u32, now: SystemTime) -> Self {
        let lasts = u64::from(minutes) * 60;
        Self { at: seconds(now).saturating_add(lasts), lasts }
    }

    /// Returns the seconds since 1970.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.at
    }

    /// Returns the time; the beginning of all where the clock has no such time.
    #[must_use]
    pub fn time(self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.at)).unwrap_or(UNIX_EPOCH)
    }

    /// Returns how long it still lasts, zero where it is over. A clock that was set back, or that begins in 1970 with each
    /// boot, lets none last longer than it was to last.
    #[must_use]
    pub fn left(self, now: SystemTime) -> Duration {
        Duration::from_secs(self.at.saturating_sub(seconds(now)).min(self.lasts))
    }

    /// Returns the word that is kept over a restart.
    #[must_use]
    pub fn memo(self) -> String {
        format!("{} {}", self.at, self.lasts)
    }

    /// Returns what was kept. An end without a length may have been the longest hold.
    #[must_use]
    pub fn from_memo(memo: &str) -> Option<Self> {
        let (at, lasts) = memo.split_once(' ').unwrap_or((memo, ""));
        let lasts = lasts.parse().map_or(LONGEST, |lasts: u64| lasts.min(LONGEST));
        at.parse().ok().map(|at| Self { at, lasts })
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns a local time, `yyyyMMddHHmmss`, as a person reads it: `2026-11-29 14:30`. What is no such time stays as it is.
#[must_use]
pub fn readable(local: &str) -> String {
    let part = |from, to| local.get(from..to);
    match (part(0, 4), part(4, 6), part(6, 8), part(8, 10), part(10, 12)) {
        (Some(year), Some(month), Some(day), Some(hour), Some(minute)) => {
            format!("{year}-{month}-{day} {hour}:{minute}")
        }
        _ => local.to_owned(),
    }
}

/// Reads a number of minutes.
///
/// # Errors
/// It is none, or too many.
pub fn minutes(text: &str) -> Result<u32, String> {
    let minutes = text.parse().ok().filter(|minutes| (1..=LONGEST_HOLD).contains(minutes));
    minutes.ok_or_else(|| format!("'{text}' is no number of minutes from 1 to {LONGEST_HOLD}."))
}

/// Returns a reason as it is kept: one line of bounded length.
#[must_use]
pub fn reason(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(REASON).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_kept_over_a_restart_and_comes_by_the_clock() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let until = Until::after(10, now);
        assert_eq!(Until::from_memo(&until.memo()), Some(until));
        assert_eq!(until.left(now), Duration::from_secs(600));
        assert_eq!(until.left(now + Duration::from_secs(599)), Duration::from_secs(1));
        assert_eq!(until.left(now + Duration::from_secs(601)), Duration::ZERO);
        assert_eq!(until.time(), now + Duration::from_secs(600));
        for odd in ["", "soon", "-1", "1e9"] {
            assert_eq!(Until::from_memo(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nothing_for_years() {
        let until = Until::after(10, UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        assert_eq!(until.left(UNIX_EPOCH), Duration::from_secs(600));
        let kept = Until::from_memo(&until.memo()).unwrap();
        assert_eq!(kept.left(UNIX_EPOCH), Duration::from_secs(600));
        // Kept without its length.
        let kept = Until::from_memo("1800000600").unwrap();
        assert_eq!(kept.left(UNIX_EPOCH), Duration::from_secs(LONGEST));
        assert_eq!(Until { at: u64::MAX, lasts: 0 }.time(), UNIX_EPOCH);
    }

    #[test]
    fn a_time_is_shown_to_the_minute() {
        assert_eq!(readable("20261129143059"), "2026-11-29 14:30");
        assert_eq!(readable("soon"), "soon");
    }

    #[test]
    fn minutes_are_a_whole_number_of_at_most_a_week() {
        assert_eq!(minutes("1"), Ok(1));
        assert_eq!(minutes("10080"), Ok(LONGEST_HOLD));
        for odd in ["0", "10081", "-5", "1.5", "ten", ""] {
            assert!(minutes(odd).is_err_and(|problem| problem.contains("from 1 to 10080")), "{odd}");
        }
    }

    #[test]
    fn a_reason_is_one_line_and_no_longer_than_a_line() {
        assert_eq!(reason(" to 22.11\r\nMode: auto "), "to 22.11Mode: auto");
        assert_eq!(reason(&"ä".repeat(500)).chars().count(), REASON);
    }
}
