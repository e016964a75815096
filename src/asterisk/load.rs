//! Which load of the module something belongs to. The image stays mapped, and a thread that an unload has left alone may wake
//! in a later load: what it would still do to Asterisk is not done, but for the one call that it hangs in.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many have begun, and how many of these have ended.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);
/// The newest that has shown what other sites say.
static SHOWN: AtomicU64 = AtomicU64::new(0);

/// One load and what follows until its unload, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load(u64);

impl Load {
    /// Begins one: all that is in Asterisk belongs to it from now on.
    pub(super) fn begin() -> Self {
        Self(BEGUN.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Ends it, and all before.
    pub(super) fn end(self) {
        ENDED.fetch_max(self.0, Ordering::SeqCst);
    }

    /// Whether it has ended: it puts nothing into Asterisk any more, but may still take away what is its own.
    pub(super) fn is_over(self) -> bool {
        ENDED.load(Ordering::SeqCst) >= self.0 || self.is_followed()
    }

    /// Whether another one has begun, to which all belongs now that is in Asterisk.
    pub(super) fn is_followed(self) -> bool {
        BEGUN.load(Ordering::SeqCst) > self.0
    }

    /// Takes note that it shows what other sites say, or takes that back, and returns whether it may: no later one has shown
    /// anything. Where none does, nobody else takes back what is shown.
    pub(super) fn takes_to_show(self) -> bool {
        SHOWN.fetch_max(self.0, Ordering::SeqCst) <= self.0
    }
}
