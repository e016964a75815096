//! The way to the main that all workers share.
//!
//! - `lookup`: its address
//! - `admission`: whether it lets us in

pub(super) mod admission;
pub(super) mod lookup;

use std::{io, sync::Arc};

use self::lookup::{Address, Lookup};
use crate::{
    engine::{
        host::Host,
        work::session::{self, Counter, Session},
    },
    settings::{Main, Settings},
};

/// The way to one main, as long as the settings name it.
pub(super) struct Reach {
    main: Main,
    lookup: Lookup,
    /// The kept session, where anybody has a use for one: what others want of it, and where its worker hears that.
    session: Option<(Session, Arc<Counter>)>,
}

impl Reach {
    /// Opens the way to the main of these settings.
    ///
    /// # Errors
    /// The system has no thread or no descriptor to give.
    pub(super) fn open(main: &Main, settings: &Settings, host: &Arc<dyn Host>) -> io::Result<Self> {
        let lookup = Lookup::start(main, host)?;
        let mut reach = Self { main: main.clone(), lookup, session: None };
        reach.fit(settings)?;
        Ok(reach)
    }

    /// Returns whether it leads to the main of these settings.
    pub(super) fn leads_to(&self, main: Option<&Main>) -> bool {
        Some(&self.main) == main
    }

    /// Has a session, or none, as these settings want it.
    ///
    /// # Errors
    /// The system has no descriptor to give.
    pub(super) fn fit(&mut self, settings: &Settings) -> io::Result<()> {
        if !needs_session(settings) {
            self.session = None;
        } else if self.session.is_none() {
            let (session, counter) = session::counter()?;
            self.session = Some((session, Arc::new(counter)));
        }
        Ok(())
    }

    /// Returns the main's address, for one worker.
    pub(super) fn address(&self) -> Address {
        self.lookup.address()
    }

    /// Returns what others may want of the kept session; `None` where there is none.
    pub(super) fn session(&self) -> Option<Session> {
        self.session.as_ref().map(|(session, _)| session.clone())
    }

    /// Returns where the worker of the session hears from the others; `None` where there is no session.
    pub(super) fn counter(&self) -> Option<Arc<Counter>> {
        self.session.as_ref().map(|(_, counter)| Arc::clone(counter))
    }

    /// Lets everybody try at once who was turned away by the main.
    pub(super) fn try_now(&self) {
        self.lookup.try_now();
        if let Some((session, _)) = &self.session {
            session.set_single(false);
            session.exports().mended();
        }
    }
}

/// Returns whether anybody has a use for a session with the main.
pub(super) fn needs_session(settings: &Settings) -> bool {
    settings.main.is_some() && (settings.sync.is_some() || settings.probe.ami || settings.probe.events)
}
