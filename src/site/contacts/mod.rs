//! Where the phones of the site's users are while the main serves: its contacts, as the main told them. In an outage a
//! user who is not registered here yet is dialled there.
//!
//! ```text
//! answers of the main ─▶ told ─▶ contact ─▶ book ◀─▶ text, to keep on disk
//! ```
//!
//! - `contact`: what of a SIP URI is taken, and how it is dialled. Pure.
//! - `told`: the contacts in what the main answers. Pure.
//! - `book`: all of them, by user. Pure.
//! - `due`: whom the main is asked about next. Pure.

mod book;
mod contact;
mod due;
mod told;

pub use book::{Book, Known, TextError};
pub use contact::{Contact, Refusal};
pub use due::Due;
pub use told::{Told, of_endpoint, of_export, of_peer, user_of_event};

/// Seconds that a registration at the main should last at most: a phone comes over when it asks again, and until then
/// only those who know where it is reach it.
pub const LONG_EXPIRATION: u64 = 120;
