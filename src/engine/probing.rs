//! The probe worker: asks the main again and again, over a connection of its own that it keeps while it works.

use std::{io, time::Instant};

use super::{
    event::{Event, Teller},
    lookup::{Address, cut},
    worker::{Role, Stop, Stopped, Worker},
};
use crate::{
    ami::{Hangup, Link, LinkError},
    probe::Outcome,
    settings::{Main, Probe, Settings},
};

/// What the worker needs.
pub(super) struct Probing {
    main: Main,
    probe: Probe,
    address: Address,
    teller: Teller,
    hangup: Hangup,
}

impl Probing {
    /// For the main of these settings.
    pub(super) fn new(settings: &Settings, address: Address, teller: Teller) -> Self {
        Self { main: settings.main.clone(), probe: settings.probe, address, teller, hangup: Hangup::new() }
    }

    /// Starts the worker.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(self, role: Role<'_>) -> io::Result<Worker> {
        let interrupt = cut(&self.hangup, &self.address);
        let panicked = self.teller.panicked("probe");
        Worker::start(role, interrupt, panicked, move |stop| self.run(stop))
    }

    fn run(&self, stop: &Stop) {
        let mut link = None;
        loop {
            let start = Instant::now();
            let Ok(outcome) = self.ask(&mut link, start) else { return };
            self.teller.tell(Event::Probed(outcome));
            if stop.wait_until(start + self.probe.interval) {
                break;
            }
        }
        if let Some(mut link) = link {
            link.close();
        }
    }

    /// One probe. All of it, name and connection included, within the timeout.
    fn ask(&self, kept: &mut Option<Link>, start: Instant) -> Result<Outcome, Stopped> {
        let deadline = start + self.probe.timeout;
        let link = match kept {
            Some(link) if link.is_open() => link,
            _ => match self.address.get(deadline) {
                Ok(address) => kept.insert(Link::for_probe(address, &self.main, &self.hangup)),
                Err(problem) => return Ok(Outcome::Unreachable(problem)),
            },
        };
        match link.ping(deadline) {
            Ok(()) => Ok(Outcome::Alive(start.elapsed())),
            Err(LinkError::Stopped) => Err(Stopped),
            Err(error @ LinkError::Refused { .. }) => Ok(Outcome::Refused(error.to_string())),
            Err(error @ LinkError::Transport { .. }) => Ok(Outcome::Unreachable(error.to_string())),
        }
    }
}
