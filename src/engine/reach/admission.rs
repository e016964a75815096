//! Whether the main accepts our logins.
//!
//! A main that refuses a login logs each attempt, and fail2ban bans an address with too many of them. So after a
//! refusal the next attempt follows after a second or two, then ever later, up to a minute, and one worker tries for
//! all. A main that does not answer has refused nothing: it is asked as often as ever.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::{
    engine::crew::backoff::{Backoff, random},
    uplink::ami::LinkError,
};

/// Upper bounds of the first pause and of all pauses; each pause is drawn from the upper half.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// Time limit of the single trial login made for all workers: long enough for a connection to succeed or fail.
const TRIAL: Duration = Duration::from_secs(10);

/// Shared by all who log in at one main with one account.
#[derive(Debug)]
pub(in crate::engine) struct Admission(Mutex<State>);

/// The state behind it, without a lock and a clock.
#[derive(Debug)]
struct State {
    backoff: Backoff,
    turned_away: Option<TurnedAway>,
}

#[derive(Debug)]
struct TurnedAway {
    /// For the status and the log.
    text: String,
    until: Instant,
    /// Whether somebody is trying for all.
    trial: bool,
}

impl Default for Admission {
    fn default() -> Self {
        Self(Mutex::new(State::new()))
    }
}

impl Admission {
    /// Asks whether a connection may be made now.
    ///
    /// # Errors
    /// It is too early; the text says why and when.
    pub(in crate::engine) fn ask(&self) -> Result<(), String> {
        self.0.lock().ask(Instant::now())
    }

    /// Takes note of how a connection ended. Returns the text of a refusal, which says when the next attempt follows;
    /// `None` where the main has not refused.
    pub(in crate::engine) fn note<T>(&self, result: &Result<T, LinkError>) -> Option<String> {
        self.0.lock().note(result, Instant::now(), random())
    }

    /// Allows the next attempt at once, because something has changed or a person wants to know.
    pub(in crate::engine) fn try_now(&self) {
        *self.0.lock() = State::new();
    }
}

impl State {
    const fn new() -> Self {
        Self { backoff: Backoff::new(FIRST, LONGEST), turned_away: None }
    }

    fn ask(&mut self, now: Instant) -> Result<(), String> {
        match &mut self.turned_away {
            Some(refusal) if now < refusal.until => Err(refusal.text.clone()),
            Some(refusal) => {
                refusal.until = now + TRIAL;
                refusal.trial = true;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn note<T>(&mut self, result: &Result<T, LinkError>, now: Instant, random: u64) -> Option<String> {
        let error = match result {
            Err(error) if error.is_turned_away() => error,
            Ok(_) | Err(LinkError::Refused { .. }) => {
                *self = Self::new();
                return None;
            }
            // A main that is away: when it is back, it may still not like us.
            Err(_) => {
                self.turned_away = None;
                return None;
            }
        };
        // Of several who were on their way together, the first counts.
        if let Some(known) = self.turned_away.as_ref().filter(|known| !known.trial && now < known.until) {
            return Some(known.text.clone());
        }
        let pause = self.backoff.wait(random);
        let text = format!("{error}; trying again after {:.0} s", pause.as_secs_f32());
        let until = now + pause;
        self.turned_away = Some(TurnedAway { text: text.clone(), until, trial: false });
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::uplink::ami::{FrameReader, Refusal, TlsError, TransportError};

    fn refused(refusal: Refusal) -> Result<(), LinkError> {
        Err(LinkError::Refused { address: ([192, 0, 2, 1], 5038).into(), refusal })
    }

    fn login() -> Result<(), LinkError> {
        refused(Refusal::Login { message: "Authentication failed".to_owned() })
    }

    fn away() -> Result<(), LinkError> {
        let error = TransportError::Connect(io::ErrorKind::ConnectionRefused.into());
        Err(LinkError::Transport { address: ([192, 0, 2, 1], 5038).into(), error })
    }

    /// Tries for as long as it takes, every half second; when the main was asked.
    fn tries(
        state: &mut State,
        start: Instant,
        all: Duration,
        answer: fn() -> Result<(), LinkError>,
    ) -> Vec<Duration> {
        let step = Duration::from_millis(500);
        let mut asked = Vec::new();
        let mut now = start;
        while now < start + all {
            if state.ask(now).is_ok() {
                asked.push(now - start);
                state.note(&answer(), now, u64::MAX);
            }
            now += step;
        }
        asked
    }

    #[test]
    fn who_is_turned_away_tries_ever_more_seldom_but_every_minute() {
        let mut state = State::new();
        let asked = tries(&mut state, Instant::now(), Duration::from_secs(600), login);
        let pauses: Vec<Duration> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert!(pauses[0] <= FIRST, "{pauses:?}");
        assert!(pauses.last().is_some_and(|last| (LONGEST / 2..=LONGEST).contains(last)), "{pauses:?}");
        assert!((10..30).contains(&asked.len()), "{asked:?}");
    }

    #[test]
    fn a_main_that_is_away_is_asked_as_often_as_ever() {
        let asked = tries(&mut State::new(), Instant::now(), Duration::from_secs(60), away);
        assert_eq!(asked.len(), 120);
    }

    #[test]
    fn one_tries_for_all_and_what_it_learns_is_for_all() {
        let (mut state, start) = (State::new(), Instant::now());
        assert!(state.ask(start).is_ok() && state.ask(start).is_ok());
        let text = state.note(&login(), start, 0).unwrap();
        assert_eq!(
            text,
            "main 192.0.2.1:5038: login refused: Authentication failed; check username and secret in [main] \
             (write a ';' in the secret as '\\;'), and secret and permit of that account on the main; trying \
             again after 1 s"
        );
        // The other one was on its way, too: no reason to wait for longer.
        assert_eq!(state.note(&login(), start, u64::MAX), Some(text.clone()));
        assert_eq!(state.ask(start), Err(text));
        let then = start + FIRST / 2;
        assert!(state.ask(then).is_ok() && state.ask(then).is_err());
        assert_eq!(state.note(&Ok(()), then, 0), None);
        assert!(state.ask(then).is_ok() && state.ask(then).is_ok());
        assert_eq!(state.backoff, State::new().backoff);
    }

    #[test]
    fn a_trial_that_nobody_hears_of_is_made_again() {
        let (mut state, start) = (State::new(), Instant::now());
        state.note(&login(), start, 0);
        let then = start + FIRST;
        assert!(state.ask(then).is_ok());
        assert!(state.ask(then + TRIAL / 2).is_err());
        assert!(state.ask(then + TRIAL).is_ok());
    }

    #[test]
    fn only_who_answers_with_something_else_turns_us_away() {
        let is_turned_away =
            |result: Result<(), LinkError>| State::new().note(&result, Instant::now(), 0).is_some();
        assert!(is_turned_away(login()));
        assert!(is_turned_away(refused(Refusal::NotAmi { line: "SSH-2.0".to_owned() })));
        assert!(is_turned_away(refused(TlsError::NotTls.into())));
        let mut reader = FrameReader::new(1);
        reader.feed(b"no end").unwrap();
        assert!(is_turned_away(refused(reader.take_line(1).unwrap_err().into())));
        let answer = Refusal::Answer { action: "Ping", message: "Permission denied".to_owned() };
        assert!(!is_turned_away(refused(answer)));
        assert!(!is_turned_away(away()));
        assert!(!is_turned_away(Err(LinkError::Stopped)));
    }
}
