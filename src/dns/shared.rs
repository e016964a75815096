//! What the engine's thread and the DNS thread share: the zone in force, and the counters.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::RwLock;

use super::zone::Zone;

/// The zone in force. Swapped as a whole, so that a reply never mixes two states.
#[derive(Debug)]
pub struct ZoneCell(RwLock<Arc<Zone>>);

impl ZoneCell {
    /// A cell with its first zone.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        Self(RwLock::new(Arc::new(zone)))
    }

    /// Puts a zone in force: the next question is answered from it.
    pub fn store(&self, zone: Zone) {
        let zone = Arc::new(zone);
        *self.0.write() = zone;
    }

    /// The zone in force.
    #[must_use]
    pub fn load(&self) -> Arc<Zone> {
        Arc::clone(&self.0.read())
    }
}

/// How many requests came to which end since the server started.
#[derive(Debug, Default)]
pub struct Counters {
    own: AtomicU64,
    relayed: AtomicU64,
    relay_failures: AtomicU64,
    refused: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered from the zone, NODATA and NXDOMAIN included.
    pub own: u64,
    /// Answered by a forwarder.
    pub relayed: u64,
    /// Left to a forwarder, but none answered in time: the client got SERVFAIL.
    pub relay_failures: u64,
    /// REFUSED, NOTIMP, FORMERR or BADVERS.
    pub refused: u64,
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
        }
    }

    pub(super) fn count_own(&self) {
        self.own.fetch_add(1, Relaxed);
    }

    pub(super) fn count_relayed(&self) {
        self.relayed.fetch_add(1, Relaxed);
    }

    pub(super) fn count_relay_failure(&self) {
        self.relay_failures.fetch_add(1, Relaxed);
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }
}
