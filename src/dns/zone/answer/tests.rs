use std::net::Ipv4Addr;

use hickory_server::{
    proto::{
        op::Query,
        rr::rdata::{A, NULL},
    },
    server::Request,
};
use proptest::prelude::*;

use super::*;
use crate::{
    dns::stand_in::{edns, name, request, settings},
    settings::{Dns, Offer, SipTransport},
    words::state::Target,
};

const MAIN: RData = RData::A(A(Ipv4Addr::new(10, 0, 0, 254)));

fn zone() -> Zone {
    Zone::new(&settings(), Target::Main, 1)
}

/// A zone whose record has labels of its own: `voip` exists only because `sip.voip` does.
fn deep_zone() -> Zone {
    let mut settings = settings();
    settings.record = name("sip.voip.voice.example.com.").into();
    Zone::new(&settings, Target::Main, 1)
}

fn replied(request: &Request, zone: &Zone) -> Reply {
    match answer(request, zone, true) {
        Answer::Reply(reply) => reply,
        Answer::Relay => panic!("relayed"),
    }
}

fn ask(owner: &str, record_type: RecordType) -> Reply {
    replied(&request(owner, record_type, |_| ()), &zone())
}

fn code_of(owner: &str, change: impl FnOnce(&mut Message)) -> ResponseCode {
    replied(&request(owner, RecordType::A, change), &zone()).metadata.response_code
}

fn assert_negative(reply: &Reply, code: ResponseCode) {
    assert_eq!(reply.metadata.response_code, code);
    assert!(reply.metadata.authoritative);
    assert_eq!(reply.answers, []);
    assert_eq!(reply.authorities.len(), 1);
    assert_eq!(reply.authorities[0].record_type(), RecordType::SOA);
    assert_eq!(reply.authorities[0].name, name("voice.example.com."));
    assert_eq!(reply.authorities[0].ttl, 30);
}

#[test]
fn a_soa_and_ns_of_the_domain_are_answered_with_authority() {
    for (owner, record_type) in [
        ("sip.voice.example.com.", RecordType::A),
        ("voice.example.com.", RecordType::A),
        ("voice.example.com.", RecordType::SOA),
        ("voice.example.com.", RecordType::NS),
        ("ns.voice.example.com.", RecordType::A),
    ] {
        let reply = ask(owner, record_type);
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError);
        assert!(reply.metadata.authoritative);
        assert_eq!(reply.answers.len(), 1, "{owner} {record_type}");
        assert_eq!(reply.answers[0].record_type(), record_type);
        assert_eq!(reply.authorities, []);
    }
    assert_eq!(ask("sip.voice.example.com.", RecordType::A).answers[0].data, MAIN);
    assert_eq!(ask("sip.voice.example.com.", RecordType::A).answers[0].ttl, 30);
}

#[test]
fn rfc1034_s4_3_2_the_name_server_comes_with_its_address() {
    let reply = ask("voice.example.com.", RecordType::NS);
    assert_eq!(reply.additionals.len(), 1);
    assert_eq!(reply.additionals[0].name, name("ns.voice.example.com."));
}

/// Owner, type and data of the records behind an answer, one a line.
fn additional_to(owner: &str, record_type: RecordType, settings: &Dns) -> Vec<String> {
    let zone = Zone::new(settings, Target::Main, 1);
    let reply = replied(&request(owner, record_type, |_| ()), &zone);
    assert!(!reply.answers.is_empty(), "{owner} {record_type}");
    let text = |record: &Record| format!("{} {} {}", record.name, record.record_type(), record.data);
    reply.additionals.iter().map(text).collect()
}

/// Two transports; the main has two kinds of addresses.
fn both_kinds() -> Dns {
    let mut settings = settings();
    settings.target_normal.push("2001:db8::254".parse().unwrap());
    settings.transports.push(Offer { transport: SipTransport::Tcp, main_port: 5060, branch_port: 5060 });
    settings
}

#[test]
fn rfc2782_additional_srv_comes_with_both_kinds_of_addresses_of_its_targets() {
    assert_eq!(
        additional_to("_sip._tcp.sip.voice.example.com.", RecordType::SRV, &both_kinds()),
        [
            "main.voice.example.com. A 10.0.0.254",
            "main.voice.example.com. AAAA 2001:db8::254",
            "branch.voice.example.com. A 192.168.0.254",
        ]
    );
}

