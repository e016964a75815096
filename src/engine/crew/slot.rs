//! The place of one worker: who works there now, and who was told to end.

use std::sync::Arc;

use super::worker::{Predecessor, Thread, Worker};

/// Holds a worker, and its predecessor as long as that has not ended.
#[derive(Default)]
pub(in crate::engine) struct Slot {
    now: Option<Worker>,
    /// Told to end: its successor waits for it.
    before: Predecessor,
}

impl Slot {
    /// Returns whether somebody works here.
    pub(in crate::engine) fn works(&self) -> bool {
        self.now.is_some()
    }

    /// Returns whether the worker of this number works here now.
    pub(in crate::engine) fn holds(&self, id: u64) -> bool {
        self.now.as_ref().is_some_and(|worker| worker.id() == id)
    }

    /// Takes a worker that was started, and returns its thread.
    pub(in crate::engine) fn put(&mut self, worker: Worker) -> Arc<Thread> {
        self.now.insert(worker).thread()
    }

    /// Tells who works here to end, and does not wait.
    pub(in crate::engine) fn end(&mut self) {
        if let Some(worker) = self.now.take() {
            worker.end();
            self.before = Predecessor::new(worker);
        }
    }

    /// Returns who was told to end here, for the successor to wait for.
    pub(in crate::engine) fn predecessor(&self) -> Predecessor {
        self.before.clone()
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
        let deaf = Worker::start(Role::named("first"), || {}, move |_| gone.recv().unwrap());
        let mut slot = Slot::default();
        slot.put(deaf.unwrap());
        slot.end();
        assert!(!slot.works());
        // What a spawn that fails does with all that the thread was to own. It would wait for ever.
        drop(slot.predecessor());
        let after = slot.predecessor();
        let (started, is_started) = bounded(1);
        let body = move |_: &_| started.send(()).unwrap();
        let next = Worker::start(Role::named("next").behind(after), || {}, body).unwrap();
        assert!(is_started.try_recv().is_err());
        go.send(()).unwrap();
        slot.put(next);
        assert_eq!(is_started.recv(), Ok(()));
    }
}
