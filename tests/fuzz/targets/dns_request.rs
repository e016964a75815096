//! A request of a phone, and what a forwarder says to it: the reply has the id and the question of the request, is a
//! response, fits into what the phone takes, and decodes again.

use std::sync::LazyLock;

use hickory_server::{
    net::xfer::Protocol,
    proto::op::{Message, MessageType},
    server::Request,
};
use res_synch::dns::{
    message::reply::{Reply, udp_limit},
    relay::upstream::{self, Judgement},
    serve::responder::{Responder, Step, read},
    zone::ready::{Ready, Ttl},
};

use super::name_server::{CLIENT, responder};

static RESPONDER: LazyLock<Responder> = LazyLock::new(|| responder(Some("192.0.2.53")));

/// A message and, where it is one about another name, what the forwarder answers but for the id. The first octet is
/// the length of the message.
pub fn run(octets: &[u8]) {
    let Some((length, octets)) = octets.split_first() else { return };
    let (asked, answer) = octets.split_at(usize::from(*length).min(octets.len()));
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let reply = match read(asked.to_vec(), (CLIENT, 5353).into(), protocol) {
            Ok(request) => one_of_the_two(&request, answer, protocol),
            Err(reply) => reply,
        };
        if let Some(reply) = reply {
            assert_eq!(reply.get(..2), asked.get(..2), "the id is kept");
            let reply = Message::from_vec(&reply).expect("it decodes again");
            assert_eq!(reply.metadata.message_type, MessageType::Response);
        }
    }
}

fn one_of_the_two(request: &Request, answer: &[u8], protocol: Protocol) -> Option<Vec<u8>> {
    let reply = match RESPONDER.step(request, CLIENT) {
        Step::Reply(reply) => reply,
        Step::Relay => relayed(request, answer)?,
    };
    let limit = if protocol == Protocol::Udp { udp_limit(request) } else { u16::MAX };
    let reply = reply.cut_to(&request.queries, limit);
    let octets = reply.encode(&request.queries, limit).expect("it encodes").expect("it was cut to fit");
    assert!(octets.len() <= usize::from(limit), "{} octets", octets.len());
    let read = Message::from_vec(&octets).expect("it decodes again");
    let questions: Vec<_> = request.queries.queries().iter().map(|query| query.original().clone()).collect();
    assert_eq!(read.queries, questions);
    Some(octets)
}

fn relayed(request: &Request, answer: &[u8]) -> Option<Reply> {
    let query = upstream::query(request, 4711).expect("what is relayed has one question");
    let mut mixed = query.clone();
    upstream::mix_case(&mut mixed, || 0x5a5a);
    assert_eq!(mixed.queries, query.queries, "the same name in other letters");
    let answer = [&4711_u16.to_be_bytes(), answer].concat();
    let message = match upstream::judge(&query, &answer) {
        Judgement::Answer(message) | Judgement::OtherCase(message) => message,
        Judgement::NotOurs | Judgement::Truncated | Judgement::NoHelp => return None,
    };
    let ready = Ready::relayed(&message).ok()?;
    let replies = [Ttl::Aged(0), Ttl::Aged(u32::MAX), Ttl::Set(30)].map(|ttl| {
        let message =
            ready.message(request.queries.as_bytes(), ttl).expect("what was made ready is a message");
        upstream::reply(request, message)
    });
    replies.into_iter().next()
}
