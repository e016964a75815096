//! Whether a main says anything at all, for whoever waits behind somebody else's question.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Counts what comes over a connection. Clones count the same.
#[derive(Clone, Debug, Default)]
pub struct Pulse(Arc<AtomicU64>);

impl Pulse {
    /// How often something has come so far.
    #[must_use]
    pub fn beats(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Something has come.
    pub(super) fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
