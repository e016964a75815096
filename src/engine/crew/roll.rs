//! Who runs for the engine, and who ends when told to: known without the engine's help, for it may hang itself.
//!
//! An unload is called with Asterisk's module list locked. Whoever waits then for a thread that Asterisk doesn't let go
//! hangs every `module` command for ever. So each wait here is bounded, and who doesn't end is left alone: he has nothing
//! that is freed, and his code stays mapped (`-z nodelete`).

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::worker::Thread;

/// Name of the worker that phones ask: it ends last, so that they have their answer as long as others are waited for.
pub(in crate::engine) const DNS: &str = "dns";

/// Time limit for all but the DNS: no look or write of a worker that is let go takes so long, on a slow disk either.
const PATIENCE: Duration = Duration::from_secs(5);
/// The DNS waits for nobody.
const DNS_PATIENCE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(2);

/// Every worker's thread that has not ended.
#[derive(Clone, Default)]
pub(in crate::engine) struct Roll(Arc<Mutex<List>>);

#[derive(Default)]
struct List {
    closed: bool,
    threads: Vec<Arc<Thread>>,
}

impl Roll {
    /// One more. Once everybody was told to end, so is he.
    pub(in crate::engine) fn add(&self, thread: Arc<Thread>) {
        let mut list = self.lock();
        list.threads.retain(|thread| !thread.has_ended());
        if list.closed {
            thread.end();
        } else {
            list.threads.push(thread);
        }
    }

    /// Whether everybody was told to end.
    pub(in crate::engine) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends everybody, the DNS last. Returns who did not end in time: he is left alone from now on.
    pub(in crate::engine) fn end(&self) -> Vec<String> {
        let threads = {
            let mut list = self.lock();
            list.closed = true;
            std::mem::take(&mut list.threads)
        };
        let (last, first): (Vec<_>, Vec<_>) = threads.into_iter().partition(|thread| thread.is(DNS));
        let mut left = end_all(&first, PATIENCE);
        left.extend(end_all(&last, DNS_PATIENCE));
        left.sort_unstable();
        left.dedup();
        left
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // A std lock: an unload may be the one who looks, on a thread of Asterisk's.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All are told before the first is waited for.
fn end_all(threads: &[Arc<Thread>], patience: Duration) -> Vec<String> {
    threads.iter().for_each(|thread| thread.end());
    wait(patience, || threads.iter().all(|thread| thread.has_ended()));
    let left = threads.iter().filter(|thread| !thread.has_ended());
    left.map(|thread| thread.leave_alone()).collect()
}

/// Looks until it is so, or for that long. Whether it is so. By sleep and look: a channel would leave state of its own on
/// a thread of Asterisk's.
pub(in crate::engine) fn wait(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + patience;
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(LOOK);
    }
}
