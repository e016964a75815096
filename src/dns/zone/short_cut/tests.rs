use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Instant,
};

use hickory_server::{
    net::xfer::Protocol,
    proto::{
        op::{Edns as Opt, Message, ResponseCode},
        rr::{Name, RData, Record, RecordType, rdata::A},
    },
};
use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;
use crate::{
    dns::{
        Zone, ZoneCell,
        message::wire::is_whole,
        serve::responder::{Responder, read},
        stand_in,
    },
    words::state::Target,
};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Names of the zone, a name in the cache, and others. The cache has the address of `www.example.org` alone.
const NAMES: [&str; 8] = [
    "sip.voice.example.com.",
    "voice.example.com.",
    "ns.voice.example.com.",
    "nobody.voice.example.com.",
    "www.example.org.",
    "long.example.org.",
    "nobody.example.org.",
    ".",
];

const TYPES: [RecordType; 9] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::SRV,
    RecordType::NAPTR,
    RecordType::SOA,
    RecordType::NS,
    RecordType::TXT,
    RecordType::ANY,
    RecordType::AXFR,
];

/// A server that has a forwarder, which nobody listens at, and in the cache what that one has said before.
fn responder() -> Responder {
    let mut settings = stand_in::settings();
    settings.forwarders = vec!["127.0.0.1:9".parse().unwrap()];
    let zone = Arc::new(ZoneCell::new(Zone::new(&settings, Target::Main, 1)));
    let responder = stand_in::responder(&settings, zone);
    for (owner, addresses) in [("www.example.org.", 2), ("long.example.org.", 60)] {
        for bits in 0..8 {
            let request = stand_in::request(owner, RecordType::A, |message| flags(message, bits));
            let mut answer = Message::response(0, hickory_server::proto::op::OpCode::Query);
            answer.add_query(request.queries.queries()[0].original().clone());
            answer.metadata.authentic_data = bits & 2 != 0;
            for last in 0..addresses {
                let data = RData::A(A(Ipv4Addr::new(192, 0, 2, last)));
                answer.add_answer(Record::from_rdata(stand_in::name(owner), 60, data));
            }
            responder.learn(&request, &answer);
        }
    }
    responder
}

/// CD, AD, and DO with the OPT that it takes.
fn flags(message: &mut Message, bits: u8) {
    message.metadata.checking_disabled = bits & 1 != 0;
    message.metadata.authentic_data = bits & 2 != 0;
    if bits & 4 != 0 {
        let mut opt = Opt::new();
        opt.set_max_payload(UDP_PAYLOAD).set_dnssec_ok(true);
        message.set_edns(opt);
    }
}

/// What the long way answers; none where it would ask a forwarder, or gives no answer.
fn long_way(responder: &Responder, octets: &[u8]) -> Option<Message> {
    let request = read(octets.to_vec(), (CLIENT, 5353).into(), Protocol::Udp).ok()?;
    // A name that is not in the cache takes the time of a connection to nobody: not what is compared here.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(responder.reply(&request, CLIENT));
    let limit = reply.udp_limit(&request);
    let octets = reply.cut_to(&request.queries, limit).encode(&request.queries, limit).unwrap().unwrap();
    Some(Message::from_vec(&octets).unwrap())
}

fn short_cut(responder: &Responder, octets: &[u8]) -> Option<Message> {
    let mut out = vec![0xff; 7];
    let answered = responder.at_once(octets, CLIENT, Instant::now(), &mut out);
    answered.then(|| Message::from_vec(&out).unwrap())
}

/// The names that repeat the client's letters. Additional records may, and need not.
fn owners(message: &Message) -> Vec<&Name> {
    let questions = message.queries.iter().map(|question| &question.name);
    let records = message.answers.iter().chain(&message.authorities);
    questions.chain(records.map(|record| &record.name)).collect()
}

fn assert_the_same(short: &Message, long: &Message) {
    assert_eq!(short, long);
    // `Message` compares names without regard to case.
    for (short, long) in owners(short).into_iter().zip(owners(long)) {
        assert!(short.eq_case(long), "{short} {long}");
    }
}

