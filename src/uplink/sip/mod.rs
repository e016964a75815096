//! As much SIP as synch speaks itself (RFC 3261): requests outside of any call.
//!
//! - [`response`]: what comes back, read. Pure.
//!
//! The question to the main whether it lives; `engine::work::probe` has the sockets. Pure.
//! - [`request`]: one request outside of any dialog, as text
//! - [`mod@answer`]: the answer to it, told from everything else that a socket may bring
//!
//! The branch's own SIP.
//! - [`places`]: over what a system takes SIP, by its own file. Pure.
//! - [`options`]: asks it for OPTIONS; has a socket
//!
//! The registration of a drill is in `operator::drill`.

pub mod answer;
pub mod options;
pub mod places;
pub mod request;
pub mod response;

pub use answer::{answer, is_life};
pub use request::Request;
