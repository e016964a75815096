//! `[dns]`

use hickory_server::proto::rr::{LowerName, Name};

use super::{DAY, WEEK, reader::Reader};
use crate::{
    settings::{
        Dns, Soa,
        value::{domain, list, record_label, socket_address, unicast_address},
    },
    state::{ServiceState, Target},
};

/// `Some(None)` is a section that says `enabled = no`.
pub(super) fn read_dns(section: &mut Reader<'_>) -> Option<Option<Dns>> {
    if !section.enabled()? {
        return Some(None);
    }
    let bind = section.required("bind", "address or address:port, separated by commas", |text| {
        list(text, socket_address).filter(|addresses| !addresses.is_empty())
    });
    let domain = section.required("domain", "a domain such as voice.example.com, not below .local", domain);
    let record =
        section.optional("record", Some("sip".to_owned()), "a host name without the domain", |text| {
            Some(record_label(text))
        });
    let record_ttl = section.number("record_ttl", 30, 0, DAY);
    let wanted = "an IPv4 address";
    let target_normal = section.required("target_normal", wanted, unicast_address);
    let target_failover = section.required("target_failover", wanted, unicast_address);
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
        target_normal: target_normal?,
        target_failover: target_failover?,
        forwarders: forwarders?,
        soa: soa?,
        default_target: default_target?,
    }))
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
