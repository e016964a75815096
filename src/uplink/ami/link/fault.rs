//! What ends an exchange. Pure.

use super::Last;
use crate::uplink::ami::{Action, PasswordError, Refusal, TlsError, TransportError, error::Unprepared};

/// What ends an exchange, before the address is added.
#[derive(Debug)]
pub(super) enum Fault {
    Refused(Refusal),
    Transport(TransportError),
    Unprepared(Unprepared),
}

impl Fault {
    /// Whether the connection is as good as before: the main has said no to one question, as it says yes to others. One
    /// that says anything but Pong to a Ping is better asked anew.
    pub(super) fn leaves_line(&self) -> bool {
        match self {
            Self::Refused(Refusal::Answer { action, .. }) => *action != Action::Ping.name(),
            Self::Refused(Refusal::ShuttingDown) => true,
            _ => false,
        }
    }

    /// What it shows of the main.
    pub(super) const fn shows(&self) -> Last {
        match self {
            Self::Transport(TransportError::Closed { .. }) => Last::Ended,
            Self::Transport(TransportError::Lost { .. }) => Last::Lost,
            Self::Refused(Refusal::ShuttingDown) => Last::ShutsDown,
            _ => Last::Nothing,
        }
    }
}

impl From<PasswordError> for Fault {
    fn from(error: PasswordError) -> Self {
        Self::Unprepared(error.into())
    }
}

impl From<TlsError> for Fault {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Unusable(_) => Self::Unprepared(Unprepared::Tls(error)),
            error => Self::Refused(error.into()),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<TransportError> for Fault {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}
