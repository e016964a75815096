//! The sockets of the name server, and who may hold them.
//!
//! - [`server`]: the body of the DNS thread: binds, serves, retries what could not be bound, stops
//! - [`bind`]: listening sockets, and what to do where one is refused
//! - [`udp`], [`datagrams`]: requests over UDP, several in one system call
//! - [`tcp`]: connections, limited in number, idle time and life; [`places`]: who may hold one. Pure
//! - [`limit`]: how many answers one network gets. Pure
//! - [`responder`]: one request to one reply, from the zone or from the relay
//! - [`shared`]: what the engine's thread and the DNS thread share

pub mod bind;
pub mod datagrams;
pub mod limit;
pub mod places;
pub mod responder;
pub mod server;
pub mod shared;
pub mod tcp;
pub mod udp;
