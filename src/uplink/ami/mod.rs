//! The AMI client: how the main system is asked.
//!
//! - [`frame`]: bytes into frames, header by header. Pure.
//! - [`action`]: the few actions that synch sends. Pure.
//! - [`query`]: what of a configuration file is asked for. Pure.
//! - [`numbering`]: whether a GetConfig answer is unbroken, header by header. Pure.
//! - [`stamp`]: when the main last reloaded, to compare. Pure.
//! - [`crypto`], [`tls`]: what the Asterisk around us gives of cryptography. Pure.
//! - [`stream`]: one long answer, header by header, without keeping it. Pure.
//! - [`session`]: what to expect next, and how to judge what came. Pure.
//! - `password`: given, or read from its file; `file`: how such files are opened.
//! - [`gauge`]: how much at a time, so that the line stays free. Pure.
//! - [`hangup`]: cuts a connection from another thread.
//! - [`link`]: what is asked of the main; the socket and its deadlines in `link::line`.
//! - [`error`]: why an exchange failed, told apart as the probe counts it.

pub mod action;
pub mod crypto;
pub mod error;
pub(crate) mod file;
pub mod frame;
pub mod gauge;
pub mod hangup;
pub mod link;
pub mod numbering;
pub mod password;
pub mod query;
pub mod session;
pub mod stamp;
pub mod stream;
pub mod tls;

pub use action::Action;
pub use crypto::Crypto;
pub use error::{LinkError, Refusal, TransportError};
pub use frame::{Frame, FrameReader, NoMemory};
pub use gauge::Gauge;
pub use hangup::Hangup;
pub use link::{Bounds, Last, Link, Poured, Pulse, Timing};
pub use numbering::{Numbering, NumberingError, Part};
pub use password::{PasswordError, password};
pub use query::Query;
pub use session::Session;
pub use stamp::Stamp;
pub use stream::Stream;
pub use tls::{OtherSide, TlsError, TlsSession, is_record};
