//! Who waits inside an action until something has changed. The one file here that waits: with std locks, on threads of
//! Asterisk's manager interface.
//!
//! Each who waits has a signal of his own, so that a phone of one site wakes nobody of another.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Something of the site is another one.
    Changed,
    /// The main has reloaded.
    Reload,
    /// The main shuts down.
    Shutdown,
    /// The time is over.
    Time,
    /// The module is unloaded.
    Unload,
}

impl Reason {
    /// Returns the word for it in the answer.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Reload => "reload",
            Self::Shutdown => "shutdown",
            Self::Time => "time",
            Self::Unload => "unload",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub struct Waits {
    inner: Mutex<Inner>,
    /// Signalled where somebody has gone.
    gone: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    closed: Option<Reason>,
    /// By site and number.
    waiting: BTreeMap<String, BTreeMap<u64, Arc<Signal>>>,
    last: u64,
    inside: usize,
}

/// How one is woken.
#[derive(Debug, Default)]
struct Signal {
    woken: Mutex<Option<Reason>>,
    signal: Condvar,
}

impl Signal {
    fn wake(&self, reason: Reason) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        // The end is told whatever comes after it, and a change of the site whatever else there is but that.
        *woken = match (*woken, reason) {
            (Some(end @ (Reason::Shutdown | Reason::Unload)), _) => Some(end),
            (Some(Reason::Changed), Reason::Reload | Reason::Time) => Some(Reason::Changed),
            _ => Some(reason),
        };
        self.signal.notify_all();
    }
}

/// A place among those who wait; given back when dropped.
#[derive(Debug)]
pub struct Place {
    waits: Arc<Waits>,
    site: String,
    number: u64,
    signal: Arc<Signal>,
}

impl Waits {
    /// Takes a place. What changes from now on wakes who waits there.
    ///
    /// # Errors
    /// Why nobody may wait any more.
    pub fn enter(self: &Arc<Self>, site: &str) -> Result<Place, Reason> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reason) = inner.closed {
            return Err(reason);
        }
        inner.last += 1;
        inner.inside += 1;
        let (number, signal) = (inner.last, Arc::new(Signal::default()));
        inner.waiting.entry(site.to_owned()).or_default().insert(number, Arc::clone(&signal));
        Ok(Place { waits: Arc::clone(self), site: site.to_owned(), number, signal })
    }

    /// Wakes those of a site.
    pub fn wake(&self, site: &str, reason: Reason) {
        let signals: Vec<Arc<Signal>> = {
            let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.waiting.get(site).into_iter().flat_map(BTreeMap::values).cloned().collect()
        };
        signals.iter().for_each(|signal| signal.wake(reason));
    }

    /// Wakes all.
    pub fn wake_all(&self, reason: Reason) {
        let signals: Vec<Arc<Signal>> = {
            let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.waiting.values().flat_map(BTreeMap::values).cloned().collect()
        };
        signals.iter().for_each(|signal| signal.wake(reason));
    }

    /// Wakes all, lets nobody in any more, and waits at most so long until they have gone. Returns whether they have.
    pub fn close(&self, reason: Reason, most: Duration) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).closed = Some(reason);
        self.wake_all(reason);
        let end = Instant::now() + most;
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        while inner.inside > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self.gone.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Lets them in again.
    pub fn open(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).closed = None;
    }

    /// Returns how many wait for something of a site.
    #[must_use]
    pub fn waiting(&self, site: &str) -> usize {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.waiting.get(site).map_or(0, BTreeMap::len)
    }
}

impl Place {
    /// Waits until then, or until it is woken. Another wait may follow.
    #[must_use]
    pub fn wait(&self, until: Instant) -> Reason {
        let mut woken = self.signal.woken.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(reason) = woken.take() {
                return reason;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Reason::Time;
            }
            let waited = self.signal.signal.wait_timeout(woken, left);
            woken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.waits.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = inner.waiting.get_mut(&self.site) {
            site.remove(&self.number);
            if site.is_empty() {
                inner.waiting.remove(&self.site);
            }
        }
        inner.inside = inner.inside.saturating_sub(1);
        drop(inner);
        self.waits.gone.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn waiter(waits: &Arc<Waits>, site: &'static str) -> thread::JoinHandle<Reason> {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let waits = Arc::clone(waits);
        let thread = thread::spawn(move || {
            let place = waits.enter(site).unwrap();
            sender.send(()).unwrap();
            place.wait(Instant::now() + LONG)
        });
        receiver.recv().unwrap();
        thread
    }

    #[test]
    fn a_change_wakes_those_of_the_site_alone() {
        let waits = Arc::new(Waits::default());
        let (berlin, bonn) = (waiter(&waits, "berlin"), waiter(&waits, "bonn"));
        assert_eq!((waits.waiting("berlin"), waits.waiting("ulm")), (1, 0));
        waits.wake("berlin", Reason::Changed);
        assert_eq!(berlin.join().unwrap(), Reason::Changed);
        assert_eq!((waits.waiting("berlin"), waits.waiting("bonn")), (0, 1));
        waits.wake_all(Reason::Reload);
        assert_eq!(bonn.join().unwrap(), Reason::Reload);
    }

    #[test]
    fn an_end_wakes_all_waits_for_them_and_lets_nobody_in() {
        let waits = Arc::new(Waits::default());
        let waiters: Vec<_> = (0..20).map(|_| waiter(&waits, "berlin")).collect();
        assert!(waits.close(Reason::Unload, LONG));
        assert_eq!(waits.waiting("berlin"), 0);
        waiters.into_iter().for_each(|waiter| assert_eq!(waiter.join().unwrap(), Reason::Unload));
        assert_eq!(waits.enter("berlin").map(drop), Err(Reason::Unload));
        waits.open();
        let place = waits.enter("berlin").unwrap();
        assert!(!waits.close(Reason::Shutdown, Duration::ZERO));
        // Whatever is told meanwhile.
        waits.wake("berlin", Reason::Changed);
        waits.wake_all(Reason::Reload);
        assert_eq!(place.wait(Instant::now() + LONG), Reason::Shutdown);
    }

    #[test]
    fn what_came_before_the_wait_is_not_missed_and_a_time_ends() {
        let waits = Arc::new(Waits::default());
        let place = waits.enter("berlin").unwrap();
        waits.wake("berlin", Reason::Changed);
        waits.wake_all(Reason::Reload);
        assert_eq!(place.wait(Instant::now() + LONG), Reason::Changed);
        assert_eq!(place.wait(Instant::now()), Reason::Time);
    }
}
