//! The one session that a branch keeps with the main's manager interface. An idle one costs the main some of its time at
//! each of its events, whether or not it reads them, so there are no two of them.
//!
//! One worker has it. It asks for a Pong when a probe is due, hears the main's events between, and lends it to whoever has
//! a question.
//!
//! - `keeping`: the worker: what it does next
//! - `asking`: one probe, from the login to the Pong
//! - `exporting`: whether the main exports, and the proof whose session it is; `exports`: what others know of that
//! - `waiting`: the session in the hand of a main that exports
//! - `renewing`: a new session instead of an old one; `renewal`: when
//! - `version`: which version the main runs
//! - `hearing`: what the main tells by itself
//! - `lending`: the session for somebody else's question
//! - `way`: the same, or a short session, for whoever reads much
//! - `login`: what a login says of the account

mod asking;
mod exporting;
mod exports;
mod hearing;
mod keeping;
mod lending;
mod login;
mod renewal;
mod renewing;
mod version;
mod waiting;
mod way;

pub(in crate::engine) use exports::Exports;
pub(in crate::engine) use keeping::Keeping;
pub(in crate::engine) use lending::{Counter, Lease, NotLent, Session, counter};
pub(in crate::engine) use waiting::state;
pub(in crate::engine) use way::{Access, Unanswered, Way};

use std::time::Duration;

/// What is done beside the probe in this session may take so long: to end it, or to find it free.
const SOON: Duration = Duration::from_secs(2);
/// How long a main is left in peace that was silent to a question: whatever is between us and it may not know it, and each such
/// silence ends the session.
const SILENT: Duration = Duration::from_secs(3600);