fn query(owner: &str, record_type: RecordType) -> Vec<u8> {
    stand_in::query(owner, record_type, |_| ()).to_vec().unwrap()
}

#[test]
fn what_phones_ask_takes_the_short_cut() {
    let responder = responder();
    for owner in &NAMES[..3] {
        for record_type in [RecordType::A, RecordType::AAAA, RecordType::SRV, RecordType::NAPTR] {
            let octets = query(owner, record_type);
            let short = short_cut(&responder, &octets).unwrap_or_else(|| panic!("{owner} {record_type}"));
            assert_the_same(&short, &long_way(&responder, &octets).unwrap());
            assert!(short.metadata.authoritative);
        }
    }
    let relayed = short_cut(&responder, &query("www.example.org.", RecordType::A)).unwrap();
    assert_eq!(relayed.answers.len(), 2);
    assert!(relayed.metadata.recursion_available && !relayed.metadata.authoritative);
}

#[test]
fn what_does_not_fit_goes_the_long_way_and_is_cut_there() {
    let responder = responder();
    let octets = query("long.example.org.", RecordType::A);
    assert_eq!(short_cut(&responder, &octets), None);
    assert!(long_way(&responder, &octets).unwrap().metadata.truncation);
}

#[test]
fn strangers_get_names_of_the_zone_and_no_others() {
    let responder = responder();
    let stranger: IpAddr = "203.0.113.9".parse().unwrap();
    let mut out = Vec::new();
    assert!(responder.at_once(&query(NAMES[0], RecordType::A), stranger, Instant::now(), &mut out));
    assert!(!Message::from_vec(&out).unwrap().metadata.recursion_available);
    assert!(!responder.at_once(
        &query("www.example.org.", RecordType::A),
        stranger,
        Instant::now(),
        &mut out
    ));
    let octets = query("www.example.org.", RecordType::A);
    let request = read(octets, (stranger, 5353).into(), Protocol::Udp).unwrap();
    let crate::dns::serve::responder::Step::Reply(reply) = responder.step(&request, stranger) else {
        panic!("relayed")
    };
    assert_eq!(reply.metadata.response_code, ResponseCode::Refused);
}

#[test]
fn rfc6891_s6_1_1_a_second_opt_is_malformed() {
    let mut octets = stand_in::query(NAMES[0], RecordType::A, |message| flags(message, 4)).to_vec().unwrap();
    let responder = responder();
    assert_eq!(code_of(&responder, &octets), Some(ResponseCode::NoError));
    octets.extend_from_within(octets.len() - 11..);
    octets[HEADER - 1] = 2;
    assert_eq!(short_cut(&responder, &octets), None);
    assert_eq!(code_of(&responder, &octets), Some(ResponseCode::FormErr));
}

#[test]
fn the_reply_beyond_the_limit_is_the_question_with_tc() {
    let octets = query("sip.voice.example.com.", RecordType::A);
    let mut out = Vec::new();
    Plain::read(&octets).unwrap().truncate(&mut out);
    assert_eq!(out.len(), octets.len());
    let reply = Message::from_vec(&out).unwrap();
    assert!(reply.metadata.truncation && reply.answers.is_empty());
    assert_eq!(reply.queries, Message::from_vec(&octets).unwrap().queries);
}

