//! How much of the main one account may have: questions and octets. Pure.

use std::time::{Duration, Instant};

/// Sessions of one account at most: a branch has one, and another one for a moment where it renews it.
pub const MOST_SESSIONS: usize = 4;
/// Ten questions a second, and twenty at once: a branch asks some ten at its first sync.
const A_QUESTION: Duration = Duration::from_millis(100);
const QUESTIONS_AHEAD: Duration = Duration::from_secs(2);
/// A megabyte a second, and eight at once: a first sync of 1,000 users has two.
const AN_OCTET: Duration = Duration::from_micros(1);
const OCTETS_AHEAD: Duration = Duration::from_secs(8);
/// So often in a row an account is told that it asks too much; then its session is ended.
const MOST_REFUSALS: u32 = 10;

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is answered.
    Granted,
    /// It is too much now.
    Busy,
    /// It was too much too often: the session is ended.
    End,
}

/// What an account has had.
#[derive(Clone, Debug)]
pub struct Share {
    questions: Rate,
    octets: Rate,
    refusals: u32,
}

impl Share {
    /// Makes a share of which nothing is used.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            questions: Rate { paid_until: now, ahead: QUESTIONS_AHEAD },
            octets: Rate { paid_until: now, ahead: OCTETS_AHEAD },
            refusals: 0,
        }
    }

    /// Takes a question.
    pub fn ask(&mut self, now: Instant) -> Admission {
        if self.questions.has_room(now) && self.octets.has_room(now) {
            self.questions.spend(A_QUESTION, now);
            self.refusals = 0;
            return Admission::Granted;
        }
        self.refusals += 1;
        if self.refusals > MOST_REFUSALS { Admission::End } else { Admission::Busy }
    }

    /// Takes note of an answer of so many octets.
    pub fn answered(&mut self, octets: usize, now: Instant) {
        self.octets.spend(AN_OCTET * u32::try_from(octets).unwrap_or(u32::MAX), now);
    }
}

/// So much for so long: what was had is paid for with time.
#[derive(Clone, Debug)]
struct Rate {
    paid_until: Instant,
    /// How far ahead of the time it may be.
    ahead: Duration,
}

impl Rate {
    fn has_room(&self, now: Instant) -> bool {
        self.paid_until.saturating_duration_since(now) < self.ahead
    }

    fn spend(&mut self, time: Duration, now: Instant) {
        self.paid_until = self.paid_until.max(now) + time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_questions_at_once_and_ten_a_second_are_granted() {
        let start = Instant::now();
        let mut share = Share::new(start);
        for _ in 0..20 {
            assert_eq!(share.ask(start), Admission::Granted);
        }
        assert_eq!(share.ask(start), Admission::Busy);
        for tenth in 1..100 {
            assert_eq!(share.ask(start + A_QUESTION * tenth), Admission::Granted);
        }
    }

    #[test]
    fn who_goes_on_asking_is_ended_and_who_waits_is_not() {
        let start = Instant::now();
        let mut share = Share::new(start);
        for _ in 0..20 {
            share.ask(start);
        }
        for _ in 0..MOST_REFUSALS {
            assert_eq!(share.ask(start), Admission::Busy);
        }
        assert_eq!(share.ask(start), Admission::End);
        assert_eq!(share.ask(start + Duration::from_secs(1)), Admission::Granted);
        let now = start + Duration::from_secs(1);
        for _ in 0..10 {
            share.ask(now);
        }
        assert_eq!(share.ask(now), Admission::Busy);
    }

    #[test]
    fn a_whole_site_is_granted_and_then_a_megabyte_a_second() {
        let start = Instant::now();
        let mut share = Share::new(start);
        share.answered(7_000_000, start);
        assert_eq!(share.ask(start), Admission::Granted);
        share.answered(13_000_000, start);
        assert_eq!(share.ask(start + Duration::from_secs(11)), Admission::Busy);
        assert_eq!(share.ask(start + Duration::from_secs(13)), Admission::Granted);
    }
}
