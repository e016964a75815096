//! As much SIP as synch speaks itself (RFC 3261): requests outside of any call.
//!
//! - [`response`]: what comes back, read. Pure.
//!
//! The question to the main whether it lives; `engine::probing` has the sockets. Pure.
//! - [`request`]: one request outside of any dialog, as text
//! - [`mod@answer`]: the answer to it, told from everything else that a socket may bring
//!
//! The branch's own SIP.
//! - [`places`]: over what a system takes SIP, by its own file. Pure.
//! - [`options`]: asks it for OPTIONS; has a socket
//!
//! The registration of a drill, over UDP.
//! - [`digest`]: the answer to a challenge. Pure.
//! - [`register`]: the requests of one registration. Pure.
//! - [`registrar`]: registers and unregisters; has a socket.

pub mod answer;
pub mod digest;
pub mod options;
pub mod places;
pub mod register;
pub mod registrar;
pub mod request;
pub mod response;

pub use answer::{answer, is_life};
pub use request::Request;
