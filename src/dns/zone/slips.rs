//! Settings of the zone that are valid but surely a mistake, which only an outage would show. Pure.

use std::net::IpAddr;

use hickory_server::proto::rr::{LowerName, Name};

use crate::{settings::Dns, words::wording::listed};

/// TTLs in seconds, for which a phone may keep using a dead address. Above the first, a move is slow; above the second,
/// phones do not move at all.
const SLOW_TTL: u32 = 300;
const NO_MOVE_TTL: u32 = 3600;
/// A record that ends with this many labels of the domain is a whole name.
const TELLING_LABELS: usize = 2;

/// One such mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slip {
    /// Whether phones would not move to the branch in an outage.
    pub fails: bool,
    /// What it is, and what to do.
    pub text: String,
}

/// Returns all of them. `is_own` says which addresses this machine has.
pub fn slips(dns: &Dns, is_own: &dyn Fn(IpAddr) -> bool) -> Vec<Slip> {
    let mut found = Vec::new();
    found.extend(whole_name(dns).map(|text| Slip { fails: true, text }));
    found.extend(targets(dns, is_own).map(|text| Slip { fails: true, text }));
    // Not on the one of a pair that stands by: it is meant so there.
    found.extend(bind(dns, is_own).map(|text| Slip { fails: false, text }));
    for (key, ttl) in [("record_ttl", dns.record_ttl), ("unstable_ttl", dns.unstable_ttl)] {
        if ttl > SLOW_TTL {
            let text = format!(
                "{key} = {ttl}: after a DNS answer, phones may call a dead main for that many seconds; 5 to 60 is \
                 usual"
            );
            found.push(Slip { fails: ttl > NO_MOVE_TTL, text });
        }
    }
    found.extend(local_domain(dns).map(|text| Slip { fails: false, text }));
    found
}

/// Returns the warning about a domain that belongs to mDNS (RFC 6762 section 3). Many phones ask the name server
/// anyway.
#[must_use]
pub fn local_domain(dns: &Dns) -> Option<String> {
    let is_local = Name::from_ascii("local.").is_ok_and(|local| local.zone_of(&dns.domain));
    is_local.then(|| {
        let name = dns.domain.to_string();
        let name = name.trim_end_matches('.');
        format!(
            "domain = {name}: names below .local belong to mDNS (RFC 6762), and some phones resolve them only \
             there; test your phones, or use a domain of your own"
        )
    })
}

/// `record = sip.voice.example.com`, where `sip` is meant.
fn whole_name(dns: &Dns) -> Option<String> {
    let labels = |name: &LowerName| -> Vec<Vec<u8>> { name.iter().map(<[u8]>::to_vec).collect() };
    let (record, domain) = (labels(&dns.record), labels(&dns.domain));
    let own = record.get(..record.len().checked_sub(domain.len())?)?;
    let telling = domain.get(domain.len().checked_sub(TELLING_LABELS)?..)?;
    if !own.ends_with(telling) {
        return None;
    }
    let name = dns.record.to_string();
    let domain = dns.domain.to_string();
    Some(format!(
        "record is a whole name, so phones would have to ask for {}: write only the part before {}",
        name.trim_end_matches('.'),
        domain.trim_end_matches('.')
    ))
}

fn targets(dns: &Dns, is_own: &dyn Fn(IpAddr) -> bool) -> Option<String> {
    let (normal, failover) = (&dns.target_normal, &dns.target_failover);
    let here = |addresses: &[IpAddr]| addresses.iter().copied().any(is_own);
    let same = normal.len() == failover.len() && normal.iter().all(|address| failover.contains(address));
    if let Some(address) = normal.iter().chain(failover).find(|address| address.is_loopback()) {
        return Some(format!(
            "{address} is a loopback address, which leads each phone to itself: a target must be an address that \
             phones can reach"
        ));
    }
    if same {
        let addresses = listed(normal);
        return Some(format!(
            "target_normal and target_failover are both {addresses}: a failover would change nothing"
        ));
    }
    match (here(normal), here(failover)) {
        (true, false) => Some(format!(
            "target_normal = {} is this machine, and target_failover = {} is not: swap the two",
            listed(normal),
            listed(failover)
        )),
        // `bind` says it, and only warns.
        (false, false) if failover.iter().all(|address| listens_at(dns, *address)) => None,
        (false, false) => Some(format!(
            "target_failover = {} is not an address of this machine, so phones would be sent to another one (one \
             that moves between the two of a pair has to be in bind as well)",
            listed(failover)
        )),
        (_, true) => None,
    }
}

