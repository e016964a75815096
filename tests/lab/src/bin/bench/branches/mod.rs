//! What a main with this module has to do for its branches: against a main whose files are read, and for a thousand of them.
//!
//! - `costs`: one branch's syncs, from a main that exports and from one whose files are read
//! - `crowd`: a thousand branches while people telephone, the death of the main and its return
//! - `simulated`: those branches, as a program of its own in another network namespace
//! - `session`: one of their sessions

pub mod costs;
mod crowd;
mod session;
pub mod simulated;

use lab::Result;

/// Measures and prints: both parts, or the one that a second word names.
pub fn tell() -> Result {
    match std::env::args().nth(2).as_deref() {
        Some("costs") => costs::tell(),
        Some("crowd") => crowd::tell(),
        _ => costs::tell().and_then(|()| crowd::tell()),
    }
}
