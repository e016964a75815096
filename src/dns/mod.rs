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
//! - [`message`]: the octets of messages. Pure.
//! - [`zone`]: the records of one situation, and their answers. Pure.
//! - [`relay`]: other names: from the cache, from the forwarders, or stale
//! - [`serve`]: the thread, its sockets, and who may hold them
//! - [`ask`]: one question, as a phone asks it: for the doctor and the drill

pub mod ask;
pub mod message;
pub mod relay;
pub mod serve;
#[cfg(test)]
mod stand_in;
pub mod zone;

pub use ask::addresses_of;
pub use serve::bind::{BindError, Endpoint, Transport};
pub use serve::server::{Report, ServeError, Server};
pub use serve::shared::{Counters, Counts, ZoneCell};
pub use zone::slips::{Slip, local_domain, slips};
pub use zone::{Situation, Zone};
