//! A question to a DNS server, as a phone asks it: for `synch doctor`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use hickory_server::proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{LowerName, RecordType},
};

/// A server on this machine answers in far less.
const TIMEOUT: Duration = Duration::from_secs(2);
/// As much as an answer over UDP has that nobody said more for (RFC 1035 section 4.2.1).
const ROOM: usize = 512;

/// The addresses of a name, IPv4 before IPv6.
///
/// # Errors
/// Why there is none.
pub fn addresses_of(name: &LowerName, server: SocketAddr) -> Result<Vec<IpAddr>, String> {
    let mut addresses = records(name, RecordType::A, server)?;
    addresses.extend(records(name, RecordType::AAAA, server)?);
    if addresses.is_empty() {
        return Err(format!("{server} knows no address of it"));
    }
    Ok(addresses)
}

fn records(name: &LowerName, record_type: RecordType, server: SocketAddr) -> Result<Vec<IpAddr>, String> {
    let octets = exchange(name, record_type, reachable(server))
        .map_err(|error| format!("{server} does not answer: {error}"))?;
    let answer = Message::from_vec(&octets).map_err(|error| format!("{server} answers nonsense: {error}"))?;
    match answer.metadata.response_code {
        ResponseCode::NoError => {
            Ok(answer.answers.iter().filter_map(|record| record.data.ip_addr()).collect())
        }
        code => Err(format!("{server} answers {code}")),
    }
}

fn exchange(name: &LowerName, record_type: RecordType, server: SocketAddr) -> std::io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    socket.connect(server)?;
    let mut question = Message::new(ID, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(name.into(), record_type));
    socket.send(&question.to_vec().map_err(std::io::Error::other)?)?;
    let mut buffer = vec![0; ROOM];
    let length = socket.recv(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// Each question has a connected socket of its own: there is nothing to mix up.
const ID: u16 = 1;

/// Whoever listens on every address is reached at the loopback.
fn reachable(server: SocketAddr) -> SocketAddr {
    match server.ip() {
        ip if !ip.is_unspecified() => server,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, server.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, server.port()).into(),
    }
}
