//! Requests over UDP.
//!
//! Not hickory's server: that one makes a task of each request, without limit. Here each socket has a thread that answers
//! plain questions where it receives them, so that those that came at once cost one system call to take and one each to
//! answer, and hands what waits for a forwarder to the runtime.

use std::{
    io,
    net::UdpSocket,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use hickory_server::{net::xfer::Protocol, proto::op::ResponseCode, server::Request};
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::Semaphore};

use super::{
    datagrams::{Datagrams, Peer},
    limit::{Limit, Verdict},
    responder::{Responder, Step, read},
    tcp::PAUSE,
};
use crate::{
    dns::{
        message::reply::{Reply, UDP_PAYLOAD},
        zone::short_cut::Plain,
    },
    words::faults,
};

/// Clients of one socket that wait for forwarders. The next ones get SERVFAIL; the same question asked by many is with
/// the forwarders once, so that these are more than [`crate::dns::relay::MAX_IN_FLIGHT`].
const MAX_WAITING: usize = 1024;

/// A socket that is served, until this is dropped.
pub struct Served {
    socket: Arc<Datagrams>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves the socket. What waits for a forwarder becomes a task of the runtime, and ends with that.
    ///
    /// # Errors
    /// The system has no thread to give, or a socket option is refused.
    pub fn start(
        socket: UdpSocket,
        responder: Responder,
        limit: Arc<Mutex<Limit>>,
        runtime: Handle,
    ) -> io::Result<Self> {
        let socket = Arc::new(Datagrams::new(socket)?);
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        let server = Server { socket: Arc::clone(&socket), responder, limit, runtime, waiting };
        let thread = thread::Builder::new().name("synch/dns-udp".to_owned());
        let thread = thread.spawn(move || server.run())?;
        Ok(Self { socket, thread: Some(thread) })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.socket.close();
        if let Some(thread) = self.thread.take() {
            // It catches its panics; there is nothing to learn from the result.
            let _ = thread.join();
        }
    }
}

struct Server {
    socket: Arc<Datagrams>,
    responder: Responder,
    limit: Arc<Mutex<Limit>>,
    runtime: Handle,
    waiting: Arc<Semaphore>,
}

impl Server {
    /// Receives and answers until it is told to stop. The thread outlives whatever panics: without it the socket would
    /// stay bound, and silent.
    fn run(&self) {
        while catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            thread::sleep(PAUSE);
        }
    }

    fn serve(&self) {
        let (mut batch, mut reply) = (self.socket.batch(), Vec::with_capacity(usize::from(UDP_PAYLOAD)));
        while !self.socket.is_closed() {
            faults::point("dns-udp");
            match self.socket.receive(&mut batch) {
                Ok(()) => {
                    for (request, peer) in batch.requests() {
                        // A request that makes us panic is a bug of ours, which the panic hook tells of: the next one
                        // is answered all the same.
                        let _ = catch_unwind(AssertUnwindSafe(|| self.take(request, peer, &mut reply)));
                    }
                }
                Err(error) if is_no_failure(error.kind()) => {}
                // Out of memory in the kernel, or the like: it would report the same at once, for ever.
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    fn take(&self, octets: &[u8], peer: Peer, reply: &mut Vec<u8>) {
        faults::point("dns-query");
        let client = peer.client;
        // Nobody can be answered there; a forger's trick against servers that try.
        if client.port() == 0 {
            return;
        }
        let now = Instant::now();
        match self.limit.lock().count(client.ip(), now) {
            Verdict::Answer => {}
            verdict => {
                self.responder.count_limited();
                if verdict == Verdict::Truncate
                    && let Some(plain) = Plain::read(octets)
                {
                    plain.truncate(reply);
                    self.socket.send(reply, peer);
                }
                return;
            }
        }
        if self.responder.at_once(octets, client.ip(), now, reply) {
            self.socket.send(reply, peer);
            return;
        }
        match read(octets.to_vec(), client, Protocol::Udp) {
            Ok(request) => self.take_long_way(request, peer),
            Err(Some(reply)) => self.socket.send(&reply, peer),
            Err(None) => {}
        }
    }

    fn take_long_way(&self, request: Request, peer: Peer) {
        match self.responder.step(&request, peer.client.ip()) {
            Step::Reply(reply) => send_reply(&self.socket, &request, reply, peer),
            Step::Relay => match Arc::clone(&self.waiting).try_acquire_owned() {
                Ok(permit) => {
                    let (socket, responder) = (Arc::clone(&self.socket), self.responder.clone());
                    self.runtime.spawn(async move {
                        let reply = responder.relayed(&request).await;
                        send_reply(&socket, &request, reply, peer);
                        drop(permit);
                    });
                }
                Err(_) => {
                    let reply = Reply::new(&request, ResponseCode::ServFail, true);
                    send_reply(&self.socket, &request, reply, peer);
                }
            },
        }
    }
}

/// Whether a signal came, or Linux reports at this call what became of an earlier reply, by an ICMP message: the next
/// request has nothing to do with that.
fn is_no_failure(error: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable};
    matches!(error, ConnectionRefused | HostUnreachable | NetworkUnreachable | Interrupted)
}

fn send_reply(socket: &Datagrams, request: &Request, reply: Reply, peer: Peer) {
    let limit = reply.udp_limit(request);
    if let Ok(Some(octets)) = reply.cut_to(&request.queries, limit).encode(&request.queries, limit) {
        socket.send(&octets, peer);
    }
}

#[cfg(test)]
mod tests;
