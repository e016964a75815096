//! What every zone has at its domain: SOA and NS.

use std::net::IpAddr;

use hickory_server::proto::rr::{
    Name, RData, Record,
    rdata::{NS, SOA},
};

use crate::settings;

pub(super) fn soa(settings: &settings::Dns, name_server: &Name, serial: u32) -> Record {
    let origin = Name::from(&settings.domain);
    // A domain so long that no label fits before it has no mailbox of its own.
    let mailbox = origin.prepend_label("hostmaster").unwrap_or_else(|_| origin.clone());
    // RFC 2181 section 8: times are 31 bits wide.
    let seconds = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let times = settings.soa;
    let data = SOA::new(
        name_server.clone(),
        mailbox,
        serial,
        seconds(times.refresh),
        seconds(times.retry),
        seconds(times.expire),
        times.minimum,
    );
    Record::from_rdata(origin, times.ttl, RData::SOA(data))
}

pub(super) fn ns(settings: &settings::Dns, name_server: &Name) -> Record {
    let data = RData::NS(NS(name_server.clone()));
    Record::from_rdata(Name::from(&settings.domain), settings.soa.ttl, data)
}

/// RFC 2308 section 5: a negative answer lives as long as the smaller of MINIMUM and the SOA's own TTL. Not longer
/// than the records of the situation either, or a phone that once heard "no" would learn of a change later than others.
pub(super) fn negative(settings: &settings::Dns, mut soa: Record, ttl: u32) -> Record {
    soa.ttl = settings.soa.minimum.min(settings.soa.ttl).min(ttl);
    soa
}

/// Where this DNS server is reached: at what it is bound to, or at the branch where that is every address.
pub(super) fn own_addresses(settings: &settings::Dns) -> Vec<IpAddr> {
    let mut bound: Vec<IpAddr> = Vec::new();
    for bind in &settings.bind {
        if !bind.ip().is_unspecified() && !bound.contains(&bind.ip()) {
            bound.push(bind.ip());
        }
    }
    if bound.is_empty() { settings.target_failover.clone() } else { bound }
}