/// A question as a client may write it, plain or nearly so.
fn questions() -> impl Strategy<Value = Vec<u8>> {
    let opt = prop::option::of((any::<u16>(), any::<bool>(), prop_oneof![9 => Just(0_u8), 1 => any::<u8>()]));
    let parts = (0..NAMES.len(), 0..TYPES.len(), any::<u32>(), any::<[bool; 3]>(), opt, any::<u16>());
    parts.prop_map(|(owner, record_type, letters, [rd, ad, cd], opt, id)| {
        let message = stand_in::query(NAMES[owner], TYPES[record_type], |message| {
            message.metadata.id = id;
            message.metadata.recursion_desired = rd;
            message.metadata.authentic_data = ad;
            message.metadata.checking_disabled = cd;
            if let Some((payload, dnssec_ok, version)) = opt {
                let mut opt = Opt::new();
                opt.set_max_payload(payload).set_dnssec_ok(dnssec_ok).set_version(version);
                message.set_edns(opt);
            }
        });
        let mut octets = message.to_vec().unwrap();
        for (place, octet) in octets.iter_mut().skip(HEADER).take(NAMES[owner].len()).enumerate() {
            if letters >> (place % 32) & 1 == 1 && octet.is_ascii_lowercase() {
                octet.make_ascii_uppercase();
            }
        }
        octets
    })
}

/// The code of the reply; none where there is no reply.
fn code_of(responder: &Responder, octets: &[u8]) -> Option<ResponseCode> {
    let reply = match read(octets.to_vec(), (CLIENT, 5353).into(), Protocol::Udp) {
        Ok(_) => long_way(responder, octets).unwrap(),
        Err(reply) => Message::from_vec(&reply?).unwrap(),
    };
    Some(reply.metadata.response_code)
}

/// Requests that only a broken client sends, or a forger, and what each deserves.
fn flawed() -> impl Strategy<Value = (Vec<u8>, Option<ResponseCode>)> {
    let tail = prop::collection::vec(any::<u8>(), 1..40);
    let not_one = any::<u16>().prop_filter("one question is right", |count| *count != 1);
    let flaw = prop_oneof![
        tail.clone().prop_map(|tail| (None, 0, tail, Some(ResponseCode::FormErr))),
        not_one.prop_map(|count| (Some(count), 0, Vec::new(), Some(ResponseCode::FormErr))),
        (1..16_u8).prop_map(|code| (None, code << 3, Vec::new(), Some(ResponseCode::NotImp))),
        (1..16_u8, tail).prop_map(|(code, tail)| (None, code << 3, tail, Some(ResponseCode::NotImp))),
        (0..16_u8).prop_map(|code| (None, 0x80 | code << 3, Vec::new(), None)),
    ];
    (questions(), flaw).prop_map(|(mut octets, (count, flags, tail, code))| {
        octets[2] |= flags;
        if let Some(count) = count {
            octets[4..6].copy_from_slice(&count.to_be_bytes());
        }
        octets.extend(tail);
        (octets, code)
    })
}

/// What an octet string becomes on its way through a fuzzer.
fn damage(octets: &mut Vec<u8>, changes: &[(prop::sample::Index, u8)], tail: &[u8], cut: usize) {
    for (at, value) in changes {
        let at = at.index(octets.len());
        octets[at] = *value;
    }
    octets.truncate(octets.len().saturating_sub(cut).max(1));
    octets.extend_from_slice(tail);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_short_cut_answers_as_the_long_way_does(octets in questions()) {
        let responder = responder();
        if let Some(short) = short_cut(&responder, &octets) {
            assert_the_same(&short, &long_way(&responder, &octets).unwrap());
        }
    }

    #[test]
    fn damaged_questions_get_the_long_ways_answer_too(
        octets in questions(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        tail in prop::collection::vec(any::<u8>(), 0..3),
        cut in 0..4_usize,
    ) {
        let responder = responder();
        let mut octets = octets;
        damage(&mut octets, &changes, &tail, cut);
        prop_assert!(Plain::read(&octets).is_none() || is_whole(&octets));
        if let Some(short) = short_cut(&responder, &octets) {
            assert_the_same(&short, &long_way(&responder, &octets).unwrap());
        }
    }

    #[test]
    fn rfc9619_rfc8906_junk_gets_formerr_other_opcodes_notimp_and_replies_nothing((octets, code) in flawed()) {
        let responder = responder();
        prop_assert_eq!(short_cut(&responder, &octets), None);
        prop_assert_eq!(code_of(&responder, &octets), code);
    }

    #[test]
    fn no_octets_are_too_strange(octets: Vec<u8>) {
        let _ = Plain::read(&octets);
    }
}
