//! The query that a forwarder gets, the judgement of what comes back, and the reply made of it. Pure.

use hickory_server::{
    proto::{
        op::{Header, Message, MessageType, OpCode, Query, ResponseCode},
        rr::Name,
        serialize::binary::{BinDecodable, BinDecoder, BinEncodable},
    },
    zone_handler::MessageRequest,
};

use crate::dns::message::{
    question::HEADER,
    reply::{Reply, own_edns},
    wire::after_name,
};

/// What a forwarder's message means.
#[derive(Clone, Debug, PartialEq)]
pub enum Judgement {
    /// Not the answer to this query: a late one, or a forged one (RFC 5452 section 9.1). Wait on.
    NotOurs,
    /// There is more than fits into UDP: ask again over TCP.
    Truncated,
    /// The answer, but to the name in other letters than sent: forged with one more guess to make, or of a forwarder
    /// that changes them. Over TCP nobody can forge it.
    OtherCase(Box<Message>),
    /// The forwarder cannot tell: ask the next one.
    NoHelp,
    /// The answer.
    Answer(Box<Message>),
}

/// The client's question as a query of our own. `id` must be random (RFC 5452 section 9.2).
///
/// None unless the request has exactly one question.
#[must_use]
pub fn query(request: &MessageRequest, id: u16) -> Option<Message> {
    let [question] = request.queries.queries() else {
        return None;
    };
    let mut query = Message::new(id, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = request.metadata.recursion_desired;
    query.metadata.checking_disabled = request.metadata.checking_disabled;
    query.metadata.authentic_data = request.metadata.authentic_data;
    query.add_query(question.original().clone());
    // OPT only where the client has it: a forwarder that does not know it says FORMERR, and the client that sent it
    // is the one who can ask without (RFC 6891 section 7).
    query.edns = request.edns.as_ref().map(own_edns);
    Some(query)
}

/// Draws the letters of the name, capital or small: what comes back must have the same, which makes an answer that much
/// harder to forge (draft-vixie-dnsext-dns0x20). `random` gives bits that nobody can foresee.
pub fn mix_case(query: &mut Message, mut random: impl FnMut() -> u16) {
    let (mut bits, mut left) = (0, 0);
    let mut draw = |letter: &u8| {
        if left == 0 {
            (bits, left) = (random(), u16::BITS);
        }
        let capital = bits & 1 == 1;
        (bits, left) = (bits >> 1, left - 1);
        if capital { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    for question in &mut query.queries {
        let labels: Vec<Vec<u8>> =
            question.name.iter().map(|label| label.iter().map(&mut draw).collect()).collect();
        let mixed = Name::from_labels(labels.iter().map(Vec::as_slice));
        // The same labels in other letters are always a name.
        question.name = mixed.unwrap_or_else(|_| question.name.clone());
    }
}

/// Judges what came back for `query`. An answer has its question in small letters, and with it every name in the records
/// that points there.
#[must_use]
pub fn judge(query: &Message, octets: &[u8]) -> Judgement {
    let mut decoder = BinDecoder::new(octets);
    let Ok(header) = Header::read(&mut decoder) else {
        return Judgement::NotOurs;
    };
    let reply_to_us = header.id == query.metadata.id
        && header.message_type == MessageType::Response
        && header.op_code == OpCode::Query;
    if !reply_to_us || !same_question(query, &header, &mut decoder) {
        return Judgement::NotOurs;
    }
    // Before the records are looked at: a cut message may end in the middle of one.
    if header.truncation {
        return Judgement::Truncated;
    }
    match Message::from_vec(&in_small_letters(octets, header.counts.queries)) {
        Ok(message) => match message.metadata.response_code {
            ResponseCode::ServFail | ResponseCode::Refused => Judgement::NoHelp,
            // Codes that need OPT are about OPT, which is between us and the forwarder.
            code if code.high() > 0 => Judgement::NoHelp,
            _ if same_case(query, &header, octets) => Judgement::Answer(Box::new(message)),
            _ => Judgement::OtherCase(Box::new(message)),
        },
        Err(_) => Judgement::NoHelp,
    }
}

/// The message with the name of its question in small letters.
fn in_small_letters(octets: &[u8], questions: u16) -> Vec<u8> {
    let mut octets = octets.to_vec();
    if questions == 1
        && let Some(end) = after_name(&octets, HEADER)
        && let Some(name) = octets.get_mut(HEADER..end)
    {
        // The lengths of labels are below 64, and no letters.
        name.make_ascii_lowercase();
    }
    octets
}

/// Whether the name came back letter by letter; also where it did not come back at all.
fn same_case(query: &Message, header: &Header, octets: &[u8]) -> bool {
    let ours = query.queries.first().and_then(|question| question.name.to_bytes().ok()).unwrap_or_default();
    header.counts.queries == 0 || octets.get(HEADER..).is_some_and(|rest| rest.starts_with(&ours))
}

/// Whether the message repeats our question. Servers that did not understand it leave it out.
fn same_question(query: &Message, header: &Header, decoder: &mut BinDecoder<'_>) -> bool {
    match header.counts.queries {
        0 => matches!(
            header.response_code,
            ResponseCode::FormErr | ResponseCode::NotImp | ResponseCode::ServFail | ResponseCode::Refused
        ),
        // `Name` compares without regard to case, as RFC 4343 has it.
        1 => Query::read(decoder).is_ok_and(|question| query.queries.first() == Some(&question)),
        _ => false,
    }
}

/// The reply to the client, made of a forwarder's answer.
#[must_use]
pub fn reply(request: &MessageRequest, upstream: Message) -> Reply {
    let mut reply = Reply::new(request, upstream.metadata.response_code, true);
    reply.metadata.authentic_data = upstream.metadata.authentic_data;
    reply.metadata.truncation = upstream.metadata.truncation;
    reply.answers = upstream.answers;
    reply.authorities = upstream.authorities;
    reply.additionals = upstream.additionals;
    reply
}

#[cfg(test)]
mod tests {
    use hickory_server::proto::rr::{
        RData, Record, RecordType,
        rdata::{A, NULL},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::dns::stand_in::{edns, name, request};

    fn asked() -> Message {
        query(&request("www.Example.org.", RecordType::A, |_| ()), 4711).unwrap()
    }

    /// A forwarder's answer to `query`, changed as the test wants it.
    fn answer(query: &Message, change: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = Message::response(query.metadata.id, OpCode::Query);
        message.add_queries(query.queries.clone());
        let address = RData::A(A::new(192, 0, 2, 1));
        message.add_answer(Record::from_rdata(query.queries[0].name.clone(), 60, address));
        change(&mut message);
        message.to_vec().unwrap()
    }

    #[test]
    fn the_clients_flags_and_dnssec_ok_go_up_and_its_id_does_not() {
        for bits in 0..16 {
            let [rd, cd, ad, dnssec_ok] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let request = request("www.example.org.", RecordType::AAAA, |message| {
                message.metadata.id = 1;
                message.metadata.recursion_desired = rd;
                message.metadata.checking_disabled = cd;
                message.metadata.authentic_data = ad;
                let mut edns = edns(0, 4096);
                edns.set_dnssec_ok(dnssec_ok);
                message.set_edns(edns);
            });
            let query = query(&request, 4711).unwrap();
            assert_eq!(query.metadata.id, 4711);
            let up = query.metadata;
            assert_eq!((up.recursion_desired, up.checking_disabled, up.authentic_data), (rd, cd, ad));
            assert_eq!(query.edns.unwrap().flags().dnssec_ok, dnssec_ok);
            assert_eq!(query.queries, [request.queries.queries()[0].original().clone()]);
        }
    }

    #[test]
    fn rfc6891_s7_no_opt_goes_up_where_the_client_has_none() {
        assert_eq!(asked().edns, None);
    }

    #[test]
    fn the_answer_to_the_question_is_taken() {
        let query = asked();
        let octets = answer(&query, |_| ());
        assert_eq!(judge(&query, &octets), Judgement::Answer(Box::new(Message::from_vec(&octets).unwrap())));
    }

    #[test]
    fn rfc5452_s9_1_what_answers_another_question_is_ignored() {
        let query = asked();
        let wrong: [fn(&mut Message); 7] = [
            |message| message.metadata.id ^= 1,
            |message| message.metadata.message_type = MessageType::Query,
            |message| message.metadata.op_code = OpCode::Notify,
            |message| message.queries[0].name = name("www.example.net."),
            |message| message.queries[0].query_type = RecordType::AAAA,
            |message| message.queries.clear(),
            |message| message.queries.push(message.queries[0].clone()),
        ];
        for (number, change) in wrong.into_iter().enumerate() {
            assert_eq!(judge(&query, &answer(&query, change)), Judgement::NotOurs, "{number}");
        }
    }

    #[test]
    fn dns0x20_an_answer_to_the_name_in_other_letters_is_told_apart() {
        let query = asked();
        let octets = answer(&query, |message| message.queries[0].name = name("WWW.example.ORG."));
        assert!(matches!(judge(&query, &octets), Judgement::OtherCase(_)));
    }

    #[test]
    fn dns0x20_letters_are_drawn_and_come_back_small() {
        let mut query = asked();
        // Bits from the least on: the second letter and every other one after it.
        mix_case(&mut query, || 0xaaaa);
        assert_eq!(query.queries[0].name.to_string(), "wWw.ExAmPlE.oRg.");
        let Judgement::Answer(message) = judge(&query, &answer(&query, |_| ())) else { panic!("not taken") };
        assert_eq!(message.queries[0].name.to_string(), "www.example.org.");
        assert_eq!(message.answers[0].name.to_string(), "www.example.org.");
    }

    #[test]
    fn dns0x20_each_sixteen_letters_take_new_bits() {
        let mut query = query(&request("aaaaaaaaaaaaaaaa.bbbb.", RecordType::A, |_| ()), 1).unwrap();
        let mut draws = [0xffff, 0].into_iter();
        mix_case(&mut query, || draws.next().unwrap());
        assert_eq!(query.queries[0].name.to_string(), "AAAAAAAAAAAAAAAA.bbbb.");
    }

    #[test]
    fn a_cut_answer_asks_for_tcp_even_if_cut_within_a_record() {
        let query = asked();
        let octets = answer(&query, |message| message.metadata.truncation = true);
        assert_eq!(judge(&query, &octets[..octets.len() - 3]), Judgement::Truncated);
    }

    #[test]
    fn a_forwarder_that_cannot_tell_is_passed_over() {
        let query = asked();
        for code in [ResponseCode::ServFail, ResponseCode::Refused] {
            let whole = answer(&query, |message| message.metadata.response_code = code);
            let bare = Message::error_msg(query.metadata.id, OpCode::Query, code).to_vec().unwrap();
            assert_eq!(judge(&query, &whole), Judgement::NoHelp);
            assert_eq!(judge(&query, &bare), Judgement::NoHelp);
        }
        let octets = answer(&query, |_| ());
        assert_eq!(judge(&query, &octets[..octets.len() - 3]), Judgement::NoHelp, "unreadable");
    }

    #[test]
    fn names_that_do_not_exist_and_unknown_opt_are_answers() {
        let query = asked();
        for code in [ResponseCode::NXDomain, ResponseCode::FormErr, ResponseCode::NotImp] {
            let octets = answer(&query, |message| message.metadata.response_code = code);
            assert!(matches!(judge(&query, &octets), Judgement::Answer(_)), "{code}");
        }
    }

    #[test]
    fn rfc3597_records_of_unknown_types_pass_through() {
        let request = request("www.example.org.", RecordType::Unknown(65280), |_| ());
        let query = query(&request, 1).unwrap();
        let unknown =
            RData::Unknown { code: RecordType::Unknown(65280), rdata: NULL::with(vec![1, 2, 0, 255]) };
        let octets = answer(&query, |message| message.answers[0].data = unknown.clone());
        let Judgement::Answer(message) = judge(&query, &octets) else { panic!("not taken") };
        let octets = reply(&request, *message).encode(&request.queries, 512).unwrap().unwrap();
        assert_eq!(Message::from_vec(&octets).unwrap().answers[0].data, unknown);
    }

    #[test]
    fn the_reply_has_the_clients_id_and_the_forwarders_verdict() {
        let request = request("www.Example.org.", RecordType::A, |message| message.metadata.id = 99);
        let mut upstream = Message::from_vec(&answer(&asked(), |_| ())).unwrap();
        upstream.metadata.response_code = ResponseCode::NXDomain;
        upstream.metadata.authentic_data = true;
        let reply = reply(&request, upstream);
        assert_eq!(reply.metadata.id, 99);
        assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
        assert!(reply.metadata.recursion_available && reply.metadata.authentic_data);
        assert!(reply.metadata.recursion_desired && !reply.metadata.authoritative);
        assert_eq!(reply.edns, None);
    }

    proptest! {
        #[test]
        fn rfc5452_s9_2_only_the_right_id_of_65536_is_taken(id: u16) {
            let query = asked();
            let octets = answer(&query, |message| message.metadata.id = id);
            prop_assert_eq!(judge(&query, &octets) == Judgement::NotOurs, id != query.metadata.id);
        }

        #[test]
        fn no_octets_whatever_are_taken_for_an_answer_by_chance(octets: Vec<u8>) {
            prop_assume!(!octets.starts_with(&4711_u16.to_be_bytes()));
            prop_assert_eq!(judge(&asked(), &octets), Judgement::NotOurs);
        }
    }
}
