//! Why an exchange with the main failed. The probe counts a wrong answer and a broken connection differently.

use std::{io, net::SocketAddr};

use super::{
    PasswordError, TlsError,
    frame::{FrameTooLong, NoMemory},
    numbering::NumberingError,
};
use crate::words::wording::visible_octets;

/// Bytes of the peer's text that a message shows at most.
const EXCERPT: usize = 200;

/// An exchange with the main did not end as wanted. The connection is closed; the next exchange makes a new one.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The main answered, but not with what was asked for.
    #[error("main {address}: {refusal}")]
    Refused {
        /// Who answered.
        address: SocketAddr,
        /// What it said.
        refusal: Refusal,
    },
    /// No answer: an error on TCP/IP level, silence included.
    #[error("main {address}: {error}")]
    Transport {
        /// Who was asked.
        address: SocketAddr,
        /// What broke.
        error: TransportError,
    },
    /// Something that is needed to log in is wrong on this machine.
    #[error(transparent)]
    Unprepared(#[from] Unprepared),
    /// We hung up ourselves, because the module stops.
    #[error("stopped by res_synch itself")]
    Stopped,
}

impl LinkError {
    /// Whether the main's host said that nobody listens there.
    #[must_use]
    pub fn nobody_listens(&self) -> bool {
        self.connect_error().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// Why no connection could be made, where that is what failed.
    #[must_use]
    pub fn connect_error(&self) -> Option<&io::Error> {
        match self {
            Self::Transport { error: TransportError::Connect(error), .. } => Some(error),
            _ => None,
        }
    }

    /// Whether who has just connected need not come back soon: the login is refused, or it is no Asterisk that answers, not
    /// the main, or one that talks without end. The next try would end the same way.
    #[must_use]
    pub const fn is_turned_away(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                refusal: Refusal::Login { .. }
                    | Refusal::NotAmi { .. }
                    | Refusal::Tls(_)
                    | Refusal::TooLong(_),
                ..
            }
        )
    }

    /// Whether the main left out lines of its answer, because it could not get rid of them in time.
    #[must_use]
    pub const fn lost_lines(&self) -> bool {
        matches!(
            self,
            Self::Refused { refusal: Refusal::Numbering(_), .. }
                | Self::Transport { error: TransportError::LinesLost, .. }
        )
    }

    /// Whether the main keeps this account to one login at a time, and somebody has it.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        matches!(self, Self::Refused { refusal: Refusal::InUse, .. })
    }

    /// Whether the main answers that it shuts down.
    #[must_use]
    pub const fn is_shutting_down(&self) -> bool {
        matches!(self, Self::Refused { refusal: Refusal::ShuttingDown, .. })
    }

    /// Whether it is this system that had no memory left.
    #[must_use]
    pub const fn is_no_memory(&self) -> bool {
        matches!(self, Self::Transport { error: TransportError::NoMemory(_), .. })
    }

    /// Whether the main closed the connection in good order: its process or a part of it has ended. What only breaks a
    /// connection, as a firewall that rejects does with a reset, does not come this way.
    #[must_use]
    pub const fn is_closed_by_main(&self) -> bool {
        matches!(self, Self::Transport { error: TransportError::Closed { .. }, .. })
    }

    /// Whether the other side ended the connection, or something on the way did.
    #[must_use]
    pub const fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Transport { error: TransportError::Lost { .. } | TransportError::Closed { .. }, .. }
        )
    }
}

/// What is wrong on this machine, before anybody was asked.
#[derive(Debug, thiserror::Error)]
pub enum Unprepared {
    /// No password.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// No TLS.
    #[error(transparent)]
    Tls(TlsError),
}

/// An answer that is not the wanted one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Somebody else listens there.
    #[error("that port does not speak AMI: it sent '{line}'; check host and port in [main]")]
    NotAmi {
        /// What it said first.
        line: String,
    },
    /// The login failed.
    #[error(
        "login refused: {message}; check username and secret in [main] (write a ';' in the secret as '\\;'), and \
         secret and permit of that account on the main"
    )]
    Login {
        /// The main's words.
        message: String,
    },
    /// The main lets each account in once only, and somebody is in with this one. It doesn't look at the password then.
    #[error(
        "login refused: the account is in use by another session, and the main allows one at a time; allow several \
         logins (allowmultiplelogin = yes in [general] of manager.conf on the main), or give each branch an account of \
         its own"
    )]
    InUse,
    /// The main shuts down: it answers this to everything, and takes no new call.
    #[error("the main is shutting down")]
    ShuttingDown,
    /// It doesn't prove who it is, or speaks no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An action failed.
    #[error("{action} refused: {message}{}", remedy(message))]
    Answer {
        /// Which one.
        action: &'static str,
        /// The main's words.
        message: String,
    },
    /// The answer has no end.
    #[error(transparent)]
    TooLong(#[from] FrameTooLong),
    /// Something of an answer to GetConfig is missing.
    #[error(transparent)]
    Numbering(#[from] NumberingError),
}

/// What to do about what the main says of an action (`action_getconfig`, `process_message`).
fn remedy(message: &str) -> &'static str {
    let says = |text: &str| message.contains(text);
    if says("Permission denied") {
        "; the account on the main needs 'write = system'"
    } else if says("Config file not found") {
        "; the main has no such file"
    } else if says("Config file has invalid format") {
        "; on the main, an included file is missing or a line is wrong: see the main's log"
    } else if says("Invalid/unknown command") {
        "; the main has not loaded the module for this action: check [sync] technology"
    } else {
        ""
    }
}

/// What broke on TCP/IP level.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The connection broke.
    #[error("connection lost while waiting for {awaited}: {error}")]
    Lost {
        /// What was to come.
        awaited: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// The main closed the connection.
    #[error("connection closed by the main while waiting for {awaited}")]
    Closed {
        /// What was to come.
        awaited: &'static str,
    },
    /// The main closed the connection behind an answer that looks whole, which it does when it could not write all of it.
    #[error(
        "connection closed by the main after the answer to GetConfig, so lines of it are lost; set writetimeout = \
         10000 in manager.conf on the main"
    )]
    LinesLost,
    /// What the main says can't be kept, which is no fault of the main.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// The time for the whole exchange is over.
    #[error("timed out while waiting for {awaited}")]
    TimedOut {
        /// What was to come.
        awaited: &'static str,
    },
}

/// The peer's text for a message: nothing hidden, not too long.
pub(super) fn excerpt(text: &[u8]) -> String {
    visible_octets(text.get(..EXCERPT).unwrap_or(text))
}
