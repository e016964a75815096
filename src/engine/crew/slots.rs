//! The places of the workers, one of a kind: who works there now, and who was told to end.

use crate::engine::crew::{
    roll::{DNS, Roll},
    worker::{Predecessor, Worker},
};

/// A kind of worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Place {
    Session,
    Sip,
    Sync,
    Dns,
    Dialplan,
    Contacts,
    Presence,
    Doctor,
    Drill,
    OwnSip,
    OwnDialplan,
}

impl Place {
    const ALL: [Self; 11] = [
        Self::Session,
        Self::Sip,
        Self::Sync,
        Self::Dns,
        Self::Dialplan,
        Self::Contacts,
        Self::Presence,
        Self::Doctor,
        Self::Drill,
        Self::OwnSip,
        Self::OwnDialplan,
    ];

    /// Name of its thread, behind `synch/`.
    pub(in crate::engine) fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Sip => "sip",
            Self::Sync => "sync",
            Self::Dns => DNS,
            Self::Dialplan => "dialplan",
            Self::Contacts => "contacts",
            Self::Presence => "presence",
            Self::Doctor => "doctor",
            Self::Drill => "drill",
            Self::OwnSip => "own-sip",
            Self::OwnDialplan => "own-dp",
        }
    }
}

#[derive(Default)]
struct Slot {
    now: Option<Worker>,
    /// Told to end: its successor waits for it.
    before: Predecessor,
}

/// All places.
pub(in crate::engine) struct Slots {
    slots: [(Place, Slot); Place::ALL.len()],
    roll: Roll,
}

impl Slots {
    /// Nobody works.
    pub(in crate::engine) fn new(roll: Roll) -> Self {
        Self { slots: Place::ALL.map(|place| (place, Slot::default())), roll }
    }

    /// Whether somebody works there.
    pub(in crate::engine) fn works(&self, place: Place) -> bool {
        self.slots.iter().any(|(of, slot)| *of == place && slot.now.is_some())
    }

    /// Whether one of those who work now has this number.
    pub(in crate::engine) fn hold(&self, id: u64) -> bool {
        self.slots.iter().filter_map(|(_, slot)| slot.now.as_ref()).any(|worker| worker.id() == id)
    }

    /// Somebody begins there.
    pub(in crate::engine) fn put(&mut self, place: Place, worker: Worker) {
        self.roll.add(worker.thread());
        if let Some(slot) = self.slot(place) {
            slot.now = Some(worker);
        }
    }

    /// Tells who works there to end, and does not wait.
    pub(in crate::engine) fn end(&mut self, place: Place) {
        if let Some(slot) = self.slot(place) {
            slot.end();
        }
    }

    /// Who was told to end there, for the successor to wait for.
    pub(in crate::engine) fn predecessor(&self, place: Place) -> Predecessor {
        let slot = self.slots.iter().find(|(of, _)| *of == place);
        slot.map(|(_, slot)| slot.before.clone()).unwrap_or_default()
    }

    fn slot(&mut self, place: Place) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|(of, _)| *of == place).map(|(_, slot)| slot)
    }
}

impl Slot {
    fn end(&mut self) {
        if let Some(worker) = self.now.take() {
            worker.end();
            self.before = Predecessor::new(worker);
        }
    }
}

impl Drop for Slots {
    /// All are told before the first is waited for.
    fn drop(&mut self) {
        for (_, slot) in &mut self.slots {
            slot.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;
    use crate::engine::crew::worker::Role;

    #[test]
    fn a_successor_that_gets_no_thread_leaves_its_predecessor_to_the_next_try() {
        let (go, gone) = bounded::<()>(1);
        let deaf = Worker::start(
            Role { name: "first", id: 1, after: Predecessor::default() },
            || {},
            || {},
            move |_| gone.recv().unwrap(),
        );
        let mut slots = Slots::new(Roll::default());
        slots.put(Place::Sync, deaf.unwrap());
        slots.end(Place::Sync);
        assert!(!slots.works(Place::Sync));
        // What a spawn that fails does with all that the thread was to own. It would wait for ever.
        drop(slots.predecessor(Place::Sync));
        let after = slots.predecessor(Place::Sync);
        let (started, is_started) = bounded(1);
        let body = move |_: &_| started.send(()).unwrap();
        let next = Worker::start(Role { name: "next", id: 2, after }, || {}, || {}, body).unwrap();
        assert!(is_started.try_recv().is_err());
        go.send(()).unwrap();
        slots.put(Place::Sync, next);
        assert_eq!(is_started.recv(), Ok(()));
    }
}
