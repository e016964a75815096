//! When a held mode ends by itself, and what an operator says of that. Pure.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::settings::LONGEST_HOLD;

/// Letters of a reason that are kept: a line of the status has room for them.
const REASON: usize = 120;

/// When a held mode ends by itself: seconds since 1970, which are what a restart leaves of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Until(u64);

impl Until {
    /// Returns the end of a hold that begins now.
    #[must_use]
    pub fn after(minutes: u32, now: SystemTime) -> Self {
        Self(seconds(now).saturating_add(u64::from(minutes) * 60))
    }

    /// Returns the seconds since 1970.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Returns the time; the beginning of all where the clock has no such time.
    #[must_use]
    pub fn time(self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_secs(self.0)).unwrap_or(UNIX_EPOCH)
    }

    /// Returns how long it still lasts, zero where it is over. A clock that was set back lets none last longer than any
    /// may.
    #[must_use]
    pub fn left(self, now: SystemTime) -> Duration {
        let longest = Duration::from_secs(u64::from(LONGEST_HOLD) * 60);
        Duration::from_secs(self.0.saturating_sub(seconds(now))).min(longest)
    }

    /// Returns the word that is kept over a restart.
    #[must_use]
    pub fn memo(self) -> String {
        self.0.to_string()
    }

    /// Returns what was kept.
    #[must_use]
    pub fn from_memo(memo: &str) -> Option<Self> {
        memo.parse().ok().map(Self)
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
        assert_eq!(until.left(UNIX_EPOCH), Duration::from_secs(u64::from(LONGEST_HOLD) * 60));
        assert_eq!(Until(u64::MAX).time(), UNIX_EPOCH);
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
