//! Asks the main's manager interface for a Pong, over a connection of its own that it keeps while it works.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::Receiver;

use super::{after_an_end, is_own_fault, too_late};
use crate::{
    ami::{Crypto, Hangup, Link, LinkError},
    engine::{
        Start,
        event::{Event, Teller},
        lookup::{Address, NoWay, cut},
        worker::{Role, Stop, Stopped, Worker},
    },
    faults,
    probe::{Kind, Outcome},
    settings::{Main, Probe, Settings},
};

/// How soon it is tried again where there is no way to the main.
const AGAIN: Duration = Duration::from_millis(500);

/// What the worker needs.
pub(in crate::engine) struct AmiProbing {
    main: Main,
    crypto: Arc<dyn Crypto>,
    probe: Probe,
    address: Address,
    teller: Teller,
    hangup: Hangup,
    orders: Receiver<Instant>,
}

impl AmiProbing {
    /// For the main of these settings. Each order is the time that its probe begins at.
    pub(in crate::engine) fn new(
        start: &Start,
        settings: &Settings,
        address: Address,
        teller: Teller,
        orders: Receiver<Instant>,
    ) -> Self {
        let (main, probe) = (settings.main.clone(), settings.probe);
        Self { main, crypto: start.crypto(), probe, address, teller, hangup: Hangup::new(), orders }
    }

    /// Starts the worker.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::engine) fn start(self, role: Role<'_>) -> io::Result<Worker> {
        let interrupt = cut(&self.hangup, &self.address);
        let panicked = self.teller.panicked("probe");
        Worker::start(role, interrupt, panicked, move |stop| {
            let mut link = None;
            // It only ever ends to stop.
            let _ = self.run(stop, &mut link);
            if let Some(mut link) = link {
                link.close();
            }
        })
    }

    fn run(&self, stop: &Stop, link: &mut Option<Link>) -> Result<(), Stopped> {
        loop {
            let asked = stop.receive(&self.orders)?;
            faults::point("probe");
            let outcome = match too_late(asked, self.probe.timeout, Instant::now()) {
                Some(outcome) => outcome,
                None => self.ask(stop, link, asked)?,
            };
            self.teller.tell(Event::Probed { kind: Kind::Ami, asked, outcome });
        }
    }

    /// One probe. All of it, name and connection included, within the timeout.
    fn ask(&self, stop: &Stop, kept: &mut Option<Link>, asked: Instant) -> Result<Outcome, Stopped> {
        let deadline = asked + self.probe.timeout;
        // Only for a main that has just ended the connection: one that turns us away shall not be beset.
        let mut pauses = kept.as_ref().is_some_and(Link::is_open).then(after_an_end).into_iter().flatten();
        loop {
            let link = match kept {
                Some(link) if link.is_open() => link,
                _ => match self.address.to_log_in(deadline) {
                    Ok(address) => kept.insert(Link::for_probe(
                        address,
                        &self.main,
                        &self.hangup,
                        Arc::clone(&self.crypto),
                    )),
                    // Nobody was asked.
                    Err(NoWay::Unknown(problem)) => return Ok(Outcome::Unasked(problem)),
                    // It would say so again, and count the tries: until the next one it stands as it was.
                    Err(NoWay::TurnedAway(refusal)) => return Ok(Outcome::Wrong(refusal)),
                },
            };
            let was_open = link.is_open();
            let result = link.ping(deadline);
            if !was_open && let Some(refusal) = self.address.note(&result) {
                return Ok(Outcome::Wrong(refusal));
            }
            let error = match result {
                Ok(()) => return Ok(Outcome::Alive(asked.elapsed())),
                Err(LinkError::Stopped) => return Err(Stopped),
                Err(error) => error,
            };
            let pause = if error.is_end() {
                // A connection that has ended says nothing of the next one, which is made at once.
                if was_open { Some(Duration::ZERO) } else { pauses.next() }
            } else {
                // A way that is just gone costs no time: it is no silence before the time is over.
                let no_way = error.connect_error().is_some() && !error.nobody_listens();
                (no_way && Instant::now() + AGAIN < deadline).then_some(AGAIN)
            };
            match pause {
                Some(pause) if stop.wait_until(Instant::now() + pause) => return Err(Stopped),
                Some(_) => {}
                None => return Ok(outcome(&error)),
            }
        }
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
    use super::*;
    use crate::ami::TransportError;

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
