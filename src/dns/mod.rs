//! The name server of the phones: their SIP domain with the address of whoever serves now, every other name relayed.
//!
//! ```text
//!            engine ── a new Zone in each situation ─────▶ ZoneCell (zone, prepared answers)
//!                                                             │ one load per question
//!   phone ──▶ udp ── plain question, answer at hand: short_cut ─▶ phone
//!              │ else                                         ▼
//!              ├──▶ responder ── own name? ────▶ answer ──▶ Reply ──▶ phone
//!   phone ──▶ tcp       │                                     ▲
//!                       └── other name, allowed? ──▶ relay ───┘
//!                                                    │   ▲
//!                                           cache ◀──┴───┤ next one on silence or failure
//!                                                     forwarders
//! ```
//!
//! Pure, bytes, values and `Instant`s in, values out:
//! - [`zone`]: the records of one situation, immutable; another situation makes a new one.
//! - [`answer`]: a request and a zone make a reply, or the decision to relay.
//! - [`reply`]: what goes back to the client, cut to the size that the client takes.
//! - [`question`]: what tables of answers are looked up by.
//! - [`wire`]: where things are in the octets of a message.
//! - [`ready`]: an answer as octets, to which a client's id, question and flags are added.
//! - [`life`]: for how long an answer may be kept.
//! - [`prepared`]: the answers of a zone, made ready once.
//! - [`short_cut`]: a plain question to its ready answer; whatever is unusual goes the long way.
//! - [`cache`]: what forwarders have answered, fresh and stale.
//! - [`upstream`]: the query that a forwarder gets, and the judgement of what comes back.
//! - [`allow`]: who may ask for other names.
//! - [`limit`]: how many answers one network gets.
//! - [`places`]: which TCP connections there may be, and which makes room.
//!
//! Sockets:
//! - [`shared`]: what the engine's thread and the DNS thread share: the zone in force and the counters.
//! - [`responder`]: one request to one reply; where the pure parts and the relay meet.
//! - [`relay`]: other names: from the cache, from the forwarders, or stale.
//! - [`forwarders`]: one after the other, over UDP and TCP, within bounds of time.
//! - [`own`]: the networks of this machine that may ask for other names.
//! - [`server`]: the DNS thread: binds, serves, retries what could not be bound, stops.
//! - [`udp`]: requests over UDP, on a thread for each socket.
//! - [`datagrams`]: a UDP socket that takes several requests at once and replies from the address that was asked.
//! - [`tcp`]: connections, limited in number, idle time and life.
//! - [`frame`]: the two length octets before a message on TCP.
//! - [`slips`](mod@slips): what of the zone can't be meant. Pure.
//! - [`ask`]: one question, as a phone asks it.
//! - [`bind`]: listening sockets, and what to do where one is refused.

pub mod allow;
pub mod answer;
pub mod ask;
pub mod bind;
pub mod cache;
pub mod datagrams;
pub mod forwarders;
pub mod frame;
pub mod life;
pub mod limit;
pub mod own;
pub mod places;
pub mod prepared;
pub mod question;
pub mod ready;
pub mod relay;
pub mod reply;
pub mod responder;
pub mod server;
pub mod shared;
pub mod short_cut;
pub mod slips;
pub mod tcp;
#[cfg(test)]
mod testing;
pub mod udp;
pub mod upstream;
pub mod wire;
pub mod zone;

pub use ask::addresses_of;
pub use bind::{BindError, Endpoint, Transport};
pub use server::{Report, ServeError, Server};
pub use shared::{Counters, Counts, ZoneCell};
pub use slips::{Slip, local_domain, slips};
pub use zone::{Situation, Zone};
