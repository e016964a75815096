//! The workers that the settings ask for: started, replaced and ended without the engine ever waiting for one.

use std::{io, sync::Arc, time::Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tokio::sync::mpsc;

use super::{
    Start,
    event::{Teller, Told},
};
use crate::{
    dialplan::Plan,
    dns::{Counters, Situation},
    engine::{
        crew::{
            roll::Roll,
            slots::{Place, Slots},
            worker::Role,
        },
        reach::lookup::{Address, Lookup},
        work::{
            contacts::{self, Asking},
            dialplan::Dialling,
            dns::Serving,
            doctor::Examining,
            drill::Drilling,
            presence::Presence,
            probe::{self, SipProbing},
            selfcheck::SelfChecking,
            session::{self, Access, Counter, Keeping, Session},
            sync::{Order, Syncing, trunks},
        },
    },
    operator::{control::Reply, drill::Report},
    settings::{Settings, Sync, Trunk},
    verdict::selfcheck::Part,
};

/// Orders that may wait for the sync worker: one sync does for all who asked for it.
const ORDERS_WAITING: usize = 8;

/// Users that may wait to be asked about: where there are more, all are asked about soon anyway.
const ASKED_WAITING: usize = 4096;
/// Probes that may wait for the SIP worker, which begins each at once.
const PROBES_WAITING: usize = 8;

/// All workers.
pub(super) struct Workers {
    slots: Slots,
    dns: Option<Serving>,
    dialplan: Option<Dialling>,
    lookup: Option<Lookup>,
    /// What others want of the session with the main of now.
    counter: Option<(Session, Arc<Counter>)>,
    sip_orders: Option<mpsc::Sender<probe::Ask>>,
    /// To those who look at the branch itself.
    self_checks: Vec<(Part, Sender<()>)>,
    /// To the sync worker of now: what was ordered of its predecessor is about other settings.
    orders: Option<Sender<Order>>,
    /// To the contacts worker of now.
    asked: Option<Sender<contacts::Ask>>,
    events: (Sender<Told>, Receiver<Told>),
    last_id: u64,
}

impl Workers {
    /// None of them yet.
    pub(super) fn new(roll: Roll) -> Self {
        Self {
            slots: Slots::new(roll),
            dns: None,
            dialplan: None,
            lookup: None,
            counter: None,
            sip_orders: None,
            self_checks: Vec::new(),
            orders: None,
            asked: None,
            events: unbounded(),
            last_id: 0,
        }
    }

    /// What they tell.
    pub(super) fn events(&self) -> Receiver<Told> {
        self.events.1.clone()
    }

    /// Whether these are words of a worker of now.
    pub(super) fn hold(&self, id: u64) -> bool {
        self.slots.hold(id)
    }

    /// Starts what isn't running and should be. DNS first: phones that ask meanwhile shall have an answer.
    ///
    /// # Errors
    /// The system has no thread to give; what runs already, runs.
    pub(super) fn start(
        &mut self,
        start: &Start,
        settings: &Arc<Settings>,
        situation: Situation,
    ) -> io::Result<()> {
        if let (false, Some(dns)) = (self.slots.works(Place::Dns), &settings.dns) {
            let (teller, role) = self.role(Place::Dns);
            let (serving, worker) = Serving::start(dns, situation, teller, role)?;
            self.dns = Some(serving);
            self.slots.put(Place::Dns, worker);
        }
        if !self.slots.works(Place::Dialplan) {
            let (teller, role) = self.role(Place::Dialplan);
            let (dialplan, worker) = Dialling::start(start.clone(), teller, role)?;
            self.dialplan = Some(dialplan);
            self.slots.put(Place::Dialplan, worker);
        }
        self.start_self_checks(start)?;
        if self.lookup.is_none() {
            self.lookup = Some(Lookup::start(&settings.main, &start.host)?);
        }
        let Some(address) = self.lookup.as_ref().map(Lookup::address) else { return Ok(()) };
        if !self.slots.works(Place::Session) && needs_session(settings) {
            let (teller, role) = self.role(Place::Session);
            let counter = match &self.counter {
                Some((_, counter)) => Arc::clone(counter),
                None => {
                    let (session, counter) = session::counter()?;
                    Arc::clone(&self.counter.insert((session, Arc::new(counter))).1)
                }
            };
            let keeping = Keeping::new(start, settings, address.for_another(), &counter, teller);
            self.slots.put(Place::Session, keeping.start(role)?);
        }
        if !self.slots.works(Place::Sip) && settings.probe.sip {
            let (teller, role) = self.role(Place::Sip);
            let (to_worker, orders) = mpsc::channel(PROBES_WAITING);
            let probing = SipProbing::new(start, settings, address.for_another(), teller, orders);
            self.slots.put(Place::Sip, probing.start(role)?);
            self.sip_orders = Some(to_worker);
        }
        if let (false, Some(sync)) = (self.slots.works(Place::Sync), &settings.sync) {
            let (teller, role) = self.role(Place::Sync);
            let (to_worker, orders) = bounded(ORDERS_WAITING);
            let syncing = Syncing {
                start: start.clone(),
                all: Arc::clone(settings),
                settings: sync.clone(),
                access: self.access(start, settings, &address, &teller),
                orders,
                teller,
            };
            self.slots.put(Place::Sync, syncing.start(role)?);
            self.orders = Some(to_worker);
        }
        if let Some(sync) = &settings.sync {
            self.start_for_phones(start, sync)?;
        }
        Ok(())
    }

    fn start_self_checks(&mut self, start: &Start) -> io::Result<()> {
        for part in Part::ALL {
            let place = place_of(part);
            if !self.slots.works(place) {
                let (teller, role) = self.role(place);
                let (to_worker, orders) = bounded(1);
                let checking = SelfChecking { start: start.clone(), part, orders, teller };
                self.slots.put(place, checking.start(role)?);
                self.self_checks.push((part, to_worker));
            }
        }
        Ok(())
    }

    fn start_for_phones(&mut self, start: &Start, sync: &Sync) -> io::Result<()> {
        let Sync { technology, spread, .. } = *sync;
        if !self.slots.works(Place::Presence) {
            let (teller, role) = self.role(Place::Presence);
            let presence = Presence { start: start.clone(), technology, teller };
            self.slots.put(Place::Presence, presence.start(role)?);
        }
        if let (false, Some(session)) = (self.slots.works(Place::Contacts), self.session()) {
            let (teller, role) = self.role(Place::Contacts);
            let (to_worker, asked) = bounded(ASKED_WAITING);
            let asking = Asking { start: start.clone(), technology, spread, session, asked, teller };
            self.slots.put(Place::Contacts, asking.start(role)?);
            self.asked = Some(to_worker);
        }
        Ok(())
    }

    fn session(&self) -> Option<Session> {
        self.counter.as_ref().map(|(session, _)| session.clone())
    }

    /// What a worker needs that reads from the main.
    fn access(&self, start: &Start, settings: &Settings, address: &Address, teller: &Teller) -> Access {
        Access {
            main: settings.main.clone(),
            crypto: start.crypto(),
            address: address.for_another(),
            session: self.session(),
            teller: teller.clone(),
        }
    }

    /// Whether everything runs that should.
    pub(super) fn complete(&self, settings: &Settings) -> bool {
        self.slots.works(Place::Session) == needs_session(settings)
            && self.slots.works(Place::Sip) == settings.probe.sip
            && self.slots.works(Place::Dialplan)
            && Part::ALL.into_iter().all(|part| self.slots.works(place_of(part)))
            && self.slots.works(Place::Sync) == settings.sync.is_some()
            && self.slots.works(Place::Contacts) == settings.sync.is_some()
            && self.slots.works(Place::Presence) == settings.sync.is_some()
            && self.slots.works(Place::Dns) == settings.dns.is_some()
    }

    /// Ends what can't go on under other settings. The rest goes on undisturbed.
    pub(super) fn end_for(&mut self, old: &Settings, new: &Settings) {
        let main = old.main != new.main;
        let technology = |settings: &Settings| settings.sync.as_ref().map(|sync| sync.technology);
        let technology = technology(old) != technology(new);
        let spread = |settings: &Settings| settings.sync.as_ref().map(|sync| sync.spread);
        if main || old.probe != new.probe {
            self.slots.end(Place::Sip);
        }
        if main || technology || old.probe != new.probe {
            self.slots.end(Place::Session);
        }
        if main || what_is_synced(old) != what_is_synced(new) {
            self.slots.end(Place::Sync);
            self.orders = None;
        }
        if main || technology {
            self.slots.end(Place::Presence);
        }
        if main || technology || spread(old) != spread(new) {
            self.slots.end(Place::Contacts);
            self.asked = None;
        }
        if main {
            self.counter = None;
        }
        if main {
            self.lookup = None;
        }
        match (&new.dns, &mut self.dns) {
            (Some(dns), Some(serving)) if !serving.needs_restart(dns) => serving.configure(dns),
            _ => {
                self.slots.end(Place::Dns);
                self.dns = None;
            }
        }
    }

    /// Lets the DNS answer for this situation from the next question on.
    pub(super) fn serve(&mut self, situation: Situation) {
        if let Some(serving) = &mut self.dns {
            serving.serve(situation);
        }
    }

    /// Whether this is wanted of the dialplan already.
    pub(super) fn dials(&self, plan: &Plan) -> bool {
        self.dialplan.as_ref().is_none_or(|dialplan| dialplan.wants(plan))
    }

    /// Wants this in the dialplan, and nothing else of ours.
    pub(super) fn dial(&self, plan: Plan) {
        if let Some(dialplan) = &self.dialplan {
            dialplan.want(plan);
        }
    }

    /// Has what is in the dialplan told again. The other workers tell all they know before long by themselves.
    pub(super) fn tell_again(&self) {
        if let Some(dialplan) = &self.dialplan {
            dialplan.tell_again();
        }
    }

    /// Has everything looked at that this branch needs.
    ///
    /// # Errors
    /// The system has no thread to give, or had none for the look-up.
    pub(super) fn examine(
        &mut self,
        start: &Start,
        settings: &Arc<Settings>,
        reply: Reply<String>,
    ) -> io::Result<()> {
        let address = self.lookup.as_ref().map(Lookup::address);
        let address =
            address.ok_or_else(|| io::Error::other("there is none for the look-up of the main either"))?;
        self.slots.end(Place::Doctor);
        let (teller, role) = self.role(Place::Doctor);
        let access = self.access(start, settings, &address, &teller);
        let examining =
            Examining { start: start.clone(), settings: Arc::clone(settings), access, reply, teller };
        self.slots.put(Place::Doctor, examining.start(role)?);
        Ok(())
    }

    /// Has the way walked that phones and calls take in an outage.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn drill(
        &mut self,
        start: &Start,
        settings: &Arc<Settings>,
        reply: Reply<Report>,
    ) -> io::Result<()> {
        self.slots.end(Place::Drill);
        let (teller, role) = self.role(Place::Drill);
        let drilling = Drilling { start: start.clone(), settings: Arc::clone(settings), reply, teller };
        self.slots.put(Place::Drill, drilling.start(role)?);
        Ok(())
    }

    /// What the DNS has answered.
    pub(super) fn counters(&self) -> Arc<Counters> {
        self.dns.as_ref().map_or_else(Arc::default, |serving| Arc::clone(serving.counters()))
    }

    /// Lets everybody try at once who was turned away by the main.
    pub(super) fn try_now(&self) {
        if let Some(lookup) = &self.lookup {
            lookup.try_now();
        }
        if let Some(session) = self.session() {
            session.set_single(false);
        }
    }

    /// Asks the main for a Pong.
    pub(super) fn ask_ami(&self, asked: Instant) {
        if let Some(session) = self.session() {
            session.probe(asked);
        }
    }

    /// Asks the main over SIP.
    pub(super) fn ask_sip(&self, ask: probe::Ask) {
        if let Some(orders) = &self.sip_orders {
            let _ = orders.try_send(ask);
        }
    }

    /// Asks this Asterisk itself.
    pub(super) fn ask_self(&self, part: Part) {
        if let Some((_, orders)) = self.self_checks.iter().find(|(of, _)| *of == part) {
            // Full: nobody takes it, which is an answer, too.
            let _ = orders.try_send(());
        }
    }

    /// Orders something of the sync worker. False: it has enough to do.
    pub(super) fn order(&self, order: Order) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.try_send(order).is_ok())
    }

    /// Has the main asked where phones are. Where nobody can take it, all are asked about before long.
    pub(super) fn ask_contacts(&self, ask: contacts::Ask) {
        if let Some(asked) = &self.asked {
            let _ = asked.try_send(ask);
        }
    }

    /// What a worker begins with.
    fn role(&mut self, place: Place) -> (Teller, Role<'static>) {
        self.last_id += 1;
        let teller = Teller::new(self.last_id, self.events.0.clone());
        let role = Role { name: place.name(), id: self.last_id, after: self.slots.predecessor(place) };
        (teller, role)
    }
}

