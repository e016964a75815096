//! The workers that the settings ask for: started, replaced and ended without the engine ever waiting for one.

use std::{io, sync::Arc, time::Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use tokio::sync::mpsc;

use super::{
    Start,
    contacts::{self, Asking},
    dialling::Dialling,
    drilling::Drilling,
    event::{Teller, Told},
    examining::Examining,
    lookup::{Address, Lookup},
    presence::Presence,
    probing::{self, AmiProbing, SipProbing},
    serving::Serving,
    syncing::{Order, Syncing},
    watching::Watching,
    worker::{Role, Worker},
};
use crate::{
    control::Reply,
    dialplan::Context,
    dns::{Counters, Situation},
    drill::Report,
    settings::{Settings, Technology},
};

/// Orders that may wait for the sync worker: one sync does for all who asked for it.
const ORDERS_WAITING: usize = 8;

/// Users that may wait to be asked about: where there are more, all are asked about soon anyway.
const ASKED_WAITING: usize = 4096;
/// Probes that may wait for the SIP worker, which begins each at once.
const PROBES_WAITING: usize = 8;

/// Workers there can be, one of a kind.
const WORKERS: usize = 10;

/// The place of one worker.
#[derive(Default)]
struct Slot {
    now: Option<Worker>,
    /// Told to end, and not waited for yet: its successor does that.
    before: Option<Worker>,
}

impl Slot {
    fn end(&mut self) {
        if let Some(mut worker) = self.now.take() {
            worker.end();
            self.before = Some(worker);
        }
        if self.before.as_ref().is_some_and(Worker::has_ended) {
            self.before = None;
        }
    }

    fn holds(&self, id: u64) -> bool {
        self.now.as_ref().is_some_and(|worker| worker.id() == id)
    }
}

/// All workers.
pub(super) struct Workers {
    ami_probing: Slot,
    sip_probing: Slot,
    syncing: Slot,
    serving: Slot,
    dialling: Slot,
    watching: Slot,
    contacts: Slot,
    presence: Slot,
    examining: Slot,
    drilling: Slot,
    dns: Option<Serving>,
    dialplan: Option<Dialling>,
    lookup: Option<Lookup>,
    ami_orders: Option<Sender<Instant>>,
    sip_orders: Option<mpsc::Sender<probing::Ask>>,
    /// To the sync worker of now: what was ordered of its predecessor is about other settings.
    orders: Option<Sender<Order>>,
    /// To the contacts worker of now.
    asked: Option<Sender<contacts::Ask>>,
    events: (Sender<Told>, Receiver<Told>),
    last_id: u64,
}

impl Workers {
    /// None of them yet.
    pub(super) fn new() -> Self {
        Self {
            ami_probing: Slot::default(),
            sip_probing: Slot::default(),
            syncing: Slot::default(),
            serving: Slot::default(),
            dialling: Slot::default(),
            watching: Slot::default(),
            contacts: Slot::default(),
            presence: Slot::default(),
            examining: Slot::default(),
            drilling: Slot::default(),
            dns: None,
            dialplan: None,
            lookup: None,
            ami_orders: None,
            sip_orders: None,
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
        self.slots().into_iter().any(|slot| slot.holds(id))
    }

    fn slots(&self) -> [&Slot; WORKERS] {
        let Self { ami_probing, sip_probing, watching, syncing, serving, .. } = self;
        let Self { dialling, contacts, presence, examining, drilling, .. } = self;
        [
            ami_probing,
            sip_probing,
            watching,
            syncing,
            serving,
            dialling,
            contacts,
            presence,
            examining,
            drilling,
        ]
    }

    fn slots_mut(&mut self) -> [&mut Slot; WORKERS] {
        let Self {
            ami_probing,
            sip_probing,
            watching,
            syncing,
            serving,
            dialling,
            contacts,
            presence,
            examining,
            drilling,
            ..
        } = self;
        [
            ami_probing,
            sip_probing,
            watching,
            syncing,
            serving,
            dialling,
            contacts,
            presence,
            examining,
            drilling,
        ]
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
        if let (None, Some(dns)) = (&self.serving.now, &settings.dns) {
            let teller = self.teller();
            let role = Role { name: "dns", id: teller.id(), after: self.serving.before.take() };
            let (serving, worker) = Serving::start(dns, situation, teller, role)?;
            self.dns = Some(serving);
            self.serving.now = Some(worker);
        }
        if self.dialling.now.is_none() {
            let teller = self.teller();
            let role = Role { name: "dialplan", id: teller.id(), after: self.dialling.before.take() };
            let (dialplan, worker) = Dialling::start(start.clone(), teller, role)?;
            self.dialplan = Some(dialplan);
            self.dialling.now = Some(worker);
        }
        if self.lookup.is_none() {
            self.lookup = Some(Lookup::start(&settings.main)?);
        }
        let Some(address) = self.lookup.as_ref().map(Lookup::address) else { return Ok(()) };
        if self.ami_probing.now.is_none() && settings.probe.ami {
            let teller = self.teller();
            let role = Role { name: "probe", id: teller.id(), after: self.ami_probing.before.take() };
            let (to_worker, orders) = bounded(1);
            let probing = AmiProbing::new(settings, address.clone(), teller, orders);
            self.ami_probing.now = Some(probing.start(role)?);
            self.ami_orders = Some(to_worker);
        }
        if self.sip_probing.now.is_none() && settings.probe.sip {
            let teller = self.teller();
            let role = Role { name: "sip", id: teller.id(), after: self.sip_probing.before.take() };
            let (to_worker, orders) = mpsc::channel(PROBES_WAITING);
            let probing = SipProbing::new(settings, address.for_another(), teller, orders);
            self.sip_probing.now = Some(probing.start(role)?);
            self.sip_orders = Some(to_worker);
        }
        if self.watching.now.is_none() && is_watched(settings) {
            let teller = self.teller();
            let role = Role { name: "watch", id: teller.id(), after: self.watching.before.take() };
            self.watching.now = Some(Watching::new(settings, address.for_another(), teller).start(role)?);
        }
        if let (None, Some(sync)) = (&self.syncing.now, &settings.sync) {
            let teller = self.teller();
            let role = Role { name: "sync", id: teller.id(), after: self.syncing.before.take() };
            let (to_worker, orders) = bounded(ORDERS_WAITING);
            let syncing = Syncing {
                start: start.clone(),
                all: Arc::clone(settings),
                main: settings.main.clone(),
                settings: sync.clone(),
                address: address.for_another(),
                orders,
                teller,
            };
            self.syncing.now = Some(syncing.start(role)?);
            self.orders = Some(to_worker);
        }
        if let Some(technology) = settings.sync.as_ref().map(|sync| sync.technology) {
            self.start_for_phones(start, settings, technology, &address)?;
        }
        Ok(())
    }

    fn start_for_phones(
        &mut self,
        start: &Start,
        settings: &Settings,
        technology: Technology,
        address: &Address,
    ) -> io::Result<()> {
        if self.presence.now.is_none() {
            let teller = self.teller();
            let role = Role { name: "presence", id: teller.id(), after: self.presence.before.take() };
            let presence = Presence { start: start.clone(), technology, teller };
            self.presence.now = Some(presence.start(role)?);
        }
        if self.contacts.now.is_none() {
            let teller = self.teller();
            let role = Role { name: "contacts", id: teller.id(), after: self.contacts.before.take() };
            let (to_worker, asked) = bounded(ASKED_WAITING);
            let (start, address) = (start.clone(), address.for_another());
            let asking = Asking { start, main: settings.main.clone(), technology, address, asked, teller };
            self.contacts.now = Some(asking.start(role)?);
            self.asked = Some(to_worker);
        }
        Ok(())
    }

    /// Whether everything runs that should.
    pub(super) fn complete(&self, settings: &Settings) -> bool {
        self.ami_probing.now.is_some() == settings.probe.ami
            && self.sip_probing.now.is_some() == settings.probe.sip
            && self.dialling.now.is_some()
            && self.syncing.now.is_some() == settings.sync.is_some()
            && self.watching.now.is_some() == is_watched(settings)
            && self.contacts.now.is_some() == settings.sync.is_some()
            && self.presence.now.is_some() == settings.sync.is_some()
            && self.serving.now.is_some() == settings.dns.is_some()
    }

    /// Ends what can't go on under other settings. The rest goes on undisturbed.
    pub(super) fn end_for(&mut self, old: &Settings, new: &Settings) {
        let main = old.main != new.main;
        if main || old.probe != new.probe {
            self.ami_probing.end();
            self.sip_probing.end();
        }
        if main || what_is_synced(old) != what_is_synced(new) {
            self.syncing.end();
            self.orders = None;
        }
        if main || is_watched(old) != is_watched(new) {
            self.watching.end();
        }
        let technology = |settings: &Settings| settings.sync.as_ref().map(|sync| sync.technology);
        if main || technology(old) != technology(new) {
            self.contacts.end();
            self.presence.end();
            self.asked = None;
        }
        if main {
            self.lookup = None;
        }
        match (&new.dns, &mut self.dns) {
            (Some(dns), Some(serving)) if !serving.needs_restart(dns) => serving.configure(dns),
            _ => {
                self.serving.end();
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

    /// Whether these contexts are wanted in the dialplan already.
    pub(super) fn dials(&self, contexts: &[Context]) -> bool {
        self.dialplan.as_ref().is_none_or(|dialplan| dialplan.wants(contexts))
    }

    /// Wants these contexts in the dialplan, and no others of ours.
    pub(super) fn dial(&self, contexts: Vec<Context>) {
        if let Some(dialplan) = &self.dialplan {
            dialplan.want(contexts);
        }
    }

    /// Has everything looked at that this branch needs.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn examine(
        &mut self,
        start: &Start,
        settings: &Arc<Settings>,
        reply: Reply<String>,
    ) -> io::Result<()> {
        let Some(address) = self.lookup.as_ref().map(Lookup::address) else { return Ok(()) };
        let address = address.for_another();
        self.examining.end();
        let teller = self.teller();
        let role = Role { name: "doctor", id: teller.id(), after: self.examining.before.take() };
        let examining =
            Examining { start: start.clone(), settings: Arc::clone(settings), address, reply, teller };
        self.examining.now = Some(examining.start(role)?);
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
        self.drilling.end();
        let teller = self.teller();
        let role = Role { name: "drill", id: teller.id(), after: self.drilling.before.take() };
        let drilling = Drilling { start: start.clone(), settings: Arc::clone(settings), reply, teller };
        self.drilling.now = Some(drilling.start(role)?);
        Ok(())
    }

    /// What the DNS has answered.
    pub(super) fn counters(&self) -> Arc<Counters> {
        self.dns.as_ref().map_or_else(Arc::default, |serving| Arc::clone(serving.counters()))
    }

    /// Asks the main for a Pong.
    pub(super) fn ask_ami(&self, asked: Instant) {
        if let Some(orders) = &self.ami_orders {
            // Full: a question is waiting already.
            let _ = orders.try_send(asked);
        }
    }

    /// Asks the main over SIP.
    pub(super) fn ask_sip(&self, ask: probing::Ask) {
        if let Some(orders) = &self.sip_orders {
            let _ = orders.try_send(ask);
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

    fn teller(&mut self) -> Teller {
        self.last_id += 1;
        Teller::new(self.last_id, self.events.0.clone())
    }
}

/// Whether anybody is interested in what the main tells by itself.
fn is_watched(settings: &Settings) -> bool {
    settings.sync.is_some() || settings.probe.ami || settings.probe.events
}

/// All settings that the sync worker goes by, besides the main.
fn what_is_synced(settings: &Settings) -> impl PartialEq {
    let dialplan = settings.dialplan.as_ref();
    let dialled = dialplan
        .map(|dialplan| (dialplan.context.clone(), dialplan.public_key.clone(), dialplan.contexts.clone()));
    (settings.sync.clone(), settings.policy.clone(), settings.voicemail.clone(), dialled)
}

impl Drop for Workers {
    /// All are told before the first is waited for.
    fn drop(&mut self) {
        for slot in self.slots_mut() {
            slot.end();
        }
    }
}
