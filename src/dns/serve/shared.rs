//! What the engine's thread and the DNS thread share: the zone in force, and the counters.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::RwLock;

use crate::dns::{
    message::question::Key,
    zone::{Zone, prepared::prepared, ready::Ready},
};

/// The zone in force. Swapped as a whole, so that a reply never mixes two states.
#[derive(Debug)]
pub struct ZoneCell(RwLock<InForce>);

#[derive(Debug)]
struct InForce {
    zone: Arc<Zone>,
    /// The answers to plain questions, made once.
    ready: HashMap<Key, Ready>,
}

impl InForce {
    fn new(zone: Zone) -> Self {
        Self { ready: prepared(&zone), zone: Arc::new(zone) }
    }
}

impl ZoneCell {
    /// A cell with its first zone.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self(RwLock::new(InForce::new(zone)))
    }

    /// Puts a zone in force: the next question is answered from it.
    pub fn store(&self, zone: Zone) {
        let in_force = InForce::new(zone);
        *self.0.write() = in_force;
    }

    /// The zone in force.
    #[must_use]
    pub fn load(&self) -> Arc<Zone> {
        Arc::clone(&self.0.read().zone)
    }

    /// What `write` makes of the ready answer to a question; none where there is none.
    pub fn with_ready<T>(&self, key: &[u8], write: impl FnOnce(&Ready) -> T) -> Option<T> {
        self.0.read().ready.get(key).map(write)
    }
}

/// How many requests came to which end since the module was loaded: they go on counting where the server is replaced.
#[derive(Debug, Default)]
pub struct Counters {
    own: AtomicU64,
    relayed: AtomicU64,
    relay_failures: AtomicU64,
    refused: AtomicU64,
    limited: AtomicU64,
    cached: AtomicU64,
    stale: AtomicU64,
    forwarded: AtomicU64,
    not_allowed: AtomicU64,
    no_forwarder: AtomicU64,
    entries: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered from the zone, NODATA and NXDOMAIN included.
    pub own: u64,
    /// Answered by a forwarder, now or earlier.
    pub relayed: u64,
    /// Left to a forwarder, but none answered in time: the client got SERVFAIL.
    pub relay_failures: u64,
    /// REFUSED, NOTIMP, FORMERR or BADVERS.
    pub refused: u64,
    /// Not answered, because their network had more than its share.
    pub limited: u64,
    /// Those of `relayed` that the cache answered, within their time.
    pub cached: u64,
    /// Those of `relayed` that the cache answered after their time.
    pub stale: u64,
    /// Those of `relayed` that a forwarder gave just then.
    pub forwarded: u64,
    /// Those of `refused` for a name of others, from a client who may not ask for it.
    pub not_allowed: u64,
    /// Questions for a name of others, where no forwarder is set or none answered.
    pub no_forwarder: u64,
    /// What is in the cache: a number that goes down, too.
    pub entries: u64,
}

impl Counters {
    /// The counters now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            own: self.own.load(Relaxed),
            relayed: self.relayed.load(Relaxed),
            relay_failures: self.relay_failures.load(Relaxed),
            refused: self.refused.load(Relaxed),
            limited: self.limited.load(Relaxed),
            cached: self.cached.load(Relaxed),
            stale: self.stale.load(Relaxed),
            forwarded: self.forwarded.load(Relaxed),
            not_allowed: self.not_allowed.load(Relaxed),
            no_forwarder: self.no_forwarder.load(Relaxed),
            entries: self.entries.load(Relaxed),
        }
    }

    pub(in crate::dns) fn count_own(&self) {
        self.own.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_relayed(&self) {
        self.relayed.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_relay_failure(&self) {
        self.relay_failures.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_limited(&self) {
        self.limited.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_cached(&self) {
        self.cached.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_stale(&self) {
        self.stale.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_forwarded(&self) {
        self.forwarded.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_not_allowed(&self) {
        self.not_allowed.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn count_no_forwarder(&self) {
        self.no_forwarder.fetch_add(1, Relaxed);
    }

    pub(in crate::dns) fn set_entries(&self, entries: usize) {
        self.entries.store(entries as u64, Relaxed);
    }
}
