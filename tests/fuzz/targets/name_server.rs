//! A name server of one zone, for the targets that ask it. Its forwarder is nobody: no target sends anything.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use res_synch::{
    dns::{
        Counters, Situation, Zone, ZoneCell,
        relay::{Relay, allow::Allowed},
        serve::responder::Responder,
    },
    settings::{self, Allow},
    words::{conf::ConfSection, state::Target},
};

pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// With a forwarder that the client may have asked, or of its own names alone.
pub fn responder(forwarder: Option<&str>) -> Responder {
    let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
    let dns = [
        ("bind", "127.0.0.1"),
        ("domain", "voice.example.com"),
        ("target_normal", "10.0.0.254,2001:db8::254"),
        ("target_failover", "192.0.2.1,192.0.2.2"),
        ("transports", "tls,tcp,udp"),
        ("forwarder", forwarder.unwrap_or_default()),
    ];
    let sections = [main, ConfSection::new("sync", [("enabled", "no")]), ConfSection::new("dns", dns)];
    let dns = settings::read(&sections).expect("good settings").dns.expect("DNS is on");
    let situation = Situation { target: Target::Main, unstable: false };
    let counters = Arc::<Counters>::default();
    let relay = Arc::new(Relay::new(&dns, Arc::clone(&counters)));
    let zone = Arc::new(ZoneCell::new(Zone::new(&dns, situation, 1)));
    let allowed = Allowed::new(&Allow { own: false, prefixes: Vec::new() }, Vec::new());
    Responder::new(zone, relay, allowed, counters)
}
