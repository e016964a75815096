//! The gate between our work that must not be interrupted and an unload that must not wait.
//!
//! Asterisk calls unload() with its module list locked, and our reload of another module needs that lock: an
//! unload that joined a thread inside a reload would hang every `module` command for ever. So whoever puts a new file
//! into force enters the gate first, and an unload that finds somebody inside is refused.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

const CLOSED: u32 = u32::MAX;

/// Counts who is inside; closed for good by the unload.
#[derive(Debug, Default)]
pub struct Gate(AtomicU32);

/// Somebody inside. Leaves when dropped.
#[derive(Debug)]
pub struct Inside(Arc<Gate>);

impl Gate {
    /// Enters, or says no once the gate is closed.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<Inside> {
        let add = |inside| if inside == CLOSED { None } else { Some(inside + 1) };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).ok()?;
        Some(Inside(Arc::clone(self)))
    }

    /// Closes the gate if nobody is inside. Says whether it is closed now.
    #[must_use]
    pub fn close(&self) -> bool {
        match self.0.compare_exchange(0, CLOSED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(found) => found == CLOSED,
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_closes_only_when_nobody_is_inside_and_stays_closed() {
        let gate = Arc::new(Gate::default());
        let (first, second) = (gate.enter().unwrap(), gate.enter().unwrap());
        assert!(!gate.close());
        drop(first);
        assert!(!gate.close());
        drop(second);
        assert!(gate.close());
        assert!(gate.close());
        assert!(gate.enter().is_none());
    }
}
