//! `[dns]`

use hickory_server::proto::rr::{LowerName, Name};

use super::{DAY, WEEK, reader::Reader, relay::read_relay};
use crate::{
    settings::{
        Dns, Offer, SipTransport, Soa,
        transport::sip_port,
        value::{domain, each_once, list, record_label, socket_address, targets},
    },
    words::state::{ServiceState, Target},
};

/// `Some(None)` is a section that says `enabled = no`.
pub(super) fn read_dns(section: &mut Reader<'_>) -> Option<Option<Dns>> {
    if !section.enabled()? {
        return Some(None);
    }
    let bind = section.required("bind", "address or address:port, separated by commas", |text| {
        list(text, socket_address).filter(|addresses| !addresses.is_empty())
    });
    let domain = section.required("domain", "a domain such as voice.example.com", domain);
    let record =
        section.optional("record", Some("sip".to_owned()), "a host name without the domain", |text| {
            Some(record_label(text))
        });
    let record_ttl = section.number("record_ttl", 30, 0, DAY);
    let failover_ttl = section.number("failover_ttl", 10, 0, DAY);
    let unstable_ttl = section.number("unstable_ttl", 5, 0, DAY);
    let wanted = "up to eight different IPv4 or IPv6 addresses, separated by commas";
    let target_normal = section.required("target_normal", wanted, targets);
    let target_failover = section.required("target_failover", wanted, targets);
    let transports = read_transports(section);
    let forwarders =
        section.optional("forwarder", Vec::new(), "address or address:port, separated by commas", |text| {
            list(text, socket_address)
        });
    if let (Some(bind), Some(forwarders)) = (&bind, &forwarders)
        && let Some(own) = forwarders.iter().find(|forwarder| bind.contains(forwarder))
    {
        section.error(
            format_args!("forwarder = {own}"),
            "is what bind names: questions would go round in a circle",
        );
    }
    let relay = read_relay(section);
    let soa = read_soa(section);
    let default_target = section.optional("default_state", Target::Branch, "normal or failover", |text| {
        match ServiceState::from_word(text)? {
            ServiceState::Normal => Some(Target::Main),
            ServiceState::Failover => Some(Target::Branch),
            ServiceState::Init => None,
        }
    });
    let record = match (record.flatten(), &domain) {
        (Some(label), Some(domain)) => record_name(section, &label, domain),
        _ => None,
    };
    section.finish();
    Some(Some(Dns {
        bind: bind?,
        domain: domain?,
        record: record?,
        record_ttl: record_ttl?,
        failover_ttl: failover_ttl?,
        unstable_ttl: unstable_ttl?,
        target_normal: target_normal?,
        target_failover: target_failover?,
        transports: transports?,
        forwarders: forwarders?,
        relay: relay?,
        soa: soa?,
        default_target: default_target?,
    }))
}

/// Only UDP where nothing is said: every Asterisk listens there, and a phone that is told of TCP prefers it, whether or
/// not somebody listens.
fn read_transports(section: &mut Reader<'_>) -> Option<Vec<Offer>> {
    let wanted = "udp, tcp and tls, each at most once and perhaps with a port, such as udp:5060,tcp";
    let usual = vec![(SipTransport::Udp, SipTransport::Udp.usual_port())];
    let main = section.optional("transports", usual, wanted, sip_ports)?;
    let branch = section.optional("transports_failover", main.clone(), wanted, sip_ports)?;
    let offers: Vec<Offer> = main
        .iter()
        .filter_map(|&(transport, main_port)| {
            let &(_, branch_port) = branch.iter().find(|(other, _)| *other == transport)?;
            Some(Offer { transport, main_port, branch_port })
        })
        .collect();
    if offers.len() < main.len().max(branch.len()) {
        let words: Vec<String> = branch.iter().map(|(transport, _)| transport.to_string()).collect();
        let problem = "wanted are those of transports, with other ports: a phone that uses one which only one system \
                       takes could not move to the other";
        section.error(format_args!("transports_failover = {}", words.join(",")), problem);
        return None;
    }
    Some(offers)
}

fn sip_ports(text: &str) -> Option<Vec<(SipTransport, u16)>> {
    let ports = list(text, sip_port)?;
    let transports: Vec<SipTransport> = ports.iter().map(|(transport, _)| *transport).collect();
    (each_once(&transports) && !ports.is_empty()).then_some(ports)
}

fn read_soa(section: &mut Reader<'_>) -> Option<Soa> {
    let refresh = section.number("soa_refresh", 300, 1, WEEK);
    let retry = section.number("soa_retry", 300, 1, WEEK);
    let expire = section.number("soa_expire", 300, 1, WEEK);
    let minimum = section.number("soa_minimum", 30, 0, DAY);
    let ttl = section.number("soa_ttl", 300, 0, DAY);
    Some(Soa { refresh: refresh?, retry: retry?, expire: expire?, minimum: minimum?, ttl: ttl? })
}

fn record_name(section: &mut Reader<'_>, label: &str, domain: &LowerName) -> Option<LowerName> {
    if label.is_empty() {
        return Some(domain.clone());
    }
    let name = Name::from_ascii(label).and_then(|label| label.append_domain(domain)).ok();
    let name = name.filter(|name| !name.is_wildcard());
    if name.is_none() {
        section
            .error(format_args!("record = {label}"), "wanted is a host name without the domain, such as sip");
    }
    name.map(LowerName::from)
}
