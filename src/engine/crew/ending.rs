//! The end of the engine, as an unload sees it: in bounded time, even if a thread hangs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use super::roll::{Roll, wait};
use crate::operator::control::Control;

/// Time limit for the engine to notice the stop: one of its steps is far shorter.
const TAKEN_IN: Duration = Duration::from_secs(3);
/// Time limit for everything after that: the end of its workers, and the last work.
const ENDED: Duration = Duration::from_secs(20);

const RUNS: u8 = 0;
const HAS_ENDED: u8 = 1;
const LEFT_ALONE: u8 = 2;

/// How far the engine's own thread is.
#[derive(Clone, Debug, Default)]
pub(in crate::engine) struct Life(Arc<AtomicU8>);

impl Life {
    /// Does the last work and marks the engine as ended. An engine that was left alone does nothing more, because
    /// another engine may run.
    pub(in crate::engine) fn end(&self, last: impl FnOnce()) {
        if !self.is_left_alone() {
            last();
        }
        let _ = self.0.compare_exchange(RUNS, HAS_ENDED, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(in crate::engine) fn is_left_alone(&self) -> bool {
        self.0.load(Ordering::Acquire) == LEFT_ALONE
    }

    fn has_ended(&self) -> bool {
        self.0.load(Ordering::Acquire) == HAS_ENDED
    }

    /// Leaves the engine alone. Returns whether it was still running.
    fn leave_alone(&self) -> bool {
        self.0.compare_exchange(RUNS, LEFT_ALONE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Ends an engine from another thread.
pub struct Ending {
    pub(in crate::engine) control: Control,
    pub(in crate::engine) roll: Roll,
    pub(in crate::engine) life: Life,
}

/// How an engine ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether its own thread has ended, so that it can be joined.
    pub joinable: bool,
    /// Threads that did not end and that the engine has not logged itself.
    pub left: Vec<String>,
}

impl Ending {
    /// Tells the engine to end, and waits. Where the engine itself hangs, its workers are ended without it.
    #[must_use]
    pub fn end(&self) -> Ended {
        self.control.stop();
        if wait(TAKEN_IN, || self.roll.is_closed()) {
            wait(ENDED, || self.life.has_ended());
        }
        // Nobody is left in it where the engine has done its part.
        let mut left = self.roll.end();
        let lost = self.life.leave_alone();
        if lost {
            left.push("engine".to_owned());
        }
        Ended { joinable: !lost, left }
    }
}

/// Returns the log line about a thread that was left alone.
#[must_use]
pub fn left_alone(name: &str) -> String {
    format!(
        "Thread synch/{name} hangs in a call into Asterisk. It is left running and ends when that call returns. \
         Something in Asterisk may hang; if calls fail, restart Asterisk."
    )
}
