//! The octets of DNS messages, read and written no further than a name server needs. Pure.
//!
//! - [`wire`]: where things are in the octets of a message
//! - [`question`]: what a client asks
//! - [`reply`]: what goes back, and how it is cut to the size that the client takes
//! - [`frame`]: the two length octets before a message on TCP

pub mod frame;
pub mod question;
pub mod reply;
pub mod wire;
