//! What the log hears of wrong names and passwords, for whoever reads it, such as fail2ban. Pure.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

/// Lines within [`WINDOW`]: fail2ban sees each failure of whoever tries by hand or from one place, and whoever tries from
/// everywhere does not fill the disk.
const LINES: u32 = 30;

/// How long they are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// Failures of the last minute.
#[derive(Debug, Default)]
pub struct Failures {
    since: Option<Instant>,
    lines: u32,
    silent: u32,
}

impl Failures {
    /// Nobody has failed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { since: None, lines: 0, silent: 0 }
    }

    /// The line about a failure of now; none where there were too many within the minute, which a later line counts.
    pub fn line(&mut self, client: IpAddr, now: Instant) -> Option<String> {
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            (self.since, self.lines) = (Some(now), 0);
        }
        if self.lines >= LINES {
            self.silent = self.silent.saturating_add(1);
            return None;
        }
        self.lines += 1;
        let more = match std::mem::take(&mut self.silent) {
            0 => String::new(),
            silent => format!("; {silent} more before were not logged"),
        };
        Some(format!("HTTP: {client} gave a wrong name or password for /synch{more}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_a_line_up_to_a_limit_and_the_rest_is_counted() {
        let (mut failures, now) = (Failures::new(), Instant::now());
        let client: IpAddr = "10.0.0.9".parse().unwrap();
        let line = "HTTP: 10.0.0.9 gave a wrong name or password for /synch";
        for _ in 0..LINES {
            assert_eq!(failures.line(client, now).as_deref(), Some(line));
        }
        for _ in 0..7 {
            assert_eq!(failures.line(client, now), None);
        }
        let later = now + WINDOW;
        let told = failures.line(client, later).unwrap();
        assert_eq!(told, format!("{line}; 7 more before were not logged"));
        assert_eq!(failures.line(client, later).as_deref(), Some(line));
    }
}