#[test]
fn rfc3596_s3_ns_comes_with_both_kinds_of_addresses() {
    let mut settings = settings();
    settings.bind = vec!["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()];
    assert_eq!(
        additional_to("voice.example.com.", RecordType::NS, &settings),
        ["ns.voice.example.com. A 192.0.2.1", "ns.voice.example.com. AAAA 2001:db8::1"]
    );
}

#[test]
fn rfc3403_s4_2_naptr_comes_with_all_that_it_leads_to_each_once() {
    let zone = Zone::new(&both_kinds(), Target::Main, 1);
    let answers = zone.records(&name("sip.voice.example.com.").into(), RecordType::NAPTR);
    let text = |record: &Record| format!("{} {} {}", record.name, record.record_type(), record.data);
    assert_eq!(
        additional(answers, &zone).iter().map(text).collect::<Vec<_>>(),
        [
            "_sip._udp.sip.voice.example.com. SRV 10 0 5060 main.voice.example.com.",
            "_sip._tcp.sip.voice.example.com. SRV 10 0 5060 main.voice.example.com.",
            "_sip._tcp.sip.voice.example.com. SRV 20 0 5060 branch.voice.example.com.",
            "main.voice.example.com. A 10.0.0.254",
            "main.voice.example.com. AAAA 2001:db8::254",
            "branch.voice.example.com. A 192.168.0.254",
        ]
    );
}

#[test]
fn rfc1035_s4_2_1_the_fullest_zone_is_answered_in_512_octets() {
    let mut settings = both_kinds();
    settings.transports.push(Offer { transport: SipTransport::Tls, main_port: 5061, branch_port: 5061 });
    for (target, base) in [(&mut settings.target_normal, 0x10), (&mut settings.target_failover, 0x20)] {
        *target = (0..8)
            .map(|last| std::net::Ipv6Addr::new(0x2001, 0xdb8, base, 0, 1, 2, 3, last).into())
            .collect();
    }
    let zone = Zone::new(&settings, Target::Main, 1);
    for owner in [
        "voice.example.com.",
        "_sip._tcp.voice.example.com.",
        "_sips._tcp.sip.voice.example.com.",
        "sip.voice.example.com.",
        "branch.voice.example.com.",
    ] {
        for record_type in
            [RecordType::A, RecordType::AAAA, RecordType::SRV, RecordType::NAPTR, RecordType::ANY]
        {
            let request = request(owner, record_type, |_| ());
            let whole = replied(&request, &zone);
            let cut = whole.clone().cut_to(&request.queries, 512);
            assert!(!cut.metadata.truncation, "{owner} {record_type}");
            assert_eq!(cut.answers, whole.answers);
        }
    }
}

#[test]
fn rfc3596_s2_2_aaaa_of_a_name_with_ipv4_only_is_nodata() {
    for owner in ["voice.example.com.", "sip.voice.example.com.", "main.voice.example.com."] {
        assert_negative(&ask(owner, RecordType::AAAA), ResponseCode::NoError);
    }
}

#[test]
fn rfc2308_s3_nodata_carries_the_soa() {
    let zone = zone();
    for owner in ["voice.example.com.", "sip.voice.example.com.", "ns.voice.example.com."] {
        let Lookup::Exists(sets) = zone.lookup(&name(owner).into()) else { panic!("no {owner}") };
        for number in (0..=65535).step_by(7).chain(0..300) {
            let record_type = RecordType::from(number);
            // OPT as a question's type is read as any other number.
            let special = [RecordType::ANY, RecordType::AXFR, RecordType::IXFR];
            if !sets.contains_key(&record_type) && !special.contains(&record_type) {
                assert_negative(&ask(owner, record_type), ResponseCode::NoError);
            }
        }
    }
}

#[test]
fn rfc2308_s3_unknown_names_are_nxdomain_with_the_soa() {
    for owner in ["x.voice.example.com.", "_sip._tcp.voice.example.com.", "a.sip.voice.example.com."] {
        assert_negative(&ask(owner, RecordType::A), ResponseCode::NXDomain);
        assert_negative(&ask(owner, RecordType::ANY), ResponseCode::NXDomain);
    }
}

#[test]
fn rfc8020_s2_an_empty_non_terminal_is_nodata() {
    for record_type in [RecordType::A, RecordType::ANY, RecordType::SRV] {
        let request = request("voip.voice.example.com.", record_type, |_| ());
        assert_negative(&replied(&request, &deep_zone()), ResponseCode::NoError);
    }
}

#[test]
fn rfc8482_s4_1_any_is_answered_with_one_record_set() {
    let reply = ask("voice.example.com.", RecordType::ANY);
    assert_eq!(reply.answers.len(), 1);
    assert_eq!(reply.answers[0].data, MAIN);
}

#[test]
fn other_classes_are_refused() {
    for class in [DNSClass::CH, DNSClass::HS, DNSClass::ANY, DNSClass::NONE, DNSClass::Unknown(77)] {
        for owner in ["voice.example.com.", "version.bind."] {
            let code = code_of(owner, |message| message.queries[0].query_class = class);
            assert_eq!(code, ResponseCode::Refused, "{class}");
        }
    }
}

#[test]
fn zone_transfers_are_refused() {
    for record_type in [RecordType::AXFR, RecordType::IXFR] {
        for owner in ["voice.example.com.", "example.org."] {
            assert_eq!(ask(owner, record_type).metadata.response_code, ResponseCode::Refused);
        }
    }
}

#[test]
fn rfc1995_s3_a_well_formed_ixfr_is_refused_too() {
    let soa = zone().negative_soa().clone();
    let request = request("voice.example.com.", RecordType::IXFR, |message| {
        message.add_authority(soa);
    });
    assert_eq!(replied(&request, &zone()).metadata.response_code, ResponseCode::Refused);
}

#[test]
fn rfc8906_s3_1_4_other_opcodes_are_not_implemented() {
    for op_code in (1..16).map(OpCode::from_u8) {
        let code = code_of("voice.example.com.", |message| message.metadata.op_code = op_code);
        assert_eq!(code, ResponseCode::NotImp, "{op_code}");
        let code = code_of("voice.example.com.", |message| {
            message.metadata.op_code = op_code;
            message.queries.clear();
        });
        assert_eq!(code, ResponseCode::NotImp, "{op_code} without question");
    }
}

#[test]
fn rfc8906_s3_1_4_other_opcodes_are_not_implemented_even_if_unreadable() {
    let mut metadata = Metadata::new(9, MessageType::Query, OpCode::Update);
    metadata.recursion_desired = true;
    let reply = malformed(Some(&metadata)).unwrap().metadata;
    assert_eq!((reply.op_code, reply.response_code), (OpCode::Update, ResponseCode::NotImp));
    assert!(reply.recursion_desired);
}

#[test]
fn rfc9619_a_query_has_one_question() {
    assert_eq!(code_of("voice.example.com.", |message| message.queries.clear()), ResponseCode::FormErr);
    let code = code_of("voice.example.com.", |message| {
        message.add_query(Query::query(name("sip.voice.example.com."), RecordType::A));
    });
    assert_eq!(code, ResponseCode::FormErr);
}

#[test]
fn a_query_that_brings_answers_is_malformed() {
    let null = Record::from_rdata(name("a."), 0, RData::NULL(NULL::with(vec![0])));
    let record = null.clone();
    let code = code_of("voice.example.com.", |message| {
        message.add_answer(record);
    });
    assert_eq!(code, ResponseCode::FormErr);
    let code = code_of("voice.example.com.", |message| {
        message.add_authority(null);
    });
    assert_eq!(code, ResponseCode::FormErr);
}

#[test]
fn rfc6891_s6_1_1_opt_is_answered_with_opt_and_only_then() {
    assert_eq!(ask("voice.example.com.", RecordType::A).edns, None);
    for dnssec_ok in [false, true] {
        let request = request("voice.example.com.", RecordType::A, |message| {
            let mut edns = edns(0, 4096);
            edns.set_dnssec_ok(dnssec_ok);
            message.set_edns(edns);
        });
        let edns = replied(&request, &zone()).edns.unwrap();
        assert_eq!((edns.version(), edns.max_payload()), (0, 1232));
        assert_eq!(edns.flags().dnssec_ok, dnssec_ok);
    }
}

#[test]
fn rfc6891_s6_1_3_later_versions_get_badvers_and_ours() {
    for version in [1, 100, 255] {
        let request = request("voice.example.com.", RecordType::A, |message| {
            message.set_edns(edns(version, 4096));
        });
        let reply = replied(&request, &zone());
        let octets = reply.encode(&request.queries, 512).unwrap().unwrap();
        let message = Message::from_vec(&octets).unwrap();
        assert_eq!(u16::from(message.metadata.response_code), 16);
        assert_eq!(message.edns.unwrap().version(), 0);
        assert_eq!(message.answers, []);
    }
}

#[test]
fn rfc1035_s4_1_1_rd_and_id_are_repeated_and_ra_tells_of_forwarders() {
    for rd in [false, true] {
        let request = request("voice.example.com.", RecordType::A, |message| {
            message.metadata.id = 4711;
            message.metadata.recursion_desired = rd;
        });
        for relays in [false, true] {
            let Answer::Reply(reply) = answer(&request, &zone(), relays) else { panic!("relayed") };
            assert_eq!(reply.metadata.id, 4711);
            assert_eq!(reply.metadata.message_type, MessageType::Response);
            assert_eq!(reply.metadata.recursion_desired, rd);
            assert_eq!(reply.metadata.recursion_available, relays);
        }
    }
}

#[test]
fn rfc4035_s3_1_6_ad_and_cd_mean_nothing_in_an_authoritative_answer() {
    for owner in ["voice.example.com.", "x.voice.example.com."] {
        let request = request(owner, RecordType::A, |message| {
            (message.metadata.authentic_data, message.metadata.checking_disabled) = (true, true);
        });
        let metadata = replied(&request, &zone()).metadata;
        assert!(!metadata.authentic_data && !metadata.checking_disabled, "{owner}");
    }
}

#[test]
fn other_names_are_relayed_if_wanted_and_possible() {
    for owner in [".", "com.", "example.com.", "xvoice.example.com.", "voice.example.com.evil.org."] {
        for (rd, relays) in [(true, true), (true, false), (false, true), (false, false)] {
            let request = request(owner, RecordType::A, |message| message.metadata.recursion_desired = rd);
            match answer(&request, &zone(), relays) {
                Answer::Relay => assert!(rd && relays),
                Answer::Reply(reply) => {
                    assert!(!(rd && relays), "{owner}");
                    assert_eq!(reply.metadata.response_code, ResponseCode::Refused);
                    assert!(!reply.metadata.authoritative);
                }
            }
        }
    }
}

#[test]
fn what_is_no_request_gets_formerr_unless_it_is_a_reply_itself() {
    let query = Metadata::new(9, MessageType::Query, OpCode::Query);
    let reply = malformed(Some(&query)).unwrap();
    assert_eq!((reply.metadata.id, reply.metadata.response_code), (9, ResponseCode::FormErr));
    assert_eq!(reply.metadata.message_type, MessageType::Response);
    assert_eq!(malformed(Some(&Metadata::new(9, MessageType::Response, OpCode::Query))), None);
    assert_eq!(malformed(None), None);
}

/// The text with some of its letters in upper case.
fn in_some_case(text: &'static str) -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<bool>(), text.len()).prop_map(move |upper| {
        let letters = text.chars().zip(upper);
        letters.map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c }).collect()
    })
}

