//! What this Asterisk says of itself: what it tells, what it is asked for, and what it has to be looked at for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Sharing, TROUBLE};
use crate::{
    dialplan::device,
    engine::host::{Level, StatesWatch},
    operator::status::{Snapshot, SyncStatus},
    peers::{Exchange, Fact, people},
    settings::Shared,
};

/// How often it is looked who is in queues and who can be called here, and how soon after a phone that was not known.
const LOOK: Duration = Duration::from_secs(60);
const NEW_PHONE: Duration = Duration::from_secs(2);

/// This Asterisk, as far as the exchange was told of it.
pub(super) struct Surroundings<'a> {
    sharing: &'a Sharing,
    /// When to look again.
    next_look: Instant,
    /// Whether this Asterisk had loaded all its modules at the last look.
    booted: bool,
    /// The users that there were then.
    users: Arc<SyncStatus>,
    /// The phones that this Asterisk has told of.
    phones: BTreeSet<String>,
    watch: Option<Box<dyn StatesWatch>>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(sharing: &'a Sharing, now: Instant) -> Self {
        Self {
            sharing,
            next_look: now,
            booted: false,
            users: Arc::clone(&sharing.kit.published.read().sync),
            phones: BTreeSet::new(),
            watch: None,
        }
    }

    /// Begins to hear this Asterisk, and asks it for all it has.
    pub(super) fn watch(&mut self, exchange: &mut Exchange, now: Instant) {
        let kit = &self.sharing.kit;
        let kinds: Vec<Shared> = self.sharing.settings.taken.share.iter().copied().collect();
        match kit.host.watch_states(&kinds, self.sharing.hearing.hears()) {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => kit.log_failure(Level::Error, &format!("{TROUBLE}: {error}.")),
        }
        self.ask_all(exchange, now);
    }

    /// Hears this Asterisk no more.
    pub(super) fn unwatch(&mut self) {
        self.watch = None;
    }

    /// Takes what this Asterisk has told.
    pub(super) fn take_facts(&mut self, exchange: &mut Exchange, now: Instant) {
        for fact in self.sharing.hearing.facts() {
            if let Fact::Device(device, _) = &fact
                && people::phone(device).is_some()
                && self.phones.insert(device.clone())
            {
                // A reload makes many at once.
                self.next_look = self.next_look.min(now + NEW_PHONE);
            }
            exchange.fact(fact);
        }
        if self.sharing.hearing.take_missed() {
            self.ask_all(exchange, now);
        }
    }

    fn ask_all(&mut self, exchange: &mut Exchange, now: Instant) {
        let host = &self.sharing.kit.host;
        let mut devices = BTreeMap::new();
        host.tell_states(Shared::Device, &mut |fact| {
            if let Fact::Device(device, state) = fact {
                devices.insert(device, state);
            }
        });
        exchange.all_devices(&devices);
        for kind in [Shared::Mailbox, Shared::Presence] {
            let mut facts = Vec::new();
            host.tell_states(kind, &mut |fact| facts.push(fact));
            for fact in facts {
                exchange.fact(fact);
            }
        }
        self.next_look = now;
    }

    /// Looks who is a member of queues, and who can be called here. Asterisk tells of neither by itself: not of members who
    /// are named in queues.conf, nor of the caller id of a phone.
    pub(super) fn look(&mut self, exchange: &mut Exchange, now: Instant) {
        let kit = &self.sharing.kit;
        let snapshot = kit.published.read();
        let booted = self.booted || kit.host.fully_booted();
        let is_news = !Arc::ptr_eq(&self.users, &snapshot.sync) || booted != self.booted;
        if now < self.next_look && !is_news {
            return;
        }
        self.next_look = now + LOOK;
        (self.booted, self.users) = (booted, Arc::clone(&snapshot.sync));
        if self.shares(Shared::Agent) {
            let mut members = Vec::new();
            kit.host.tell_states(Shared::Agent, &mut |fact| members.push(fact));
            exchange.all_members(members);
        }
        if self.shares(Shared::People) {
            exchange.fact(self.people(&snapshot));
        }
    }

    fn shares(&self, kind: Shared) -> bool {
        self.sharing.settings.taken.share.contains(&kind)
    }

    /// The synced users; without a sync, the phones that Asterisk has.
    fn people(&self, snapshot: &Snapshot) -> Fact {
        let host = &self.sharing.kit.host;
        if snapshot.settings.sync.is_some() {
            let technology = snapshot.technology();
            return Fact::People(people::of_users(snapshot.sync.users.iter().filter_map(|user| {
                Some((user.number.as_deref()?, &*user.callerid, device(technology, &user.name)))
            })));
        }
        let mut phones = Vec::new();
        host.tell_states(Shared::Device, &mut |fact| match fact {
            Fact::Device(device, _) if people::phone(&device).is_some() => phones.push(device),
            _ => {}
        });
        let callerids = host.caller_ids(&phones);
        Fact::People(people::of_devices(callerids.iter().map(|(device, callerid)| (&**device, &**callerid))))
    }
}
