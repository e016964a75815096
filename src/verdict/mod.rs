//! Who serves the phones: from evidence to a decision. Pure.
//!
//! - [`probe`]: outcomes of probes become the monitor state, and say how soon the next is due
//! - [`selfcheck`]: whether the branch's own Asterisk takes calls
//! - [`failover`]: monitor state and mode become the service state

pub mod failover;
pub mod probe;
pub mod selfcheck;
