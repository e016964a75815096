//! The probe workers: each asks the main one kind of question whenever it is told to, and tells how that ended.
//!
//! - `ami`: a Ping over a connection that is kept while it works
//! - `sip`: a request to the main's SIP port

mod ami;
mod sip;

pub(super) use ami::AmiProbing;
pub(super) use sip::{Ask, SipProbing};

use std::{io, time::Duration};

/// Pauses before a dying main is asked again, in milliseconds: a process that ends closes its sockets one by one, so
/// the first question may still meet an open one that nobody reads.
const AFTER_AN_END: [u64; 6] = [5, 10, 20, 40, 80, 160];

/// Whether an error says that this machine is out of something: of descriptors, or of memory.
fn is_own_fault(error: &io::Error) -> bool {
    let own = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];
    error.raw_os_error().is_some_and(|code| own.contains(&code))
}

fn after_an_end() -> impl Iterator<Item = Duration> {
    AFTER_AN_END.into_iter().map(Duration::from_millis)
}
