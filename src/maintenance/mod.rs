//! Work on the main, as values: how long the phones are held at the branch, whether calls on the main have ended, and
//! whether the main may have its phones back. Pure.
//!
//! - `until`: when a held mode ends by itself
//! - `drain`: the calls of this site's users on the main
//! - `gate`: the questions before the phones go home

mod drain;
mod gate;
mod until;

pub use drain::{Calls, Drain};
pub use gate::{End, Losing, Refusal, at_end, is_version, is_well};
pub use until::{Until, minutes, readable, reason};