fn place_of(part: Part) -> Place {
    match part {
        Part::Sip => Place::OwnSip,
        Part::Dialplan => Place::OwnDialplan,
    }
}

/// Whether anybody has a use for a session with the main.
fn needs_session(settings: &Settings) -> bool {
    settings.sync.is_some() || settings.probe.ami || settings.probe.events
}

/// All settings that the sync worker goes by, besides the main.
fn what_is_synced(settings: &Settings) -> impl PartialEq {
    let dialplan = settings.dialplan.as_ref();
    let dialled = dialplan.map(|dialplan| {
        let (context, classes) = (dialplan.context.clone(), dialplan.classes.clone());
        // The main's contexts are kept off the trunks.
        let trunks = trunks(dialplan).map(Option::<&Trunk>::cloned);
        (context, classes, dialplan.public_key.clone(), dialplan.contexts.clone(), trunks)
    });
    (settings.sync.clone(), settings.policy.clone(), settings.voicemail.clone(), dialled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{ConfSection, read};

    #[test]
    fn another_trunk_is_another_fence_for_what_is_synced() {
        let with = |second| {
            let dialplan = [("local_trunk", "gateway"), ("emergency", "112"), ("emergency_second", second)];
            let sections = [
                ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]),
                ConfSection::new("sync", [("filter_value", "x")]),
                ConfSection::new("dns", [("enabled", "no")]),
                ConfSection::new("dialplan", dialplan),
            ];
            read(&sections).unwrap()
        };
        let [settings, same, other] = ["gsm", "gsm", "other"].map(with);
        assert!(what_is_synced(&settings) == what_is_synced(&same));
        assert!(what_is_synced(&settings) != what_is_synced(&other));
    }
}
