//! `transports`: over what the phones may talk SIP to the two systems, and at which ports.

use std::fmt;

use crate::words::state::Target;

/// What SIP travels over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SipTransport {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// TLS over TCP, for `sips`
    Tls,
}

impl SipTransport {
    /// The transport of that word, upper or lower case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let known = [SipTransport::Udp, SipTransport::Tcp, SipTransport::Tls];
        known.into_iter().find(|transport| transport.to_string().eq_ignore_ascii_case(word))
    }

    /// Where a system listens that was not told otherwise (RFC 3261 section 19.1.2).
    #[must_use]
    pub fn usual_port(self) -> u16 {
        match self {
            SipTransport::Udp | SipTransport::Tcp => 5060,
            SipTransport::Tls => 5061,
        }
    }
}

impl fmt::Display for SipTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SipTransport::Udp => "udp",
            SipTransport::Tcp => "tcp",
            SipTransport::Tls => "tls",
        })
    }
}

/// A transport that both systems take. One that only one of them takes is none to tell phones of: they would stay with
/// it when the other one serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The transport.
    pub transport: SipTransport,
    /// Where the main listens.
    pub main_port: u16,
    /// Where the branch listens.
    pub branch_port: u16,
}

impl Offer {
    /// Where this system listens.
    #[must_use]
    pub fn port(&self, target: Target) -> u16 {
        match target {
            Target::Main => self.main_port,
            Target::Branch => self.branch_port,
        }
    }
}

/// `udp` or `udp:5060`.
pub(super) fn sip_port(text: &str) -> Option<(SipTransport, u16)> {
    let (word, port) = match text.split_once(':') {
        Some((word, port)) => (word, Some(port.parse().ok().filter(|port| *port != 0)?)),
        None => (text, None),
    };
    let transport = SipTransport::from_word(word.trim())?;
    Some((transport, port.unwrap_or_else(|| transport.usual_port())))
}
