//! Other DNS servers: a question goes to one after the other until one answers.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use hickory_server::proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{Name, RecordType},
};
use tokio::{
    net::{TcpStream, UdpSocket},
    task::JoinSet,
    time::timeout,
};

use super::upstream::{self, Judgement};
use crate::dns::message::frame;

/// How long one forwarder may take, TCP included. Phones ask again after 3 to 5 seconds, so that two forwarders fit.
pub const FORWARDER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long all forwarders together may take. Resolvers give up after 5 seconds, and SERVFAIL must come before; it is
/// also below [`crate::dns::serve::tcp::IDLE`], so that no connection ends with a reply outstanding.
pub const RELAY_TIMEOUT: Duration = Duration::from_millis(4500);

/// Room for a datagram: more than is ever asked for ([`crate::dns::message::reply::UDP_PAYLOAD`]), for forwarders that do not listen.
const DATAGRAM: usize = 4096;

/// The forwarders, the preferred one first.
#[derive(Debug)]
pub struct Forwarders(Vec<Forwarder>);

#[derive(Debug)]
struct Forwarder {
    address: SocketAddr,
    /// Sends names back in the letters that it got. Most do; with one that does not, the letters prove nothing.
    keeps_case: AtomicBool,
}

/// How asking one after the other ended.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// With an answer.
    Answer(Box<Message>),
    /// Somebody is there, but cannot tell.
    NoHelp,
    /// Nobody was heard of.
    Silence,
}

impl Forwarders {
    /// Forwarders at these addresses.
    #[must_use]
    pub fn new(addresses: &[SocketAddr]) -> Self {
        let forwarder = |&address: &SocketAddr| Forwarder { address, keeps_case: AtomicBool::new(true) };
        Self(addresses.iter().map(forwarder).collect())
    }

    /// Whether there is nobody to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks one after the other, until one answers or the time is up.
    pub async fn ask(&self, query: &Message) -> Outcome {
        let heard = AtomicBool::new(false);
        // In the order of the settings each time: the first may know names that the others do not.
        let in_turn = async {
            for forwarder in &self.0 {
                match timeout(FORWARDER_TIMEOUT, forwarder.ask(query)).await {
                    Ok(Ok(Some(answer))) => return Some(answer),
                    Ok(Ok(None)) => heard.store(true, Relaxed),
                    Ok(Err(_)) | Err(_) => {}
                }
            }
            None
        };
        match timeout(RELAY_TIMEOUT, in_turn).await {
            Ok(Some(answer)) => Outcome::Answer(answer),
            _ if heard.load(Relaxed) => Outcome::NoHelp,
            _ => Outcome::Silence,
        }
    }

    /// Whether any of them says anything, all being asked at once, and twice: a datagram may be lost.
    pub async fn any_alive(self: &Arc<Self>) -> bool {
        let mut asked = JoinSet::new();
        for place in (0..self.0.len()).chain(0..self.0.len()) {
            let all = Arc::clone(self);
            asked.spawn(async move {
                let Some(forwarder) = all.0.get(place) else { return false };
                matches!(timeout(FORWARDER_TIMEOUT, forwarder.ask(&probe())).await, Ok(Ok(_)))
            });
        }
        while let Some(alive) = asked.join_next().await {
            if alive.unwrap_or(false) {
                return true;
            }
        }
        false
    }
}

/// The name servers of the root: every resolver has them at hand, whatever else it can reach.
fn probe() -> Message {
    let mut query = Message::new(0, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::root(), RecordType::NS));
    query
}

impl Forwarder {
    /// Its answer; none where it could not tell.
    async fn ask(&self, query: &Message) -> io::Result<Option<Box<Message>>> {
        // hickory draws ids from the operating system's randomness (RFC 5452 section 9.2).
        let random = || Message::query().metadata.id;
        let mut query = query.clone();
        query.metadata.id = random();
        if self.keeps_case.load(Relaxed) {
            upstream::mix_case(&mut query, random);
        }
        let octets = query.to_vec().map_err(io::Error::other)?;
        let over_udp = over_udp(self.address, &query, &octets).await?;
        match over_udp {
            Judgement::Answer(answer) => return Ok(Some(answer)),
            Judgement::OtherCase(answer) if !self.keeps_case.load(Relaxed) => return Ok(Some(answer)),
            Judgement::OtherCase(_) | Judgement::Truncated => {}
            Judgement::NotOurs | Judgement::NoHelp => return Ok(None),
        }
        match over_tcp(self.address, &query, &octets).await? {
            Judgement::Answer(answer) => Ok(Some(answer)),
            Judgement::OtherCase(answer) => {
                self.keeps_case.store(false, Relaxed);
                Ok(Some(answer))
            }
            Judgement::NotOurs | Judgement::Truncated | Judgement::NoHelp => Ok(None),
        }
    }
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
