//! Other names: the client's question goes to forwarder after forwarder until one answers. Nothing is cached.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_server::{proto::op::Message, zone_handler::MessageRequest};
use tokio::{
    net::{TcpStream, UdpSocket},
    sync::Semaphore,
    time::timeout,
};

use super::{
    frame,
    upstream::{self, Judgement},
};

/// How long one forwarder may take, TCP included. Phones ask again after 3 to 5 seconds, so that two forwarders fit.
pub const FORWARDER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long all forwarders together may take. Resolvers give up after 5 seconds, and SERVFAIL must come before; it is
/// also below [`super::tcp::IDLE`], so that no connection ends with a reply outstanding.
pub const RELAY_TIMEOUT: Duration = Duration::from_millis(4500);

/// Relayed at the same time. Each takes a file descriptor, of which Asterisk may have only 1024 for all it does.
pub const MAX_IN_FLIGHT: usize = 128;

/// Room for a datagram: more than is ever asked for ([`super::reply::UDP_PAYLOAD`]), for forwarders that do not listen.
const DATAGRAM: usize = 4096;

/// Why there is no answer. The client gets SERVFAIL for either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// [`MAX_IN_FLIGHT`] reached.
    #[error("{MAX_IN_FLIGHT} names are being asked for already; this one is answered with SERVFAIL")]
    Busy,
    /// Silence, errors, SERVFAIL or REFUSED from each of them.
    #[error("no forwarder answered; the client gets SERVFAIL")]
    NoAnswer,
}

/// The forwarders, and how many questions are with them.
#[derive(Debug)]
pub struct Relay {
    forwarders: Vec<SocketAddr>,
    free: Semaphore,
}

impl Relay {
    /// A relay to these forwarders, the preferred one first.
    #[must_use]
    pub fn new(forwarders: Vec<SocketAddr>) -> Self {
        Self { forwarders, free: Semaphore::new(MAX_IN_FLIGHT) }
    }

    /// Whether there is anyone to ask.
    #[must_use]
    pub fn has_forwarders(&self) -> bool {
        !self.forwarders.is_empty()
    }

    /// Asks the forwarders what the client asked.
    ///
    /// # Errors
    /// None of them answered in time, or too many questions are with them.
    pub async fn ask(&self, request: &MessageRequest) -> Result<Message, RelayError> {
        let _held = self.free.try_acquire().map_err(|_| RelayError::Busy)?;
        // In the order of the settings each time: the first may know names that the others do not.
        let in_turn = async {
            for forwarder in &self.forwarders {
                if let Ok(Ok(Some(answer))) = timeout(FORWARDER_TIMEOUT, ask_one(*forwarder, request)).await {
                    return Ok(answer);
                }
            }
            Err(RelayError::NoAnswer)
        };
        timeout(RELAY_TIMEOUT, in_turn).await.unwrap_or(Err(RelayError::NoAnswer))
    }
}

/// One forwarder's answer; none where it could not tell.
async fn ask_one(forwarder: SocketAddr, request: &MessageRequest) -> io::Result<Option<Message>> {
    // hickory draws this id from the operating system's randomness (RFC 5452 section 9.2).
    let id = Message::query().metadata.id;
    let Some(query) = upstream::query(request, id) else {
        return Ok(None);
    };
    let octets = query.to_vec().map_err(io::Error::other)?;
    let mut judgement = over_udp(forwarder, &query, &octets).await?;
    if judgement == Judgement::Truncated {
        judgement = over_tcp(forwarder, &query, &octets).await?;
    }
    Ok(match judgement {
        Judgement::Answer(answer) => Some(*answer),
        Judgement::NotOurs | Judgement::Truncated | Judgement::NoHelp => None,
    })
}

/// A socket for this query alone: the kernel gives it a random port, and being connected it takes datagrams from the
/// forwarder only (RFC 5452 section 9.2).
async fn over_udp(forwarder: SocketAddr, query: &Message, octets: &[u8]) -> io::Result<Judgement> {
    let any: SocketAddr = match forwarder {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(forwarder).await?;
    socket.send(octets).await?;
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let judgement = upstream::judge(query, buffer.get(..length).unwrap_or_default());
        if judgement != Judgement::NotOurs {
            return Ok(judgement);
        }
    }
}

async fn over_tcp(forwarder: SocketAddr, query: &Message, octets: &[u8]) -> io::Result<Judgement> {
    let mut stream = TcpStream::connect(forwarder).await?;
    frame::write(&mut stream, octets).await?;
    let answer = frame::read(&mut stream).await?;
    Ok(upstream::judge(query, &answer))
}

#[cfg(test)]
mod tests;
