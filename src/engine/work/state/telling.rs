//! What people are told of the sites: the log, events, the status, and what they ask.

use std::{
    fmt::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Question, Sharing, broker::Broker, shown};
use crate::{
    engine::{event::Event, host::Level},
    operator::status::{StateLine, StateStatus},
    peers::{
        DeviceState, Exchange, Fact,
        exchange::{Move, Twice},
    },
    settings::Shared,
};

/// What people see is this old at most.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked which phones are at several sites: that takes a look at all devices.
const LOOK_FOR_TWICE: Duration = Duration::from_secs(10);

/// What people were told.
pub(super) struct Telling<'a> {
    sharing: &'a Sharing,
    site: Arc<str>,
    /// The last, and when.
    told: (StateStatus, Option<Instant>),
    twice: Arc<[Twice]>,
    looked_for_twice: Option<Instant>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(sharing: &'a Sharing, site: &str) -> Self {
        Self {
            sharing,
            site: site.into(),
            told: (StateStatus::default(), None),
            twice: Arc::default(),
            looked_for_twice: None,
        }
    }

    /// Tells of the sites that stand somewhere else than before.
    pub(super) fn announce(&mut self, exchange: &mut Exchange) {
        while let Some(Move { site, from, to, reason }) = exchange.next_move() {
            let old = from.map_or_else(String::new, |state| state.to_string());
            let host = &self.sharing.kit.host;
            host.log(Level::Notice, &format!("Site {site} is {to}: {reason}."));
            let new = to.to_string();
            let fields = [("Site", &*site), ("OldState", &old), ("NewState", &new), ("Reason", reason)];
            host.event("SynchSiteState", &fields);
            // People who are told of it look at the list now.
            self.told.1 = None;
        }
    }

    /// Answers what operators ask about devices.
    pub(super) fn answer(&self, exchange: &Exchange) {
        for Question { device, reply } in self.sharing.questions.try_iter() {
            let view = exchange.view_of(&device);
            let sum = self.sharing.kit.host.device_state(&device);
            let mut text = String::new();
            let own = self.own_state(&device);
            let shared = if view.shared { "shared" } else { "not shared" };
            let _ = writeln!(text, "{:<20} {:<12} {shared}", self.site, own);
            for (site, state) in &view.sites {
                let _ = writeln!(text, "{site:<20} {}", state.word());
            }
            let _ = writeln!(text, "{:<20} {}", "All together", sum.word());
            reply.give(text);
        }
    }

    fn own_state(&self, device: &str) -> &'static str {
        let mut own = None;
        self.sharing.kit.host.tell_states(Shared::Device, &mut |fact| match fact {
            Fact::Device(known, state) if known == device => own = Some(state),
            _ => {}
        });
        own.map_or("-", DeviceState::word)
    }

    /// Tells the engine what people are shown: at each change of the connection, else once a second.
    pub(super) fn tell(
        &mut self,
        exchange: &mut Exchange,
        broker: Option<&Broker>,
        reason: &Arc<str>,
        now: Instant,
    ) {
        let broker = broker.filter(|broker| broker.is_in());
        let (line, reason) = match broker {
            Some(_) => (StateLine::Joined, Arc::from("")),
            None => (StateLine::Away, Arc::clone(reason)),
        };
        let (before, at) = &self.told;
        if before.line == line && before.reason == reason && at.is_some_and(|at| now < at + LOOK) {
            return;
        }
        if self.looked_for_twice.is_none_or(|at| now >= at + LOOK_FOR_TWICE) {
            self.looked_for_twice = Some(now);
            self.twice = exchange.twice().into();
        }
        let view = exchange.view(now);
        let reason = view.refused.as_ref().map_or(reason, shown);
        let status = StateStatus {
            line,
            reason,
            site: Arc::clone(&self.site),
            broker: broker.map(|broker| broker.address.to_string()).unwrap_or_default().into(),
            version: broker.map(|broker| broker.version.to_string()).unwrap_or_default().into(),
            view,
            twice: Arc::clone(&self.twice),
            folk: exchange.folk(),
        };
        if *before != status {
            self.sharing.teller.tell(Event::States(Arc::new(status.clone())));
        }
        self.told = (status, Some(now));
    }

    /// Returns when people are to be told again.
    pub(super) fn due(&self, now: Instant) -> Instant {
        self.told.1.map_or(now, |at| at + LOOK)
    }
}
