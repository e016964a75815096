//! Log lines about a failure that repeats: at the first time, and then at powers of two. Pure.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

/// Failures that are counted at the same time: far more than go wrong together. Of more, the one that is longest ago is
/// forgotten, so that texts of others can't fill the memory.
const COUNTED: usize = 64;

/// A failure that has not come again for so long is a new one.
const FORGOTTEN: Duration = Duration::from_secs(6 * 3600);

/// What has failed so far, and how often.
#[derive(Debug, Default)]
pub struct Repeats(Vec<Failure>);

#[derive(Debug)]
struct Failure {
    key: String,
    times: u32,
    last: Instant,
}

impl Repeats {
    /// Nothing has failed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The line about a failure that has happened now; none where it was told often enough. Texts that differ in their
    /// numbers only are about the same failure, unless these are of an address.
    pub fn line(&mut self, text: &str, now: Instant) -> Option<String> {
        let times = self.count(key(text), now);
        match times {
            1 => Some(text.to_owned()),
            _ if times.is_power_of_two() => Some(format!("{text} ({times} times so far)")),
            _ => None,
        }
    }

    /// All failures whose texts begin so are over. Whether there were any.
    pub fn over(&mut self, beginning: &str) -> bool {
        let (beginning, before) = (key(beginning), self.0.len());
        self.0.retain(|failure| !failure.key.starts_with(&beginning));
        self.0.len() < before
    }

    fn count(&mut self, key: String, now: Instant) -> u32 {
        self.0.retain(|failure| now.saturating_duration_since(failure.last) < FORGOTTEN);
        if let Some(failure) = self.0.iter_mut().find(|failure| failure.key == key) {
            failure.times = failure.times.saturating_add(1);
            failure.last = now;
            return failure.times;
        }
        if self.0.len() >= COUNTED {
            let oldest = self.0.iter().enumerate().min_by_key(|(_, failure)| failure.last);
            if let Some((place, _)) = oldest {
                self.0.swap_remove(place);
            }
        }
        self.0.push(Failure { key, times: 1, last: now });
        1
    }
}

/// The text with each number as `#`, but for those of an address: another socket or host is another failure.
fn key(text: &str) -> String {
    let words =
        text.split(' ').map(|word| if is_address(word) { word.to_owned() } else { without_numbers(word) });
    words.collect::<Vec<_>>().join(" ")
}

fn is_address(word: &str) -> bool {
    let word = word.trim_start_matches('(').trim_end_matches([')', ',', ';', ':', '.']);
    word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok()
}

fn without_numbers(word: &str) -> String {
    let mut key = String::with_capacity(word.len());
    for character in word.chars() {
        let character = if character.is_ascii_digit() { '#' } else { character };
        if character != '#' || !key.ends_with('#') {
            key.push(character);
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_at_the_first_time_and_at_powers_of_two() {
        let (mut repeats, now) = (Repeats::new(), Instant::now());
        let told: Vec<u32> =
            (1..=100).filter(|times| repeats.line(&format!("lost in {times} s"), now).is_some()).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(repeats.line("held", now).as_deref(), Some("held"));
        assert_eq!(repeats.line("held", now).as_deref(), Some("held (2 times so far)"));
    }

    #[test]
    fn what_is_over_is_told_anew_and_the_rest_goes_on() {
        let (mut repeats, now) = (Repeats::new(), Instant::now());
        for _ in 0..3 {
            repeats.line("The file is not kept: disk full", now);
            repeats.line("The line is cut", now);
        }
        assert!(repeats.over("The file is not kept"));
        assert!(!repeats.over("The file is not kept"));
        assert!(repeats.line("The file is not kept: disk full", now).is_some());
        assert_eq!(repeats.line("The line is cut", now).as_deref(), Some("The line is cut (4 times so far)"));
    }

    #[test]
    fn each_address_is_told_of() {
        let (mut repeats, now) = (Repeats::new(), Instant::now());
        for address in
            ["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53", "[2001:db8::1]:53", "[2001:db8::2]:53"]
        {
            let text = format!("DNS: cannot listen on {address} (UDP): in use");
            assert_eq!(repeats.line(&text, now), Some(text));
        }
        for host in
            ["main 192.0.2.1: silent", "main 192.0.2.2: silent", "(192.0.2.1), silent", "(192.0.2.2), silent"]
        {
            assert_eq!(repeats.line(host, now).as_deref(), Some(host));
        }
    }

    #[test]
    fn what_was_long_ago_is_told_anew() {
        let (mut repeats, now) = (Repeats::new(), Instant::now());
        for _ in 0..3 {
            repeats.line("silent", now);
        }
        assert!(repeats.line("silent", now + FORGOTTEN).is_some_and(|line| line == "silent"));
    }

    #[test]
    fn what_came_back_within_hours_goes_on_being_counted() {
        let (mut repeats, now) = (Repeats::new(), Instant::now());
        for hours in [0, 5, 10] {
            repeats.line("silent", now + Duration::from_secs(hours * 3600));
        }
        let later = now + Duration::from_secs(15 * 3600);
        assert_eq!(repeats.line("silent", later).as_deref(), Some("silent (4 times so far)"));
    }

    #[test]
    fn texts_differ_by_where_their_numbers_stand_not_by_which() {
        assert_eq!(key("port 5038: lost in 12 s"), "port #: lost in # s");
        assert_ne!(key("disk 2 full"), key("disk full"));
    }

    #[test]
    fn texts_of_others_do_not_fill_the_memory() {
        let (mut repeats, now) = (Repeats::new(), Instant::now());
        let text = |number: usize| "x".repeat(number);
        for number in 0..COUNTED * 3 {
            let now = now + Duration::from_millis(number as u64);
            assert!(repeats.line(&text(number), now).is_some());
        }
        assert_eq!(repeats.0.len(), COUNTED);
        assert_eq!(repeats.count(text(COUNTED * 3 - 1), now + Duration::from_secs(1)), 2);
    }
}
