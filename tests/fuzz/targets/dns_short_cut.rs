//! Any octets to the name server: where the short cut answers, it is what the long way answers.

use std::{sync::LazyLock, time::Instant};

use hickory_server::{net::xfer::Protocol, proto::op::Message};
use res_synch::dns::{
    message::reply::udp_limit,
    serve::responder::{Responder, Step, read},
};

use super::name_server::{CLIENT, responder};

static RESPONDER: LazyLock<Responder> = LazyLock::new(|| responder(None));

/// A datagram.
pub fn run(octets: &[u8]) {
    let long = long_way(octets);
    if let Some(reply) = &long {
        assert_eq!(reply.get(..2), octets.get(..2), "the id is kept");
        Message::from_vec(reply).expect("it decodes again");
    }
    let mut short = Vec::new();
    if RESPONDER.at_once(octets, CLIENT, Instant::now(), &mut short) {
        let long = long.expect("the long way answers, too");
        assert_eq!(
            Message::from_vec(&short).expect("it decodes"),
            Message::from_vec(&long).expect("it decodes")
        );
    }
}

fn long_way(octets: &[u8]) -> Option<Vec<u8>> {
    let request = match read(octets.to_vec(), (CLIENT, 5353).into(), Protocol::Udp) {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    let Step::Reply(reply) = RESPONDER.step(&request, CLIENT) else { panic!("relayed without a forwarder") };
    let limit = udp_limit(&request);
    let octets = reply.cut_to(&request.queries, limit).encode(&request.queries, limit).expect("it encodes");
    assert!(octets.as_ref().is_none_or(|octets| octets.len() <= usize::from(limit)), "too long");
    octets
}
