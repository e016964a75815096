//! As much SIP as synch speaks itself (RFC 3261): over UDP, without a call.
//!
//! - [`response`]: what comes back, read. Pure.
//! - [`digest`]: the answer to a challenge. Pure.
//! - [`register`]: the requests of one registration. Pure.
//! - [`registrar`]: registers and unregisters; has a socket.

pub mod digest;
pub mod register;
pub mod registrar;
pub mod response;
