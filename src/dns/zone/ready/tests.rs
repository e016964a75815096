use std::net::Ipv4Addr;

use hickory_server::proto::{
    op::{OpCode, ResponseCode},
    rr::{
        Name, RData, RecordType,
        rdata::{A, CNAME, SOA},
    },
};
use proptest::prelude::*;

use super::*;
use crate::dns::stand_in::name;

fn address(owner: &str, ttl: u32) -> Record {
    Record::from_rdata(name(owner), ttl, RData::A(A(Ipv4Addr::LOCALHOST)))
}

fn alias(owner: &str, target: &str, ttl: u32) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
}

fn soa(ttl: u32, minimum: u32) -> Record {
    let data = SOA::new(name("ns.example."), name("hostmaster.example."), 1, 2, 3, 4, minimum);
    Record::from_rdata(name("example."), ttl, RData::SOA(data))
}

fn message(code: ResponseCode, answers: Vec<Record>, authorities: Vec<Record>) -> Message {
    let mut message = Message::response(0, OpCode::Query);
    message.metadata.response_code = code;
    message.add_query(Query::query(name("a.example."), RecordType::A));
    message.answers = answers;
    message.authorities = authorities;
    message
}

fn life_of(code: ResponseCode, answers: Vec<Record>, authorities: Vec<Record>) -> u32 {
    Ready::relayed(&message(code, answers, authorities)).unwrap().life()
}

/// The octets of a question for an address.
fn question(owner: &Name) -> Vec<u8> {
    let mut octets = crate::dns::message::question::key(owner, RecordType::A);
    octets.extend([0, 1]);
    octets
}

#[test]
fn rfc2308_s5_what_does_not_exist_lives_as_long_as_soa_and_minimum_say() {
    for (ttl, minimum, expected) in
        [(300, 60, 60), (60, 300, 60), (u32::MAX / 2, 900_000, 10_800), (0, 60, 0)]
    {
        for code in [ResponseCode::NXDomain, ResponseCode::NoError] {
            assert_eq!(life_of(code, vec![], vec![soa(ttl, minimum)]), expected, "{ttl} {minimum}");
        }
    }
}

#[test]
fn rfc2308_s5_without_soa_what_does_not_exist_is_not_kept() {
    assert_eq!(life_of(ResponseCode::NXDomain, vec![], vec![]), 0);
    assert_eq!(life_of(ResponseCode::NoError, vec![], vec![]), 0);
}

#[test]
fn rfc2308_s2_2_an_alias_to_what_has_no_such_record_is_negative() {
    let alias = alias("a.example.", "b.example.", 3600);
    assert_eq!(life_of(ResponseCode::NoError, vec![alias.clone()], vec![soa(300, 60)]), 60);
    assert_eq!(life_of(ResponseCode::NoError, vec![alias], vec![]), 0);
}

#[test]
fn the_shortest_ttl_of_all_records_is_that_of_the_answer() {
    let answers = vec![alias("a.example.", "b.example.", 300), address("b.example.", 60)];
    assert_eq!(life_of(ResponseCode::NoError, answers, vec![]), 60);
    assert_eq!(life_of(ResponseCode::NoError, vec![address("a.example.", 1 << 30)], vec![]), 86_400);
}

#[test]
fn rfc2181_s8_a_ttl_with_the_highest_bit_is_zero() {
    assert_eq!(life_of(ResponseCode::NoError, vec![address("a.example.", 1 << 31)], vec![]), 0);
}

#[test]
fn failures_are_not_kept_as_answers() {
    for code in [ResponseCode::ServFail, ResponseCode::Refused, ResponseCode::FormErr, ResponseCode::NotImp] {
        assert_eq!(life_of(code, vec![address("a.example.", 60)], vec![soa(60, 60)]), 0, "{code}");
    }
    let badvers = message(ResponseCode::BADVERS, vec![], vec![]);
    assert!(Ready::relayed(&badvers).is_err(), "its code does not fit into a header");
}

#[test]
fn who_passes_an_answer_on_is_no_authority_for_it() {
    let mut message = message(ResponseCode::NoError, vec![address("a.example.", 60)], vec![]);
    message.metadata.authoritative = true;
    message.metadata.authentic_data = true;
    let again =
        Ready::relayed(&message).unwrap().message(&question(&name("a.example.")), Ttl::Aged(0)).unwrap();
    assert!(!again.metadata.authoritative && again.metadata.authentic_data);
}

#[test]
fn every_ttl_grows_old_or_is_set_and_nothing_else_changes() {
    let mut message = message(
        ResponseCode::NoError,
        vec![alias("a.example.", "b.example.", 300), address("b.example.", 60)],
        vec![soa(100, 60)],
    );
    message.additionals = vec![address("ns.example.", 5)];
    let ready = Ready::relayed(&message).unwrap();
    let ttls = |ttl| {
        let again = ready.message(&question(&name("a.example.")), ttl).unwrap();
        assert_eq!(again.answers, message.answers);
        assert_eq!(again.authorities, message.authorities);
        assert_eq!(again.additionals, message.additionals);
        let all = again.answers.iter().chain(&again.authorities).chain(&again.additionals);
        all.map(|record| record.ttl).collect::<Vec<_>>()
    };
    assert_eq!(ttls(Ttl::Aged(0)), [300, 60, 100, 5]);
    assert_eq!(ttls(Ttl::Aged(7)), [293, 53, 93, 0]);
    assert_eq!(ttls(Ttl::Set(30)), [30; 4]);
}

#[test]
fn names_come_back_in_the_letters_of_the_client() {
    let message = message(ResponseCode::NoError, vec![address("a.example.", 60)], vec![soa(60, 60)]);
    let ready = Ready::relayed(&message).unwrap();
    let asked = b"\x01A\x07eXaMpLe\0\0\x01\0\x01";
    let again = ready.message(asked, Ttl::Aged(0)).unwrap();
    assert_eq!(again.answers[0].name.to_string(), "A.eXaMpLe.");
    assert_eq!(again.authorities[0].name.to_string(), "eXaMpLe.");
}

proptest! {
    #[test]
    fn no_octets_make_the_walk_over_records_fail_or_stray(records: Vec<u8>) {
        if let Some(found) = ttls(&records) {
            prop_assert!(found.iter().all(|at| usize::from(*at) + 6 <= records.len()));
        }
    }
}