proptest! {
    #[test]
    fn rfc4343_case_does_not_matter_and_is_kept(owner in in_some_case("sip.voice.example.com.")) {
        let request = request(&owner, RecordType::A, |_| ());
        let reply = replied(&request, &zone());
        prop_assert_eq!(&reply.answers[0].data, &MAIN);
        prop_assert!(reply.answers[0].name.eq_case(&name(&owner)));
        let octets = reply.encode(&request.queries, 512).unwrap().unwrap();
        prop_assert!(Message::from_vec(&octets).unwrap().queries[0].name.eq_case(&name(&owner)));
    }

    #[test]
    fn rfc4343_the_soa_of_a_negative_answer_keeps_the_case(domain in in_some_case("voice.example.com.")) {
        let request = request(&format!("x.{domain}"), RecordType::A, |_| ());
        let reply = replied(&request, &zone());
        prop_assert!(reply.authorities[0].name.eq_case(&name(&domain)));
    }

    #[test]
    fn rfc8020_every_name_below_the_domain_exists_or_does_not(
        labels in proptest::collection::vec("sip|voip|ns|main|branch|_sip|_udp|[a-z0-9_-]{1,63}|\\*", 0..6),
    ) {
        let zone = deep_zone();
        let owner = labels.iter().map(|label| format!("{label}.")).collect::<String>() + "voice.example.com.";
        let Ok(owner_name) = Name::from_ascii(&owner) else { return Ok(()) };
        let reply = replied(&request(&owner, RecordType::A, |_| ()), &zone);
        prop_assert!(reply.metadata.authoritative);
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        match labels.as_slice() {
            [] | ["ns" | "main" | "branch"] | ["sip", "voip"] => prop_assert_eq!(reply.answers.len(), 1),
            ["voip"]
            | ["_udp"]
            | ["_sip", "_udp"]
            | ["_udp", "sip", "voip"]
            | ["_sip", "_udp", "sip", "voip"] => {
                assert_negative(&reply, ResponseCode::NoError);
            }
            _ => assert_negative(&reply, ResponseCode::NXDomain),
        }
        prop_assert!(zone.origin().zone_of(&owner_name.into()));
    }

    #[test]
    fn rfc1035_s4_2_1_own_answers_fit_into_512_octets(
        labels in proptest::collection::vec("[a-z]{1,63}", 0..4),
        number: u16,
    ) {
        let owner = labels.iter().map(|label| format!("{label}.")).collect::<String>() + "voice.example.com.";
        prop_assume!(Name::from_ascii(&owner).is_ok());
        let request = request(&owner, RecordType::from(number), |message| {
            message.set_edns(edns(0, 512));
        });
        let reply = replied(&request, &zone());
        prop_assert!(reply.encode(&request.queries, 512).unwrap().is_some());
    }
}

