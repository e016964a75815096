//! Any octets to the name server: never a panic, and where the short cut answers, it is what the long way answers.

#![no_main]

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, LazyLock},
    time::Instant,
};

use hickory_server::{net::xfer::Protocol, proto::op::Message};
use libfuzzer_sys::fuzz_target;
use res_synch::{
    dns::{
        Counters, Situation, Zone, ZoneCell,
        allow::Allowed,
        relay::Relay,
        reply::udp_limit,
        responder::{Responder, Step, read},
    },
    settings::{self, ConfSection},
    state::Target,
};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A name server of its own names alone: no forwarder is asked.
static RESPONDER: LazyLock<Responder> = LazyLock::new(|| {
    let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
    let dns = [
        ("bind", "127.0.0.1"),
        ("domain", "voice.example.com"),
        ("target_normal", "10.0.0.254,2001:db8::254"),
        ("target_failover", "192.0.2.1,192.0.2.2"),
        ("transports", "tls,tcp,udp"),
    ];
    let sections = [main, ConfSection::new("sync", [("enabled", "no")]), ConfSection::new("dns", dns)];
    let settings = settings::read(&sections).expect("good settings");
    let dns = settings.dns.expect("DNS is on");
    let situation = Situation { target: Target::Main, unstable: false };
    let counters = Arc::<Counters>::default();
    let relay = Arc::new(Relay::new(&dns, Arc::clone(&counters)));
    let zone = Arc::new(ZoneCell::new(Zone::new(&dns, situation, 1)));
    Responder::new(zone, relay, Allowed::default(), counters)
});

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

fuzz_target!(|octets: &[u8]| {
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
});
