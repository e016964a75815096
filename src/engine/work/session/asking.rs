//! One probe of the manager interface, from the login to the Pong; and the login, which others need as well.

use std::time::{Duration, Instant, SystemTime};

use super::{
    keeping::{Body, IN_USE},
    login::{certificate_end, told},
};
use crate::{
    engine::{
        crew::worker::{Stop, Stopped},
        event::{Event, News},
        reach::lookup::NoWay,
        work::probe::{after_an_end, is_own_fault},
    },
    uplink::ami::{Last, Link, LinkError},
    verdict::probe::Outcome,
};

/// How soon it is tried again where there is no way to the main.
const AGAIN: Duration = Duration::from_millis(500);
/// How often the main has to say that somebody is in with our account: a session of ours that has just ended is let go of
/// within moments.
const IN_USE_AT_LAST: u32 = 3;

/// Why there is no session.
pub(super) enum NotIn {
    /// The main was not asked.
    NoWay(NoWay),
    /// It does not like us; the text says when it is tried again.
    TurnedAway(String),
    /// It could not be reached, or had another answer.
    Link(LinkError),
}

impl NotIn {
    /// Whether that is because we stop.
    pub(super) const fn is_stopped(&self) -> bool {
        matches!(self, Self::Link(LinkError::Stopped))
    }

    /// For whoever waits for the session.
    pub(super) fn into_no_way(self) -> NoWay {
        match self {
            Self::NoWay(no_way) => no_way,
            Self::TurnedAway(text) => NoWay::TurnedAway(text),
            Self::Link(error) if error.is_in_use() => NoWay::TurnedAway(error.to_string()),
            Self::Link(error) => NoWay::Unknown(error.to_string()),
        }
    }
}

