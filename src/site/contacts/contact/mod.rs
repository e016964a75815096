//! The contact of a phone: what of a SIP URI is taken, and how it is dialled.
//!
//! A phone chooses its contact, and the main passes it on. So it is taken apart, only known parts are kept, and what is
//! dialled is written anew from these. A host is an address, never a name: in an outage DNS is what doesn't answer.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::settings::{SipTransport, Technology};

/// Bytes of a user part or of a parameter at most: phones use a few dozen.
const LONGEST: usize = 64;
/// Parameters that some phones want to see again in the request: Snom, Counterpath, pjsua.
const KEPT: [&str; 3] = ["line", "rinstance", "ob"];
/// Where res_pjsip puts the host that the phone itself gave, before `rewrite_contact` (res_pjsip_nat.c).
const ORIGINAL: &str = "x-ast-orig-host";

/// A contact that can be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    user: String,
    address: SocketAddr,
    transport: SipTransport,
    /// `;name=value` of those kept.
    parameters: String,
}

/// Why a URI is not dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Another scheme, or no URI.
    #[error("it is not a sip: URI with a user")]
    NoSip,
    /// Something in front of the `@` that a phone's number never has.
    #[error("its user part has other characters than letters, digits and -_.+*")]
    User,
    /// A name, or an address that no phone has.
    #[error("its host is not the address of a phone")]
    Host,
    /// A transport that can't be dialled.
    #[error("its transport is not udp, tcp or tls")]
    Transport,
}

impl Contact {
    /// Takes a URI apart.
    ///
    /// # Errors
    /// Why it is not dialled.
    pub fn parse(uri: &str) -> Result<Self, Refusal> {
        let scheme =
            uri.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("sip:")).ok_or(Refusal::NoSip)?;
        let mut parts = uri.get(scheme.len()..).unwrap_or_default().split(';');
        let (user, host) = parts.next().and_then(|part| part.split_once('@')).ok_or(Refusal::NoSip)?;
        if !is_word(user, "-_.+*") {
            return Err(Refusal::User);
        }
        let (mut transport, mut original, mut parameters) = (SipTransport::Udp, None, String::new());
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("transport") {
                transport = SipTransport::from_word(value).ok_or(Refusal::Transport)?;
            } else if is(ORIGINAL) {
                original = Some(value);
            } else if let Some(kept) = KEPT.into_iter().find(|known| is(known)) {
                match value {
                    "" => parameters.push_str(&format!(";{kept}")),
                    value if is_word(value, "-_.") => parameters.push_str(&format!(";{kept}={value}")),
                    _ => {}
                }
            }
        }
        let port = transport.usual_port();
        let address = address_in(host, port).ok_or(Refusal::Host)?;
        // Behind the same router, the phone's own address is the one that leads there.
        let address = original.and_then(|host| address_in(host, port)).unwrap_or(address);
        Ok(Self { user: user.to_owned(), address, transport, parameters })
    }

    /// The same phone at the address that its request came from.
    #[must_use]
    pub fn at(&self, host: &str, port: &str) -> Option<Self> {
        let address = SocketAddr::new(host.parse().ok()?, port.parse().ok()?);
        is_phone(&address).then(|| Self { address, ..self.clone() })
    }

    /// A phone of that name of which nothing but the address is known.
    #[must_use]
    pub fn of_name(user: &str, host: &str, port: &str) -> Option<Self> {
        Self::parse(&format!("sip:{user}@192.0.2.1")).ok()?.at(host, port)
    }

    /// Over what it talks.
    #[must_use]
    pub const fn transport(&self) -> SipTransport {
        self.transport
    }

    /// How `Dial` reaches it as a phone of this account; none where the account's name can't be in a dial string.
    ///
    /// chan_sip does not dial a device that is not registered at any address (create_addr_from_peer), so there it is
    /// dialled as a stranger, with the settings of `[general]`.
    #[must_use]
    pub fn dial(&self, technology: Technology, account: &str) -> Option<String> {
        let Self { user, address, transport, .. } = self;
        match technology {
            Technology::Pjsip => is_word(account, "-_.+*").then(|| format!("PJSIP/{account}/{self}")),
            Technology::Sip => Some(match transport {
                SipTransport::Udp => format!("SIP/{user}@{address}"),
                other => format!("SIP/{user}::::{other}@{address}"),
            }),
        }
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, address, transport, parameters } = self;
        write!(f, "sip:{user}@{address}")?;
        if *transport != SipTransport::Udp {
            write!(f, ";transport={transport}")?;
        }
        f.write_str(parameters)
    }
}

/// Whether a text is letters, digits and these, and not too long.
fn is_word(text: &str, besides: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || besides.contains(letter))
}

/// `ADDRESS` or `ADDRESS:PORT`, as URIs have it: IPv6 in brackets.
fn address_in(host: &str, port: u16) -> Option<SocketAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let alone = match bare {
        Some(bare) => bare.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    };
    let address = alone.map(|ip| SocketAddr::new(ip, port)).or_else(|| host.parse().ok())?;
    is_phone(&address).then_some(address)
}

/// Whether a phone can have this address.
fn is_phone(address: &SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let scoped = matches!(address, SocketAddr::V6(address) if address.scope_id() != 0);
    address.port() != 0
        && !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || broadcast || scoped)
}

#[cfg(test)]
mod tests;
