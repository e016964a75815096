//! A DNS question and its answer; and a server of one's own, to relay to or to stand in for the branch.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

pub use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
pub use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, rdata};

use crate::error::{Context, Error, Result};

const ANSWER: Duration = Duration::from_secs(10);

/// How a question travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// A connection of its own.
    Tcp,
}

/// Asks `server` over UDP for a record of class IN.
pub fn ask(server: impl Into<IpAddr>, name: &str, record: RecordType) -> Result<Message> {
    ask_with(SocketAddr::new(server.into(), 53), &question(name, record)?, Transport::Udp)
}

/// The address that `server` gives for `name`.
pub fn a_record(server: impl Into<IpAddr>, name: &str) -> Result<Ipv4Addr> {
    let answer = ask(server, name, RecordType::A)?;
    let mut addresses = answer.answers.iter().filter_map(|record| match &record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    });
    addresses.next().context(format!("{name} has no address: {answer}"))
}

/// What `server` answers, as a zone file has it: TTL, type and data.
pub fn records(server: impl Into<IpAddr>, name: &str, record: RecordType) -> Result<Vec<String>> {
    let answer = ask(server, name, record)?;
    let text = |record: &Record| format!("{} {} {}", record.ttl, record.record_type(), record.data);
    Ok(answer.answers.iter().map(text).collect())
}

/// A question for `name`, to be changed at will before it is asked.
pub fn question(name: &str, record: RecordType) -> Result<Message> {
    static IDS: AtomicU16 = AtomicU16::new(1);
    let mut message = Message::new(IDS.fetch_add(1, Ordering::Relaxed), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let name = Name::from_str(name).context(name)?;
    message.add_query(Query::query(name, record));
    Ok(message)
}

/// Asks just this question, wherever `server` is.
pub fn ask_with(server: SocketAddr, question: &Message, transport: Transport) -> Result<Message> {
    let bytes = question.to_vec().context("writing a DNS question")?;
    let answer = match transport {
        Transport::Udp => exchange_udp(server, &bytes)?,
        Transport::Tcp => exchange_tcp(server, &bytes)?,
    };
    let answer = Message::from_vec(&answer).context("reading a DNS answer")?;
    if answer.metadata.id == question.metadata.id {
        Ok(answer)
    } else {
        Err(Error::new("the answer has another question's id"))
    }
}

/// Sends any bytes in a datagram and returns those of the answer.
pub fn exchange_udp(server: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
    let socket = UdpSocket::bind("0.0.0.0:0").context("a socket to ask from")?;
    socket.set_read_timeout(Some(ANSWER)).context("setting a timeout")?;
    socket.connect(server).context(format!("DNS at {server}"))?;
    socket.send(bytes).context(format!("asking {server}"))?;
    let mut buffer = vec![0; 65_535];
    let length = socket.recv(&mut buffer).context(format!("answer of {server}"))?;
    buffer.truncate(length);
    Ok(buffer)
}

/// Sends any bytes over TCP, behind their length, and returns those of the answer.
pub fn exchange_tcp(server: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, ANSWER).context(format!("DNS at {server}"))?;
    write_tcp(&mut stream, bytes).context(format!("asking {server}"))?;
    read_tcp(&mut stream).context(format!("answer of {server}"))
}

fn write_tcp(stream: &mut TcpStream, bytes: &[u8]) -> Result {
    let length = u16::try_from(bytes.len()).context("a message longer than TCP can carry")?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).context("writing")
}

fn read_tcp(stream: &mut TcpStream) -> Result<Vec<u8>> {
    stream.set_read_timeout(Some(ANSWER)).context("setting a timeout")?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).context("reading a length")?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).context("reading a message")?;
    Ok(message)
}

/// A DNS server of the test's own, over UDP or over TCP, until it is dropped.
pub struct Responder {
    address: SocketAddr,
    transport: Transport,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Answers every question that comes to `address` with what `answer` makes of it; `None` is silence.
    pub fn start(
        address: SocketAddr,
        mut answer: impl FnMut(&Message) -> Option<Message> + Send + 'static,
    ) -> Result<Self> {
        let socket = UdpSocket::bind(address).context(format!("DNS server at {address}"))?;
        let address = socket.local_addr().context("the server's own address")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let question = buffer.get(..length).and_then(|bytes| Message::from_vec(bytes).ok());
                let reply =
                    question.and_then(|question| answer(&question)).and_then(|reply| reply.to_vec().ok());
                if let Some(reply) = reply {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Ok(Self { address, transport: Transport::Udp, stop, thread: Some(thread) })
    }

    /// The same over TCP, one question on each connection.
    pub fn start_tcp(
        address: SocketAddr,
        mut answer: impl FnMut(&Message) -> Option<Message> + Send + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).context(format!("DNS server at {address}"))?;
        let address = listener.local_addr().context("the server's own address")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let question = read_tcp(&mut stream).ok().and_then(|bytes| Message::from_vec(&bytes).ok());
                let reply =
                    question.and_then(|question| answer(&question)).and_then(|reply| reply.to_vec().ok());
                if let Some(reply) = reply {
                    let _ = write_tcp(&mut stream, &reply);
                }
            }
        });
        Ok(Self { address, transport: Transport::Tcp, stop, thread: Some(thread) })
    }

    /// Gives `address()` for every A question, and nothing for any other type.
    pub fn with_address(at: SocketAddr, address: impl Fn() -> Ipv4Addr + Send + 'static) -> Result<Self> {
        Self::start(at, move |question| {
            let mut reply = reply_to(question);
            let asked = question.queries.first()?;
            if asked.query_type() == RecordType::A {
                let data = RData::A(rdata::A(address()));
                reply.add_answer(Record::from_rdata(asked.name().clone(), 1, data));
            }
            Some(reply)
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Any datagram or connection wakes the thread up.
        if self.transport == Transport::Tcp {
            let _ = TcpStream::connect(self.address);
        } else if let Ok(socket) = UdpSocket::bind("0.0.0.0:0") {
            let _ = socket.send_to(&[0], self.address);
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An empty answer to `question`.
pub fn reply_to(question: &Message) -> Message {
    let mut reply = Message::response(question.metadata.id, question.metadata.op_code);
    reply.metadata.recursion_desired = question.metadata.recursion_desired;
    reply.add_queries(question.queries.iter().cloned());
    reply
}
