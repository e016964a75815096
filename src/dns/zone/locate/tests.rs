use hickory_server::proto::rr::{RData, RecordType};
use proptest::prelude::*;

use crate::{
    dns::{
        stand_in::{name, settings},
        zone::{Lookup, Situation, Zone},
    },
    settings::{Dns, Offer, SipTransport},
    words::state::Target,
};

/// All three transports, at ports of their own on each system.
fn all_transports() -> Dns {
    let offer = |transport, main_port, branch_port| Offer { transport, main_port, branch_port };
    let mut settings = settings();
    settings.transports = vec![
        offer(SipTransport::Tls, 5061, 5071),
        offer(SipTransport::Tcp, 5160, 5170),
        offer(SipTransport::Udp, 5060, 5070),
    ];
    settings
}

/// Every record of this type of a name, as a zone file has it behind the type.
fn texts(zone: &Zone, owner: &str, record_type: RecordType) -> Vec<String> {
    let records = zone.records(&name(owner).into(), record_type);
    records.iter().map(|record| record.data.to_string()).collect()
}

const REGISTRARS: [&str; 2] = ["voice.example.com.", "sip.voice.example.com."];

#[test]
fn rfc3263_s4_1_naptr_leads_to_srv_in_the_order_of_the_settings() {
    for owner in REGISTRARS {
        let zone = Zone::new(&all_transports(), Target::Main, 1);
        assert_eq!(
            texts(&zone, owner, RecordType::NAPTR),
            [
                format!("10 10 \"s\" \"SIPS+D2T\" \"\" _sips._tcp.{owner}"),
                format!("20 10 \"s\" \"SIP+D2T\" \"\" _sip._tcp.{owner}"),
                format!("30 10 \"s\" \"SIP+D2U\" \"\" _sip._udp.{owner}"),
            ]
        );
    }
}

#[test]
fn rfc3403_s4_1_a_replacement_excludes_a_regular_expression() {
    let zone = Zone::new(&all_transports(), Target::Main, 1);
    for owner in REGISTRARS {
        for record in zone.records(&name(owner).into(), RecordType::NAPTR) {
            let RData::NAPTR(naptr) = &record.data else { panic!("{record}") };
            assert!(naptr.regexp.is_empty() && !naptr.replacement.is_root());
        }
    }
}

#[test]
fn rfc2782_over_tcp_and_tls_who_serves_comes_first_and_the_other_second() {
    for owner in REGISTRARS {
        for (service, main, branch) in [("_sip._tcp", 5160, 5170), ("_sips._tcp", 5061, 5071)] {
            let service = format!("{service}.{owner}");
            let zone = Zone::new(&all_transports(), Target::Main, 1);
            assert_eq!(
                texts(&zone, &service, RecordType::SRV),
                [
                    format!("10 0 {main} main.voice.example.com."),
                    format!("20 0 {branch} branch.voice.example.com.")
                ]
            );
            let zone = Zone::new(&all_transports(), Target::Branch, 1);
            assert_eq!(
                texts(&zone, &service, RecordType::SRV),
                [
                    format!("10 0 {branch} branch.voice.example.com."),
                    format!("20 0 {main} main.voice.example.com.")
                ]
            );
        }
    }
}

#[test]
fn rfc2782_over_udp_phones_are_told_of_who_serves_only() {
    for owner in REGISTRARS {
        let service = format!("_sip._udp.{owner}");
        let of = |target| texts(&Zone::new(&all_transports(), target, 1), &service, RecordType::SRV);
        assert_eq!(of(Target::Main), ["10 0 5060 main.voice.example.com."]);
        assert_eq!(of(Target::Branch), ["10 0 5070 branch.voice.example.com."]);
    }
}

#[test]
fn rfc3263_s4_2_a_transport_that_is_not_offered_has_no_srv_but_the_name_has_an_address() {
    let zone = Zone::new(&settings(), Target::Main, 1);
    for owner in REGISTRARS {
        assert_eq!(texts(&zone, owner, RecordType::NAPTR).len(), 1);
        for service in ["_sip._tcp", "_sips._tcp", "_tcp"] {
            let service = name(&format!("{service}.{owner}"));
            // RFC 3263 section 4.2: a phone set to TCP then asks for the address, as before there was SRV. A target of
            // "." would tell it that there is no such service at all (RFC 2782).
            assert_eq!(zone.lookup(&service.into()), Lookup::Unknown);
        }
        assert_eq!(texts(&zone, owner, RecordType::A).len(), 1);
    }
}

