//! `transports`: over what the phones may talk SIP to the two systems, and at which ports.

use std::fmt;

use super::{
    value,
    walk::{Key, Keys, Row},
};
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

/// A transport and a port, of one system.
type Port = (SipTransport, u16);

/// `transports` and `transports_failover`. Only UDP where nothing is said: every Asterisk listens there, and a phone that
/// is told of TCP prefers it, whether or not somebody listens.
pub(super) fn offers(keys: &mut dyn Keys, in_force: Option<&Vec<Offer>>) -> Option<Vec<Offer>> {
    let ports = |target| {
        let port = move |offer: &Offer| (offer.transport, offer.port(target));
        in_force.map(|offers| offers.iter().map(port).collect::<Vec<Port>>())
    };
    let row = || {
        let wanted = "udp, tcp and tls, each at most once and perhaps with a port, such as udp:5060,tcp";
        Key::new(wanted, read_ports, |ports: &Vec<Port>| {
            ports.iter().map(|(transport, port)| format!("{transport}:{port}")).collect::<Vec<_>>().join(",")
        })
    };
    let usual = vec![(SipTransport::Udp, SipTransport::Udp.usual_port())];
    let main = row().or(usual.clone()).walk("transports", keys, ports(Target::Main).as_ref());
    let branch = row().or(main.clone().unwrap_or(usual));
    let branch = branch.walk("transports_failover", keys, ports(Target::Branch).as_ref());
    let (main, branch) = (main?, branch?);
    let offers: Vec<Offer> = main
        .iter()
        .filter_map(|&(transport, main_port)| {
            let &(_, branch_port) = branch.iter().find(|(other, _)| *other == transport)?;
            Some(Offer { transport, main_port, branch_port })
        })
        .collect();
    if offers.len() < main.len().max(branch.len()) {
        let words: Vec<String> = branch.iter().map(|(transport, _)| transport.to_string()).collect();
        let problem = "wanted are those of transports, perhaps with other ports: a phone can only move between systems \
                       that accept its transport";
        keys.error(&format_args!("transports_failover = {}", words.join(",")), &problem);
        return None;
    }
    Some(offers)
}

fn read_ports(text: &str) -> Option<Vec<Port>> {
    let ports = value::each_of(text, read_port)?;
    let transports: Vec<SipTransport> = ports.iter().map(|(transport, _)| *transport).collect();
    (value::each_once(&transports) && !ports.is_empty()).then_some(ports)
}

/// `udp` or `udp:5060`.
fn read_port(text: &str) -> Option<Port> {
    let (word, port) = match text.split_once(':') {
        Some((word, port)) => (word, Some(port.parse().ok().filter(|port| *port != 0)?)),
        None => (text, None),
    };
    let transport = SipTransport::from_word(word.trim())?;
    Some((transport, port.unwrap_or_else(|| transport.usual_port())))
}
