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

    /// Returns whether another attempt soon would end the same way: the login is refused, the other side is not an
    /// Asterisk or not the main, or it sends without end.
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

    /// Returns whether the main left out lines of its answer, because it could not send them in time.
    #[must_use]
    pub const fn lost_lines(&self) -> bool {
        matches!(
            self,
            Self::Refused { refusal: Refusal::Numbering(_), .. }
                | Self::Transport { error: TransportError::LinesLost, .. }
        )
    }

    /// Returns whether the main allows this account one login at a time, and another client holds it.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        matches!(self, Self::Refused { refusal: Refusal::InUse, .. })
    }

    /// Whether the main answers that it shuts down.
    #[must_use]
    pub const fn is_shutting_down(&self) -> bool {
        matches!(self, Self::Refused { refusal: Refusal::ShuttingDown, .. })
    }

    /// Returns whether this system had no memory left.
    #[must_use]
    pub const fn is_no_memory(&self) -> bool {
        matches!(self, Self::Transport { error: TransportError::NoMemory(_), .. })
    }

    /// Returns whether the main closed the connection in good order, because its process or a part of it has ended. A
    /// broken connection, such as a reset by a firewall, is a different error.
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
    /// Another program listens there.
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
    /// The main allows each account one login, and this account is in use. The main does not check the password then.
    #[error(
        "login refused: the account is in use by another session, and the main allows one at a time; allow several \
         logins (allowmultiplelogin = yes in [general] of manager.conf on the main), or give each branch an account of \
         its own"
    )]
    InUse,
    /// The main shuts down: it answers this to everything, and takes no new call.
    #[error("the main is shutting down")]
    ShuttingDown,
    /// The main does not prove who it is, or does not speak TLS.
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

/// Returns the remedy for a refusal by the main (`action_getconfig`, `process_message`).
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
    /// The main closed the connection after an answer that looks complete. It does so when it could not write all
    /// lines.
    #[error(
        "connection closed by the main after the answer to GetConfig, so lines of it are lost; set writetimeout = \
         10000 in manager.conf on the main"
    )]
    LinesLost,
    /// This system has no memory for the answer, which is not the main's fault.
    #[error(transparent)]
    NoMemory(#[from] NoMemory),
    /// The time for the whole exchange is over.
    #[error("timed out while waiting for {awaited}")]
    TimedOut {
        /// What was to come.
        awaited: &'static str,
    },
}

/// Returns the peer's text for a message, in printable form and not too long.
pub(super) fn excerpt(text: &[u8]) -> String {
    visible_octets(text.get(..EXCERPT).unwrap_or(text))
}
