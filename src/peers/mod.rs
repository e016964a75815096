//! What the sites know of each other: who is busy, who has messages, who is away. Pure.
//!
//! - [`mqtt`]: the session with the broker over which they tell it
//! - `topic`, `payload`: what stands where on the wire
//! - [`attempts`]: which broker is tried next, and when
//! - `eid`: as whom Asterisk knows a site
//! - `budget`: how much may come and go in a second
//! - [`people`]: who can be called here
//! - `taken`: what is taken of whom
//! - `site`: one other site, from its joining to its leaving
//! - [`exchange`]: all of it: what this Asterisk and the broker say in, what is to be said and shown out

pub mod attempts;
mod budget;
mod eid;
pub mod exchange;
pub mod mqtt;
mod payload;
pub mod people;
mod site;
mod taken;
mod topic;

pub use eid::Eid;
pub use exchange::{Exchange, Fact, Out, Own, Show};
pub use payload::{Agent, Count, DeviceState, Person, Presence};
pub use site::SiteState;
pub use topic::{Subject, Topic, is_plain};
