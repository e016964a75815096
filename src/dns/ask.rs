//! A question to a DNS server, as a phone asks it: for `synch doctor` and `synch drill`.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use hickory_server::proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{LowerName, RecordType},
};

/// A server on this machine answers in far less.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How soon a request to stop is noticed.
const LOOK: Duration = Duration::from_millis(100);
/// The longest answer over UDP to a question without EDNS (RFC 1035 section 4.2.1).
const ROOM: usize = 512;

/// The addresses of a name, IPv4 before IPv6. `cancelled` is asked while it waits.
///
/// # Errors
/// Why there is none.
pub fn addresses_of(
    name: &LowerName,
    server: SocketAddr,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<IpAddr>, String> {
    let mut addresses = records(name, RecordType::A, server, cancelled)?;
    addresses.extend(records(name, RecordType::AAAA, server, cancelled)?);
    if addresses.is_empty() {
        return Err(format!("{server} has no address for this name"));
    }
    Ok(addresses)
}

fn records(
    name: &LowerName,
    record_type: RecordType,
    server: SocketAddr,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<IpAddr>, String> {
    let octets = exchange(name, record_type, reachable(server), cancelled)
        .map_err(|error| format!("{server} does not answer: {error}"))?;
    let answer = Message::from_vec(&octets)
        .map_err(|error| format!("{server} sent an answer that cannot be read: {error}"))?;
    match answer.metadata.response_code {
        ResponseCode::NoError => {
            Ok(answer.answers.iter().filter_map(|record| record.data.ip_addr()).collect())
        }
        code => Err(format!("{server} answers {code}")),
    }
}

fn exchange(
    name: &LowerName,
    record_type: RecordType,
    server: SocketAddr,
    cancelled: &dyn Fn() -> bool,
) -> io::Result<Vec<u8>> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(LOOK))?;
    socket.connect(server)?;
    let mut question = Message::new(ID, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(name.into(), record_type));
    socket.send(&question.to_vec().map_err(io::Error::other)?)?;
    let mut buffer = vec![0; ROOM];
    let end = Instant::now() + TIMEOUT;
    while Instant::now() < end && !cancelled() {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// Each question has a connected socket of its own: there is nothing to mix up.
const ID: u16 = 1;

/// A server that listens on every address is reached at the loopback.
fn reachable(server: SocketAddr) -> SocketAddr {
    match server.ip() {
        ip if !ip.is_unspecified() => server,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, server.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, server.port()).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use hickory_server::proto::rr::Name;

    use super::*;

    #[test]
    fn a_server_that_says_nothing_is_waited_for_until_cancelled() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let name = LowerName::from(Name::from_ascii("sip.voice.example.com.").unwrap());
        let looks = Cell::new(0);
        let cancelled = || looks.replace(looks.get() + 1) == 1;
        let problem = addresses_of(&name, server.local_addr().unwrap(), &cancelled).unwrap_err();
        assert!(problem.contains("does not answer: timed out"), "{problem}");
        assert_eq!(looks.get(), 2);
        // It asked once.
        server.set_nonblocking(true).unwrap();
        assert!(server.recv(&mut [0; ROOM]).is_ok() && server.recv(&mut [0; ROOM]).is_err());
    }
}
