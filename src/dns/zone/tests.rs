use std::net::Ipv4Addr;

use hickory_server::proto::rr::rdata::NS;

use super::*;
use crate::dns::stand_in::{name, settings};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The addresses of a name, IPv4 before IPv6.
fn address(zone: &Zone, owner: &str) -> Vec<IpAddr> {
    let of = |record_type| zone.records(&name(owner).into(), record_type);
    let records = of(RecordType::A).iter().chain(of(RecordType::AAAA));
    records.filter_map(|record| record.data.ip_addr()).collect()
}

fn addresses<const N: usize>(texts: [&str; N]) -> Vec<IpAddr> {
    texts.map(|text| text.parse().unwrap()).into()
}

fn doubted(target: Target) -> Situation {
    Situation { target, unstable: true }
}

#[test]
fn the_record_and_the_bare_domain_lead_to_who_serves() {
    let settings = settings();
    for (target, expected) in
        [(Target::Main, &settings.target_normal), (Target::Branch, &settings.target_failover)]
    {
        let zone = Zone::new(&settings, target, 1);
        assert_eq!(address(&zone, "sip.voice.example.com."), *expected);
        assert_eq!(address(&zone, "voice.example.com."), *expected);
    }
}

#[test]
fn the_name_server_has_an_address_that_no_state_change_moves() {
    let settings = settings();
    for target in [Target::Main, Target::Branch] {
        let zone = Zone::new(&settings, target, 1);
        let ns = zone.records(zone.origin(), RecordType::NS);
        assert_eq!(ns[0].data, RData::NS(NS(name("ns.voice.example.com."))));
        assert_eq!(address(&zone, "ns.voice.example.com."), [LOOPBACK]);
    }
}

#[test]
fn a_server_bound_to_every_address_is_at_the_branch() {
    for bind in ["0.0.0.0:53", "[::]:53"] {
        let mut settings = settings();
        settings.bind = vec![bind.parse().unwrap()];
        let zone = Zone::new(&settings, Target::Main, 1);
        assert_eq!(address(&zone, "ns.voice.example.com."), settings.target_failover, "{bind}");
    }
}

#[test]
fn a_record_named_ns_leaves_the_name_server_another_name() {
    let mut settings = settings();
    settings.record = name("ns.voice.example.com.").into();
    let zone = Zone::new(&settings, Target::Main, 1);
    assert_eq!(address(&zone, "ns.voice.example.com."), settings.target_normal);
    assert_eq!(address(&zone, "dns.voice.example.com."), [LOOPBACK]);
}

#[test]
fn a_record_may_be_the_domain_itself() {
    let mut settings = settings();
    settings.record = settings.domain.clone();
    let zone = Zone::new(&settings, Target::Branch, 1);
    assert_eq!(address(&zone, "voice.example.com."), settings.target_failover);
    assert_eq!(zone.lookup(&name("sip.voice.example.com.").into()), Lookup::Unknown);
}

#[test]
fn rfc8020_s2_names_above_a_record_exist_without_records() {
    let mut settings = settings();
    settings.record = name("sip.a.b.voice.example.com.").into();
    let zone = Zone::new(&settings, Target::Main, 1);
    for between in ["a.b.voice.example.com.", "b.voice.example.com."] {
        assert_eq!(zone.lookup(&name(between).into()), Lookup::Exists(&RecordSets::new()));
    }
    assert_eq!(zone.lookup(&name("c.voice.example.com.").into()), Lookup::Unknown);
    assert_eq!(zone.lookup(&name("example.com.").into()), Lookup::Outside);
}

#[test]
fn the_name_server_is_where_it_is_bound() {
    let mut settings = settings();
    let bind = ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.1:5353", "0.0.0.0:54"];
    settings.bind = bind.map(|text| text.parse().unwrap()).into();
    let zone = Zone::new(&settings, Target::Main, 1);
    assert_eq!(address(&zone, "ns.voice.example.com."), addresses(["192.0.2.1", "2001:db8::1"]));
}

#[test]
fn rfc3596_s2_1_ipv6_addresses_are_aaaa_records() {
    let mut settings = settings();
    settings.target_normal = addresses(["10.0.0.253", "10.0.0.254", "2001:db8::254"]);
    settings.target_failover = addresses(["2001:db8:1::254"]);
    for owner in ["voice.example.com.", "sip.voice.example.com."] {
        let zone = Zone::new(&settings, Target::Main, 1);
        assert_eq!(address(&zone, owner), settings.target_normal);
        assert_eq!(zone.records(&name(owner).into(), RecordType::AAAA).len(), 1);
        let zone = Zone::new(&settings, Target::Branch, 1);
        assert_eq!(address(&zone, owner), settings.target_failover);
        assert_eq!(zone.records(&name(owner).into(), RecordType::A), []);
    }
}

