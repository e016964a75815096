//! The name server of the phones: their SIP domain with the address of whoever serves now, every other name relayed.
//!
//! ```text
//!            engine ── a new Zone in each situation    ──▶ ZoneCell
//!                                                             │ one load per question
//!   phone ──▶ server (UDP) ─┐                                 ▼
//!                           ├─▶ responder ── own name? ──▶ answer ──▶ Reply ──▶ phone
//!   phone ──▶ tcp ──────────┘       │                                   ▲
//!                                   └── other name ──▶ relay ───────────┘
//!                                                        │ ▲
//!                                                        ▼ │ next one on silence or failure
//!                                                     forwarders
//! ```
//!
//! Pure, bytes and values in, values out:
//! - [`zone`]: the records of one situation, immutable; another situation makes a new one.
//! - [`answer`]: a request and a zone make a reply, or the decision to relay.
//! - [`reply`]: what goes back to the client, cut to the size that the client takes.
//! - [`upstream`]: the query that a forwarder gets, and the judgement of what comes back.
//!
//! Sockets:
//! - [`shared`]: what the engine's thread and the DNS thread share: the zone in force and the counters.
//! - [`responder`]: one request to one reply; where the pure parts and the relay meet.
//! - [`relay`]: forwarder after forwarder, over UDP and TCP, within bounds of time and number.
//! - [`server`]: the thread's body: binds, serves, retries what could not be bound, stops.
//! - [`tcp`]: connections, limited in number and idle time.
//! - [`frame`]: the two length octets before a message on TCP.
//! - [`ask`]: one question, as a phone asks it.
//! - [`bind`]: listening sockets, and what to do where one is refused.

pub mod answer;
pub mod ask;
pub mod bind;
pub mod frame;
pub mod relay;
pub mod reply;
pub mod responder;
pub mod server;
pub mod shared;
pub mod tcp;
#[cfg(test)]
mod testing;
pub mod upstream;
pub mod zone;

pub use ask::addresses_of;
pub use bind::{BindError, Endpoint, Transport};
pub use server::{Report, ServeError, serve};
pub use shared::{Counters, Counts, ZoneCell};
pub use zone::{Situation, Zone};
