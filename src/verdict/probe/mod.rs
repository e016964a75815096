//! The verdict on the main system: outcomes of probes in, monitor state out. Pure.
//!
//! - [`burden`]: whether our own reading fills the line
//! - [`monitor`]: what the evidence amounts to, and in which words
//! - [`pace`]: when which probe is due
//! - `tally`: the points of one kind of evidence

pub mod burden;
pub mod monitor;
pub mod pace;
mod tally;

pub use burden::Burden;
pub use monitor::{Doubt, Monitor, NOT_YET, THIS_MACHINE, Verdict};
pub use pace::Pace;
pub use tally::ANSWERS;

use std::{fmt, time::Duration};

/// A kind of evidence: what the main is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Ping over its manager interface.
    Ami,
    /// A request to its SIP port: what phones need.
    Sip,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ami, Self::Sip];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ami => "AMI",
            Self::Sip => "SIP",
        })
    }
}

/// How one probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The main answered as it should, after this long.
    Alive(Duration),
    /// The main answered after this long, but only a question that Asterisk answers before any of its queues: a BYE to
    /// no call. That shows a process which reads its socket, and no more.
    Heard(Duration),
    /// The main answered, but not as it should; the text says how.
    Wrong(String),
    /// The main's host says that nobody listens there: a connection refused, an ICMP port unreachable.
    Closed(String),
    /// A firewall on the way says that it lets nobody through (ICMP, administratively prohibited); the text says where.
    Rejected(String),
    /// No answer: too late, no way there, or a connection that broke; the text says which.
    Silent(String),
    /// The branch itself could not ask, which says nothing of the main; the text says why.
    Unasked(String),
    /// It must not be asked there, and so it does not count: the address is one of this machine; the text says so.
    Barred(String),
}

impl Outcome {
    /// Whether the main answered as it should.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        matches!(self, Self::Alive(_) | Self::Heard(_))
    }

    /// How long the answer took; `None` where there was none.
    #[must_use]
    pub const fn took(&self) -> Option<Duration> {
        match self {
            Self::Alive(took) | Self::Heard(took) => Some(*took),
            _ => None,
        }
    }

    /// Whether nobody was asked.
    #[must_use]
    pub const fn is_unasked(&self) -> bool {
        matches!(self, Self::Unasked(_) | Self::Barred(_))
    }
}

#[cfg(test)]
mod tests;
