//! The way to a worker, from threads that must not wait.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crossbeam_channel::Sender;

/// The way to a worker who takes words of this kind.
#[derive(Debug)]
pub struct Way<T> {
    /// `None` where nobody works.
    worker: Mutex<Option<Sender<T>>>,
    has_reloaded: AtomicBool,
}

impl<T> Default for Way<T> {
    fn default() -> Self {
        Self { worker: Mutex::default(), has_reloaded: AtomicBool::default() }
    }
}

impl<T> Way<T> {
    /// Leads to this worker, until what it returns is dropped.
    pub fn lead(self: &Arc<Self>, worker: Sender<T>) -> Led<T> {
        self.set(Some(worker));
        Led(Arc::clone(self))
    }

    fn set(&self, worker: Option<Sender<T>>) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = worker;
    }

    /// Tells the worker something. Where he has too much to do, it is lost.
    pub fn tell(&self, word: T) {
        if let Some(worker) = &*self.worker.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = worker.try_send(word);
        }
    }

    /// Tells him that the main has reloaded, with this word. That is never lost.
    pub(super) fn reloads(&self, word: T) {
        self.has_reloaded.store(true, Ordering::SeqCst);
        self.tell(word);
    }

    /// Returns once that the main has reloaded.
    #[must_use]
    pub fn take_reload(&self) -> bool {
        self.has_reloaded.swap(false, Ordering::SeqCst)
    }
}

/// A way, as long as it leads to a worker.
#[derive(Debug)]
pub struct Led<T>(Arc<Way<T>>);

impl<T> Drop for Led<T> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
