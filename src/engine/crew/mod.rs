//! How workers live: their threads, how they end, and when they are run again.
//!
//! - `worker`: a thread of ours: named, told to stop, joined, started again after a panic
//! - `kit`: what every worker carries
//! - `post`: what a worker that the settings ask for goes by, and how it is reached; `slot`: who works there
//! - `roll`: who runs, known without the engine's help; `ending`: the end of all, in bounded time
//! - `restart`, `backoff`: ever longer waits after a panic or a failure
//! - `bell`: one wait on a connection and on everybody who wants something of a worker
//! - `schedule`, `debounce`: when a thing that all branches do is due for this one

pub(super) mod backoff;
pub(super) mod bell;
pub(super) mod debounce;
pub(super) mod ending;
pub(super) mod kit;
pub(super) mod post;
pub(super) mod restart;
pub(super) mod roll;
pub(super) mod schedule;
pub(super) mod slot;
pub(super) mod worker;
