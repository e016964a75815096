//! Which version of Asterisk the main runs: asked once a session, for a main that is upgraded ends the one before.

use std::time::Instant;

use super::{SILENT, SOON, keeping::Body};
use crate::{
    engine::{crew::worker::Stopped, event::Event},
    uplink::ami::LinkError,
};

/// Whether the main is still to be asked in this session.
#[derive(Debug)]
pub(super) struct Asking {
    is_due: bool,
    /// Whether it was told in this session.
    is_told: bool,
    not_before: Instant,
}

impl Asking {
    /// Nothing is asked before the first session.
    pub(super) const fn new(now: Instant) -> Self {
        Self { is_due: false, is_told: false, not_before: now }
    }

    /// A session begins.
    pub(super) const fn begins(&mut self) {
        self.is_due = true;
    }

    /// It was told without being asked.
    pub(super) const fn is_known(&mut self) {
        self.is_due = false;
        self.is_told = true;
    }

    /// Returns whether it is to be asked now. It is asked once then.
    fn take(&mut self, now: Instant) -> bool {
        std::mem::take(&mut self.is_due) && now >= self.not_before
    }

    /// The session has ended: the next one may be with another version. Returns whether one was told.
    pub(super) const fn ends(&mut self) -> bool {
        self.is_due = false;
        std::mem::replace(&mut self.is_told, false)
    }

    /// It did not answer.
    fn is_silent(&mut self, now: Instant) {
        self.not_before = now + SILENT;
    }
}

impl Body<'_> {
    /// Asks, where a new session has not yet: behind the probe that opened it, which is not held up by it.
    pub(super) fn ask_version(&mut self) -> Result<(), Stopped> {
        let now = Instant::now();
        if !self.is_open() || self.is_parked() || !self.version.take(now) {
            return Ok(());
        }
        let Some(link) = self.link.as_mut() else { return Ok(()) };
        let (said, last) = (link.version(now + SOON), link.take_last());
        match said {
            Ok(version) => {
                self.version.is_told = true;
                self.tell(Event::MainVersion(version.unwrap_or_default()));
            }
            Err(LinkError::Stopped) => return Err(Stopped),
            Err(error) if error.is_end() => self.ended(last, &error.to_string()),
            Err(error) if error.is_shutting_down() => self.tell_last(last),
            Err(error) => {
                self.version.is_silent(Instant::now());
                self.fails(&error.to_string());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_session_asks_once_and_a_silent_main_is_left_in_peace() {
        let now = Instant::now();
        let mut asking = Asking::new(now);
        assert!(!asking.take(now));
        asking.begins();
        assert!(asking.take(now) && !asking.take(now));
        asking.is_silent(now);
        asking.begins();
        assert!(!asking.take(now + SILENT / 2));
        asking.begins();
        assert!(asking.take(now + SILENT));
    }

    #[test]
    fn what_was_told_ends_with_its_session() {
        let mut asking = Asking::new(Instant::now());
        assert!(!asking.ends());
        asking.is_told = true;
        assert!(asking.ends() && !asking.ends());
    }
}
