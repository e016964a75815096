//! What this Asterisk says of itself, from its own threads to the worker. Those never wait: what does not fit is noted, and all
//! is asked for again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::{
    engine::{
        crew::bell::{Bell, Ear},
        host::Hears,
    },
    peers::Fact,
};

/// Changes that wait for the worker, which takes thousands in a second.
const WAITING: usize = 8_192;

/// Between Asterisk's threads and the worker.
pub(super) struct Hearing {
    facts: (Sender<Fact>, Receiver<Fact>),
    missed: Arc<AtomicBool>,
    bell: Bell,
    pub(super) ear: Ear,
}

impl Hearing {
    pub(super) fn new(bell: Bell, ear: Ear) -> Self {
        Self { facts: bounded(WAITING), missed: Arc::default(), bell, ear }
    }

    /// Returns what Asterisk's threads call.
    pub(super) fn hears(&self) -> Hears {
        let (facts, missed, bell) = (self.facts.0.clone(), Arc::clone(&self.missed), self.bell.clone());
        Box::new(move |fact| {
            // One ring is enough for all that come before the worker has looked.
            let rings = facts.is_empty();
            if facts.try_send(fact).is_err() {
                missed.store(true, Ordering::Release);
            }
            if rings {
                bell.ring();
            }
        })
    }

    /// Returns what has come since.
    pub(super) fn facts(&self) -> impl Iterator<Item = Fact> + '_ {
        self.facts.1.try_iter().take(WAITING)
    }

    /// Returns whether something was missed, once.
    pub(super) fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::crew::bell::bell, peers::DeviceState};

    #[test]
    fn what_does_not_fit_is_noted_and_nobody_waits() {
        let (bell, ear) = bell().unwrap();
        let hearing = Hearing::new(bell, ear);
        let hears = hearing.hears();
        for _ in 0..=WAITING {
            hears(Fact::Device("PJSIP/1001".to_owned(), DeviceState::InUse));
        }
        assert_eq!(hearing.facts().count(), WAITING);
        assert_eq!((hearing.take_missed(), hearing.take_missed()), (true, false));
    }
}
