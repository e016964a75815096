//! The AMI client: how the main system is asked.
//!
//! - [`frame`]: bytes into frames, header by header. Pure.
//! - [`action`]: the few actions that synch sends. Pure.
//! - [`session`]: what to expect next, and how to judge what came. Pure.
//! - [`hangup`]: cuts a connection from another thread.
//! - [`link`]: the socket, its deadlines, and nothing else.
//! - [`error`]: why an exchange failed, told apart as the probe counts it.

pub mod action;
pub mod error;
pub mod frame;
pub mod hangup;
pub mod link;
pub mod session;

pub use action::Action;
pub use error::{LinkError, Refusal, TransportError};
pub use frame::{Frame, FrameReader};
pub use hangup::Hangup;
pub use link::Link;
pub use session::Session;
