//! `[dns]`: the zone of the phones and the relay of everything else.

use std::net::{IpAddr, SocketAddr};

use hickory_server::proto::rr::{LowerName, Name};

use super::{
    Offer, Relay,
    transport::offers,
    value::{self, DAY, WEEK},
    walk::{Key, Keys, Row, group, key, rows},
};
use crate::words::state::{ServiceState, Target};

/// What is wanted where addresses to listen on or to ask are.
const SOCKETS: &str = "address or address:port, separated by commas";
/// What is wanted where the addresses of a system are.
const TARGETS: &str = "up to eight different IPv4 or IPv6 addresses, separated by commas";

/// `[dns]`: the zone of the phones and the relay of everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Sockets to listen on, UDP and TCP.
    pub bind: Vec<SocketAddr>,
    /// The zone.
    pub domain: LowerName,
    /// The host in it that phones register at, whole: `record` under `domain`.
    pub record: LowerName,
    /// TTL of what leads to a system, in seconds: the longest.
    pub record_ttl: u32,
    /// The same while the branch serves.
    pub failover_ttl: u32,
    /// The same while nobody knows whether the main lives.
    pub unstable_ttl: u32,
    /// What the record says while the main serves: at least one address.
    pub target_normal: Vec<IpAddr>,
    /// What it says while the branch serves: at least one address.
    pub target_failover: Vec<IpAddr>,
    /// What phones may register over, the best first: at least one, each once.
    pub transports: Vec<Offer>,
    /// Who answers other names; empty: nobody, they are refused.
    pub forwarders: Vec<SocketAddr>,
    /// Who may ask for them, and what is kept of the answers.
    pub relay: Relay,
    /// Times of the SOA record.
    pub soa: Soa,
    /// What is served until the monitor knows better.
    pub default_target: Target,
}

impl Dns {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Dns {
                bind: key::whole_list(SOCKETS, some_sockets),
                domain: Key::new("a domain such as voice.example.com", value::domain, without_dot),
                record: group(|keys, in_force| record(keys, in_force, domain.as_ref())),
                record_ttl: key::number(30, 0..=DAY),
                failover_ttl: key::number(10, 0..=DAY),
                unstable_ttl: key::number(5, 0..=DAY),
                target_normal: key::whole_list(TARGETS, value::targets),
                target_failover: key::whole_list(TARGETS, value::targets),
                transports: group(offers),
                forwarders: key::list(SOCKETS, value::socket_address).named("forwarder"),
                relay: group(Relay::rows),
                soa: group(Soa::rows),
                default_target: Key::new("normal or failover", target_of, state_of)
                    .named("default_state")
                    .or(Target::Branch),
            },
            forwards_to_others(keys, bind.as_deref(), forwarders.as_deref()),
        )
    }

    /// The addresses of a system.
    #[must_use]
    pub fn addresses(&self, target: Target) -> &[IpAddr] {
        match target {
            Target::Main => &self.target_normal,
            Target::Branch => &self.target_failover,
        }
    }
}

fn some_sockets(text: &str) -> Option<Vec<SocketAddr>> {
    value::each_of(text, value::socket_address).filter(|addresses| !addresses.is_empty())
}

fn without_dot(name: &LowerName) -> String {
    name.to_string().trim_end_matches('.').to_owned()
}

fn target_of(state: &str) -> Option<Target> {
    match ServiceState::from_word(state)? {
        ServiceState::Normal => Some(Target::Main),
        ServiceState::Failover => Some(Target::Branch),
        ServiceState::Init => None,
    }
}

fn state_of(target: &Target) -> String {
    match target {
        Target::Main => "normal",
        Target::Branch => "failover",
    }
    .to_owned()
}

/// `record` is a part of the name that the zone has: what stands before its domain.
fn record(
    keys: &mut dyn Keys,
    in_force: Option<&LowerName>,
    domain: Option<&LowerName>,
) -> Option<LowerName> {
    let label = in_force.zip(domain).map(|(record, domain)| {
        let (record, domain) = (record.to_string(), domain.to_string());
        record.strip_suffix(&domain).unwrap_or(&record).trim_end_matches('.').to_owned()
    });
    let row = Key::new("a host name without the domain", value::record_label, |label: &String| {
        if label.is_empty() { "@".to_owned() } else { label.clone() }
    });
    let label = row.or("sip".to_owned()).walk("record", keys, label.as_ref())?;
    let domain = domain?;
    if label.is_empty() {
        return Some(domain.clone());
    }
    let name = Name::from_ascii(&label).and_then(|label| label.append_domain(domain)).ok();
    let name = name.filter(|name| !name.is_wildcard());
    if name.is_none() {
        let wanted = "wanted is a host name without the domain, such as sip";
        keys.error(&format_args!("record = {label}"), &wanted);
    }
    name.map(LowerName::from)
}

fn forwards_to_others(keys: &mut dyn Keys, bind: Option<&[SocketAddr]>, forwarders: Option<&[SocketAddr]>) {
    let (Some(bind), Some(forwarders)) = (bind, forwarders) else { return };
    if let Some(own) = forwarders.iter().find(|forwarder| bind.contains(forwarder)) {
        let problem = "is what bind names: the server would ask itself";
        keys.error(&format_args!("forwarder = {own}"), &problem);
    }
}

/// The times of the SOA record, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// REFRESH
    pub refresh: u32,
    /// RETRY
    pub retry: u32,
    /// EXPIRE
    pub expire: u32,
    /// MINIMUM: how long a negative answer may be kept (RFC 2308 section 5).
    pub minimum: u32,
    /// TTL of the SOA and NS records themselves.
    pub ttl: u32,
}

impl Soa {
    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Soa {
                refresh: key::number(300, 1..=WEEK).named("soa_refresh"),
                retry: key::number(300, 1..=WEEK).named("soa_retry"),
                expire: key::number(300, 1..=WEEK).named("soa_expire"),
                minimum: key::number(30, 0..=DAY).named("soa_minimum"),
                ttl: key::number(300, 0..=DAY).named("soa_ttl"),
            },
        )
    }
}
