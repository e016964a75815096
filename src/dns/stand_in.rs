//! What the tests of this folder share: settings, requests, a client and a forwarder.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use hickory_server::{
    net::xfer::Protocol,
    proto::{
        op::{Edns, Message, MessageType, OpCode, Query},
        rr::{Name, RecordType},
    },
    server::Request,
};
use tokio::net::{TcpListener, UdpSocket};

use super::relay::Relay;
use crate::{
    dns::{
        relay::allow::Allowed,
        serve::{
            responder::Responder,
            shared::{Counters, ZoneCell},
        },
    },
    settings::{self, Allow, Dns, Offer, SipTransport, Soa},
    words::state::Target,
};

pub fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

pub fn edns(version: u8, payload: u16) -> Edns {
    let mut edns = Edns::new();
    edns.set_version(version).set_max_payload(payload);
    edns
}

/// The example of the documentation, on a free port of this machine.
pub fn settings() -> Dns {
    Dns {
        bind: vec!["127.0.0.1:0".parse().unwrap()],
        domain: name("voice.example.com.").into(),
        record: name("sip.voice.example.com.").into(),
        record_ttl: 30,
        failover_ttl: 10,
        unstable_ttl: 5,
        target_normal: vec![Ipv4Addr::new(10, 0, 0, 254).into()],
        target_failover: vec![Ipv4Addr::new(192, 168, 0, 254).into()],
        transports: vec![Offer { transport: SipTransport::Udp, main_port: 5060, branch_port: 5060 }],
        forwarders: Vec::new(),
        relay: settings::Relay {
            allow: Allow { own: true, prefixes: Vec::new() },
            rate_limit: 0,
            cache_size: 64,
            max_stale: Duration::from_secs(3600),
        },
        soa: Soa { refresh: 300, retry: 300, expire: 300, minimum: 30, ttl: 300 },
        default_target: Target::Branch,
    }
}

/// A responder for a zone in force; only this machine may ask it for other names.
pub fn responder(settings: &Dns, zone: Arc<ZoneCell>) -> Responder {
    let counters = Arc::<Counters>::default();
    let relay = Arc::new(Relay::new(settings, Arc::clone(&counters)));
    Responder::new(zone, relay, Allowed::default(), counters)
}

/// A query with RD set, changed as the test wants it.
pub fn query(owner: &str, record_type: RecordType, change: impl FnOnce(&mut Message)) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name(owner), record_type));
    change(&mut message);
    message
}

/// The same, as the server sees it.
pub fn request(owner: &str, record_type: RecordType, change: impl FnOnce(&mut Message)) -> Request {
    let octets = query(owner, record_type, change).to_vec().unwrap();
    Request::from_bytes(octets, "127.0.0.1:5353".parse().unwrap(), Protocol::Udp).unwrap()
}

/// UDP and TCP on one free port.
pub async fn udp_and_tcp() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

/// A port that is closed to everybody, and stays so as long as the socket is held: it listens to itself alone.
pub fn closed_port() -> std::net::UdpSocket {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(socket.local_addr().unwrap()).unwrap();
    socket
}

/// A bound for what should come at once; only a broken server reaches it.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn over_udp(server: SocketAddr, octets: &[u8]) -> Message {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(octets, server).unwrap();
    let mut buffer = [0; 4096];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(from, server);
    Message::from_vec(&buffer[..length]).unwrap()
}

pub fn send_frame(stream: &mut TcpStream, octets: &[u8]) {
    stream.write_all(&u16::try_from(octets.len()).unwrap().to_be_bytes()).unwrap();
    stream.write_all(octets).unwrap();
}

pub fn read_frame(stream: &mut TcpStream) -> Message {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut octets).unwrap();
    Message::from_vec(&octets).unwrap()
}

pub fn over_tcp(server: SocketAddr, octets: &[u8]) -> Message {
    let mut stream = TcpStream::connect(server).unwrap();
    send_frame(&mut stream, octets);
    read_frame(&mut stream)
}