/// Three transports, and a main of both kinds of addresses: the fullest that is usual.
fn three_transports() -> Dns {
    let mut settings = both_kinds();
    settings.transports.push(Offer { transport: SipTransport::Tls, main_port: 5061, branch_port: 5061 });
    settings
}

/// Nobody gains much by writing a victim's address on a question.
#[test]
fn no_answer_of_the_zone_is_much_larger_than_its_question() {
    for settings in [settings(), both_kinds(), three_transports()] {
        for target in [Target::Main, Target::Branch] {
            let zone = Zone::new(&settings, target, 1);
            for (owner, sets) in zone.names() {
                for record_type in sets.keys().copied().chain([RecordType::NAPTR, RecordType::ANY]) {
                    let request = request(&owner.to_string(), record_type, |_| ());
                    let reply = replied(&request, &zone)
                        .cut_to(&request.queries, replied(&request, &zone).udp_limit(&request));
                    let octets = reply.encode(&request.queries, u16::MAX).unwrap().unwrap().len();
                    let asked = 12 + request.queries.as_bytes().len();
                    assert!(octets < 6 * asked, "{owner} {record_type}: {asked} octets to {octets}");
                    // An honest phone is answered, whatever it asks for.
                    assert!(!reply.metadata.truncation, "{owner} {record_type}");
                }
            }
        }
    }
}

