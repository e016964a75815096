//! The gate between our work that must not be interrupted and an unload that must not wait.
//!
//! Asterisk calls unload() with its module list locked, and our reload of another module needs that lock: an
//! unload that waited for a thread inside a reload would hang every `module` command. So whoever puts a new file
//! into force enters the gate first, and an unload that finds somebody inside is refused.
//!
//! Not for ever: who has been inside for longer than any such work takes hangs in Asterisk, and an unload goes on
//! without him.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Nobody who does his work is inside for so long: a reload is waited for for half a minute, and a file is written twice
/// at most.
const HANGS_AFTER: Duration = Duration::from_secs(120);

/// Knows who is inside; closed for good by the unload.
#[derive(Debug, Default)]
pub struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    closed: bool,
    inside: u32,
    /// When the first of those who are inside came.
    since: Option<Instant>,
}

/// Somebody inside. Leaves when dropped.
#[derive(Debug)]
pub struct Inside(Arc<Gate>);

impl Gate {
    /// Enters, or says no once the gate is closed.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Inside> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.inside += 1;
        state.since.get_or_insert_with(Instant::now);
        drop(state);
        Some(Inside(Arc::clone(self)))
    }

    /// Closes the gate, unless somebody is inside who can be waited for. Says whether it is closed now.
    #[must_use]
    pub fn close(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let hangs = |since| now.saturating_duration_since(since) >= HANGS_AFTER;
        state.closed |= state.since.is_none_or(hangs);
        state.closed
    }

    /// Lets nobody in any more. Who is inside stays there.
    pub fn shut(&self) {
        self.lock().closed = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.inside = state.inside.saturating_sub(1);
        if state.inside == 0 {
            state.since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_closes_only_when_nobody_is_inside_and_stays_closed() {
        let (gate, now) = (Arc::new(Gate::default()), Instant::now());
        let (first, second) = (gate.enter().unwrap(), gate.enter().unwrap());
        assert!(!gate.close(now));
        drop(first);
        assert!(!gate.close(now));
        drop(second);
        assert!(gate.close(now));
        assert!(gate.close(now));
        assert!(gate.enter().is_none());
    }

    #[test]
    fn shut_it_lets_nobody_in_whoever_is_inside() {
        let gate = Arc::new(Gate::default());
        let inside = gate.enter().unwrap();
        gate.shut();
        assert!(gate.enter().is_none() && gate.close(Instant::now()));
        drop(inside);
    }

    #[test]
    fn who_hangs_inside_keeps_it_open_only_for_so_long() {
        let gate = Arc::new(Gate::default());
        let hangs = gate.enter().unwrap();
        assert!(!gate.close(Instant::now() + HANGS_AFTER - Duration::from_secs(1)));
        assert!(gate.close(Instant::now() + HANGS_AFTER));
        assert!(gate.enter().is_none());
        drop(hangs);
        assert!(gate.close(Instant::now()) && gate.enter().is_none());
    }

    #[test]
    fn who_comes_again_and_again_does_not_hang() {
        let gate = Arc::new(Gate::default());
        drop(gate.enter().unwrap());
        let _busy = gate.enter().unwrap();
        assert!(!gate.close(Instant::now() + HANGS_AFTER - Duration::from_secs(1)));
    }
}
