//! Requests over UDP.
//!
//! Not hickory's server: that one makes a task of each request, without limit. Here plain questions are answered in the
//! loop that receives them, and only what waits for a forwarder is a task.

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use hickory_server::{net::xfer::Protocol, proto::op::ResponseCode, server::Request};
use parking_lot::Mutex;
use tokio::{
    net::UdpSocket,
    task::{JoinSet, yield_now},
    time::sleep,
};

use super::{
    limit::{Limit, Verdict},
    reply::{Reply, UDP_PAYLOAD, udp_limit},
    responder::{Responder, Step, read},
    short_cut::Plain,
    tcp::PAUSE,
};

/// Room for a request: a question with every option that a client may send is far smaller, and what is longer is cut by
/// the kernel and then malformed.
const REQUEST: usize = 4096;

/// Requests taken in a row before connections and forwarders have their turn: a tenth of a millisecond.
const BURST: usize = 64;

/// Clients of one socket that wait for forwarders. The next ones get SERVFAIL; the same question asked by many is with
/// the forwarders once, so that these are more than [`super::relay::MAX_IN_FLIGHT`].
const MAX_WAITING: usize = 1024;

/// Receives and answers until it is aborted.
pub async fn serve(socket: UdpSocket, responder: Responder, limit: Arc<Mutex<Limit>>) {
    let mut server = Server { socket: Arc::new(socket), responder, limit, waiting: JoinSet::new() };
    let (mut request, mut reply) = (vec![0; REQUEST], Vec::with_capacity(usize::from(UDP_PAYLOAD)));
    loop {
        match server.socket.readable().await {
            // Others have their turn anyway when there is nothing more to receive.
            Ok(()) if server.burst(&mut request, &mut reply) => yield_now().await,
            Ok(()) => {}
            // Out of memory in the kernel, or the like: it would report the same at once, for ever.
            Err(_) => sleep(PAUSE).await,
        }
        while server.waiting.try_join_next().is_some() {}
    }
}

struct Server {
    socket: Arc<UdpSocket>,
    responder: Responder,
    limit: Arc<Mutex<Limit>>,
    waiting: JoinSet<()>,
}

impl Server {
    /// Takes requests until there is none, or until others should have their turn: true.
    fn burst(&mut self, request: &mut [u8], reply: &mut Vec<u8>) -> bool {
        let now = Instant::now();
        for _ in 0..BURST {
            match self.socket.try_recv_from(request) {
                Ok((length, client)) => {
                    self.take(request.get(..length).unwrap_or_default(), client, now, reply);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // What became of an earlier reply: the next request has nothing to do with it.
                Err(_) => {}
            }
        }
        true
    }

    fn take(&mut self, octets: &[u8], client: SocketAddr, now: Instant, reply: &mut Vec<u8>) {
        // Nobody can be answered there; a forger's trick against servers that try.
        if client.port() == 0 {
            return;
        }
        match self.limit.lock().count(client.ip(), now) {
            Verdict::Answer => {}
            verdict => {
                self.responder.count_limited();
                if verdict == Verdict::Truncate
                    && let Some(plain) = Plain::read(octets)
                {
                    plain.truncate(reply);
                    send(&self.socket, reply, client);
                }
                return;
            }
        }
        if self.responder.at_once(octets, client.ip(), now, reply) {
            send(&self.socket, reply, client);
            return;
        }
        match read(octets.to_vec(), client, Protocol::Udp) {
            Ok(request) => self.take_long_way(request, client),
            Err(Some(reply)) => send(&self.socket, &reply, client),
            Err(None) => {}
        }
    }

    fn take_long_way(&mut self, request: Request, client: SocketAddr) {
        match self.responder.step(&request, client.ip()) {
            Step::Reply(reply) => send_reply(&self.socket, &request, reply, client),
            Step::Relay if self.waiting.len() >= MAX_WAITING => {
                let reply = Reply::new(&request, ResponseCode::ServFail, true);
                send_reply(&self.socket, &request, reply, client);
            }
            Step::Relay => {
                let (socket, responder) = (Arc::clone(&self.socket), self.responder.clone());
                self.waiting.spawn(async move {
                    let reply = responder.relayed(&request).await;
                    send_reply(&socket, &request, reply, client);
                });
            }
        }
    }
}

fn send_reply(socket: &UdpSocket, request: &Request, reply: Reply, client: SocketAddr) {
    let limit = udp_limit(request);
    if let Ok(Some(octets)) = reply.cut_to(&request.queries, limit).encode(&request.queries, limit) {
        send(socket, &octets, client);
    }
}

/// A reply that cannot be sent is lost, as on the way: the client asks again, and there is nobody else to tell.
fn send(socket: &UdpSocket, octets: &[u8], client: SocketAddr) {
    let _ = socket.try_send_to(octets, client);
}
