//! What every worker carries: Asterisk, what everybody reads, and how failures come into the log.

use std::{
    fmt::{self, Display},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;

use crate::{
    engine::{
        gate::Gate,
        host::{Host, Level},
    },
    export::desk::Desk,
    operator::control::Published,
    uplink::ami::Crypto,
    words::repeats::Repeats,
};

/// What every worker carries.
#[derive(Clone)]
pub(in crate::engine) struct Kit {
    pub(in crate::engine) host: Arc<dyn Host>,
    pub(in crate::engine) gate: Arc<Gate>,
    pub(in crate::engine) published: Published,
    /// Where a main serves its branches.
    pub(in crate::engine) desk: Arc<Desk>,
    repeats: Arc<Mutex<Repeats>>,
    /// Whether nothing is read from the main, because of a maintenance.
    leaves_main_alone: Arc<AtomicBool>,
}

impl Kit {
    /// Makes the kit that all workers of an engine share.
    pub(in crate::engine) fn new(
        host: Arc<dyn Host>,
        gate: Arc<Gate>,
        published: Published,
        desk: Arc<Desk>,
    ) -> Self {
        let (repeats, leaves_main_alone) = Default::default();
        Self { host, gate, published, desk, repeats, leaves_main_alone }
    }

    /// Returns whether nothing may be read from the main now.
    pub(in crate::engine) fn leaves_main_alone(&self) -> bool {
        self.leaves_main_alone.load(Ordering::SeqCst)
    }

    /// Has nothing read from the main from now on, or allows it again.
    pub(in crate::engine) fn leave_main_alone(&self, alone: bool) {
        self.leaves_main_alone.store(alone, Ordering::SeqCst);
    }

    /// Returns what a login to the main needs of Asterisk.
    pub(in crate::engine) fn crypto(&self) -> Arc<dyn Crypto> {
        Arc::clone(&self.host) as Arc<dyn Crypto>
    }

    /// Logs a failure that may come again by the minute: at the first time, and then at powers of two.
    pub(in crate::engine) fn log_failure(&self, level: Level, text: &str) {
        let line = self.repeats.lock().line(text, Instant::now());
        if let Some(line) = line {
            self.host.log(level, &line);
        }
    }

    /// Logs how something ended that is done again and again: a failure behind these words, and once that it is over.
    pub(in crate::engine) fn log_outcome<E: Display>(
        &self,
        outcome: &Result<(), E>,
        failing: &str,
        over: &str,
    ) {
        match outcome {
            Ok(()) => self.log_end(failing, over),
            Err(error) => self.log_failure(Level::Warning, &format!("{failing}: {error}")),
        }
    }

    /// Takes note of a failure that is logged by other words.
    pub(in crate::engine) fn count_failure(&self, text: &str) {
        self.repeats.lock().line(text, Instant::now());
    }

    /// Takes note that all failures are over whose texts begin so.
    pub(in crate::engine) fn forget_failures(&self, beginning: &str) {
        self.repeats.lock().over(beginning);
    }

    /// Logs once that all failures are over whose texts begin so.
    pub(in crate::engine) fn log_end(&self, beginning: &str, text: &str) {
        let were_any = self.repeats.lock().over(beginning);
        if were_any {
            self.host.log(Level::Notice, text);
        }
    }
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit").field("gate", &self.gate).finish_non_exhaustive()
    }
}
