//! The SIP probe worker, and what it has in common with the probe over AMI, which `session` makes.
//!
//! - `sip`: a request to the main's SIP port

mod sip;

pub(in crate::engine) use sip::{Ask, SipProbing};

use std::{
    io,
    time::{Duration, Instant},
};

use crate::verdict::probe::Outcome;

/// A probe that has waited for its worker for this part of its time limit is not sent any more: the rest may be too
/// short for an answer, and the main would be blamed. A running worker takes a probe within a millisecond; one that
/// restarts after a panic may pause for a minute.
const TOO_LATE: u32 = 2;

/// Pauses before a dying main is asked again, in milliseconds: a process that ends closes its sockets one by one, so
/// the first question may still meet an open one that nobody reads.
const AFTER_AN_END: [u64; 6] = [5, 10, 20, 40, 80, 160];

/// Returns whether an error says that this machine is out of descriptors or memory.
pub(in crate::engine) fn is_own_fault(error: &io::Error) -> bool {
    let own = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ENOBUFS];
    error.raw_os_error().is_some_and(|code| own.contains(&code))
}

/// Returns the outcome of a probe that starts too late; `None` where it is in time. `patience` is its whole time limit.
pub(in crate::engine) fn too_late(asked: Instant, patience: Duration, now: Instant) -> Option<Outcome> {
    let late = now.saturating_duration_since(asked) > patience / TOO_LATE;
    late.then(|| Outcome::Unasked("the probe started too late and is repeated".to_owned()))
}

pub(in crate::engine) fn after_an_end() -> impl Iterator<Item = Duration> {
    AFTER_AN_END.into_iter().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_is_not_blamed_for_a_question_that_we_asked_too_late() {
        let (asked, patience) = (Instant::now(), Duration::from_secs(3));
        assert_eq!(too_late(asked, patience, asked), None);
        assert_eq!(too_late(asked, patience, asked + patience / TOO_LATE), None);
        let late = too_late(asked, patience, asked + patience);
        assert!(matches!(late, Some(Outcome::Unasked(_))), "{late:?}");
    }
}
