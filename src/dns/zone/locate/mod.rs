//! NAPTR and SRV of a name that phones register at: RFC 3263 says how they find transport, host and port by them.

use hickory_server::proto::rr::{
    Name, RData,
    rdata::{NAPTR, SRV},
};

use super::names::Systems;
use crate::{
    settings::{self, SipTransport},
    words::state::Target,
};

/// RFC 2782: the smaller number is tried first.
const FIRST: u16 = 10;
const SECOND: u16 = 20;
/// RFC 2782: zero where there is nothing to choose between.
const NO_WEIGHT: u16 = 0;
/// RFC 3403: between the orders of two transports, and the preference where there is one record of an order.
const STEP: u16 = 10;

/// The NAPTR and SRV data for `name` while `serving` serves, each with its owner.
pub(super) fn records(
    settings: &settings::Dns,
    systems: &Systems,
    name: &Name,
    serving: Target,
) -> Vec<(Name, RData)> {
    let mut records = Vec::new();
    for (order, offer) in (STEP..).step_by(usize::from(STEP)).zip(&settings.transports) {
        // A name so long that no label fits before it is found by its address.
        let Some(service) = service(offer.transport, name) else { continue };
        records.push((name.clone(), naptr(order, offer.transport, service.clone())));
        for (priority, target) in told_of(offer.transport, serving) {
            let data = SRV::new(priority, NO_WEIGHT, offer.port(target), systems.host(target).clone());
            records.push((service.clone(), RData::SRV(data)));
        }
    }
    records
}

/// Whom a phone is told of. Over TCP it notices at once that nobody listens, and goes on to the second. Over UDP it
/// waits half a minute for an answer and then, as most do, asks the same one again: it is told of who serves only.
fn told_of(transport: SipTransport, serving: Target) -> Vec<(u16, Target)> {
    let other = match serving {
        Target::Main => Target::Branch,
        Target::Branch => Target::Main,
    };
    match transport {
        SipTransport::Udp => vec![(FIRST, serving)],
        SipTransport::Tcp | SipTransport::Tls => vec![(FIRST, serving), (SECOND, other)],
    }
}

/// RFC 3403 section 4.1: with a replacement there is no regular expression; RFC 3263 section 4.1: `s` leads to SRV.
fn naptr(order: u16, transport: SipTransport, service: Name) -> RData {
    let kind: &[u8] = match transport {
        SipTransport::Udp => b"SIP+D2U",
        SipTransport::Tcp => b"SIP+D2T",
        SipTransport::Tls => b"SIPS+D2T",
    };
    RData::NAPTR(NAPTR::new(order, STEP, (*b"s").into(), kind.into(), [].into(), service))
}

/// `_service._protocol.name` (RFC 2782).
fn service(transport: SipTransport, name: &Name) -> Option<Name> {
    let [service, protocol] = match transport {
        SipTransport::Udp => ["_sip", "_udp"],
        SipTransport::Tcp => ["_sip", "_tcp"],
        SipTransport::Tls => ["_sips", "_tcp"],
    };
    name.prepend_label(protocol).and_then(|name| name.prepend_label(service)).ok()
}

#[cfg(test)]
mod tests;