#[test]
fn rfc2181_s10_3_ns_and_srv_lead_to_hosts_and_not_to_aliases() {
    for target in [Target::Main, Target::Branch] {
        let zone = Zone::new(&all_transports(), target, 1);
        let records: Vec<_> = zone.names().flat_map(|(_, sets)| sets.values().flatten()).collect();
        assert!(records.iter().all(|record| record.record_type() != RecordType::CNAME));
        let hosts = records.iter().filter_map(|record| match &record.data {
            RData::NS(host) => Some(&host.0),
            RData::SRV(service) => Some(&service.target),
            _ => None,
        });
        let hosts: Vec<_> = hosts.collect();
        // NS, and for both names that phones register at, one over UDP, and two over TCP and TLS each.
        assert_eq!(hosts.len(), 11);
        assert!(hosts.iter().all(|host| !zone.records(&(*host).into(), RecordType::A).is_empty()));
    }
}

#[test]
fn a_record_that_is_the_domain_has_each_record_once() {
    let mut settings = all_transports();
    settings.record = settings.domain.clone();
    let zone = Zone::new(&settings, Target::Main, 1);
    assert_eq!(texts(&zone, "voice.example.com.", RecordType::NAPTR).len(), 3);
    assert_eq!(texts(&zone, "_sip._tcp.voice.example.com.", RecordType::SRV).len(), 2);
}

#[test]
fn what_leads_to_a_system_falls_with_the_ttl_of_the_situation() {
    let situation = Situation { target: Target::Main, unstable: true };
    let zone = Zone::new(&all_transports(), situation, 1);
    for (owner, record_type) in [
        ("sip.voice.example.com.", RecordType::NAPTR),
        ("_sip._udp.sip.voice.example.com.", RecordType::SRV),
        ("_sip._tcp.voice.example.com.", RecordType::SRV),
    ] {
        let records = zone.records(&name(owner).into(), record_type);
        assert!(!records.is_empty() && records.iter().all(|record| record.ttl == 5), "{owner}");
    }
}

proptest! {
    /// RFC 2782 and RFC 2181 section 10.3: what NAPTR names has SRV, and what SRV names has addresses, however long the
    /// domain is.
    #[test]
    fn rfc2782_every_target_has_an_address(
        domain in proptest::collection::vec("[a-z]{1,63}", 1..5),
        deep in proptest::collection::vec("[a-z]{1,63}|main|branch|ns", 0..3),
        branch: bool,
    ) {
        let domain = name(&(domain.join(".") + "."));
        let record = deep.iter().try_fold(domain.clone(), |name, label| name.prepend_label(label.as_str()));
        prop_assume!(record.is_ok());
        let mut settings = all_transports();
        (settings.domain, settings.record) = (domain.clone().into(), record.unwrap().into());
        let target = if branch { Target::Branch } else { Target::Main };
        let zone = Zone::new(&settings, target, 1);
        for owner in [&settings.domain, &settings.record] {
            prop_assert_eq!(zone.records(owner, RecordType::A)[0].data.ip_addr(), settings.addresses(target).first().copied());
            prop_assert_eq!(zone.records(owner, RecordType::A).len(), 1);
            for record in zone.records(owner, RecordType::NAPTR) {
                let RData::NAPTR(naptr) = &record.data else { panic!("{record}") };
                let services = zone.records(&(&naptr.replacement).into(), RecordType::SRV);
                prop_assert!(!services.is_empty());
                for record in services {
                    let RData::SRV(service) = &record.data else { panic!("{record}") };
                    prop_assert_eq!(zone.records(&(&service.target).into(), RecordType::A).len(), 1);
                }
            }
        }
        let short = settings.domain.iter().map(|label| label.len() + 1).sum::<usize>() < 200;
        prop_assert!(!short || !zone.records(&settings.domain, RecordType::NAPTR).is_empty());
    }
}
