//! The line up to the main system: what is asked over it, and what counts as an answer.
//!
//! - [`ami`]: the main's manager interface; sockets in `uplink::ami::link`
//! - [`sip`]: requests outside of any call
//! - [`marks`]: what a router can tell our packets by

pub mod ami;
pub mod marks;
pub mod sip;