impl Body<'_> {
    /// Logs in.
    pub(super) fn log_in(&mut self, deadline: Instant) -> Result<(), NotIn> {
        let address = self.keeping.address.to_log_in(deadline).map_err(NotIn::NoWay)?;
        let mut link = self.keeping.link(address);
        let result = link.connect(deadline);
        self.in_use = if result.as_ref().is_err_and(LinkError::is_in_use) { self.in_use + 1 } else { 0 };
        if let Some(event) = told(&result).filter(|_| self.in_use == 0 || self.in_use >= IN_USE_AT_LAST) {
            self.tell(event);
        }
        if let Some(refusal) = self.keeping.address.note(&result) {
            return Err(NotIn::TurnedAway(refusal));
        }
        result.map_err(NotIn::Link)?;
        if let Some(end) = certificate_end(link.certificate_lasts(), SystemTime::now()) {
            self.tell(Event::Certificate(end));
        }
        let (keeping, now) = (self.keeping, Instant::now());
        self.hand.ends();
        self.exporting.begins(now);
        let readable = link.may_read_events();
        // Where the main has exported, it is known in a moment whether the events are needed.
        self.exporting.hears_later = !readable && self.exporting.was_on;
        if !self.exporting.hears_later {
            self.hearing.begins(readable, now, &mut |event| keeping.teller.tell(event));
        }
        self.renewal.begins(now);
        self.version.begins();
        self.gave_up = false;
        self.link = Some(link);
        Ok(())
    }

    /// One probe. All of it, name and connection included, within the timeout.
    pub(super) fn ask(&mut self, stop: &Stop, asked: Instant) -> Result<Outcome, Stopped> {
        if !self.is_open() && self.exporting.rests_until().is_some() {
            return Ok(Outcome::Unasked("the main is starting, and is asked again in a moment".to_owned()));
        }
        let deadline = asked + self.keeping.probe.timeout;
        // Only for a main that has just ended the connection: one that turns us away shall not be beset.
        let ended = std::mem::take(&mut self.just_ended) || self.is_open();
        let mut pauses = ended.then(after_an_end).into_iter().flatten();
        loop {
            let was_open = self.is_open();
            let result = if was_open { Ok(()) } else { self.log_in(deadline) };
            let result = result.and_then(|()| self.ping(deadline).map_err(NotIn::Link));
            let not_in = match result {
                Ok(()) => return Ok(Outcome::Alive(asked.elapsed())),
                Err(not_in) if not_in.is_stopped() => return Err(Stopped),
                Err(not_in) => not_in,
            };
            let pause = match &not_in {
                // A connection that has ended says nothing of the next one, which is made at once.
                NotIn::Link(error) if error.is_end() => {
                    if was_open {
                        Some(Duration::ZERO)
                    } else {
                        pauses.next()
                    }
                }
                NotIn::Link(_) if self.is_passing(&not_in) && Instant::now() + AGAIN < deadline => {
                    Some(AGAIN / 2)
                }
                NotIn::Link(error) => {
                    // A way that is just gone costs no time: it is no silence before the time is over.
                    let no_way = error.connect_error().is_some() && !error.nobody_listens();
                    (no_way && Instant::now() + AGAIN < deadline).then_some(AGAIN)
                }
                NotIn::NoWay(_) | NotIn::TurnedAway(_) => None,
            };
            match pause {
                Some(pause) if stop.wait_until(Instant::now() + pause) => return Err(Stopped),
                Some(_) => {}
                None => return Ok(self.failed(not_in, asked)),
            }
        }
    }

    /// Whether that is likely to pass in a moment.
    pub(super) fn is_passing(&self, not_in: &NotIn) -> bool {
        matches!(not_in, NotIn::Link(error) if error.is_in_use()) && self.in_use < IN_USE_AT_LAST
    }

    fn ping(&mut self, deadline: Instant) -> Result<(), LinkError> {
        let result = match self.exporting.greeting() {
            Some(_) => self.ask_in_its_words(deadline),
            None => self.link.as_mut().map_or(Err(LinkError::Stopped), |link| link.ping(deadline)),
        };
        let last = self.link.as_mut().map_or(Last::Nothing, Link::take_last);
        // At once: every millisecond counts where the main has died just now.
        self.tell_last(last);
        if last == Last::Nothing && result.is_err() {
            // Its next address may answer.
            self.keeping.address.note(&result);
        }
        result
    }

    /// What a probe that was not answered says of the main.
    fn failed(&mut self, not_in: NotIn, asked: Instant) -> Outcome {
        let outcome = match &not_in {
            // Nobody was asked.
            NotIn::NoWay(no_way @ (NoWay::Unknown(_) | NoWay::MadeAnew)) => {
                Outcome::Unasked(no_way.to_string())
            }
            // The session before was good, and it was us who ended it: that an account is gone says nothing of the main.
            NotIn::NoWay(NoWay::TurnedAway(refusal)) | NotIn::TurnedAway(refusal) if self.gave_up => {
                Outcome::Unasked(refusal.clone())
            }
            // It would say so again, and count the tries: until the next one it stands as it was.
            NotIn::NoWay(NoWay::TurnedAway(refusal)) | NotIn::TurnedAway(refusal) => {
                Outcome::Wrong(refusal.clone())
            }
            // It greets, challenges and answers us: it lives, whoever has the session.
            NotIn::Link(error) if error.is_in_use() => Outcome::Alive(asked.elapsed()),
            NotIn::Link(error) => outcome(error),
        };
        if let NotIn::Link(error) = &not_in
            && error.is_shutting_down()
        {
            self.tell(Event::Main(News::GoingDown));
            if self.is_open() {
                return outcome;
            }
        }
        match self.is_passing(&not_in) {
            true => self.fails(IN_USE),
            false => self.refuse(&not_in.into_no_way()),
        }
        outcome
    }
}

/// What a failed exchange says of the main.
fn outcome(error: &LinkError) -> Outcome {
    let text = error.to_string();
    match error {
        LinkError::Refused { .. } => Outcome::Wrong(text),
        LinkError::Unprepared(_) => Outcome::Unasked(text),
        LinkError::Transport { .. } if error.nobody_listens() => Outcome::Closed(text),
        LinkError::Transport { .. } if error.is_no_memory() => Outcome::Unasked(text),
        LinkError::Transport { .. } if error.connect_error().is_some_and(is_own_fault) => {
            Outcome::Unasked(text)
        }
        LinkError::Transport { .. } | LinkError::Stopped => Outcome::Silent(text),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::uplink::ami::TransportError;

    #[test]
    fn only_a_refused_connection_is_closed_and_what_the_branch_lacks_says_nothing() {
        let connecting = |error: io::Error| {
            let address = ([192, 0, 2, 1], 5038).into();
            outcome(&LinkError::Transport { address, error: TransportError::Connect(error) })
        };
        let of_code = |code| connecting(io::Error::from_raw_os_error(code));
        assert!(matches!(of_code(libc::ECONNREFUSED), Outcome::Closed(_)));
        assert!(matches!(of_code(libc::ENETUNREACH), Outcome::Silent(_)));
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM] {
            assert!(matches!(of_code(code), Outcome::Unasked(_)), "{code}");
        }
        assert!(matches!(connecting(io::ErrorKind::TimedOut.into()), Outcome::Silent(_)));
    }
}