#[test]
fn each_system_has_a_host_that_no_state_change_moves() {
    let mut settings = settings();
    for (record, main, branch) in [
        ("sip", "main", "branch"),
        ("main", "main-system", "branch"),
        ("branch", "main", "branch-system"),
        ("sip.main", "main", "branch"),
    ] {
        settings.record = name(&format!("{record}.voice.example.com.")).into();
        for target in [Target::Main, Target::Branch] {
            let zone = Zone::new(&settings, target, 1);
            assert_eq!(address(&zone, &format!("{main}.voice.example.com.")), settings.target_normal);
            assert_eq!(address(&zone, &format!("{branch}.voice.example.com.")), settings.target_failover);
            let serving = settings.addresses(target);
            assert_eq!(address(&zone, &format!("{record}.voice.example.com.")), serving, "{record}");
        }
    }
}

/// TTL of what a change of the situation moves, and of a negative answer.
fn ttls(settings: &settings::Dns, situation: impl Into<Situation>) -> (u32, u32) {
    let zone = Zone::new(settings, situation, 1);
    let owner = &name("sip.voice.example.com.").into();
    (zone.records(owner, RecordType::A)[0].ttl, zone.negative_soa().ttl)
}

#[test]
fn the_ttl_falls_in_failover_and_in_doubt_but_never_grows() {
    let mut settings = settings();
    for (record, failover, unstable, expected) in [
        (30, 10, 5, [30, 5, 10, 5]),
        (30, 10, 20, [30, 20, 10, 10]),
        (3, 10, 5, [3, 3, 3, 3]),
        (60, 10, 5, [60, 5, 10, 5]),
        (0, 10, 5, [0, 0, 0, 0]),
    ] {
        (settings.record_ttl, settings.failover_ttl, settings.unstable_ttl) = (record, failover, unstable);
        let situations =
            [Target::Main.into(), doubted(Target::Main), Target::Branch.into(), doubted(Target::Branch)];
        assert_eq!(situations.map(|situation| ttls(&settings, situation).0), expected);
    }
}

#[test]
fn rfc2308_s5_a_negative_answer_never_outlives_a_record() {
    let settings = settings();
    for situation in
        [Target::Main.into(), doubted(Target::Main), Target::Branch.into(), doubted(Target::Branch)]
    {
        let (positive, negative) = ttls(&settings, situation);
        assert!(negative <= positive, "{situation:?}: {negative} > {positive}");
    }
}

#[test]
fn rfc2181_s5_2_the_records_of_a_set_have_one_ttl() {
    let mut settings = settings();
    settings.target_normal = addresses(["10.0.0.253", "10.0.0.254"]);
    for record in ["sip.voice.example.com.", "voice.example.com.", "ns.voice.example.com."] {
        settings.record = name(record).into();
        for situation in [Target::Main.into(), doubted(Target::Main), Target::Branch.into()] {
            let zone = Zone::new(&settings, situation, 1);
            for set in zone.names.values().flat_map(RecordSets::values) {
                assert!(set.iter().all(|record| record.ttl == set[0].ttl), "{set:?}");
            }
        }
    }
}

#[test]
fn rfc2308_s5_negative_ttl_is_the_smallest_of_minimum_soa_and_record() {
    for (minimum, ttl, record, expected) in [(30, 300, 60, 30), (300, 20, 60, 20), (300, 300, 5, 5)] {
        let mut settings = settings();
        (settings.soa.minimum, settings.soa.ttl, settings.record_ttl) = (minimum, ttl, record);
        let zone = Zone::new(&settings, Target::Main, 1);
        assert_eq!(zone.negative_soa().ttl, expected);
        assert_eq!(zone.records(zone.origin(), RecordType::SOA)[0].ttl, ttl);
    }
}

#[test]
fn the_serial_is_the_one_given() {
    let zone = Zone::new(&settings(), Target::Main, 4_000_000_000);
    let RData::SOA(soa) = &zone.negative_soa().data else { panic!("not a SOA") };
    assert_eq!(soa.serial, 4_000_000_000);
}

#[test]
fn a_domain_with_no_room_for_a_label_still_makes_a_zone() {
    let mut settings = settings();
    let label = "x".repeat(63);
    let long = format!("{label}.{label}.{label}.{}.", "x".repeat(61));
    settings.domain = name(&long).into();
    settings.record = settings.domain.clone();
    let zone = Zone::new(&settings, Target::Main, 1);
    assert_eq!(address(&zone, &long), settings.target_normal);
    assert_eq!(zone.records(zone.origin(), RecordType::NS).len(), 1);
}