#[test]
fn what_a_phone_asks_for_next_is_left_out_where_the_answer_would_grow_too_much() {
    // By default phones are told of UDP alone: there is room for where that leads to.
    assert_eq!(
        additional_to("sip.voice.example.com.", RecordType::NAPTR, &settings()),
        [
            "_sip._udp.sip.voice.example.com. SRV 10 0 5060 main.voice.example.com.",
            "main.voice.example.com. A 10.0.0.254",
        ]
    );
    assert!(additional_to("sip.voice.example.com.", RecordType::NAPTR, &three_transports()).is_empty());
    // The answer to the next question has its addresses all the same.
    assert_eq!(
        additional_to("_sips._tcp.sip.voice.example.com.", RecordType::SRV, &three_transports()).len(),
        3
    );
}

#[test]
fn an_answer_far_beyond_its_question_is_for_tcp() {
    let mut settings = settings();
    settings.target_normal = (1..40).map(|last| Ipv4Addr::new(10, 0, 0, last).into()).collect();
    let zone = Zone::new(&settings, Target::Main, 1);
    let request = request("sip.voice.example.com.", RecordType::A, |message| {
        message.set_edns(edns(0, 1232));
    });
    let reply = replied(&request, &zone);
    assert_eq!(reply.answers.len(), 39);
    let limit = reply.udp_limit(&request);
    let cut = reply.clone().cut_to(&request.queries, limit);
    assert!(cut.metadata.truncation && cut.answers.is_empty(), "{limit}");
    // A forwarder's answer is for networks that may ask, and as long as the client says it may be.
    let mut relayed = reply;
    relayed.metadata.authoritative = false;
    assert_eq!(relayed.udp_limit(&request), 1232);
}
