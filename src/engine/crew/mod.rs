//! How workers live: their threads, how they end, and when they are run again.
//!
//! - `worker`: a thread of ours: named, told to stop, joined, started again after a panic
//! - `slots`: the place of each worker, who works there and who was told to end
//! - `roll`: who runs, known without the engine's help; `ending`: the end of all, in bounded time
//! - `restart`, `backoff`: ever longer waits after a panic or a failure
//! - `schedule`, `debounce`: when a thing that all branches do is due for this one

pub(super) mod backoff;
pub(super) mod debounce;
pub(super) mod ending;
pub(super) mod restart;
pub(super) mod roll;
pub(super) mod schedule;
pub(in crate::engine) mod slots;
pub(super) mod worker;
