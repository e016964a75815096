//! A new session instead of an old one. The new one comes first, so that nothing is missed and nothing is at stake; where
//! the main allows one only, the old one has to go before.

use std::time::{Duration, Instant};

use super::{SOON, keeping::Body, login::told};
use crate::{
    engine::{
        crew::worker::{Stop, Stopped},
        event::Event,
    },
    uplink::ami::{Link, LinkError},
};

/// How long a login may take during which no probe is made.
const LOGIN: Duration = Duration::from_secs(3);

impl Body<'_> {
    /// Logs in anew. Where that fails, the old session goes on, and nothing is said against the main.
    pub(super) fn renew(&mut self, stop: &Stop) -> Result<(), Stopped> {
        let now = Instant::now();
        let Ok(address) = self.keeping.address.to_log_in(now) else {
            // Others were turned away just now: that is told already.
            self.renewal.refused(now);
            return Ok(());
        };
        let mut fresh = self.keeping.link(address);
        let mut result = fresh.connect(now + LOGIN);
        let single = result.as_ref().is_err_and(LinkError::is_in_use);
        self.set_single(single);
        if single {
            // It is ours: nobody else can be in while we are.
            if let Some(mut old) = self.link.take() {
                self.empty(&mut old);
                old.log_off(Instant::now() + SOON);
            }
            self.gave_up = true;
            fresh = self.keeping.link(address);
            result = fresh.connect(Instant::now() + LOGIN);
        }
        if let Some(event) = told(&result) {
            self.tell(event);
        }
        let refusal = self.keeping.address.note(&result);
        let now = Instant::now();
        match result {
            Ok(()) => {
                if let Some(mut old) = self.link.replace(fresh) {
                    self.empty(&mut old);
                    old.close();
                }
                self.goes_on();
                self.renewal.begins(now);
                self.gave_up = false;
            }
            Err(LinkError::Stopped) => return Err(Stopped),
            Err(_) if single => self.fails("the session could not be renewed"),
            Err(_) if refusal.is_some() => self.renewal.refused(now),
            Err(_) => self.renewal.lost(now),
        }
        stop.check()
    }

    /// What the main has told over a session that ends.
    fn empty(&mut self, old: &mut Link) {
        let until = Instant::now() + SOON;
        while Instant::now() < until
            && let Ok(Some(event)) = old.next_event(Instant::now() + Duration::from_millis(1))
        {
            self.takes(&event);
        }
    }

    fn goes_on(&mut self) {
        let readable = self.link.as_ref().is_some_and(Link::may_read_events);
        let teller = &self.keeping.teller;
        self.exporting.begins(Instant::now());
        self.exporting.hears_later = self.exporting.was_on;
        if self.exporting.hears_later {
            return;
        }
        self.hearing.goes_on(readable, Instant::now(), &mut |event: Event| teller.tell(event));
    }
}
