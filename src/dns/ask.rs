//! One question to a DNS server, as a phone asks it: for `synch doctor`.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use hickory_server::proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{LowerName, RData, RecordType},
};

/// A server on this machine answers in far less.
const TIMEOUT: Duration = Duration::from_secs(2);
/// As much as an answer over UDP has that nobody said more for (RFC 1035 section 4.2.1).
const ROOM: usize = 512;

/// The first address of a name.
///
/// # Errors
/// Why there is none.
pub fn address_of(name: &LowerName, server: SocketAddr) -> Result<Ipv4Addr, String> {
    let octets =
        exchange(name, reachable(server)).map_err(|error| format!("{server} does not answer: {error}"))?;
    let answer = Message::from_vec(&octets).map_err(|error| format!("{server} answers nonsense: {error}"))?;
    let address = |data: &RData| match data {
        RData::A(address) => Some(address.0),
        _ => None,
    };
    let mut records = answer.answers.iter();
    records
        .find_map(|record| address(&record.data))
        .ok_or_else(|| format!("{server} answers {}, without an address", answer.metadata.response_code))
}

fn exchange(name: &LowerName, server: SocketAddr) -> std::io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.connect(server)?;
    let mut question = Message::new(ID, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(name.into(), RecordType::A));
    socket.send(&question.to_vec().map_err(std::io::Error::other)?)?;
    let mut buffer = vec![0; ROOM];
    let length = socket.recv(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// The socket is connected and asks once: there is nothing to mix up.
const ID: u16 = 1;

/// Whoever listens on every address is reached at the loopback.
fn reachable(server: SocketAddr) -> SocketAddr {
    match server.ip() {
        ip if !ip.is_unspecified() => server,
        std::net::IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, server.port()).into(),
        std::net::IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, server.port()).into(),
    }
}