fn listens_at(dns: &Dns, address: IpAddr) -> bool {
    dns.bind.iter().any(|bound| bound.ip() == address)
}

/// An address that nobody can ask at now.
fn bind(dns: &Dns, is_own: &dyn Fn(IpAddr) -> bool) -> Option<String> {
    let mut addresses = dns.bind.iter().map(|address| address.ip());
    let is_anywhere = |address: &IpAddr| address.is_unspecified() || address.is_loopback();
    let away = addresses.find(|address| !is_anywhere(address) && !is_own(*address))?;
    if dns.target_failover.contains(&away) {
        return Some(format!(
            "bind and target_failover are {away}, which is not an address of this machine now: right while the other \
             one of a pair has it, else no phone gets an answer here, and in an outage phones would be sent elsewhere"
        ));
    }
    Some(format!(
        "bind = {away} is not an address of this machine now, so no phone gets an answer there until it is (an address \
         that moves between two machines must be on this one)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{settings, words::conf::ConfSection};

    const LINES: [(&str, &str); 5] = [
        ("bind", "192.168.0.254"),
        ("domain", "voice.example.com"),
        ("target_normal", "10.0.0.254"),
        ("target_failover", "192.168.0.254"),
        ("record_ttl", "30"),
    ];

    /// The same with other lines; this machine is 192.168.0.254.
    fn found(others: &[(&str, &str)]) -> Vec<Slip> {
        let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
        let sync = ConfSection::new("sync", [("enabled", "no")]);
        let kept = LINES.iter().filter(|(key, _)| others.iter().all(|(other, _)| other != key));
        let dns = ConfSection::new("dns", kept.chain(others).copied());
        let dns = settings::read(&[main, sync, dns]).unwrap().dns.unwrap();
        slips(&dns, &|address| address.to_string() == "192.168.0.254")
    }

    #[test]
    fn what_can_be_meant_is_no_slip() {
        for others in [
            &[][..],
            &[("record", "sip")],
            &[("record", "@")],
            &[("record", "voice")],
            &[("record", "a.b")],
            &[("target_failover", "192.168.0.254,192.168.0.253")],
            &[("record_ttl", "300")],
        ] {
            assert_eq!(found(others), [], "{others:?}");
        }
    }

    #[test]
    fn what_would_move_nobody_fails_and_says_what_to_do() {
        for (others, part) in [
            (&[("record", "sip.voice.example.com")][..], "write only the part before voice.example.com"),
            (&[("record", "sip.example.com")], "ask for sip.example.com.voice.example.com"),
            (&[("target_normal", "192.168.0.254"), ("target_failover", "10.0.0.254")], "swap the two"),
            (&[("target_failover", "10.0.0.254")], "a failover would change nothing"),
            (&[("target_failover", "192.168.0.25")], "is not an address of this machine"),
            (&[("target_failover", "127.0.0.1")], "127.0.0.1 is a loopback address"),
            (&[("record_ttl", "86400")], "record_ttl = 86400"),
        ] {
            let found = found(others);
            assert!(matches!(&found[..], [Slip { fails: true, text }] if text.contains(part)), "{found:?}");
        }
        assert!(!found(&[("record_ttl", "600")])[0].fails);
    }

    #[test]
    fn an_address_to_listen_on_that_is_elsewhere_is_one() {
        let slips = found(&[("bind", "192.168.0.254,192.168.0.250")]);
        let [Slip { fails: false, text }] = slips.as_slice() else { panic!("{slips:?}") };
        assert!(text.starts_with("bind = 192.168.0.250 is not an address of this machine now"), "{text}");
        assert_eq!(found(&[("bind", "0.0.0.0,[::]")]), []);
    }

    #[test]
    fn the_address_of_a_pair_is_elsewhere_while_this_one_stands_by() {
        let floating = "192.168.0.250";
        for bind in [floating, "192.168.0.254,192.168.0.250"] {
            let slips = found(&[("bind", bind), ("target_failover", floating)]);
            let [Slip { fails: false, text }] = slips.as_slice() else { panic!("{slips:?}") };
            assert!(
                text.starts_with("bind and target_failover are 192.168.0.250, which is not an"),
                "{text}"
            );
        }
        // One that the name server never listens at is none of a pair.
        let slips = found(&[("bind", floating), ("target_failover", "192.168.0.25")]);
        assert!(slips.iter().any(|slip| slip.fails && slip.text.contains("has to be in bind")), "{slips:?}");
    }
}
