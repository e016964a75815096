//! Requests over UDP.
//!
//! Not hickory's server: that one makes a task of each request, without limit. Here each socket has a thread that answers
//! plain questions where it receives them, so that one question costs one system call to take and one to answer, and
//! hands what waits for a forwarder to the runtime.

use std::{
    io,
    net::{Shutdown, SocketAddr, UdpSocket},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hickory_server::{net::xfer::Protocol, proto::op::ResponseCode, server::Request};
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{runtime::Handle, sync::Semaphore};

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

/// Clients of one socket that wait for forwarders. The next ones get SERVFAIL; the same question asked by many is with
/// the forwarders once, so that these are more than [`super::relay::MAX_IN_FLIGHT`].
const MAX_WAITING: usize = 1024;

/// How long the kernel may take to put a reply on its way; after that it is lost like any other.
const SEND: Duration = Duration::from_millis(100);

/// A socket that is served, until this is dropped.
pub struct Served {
    socket: Arc<UdpSocket>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves the socket. What waits for a forwarder becomes a task of the runtime, and ends with that.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(
        socket: UdpSocket,
        responder: Responder,
        limit: Arc<Mutex<Limit>>,
        runtime: Handle,
    ) -> io::Result<Self> {
        socket.set_write_timeout(Some(SEND))?;
        let (socket, stop) = (Arc::new(socket), Arc::<AtomicBool>::default());
        let waiting = Arc::new(Semaphore::new(MAX_WAITING));
        let server = Server { socket: Arc::clone(&socket), responder, limit, runtime, waiting };
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new().name("synch/dns-udp".to_owned());
        let thread = thread.spawn(move || server.run(&stopped))?;
        Ok(Self { socket, stop, thread: Some(thread) })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Linux wakes who receives on a UDP socket, and says that there is no connection to shut down.
        let _ = SockRef::from(&*self.socket).shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            // It catches its panics; there is nothing to learn from the result.
            let _ = thread.join();
        }
    }
}

struct Server {
    socket: Arc<UdpSocket>,
    responder: Responder,
    limit: Arc<Mutex<Limit>>,
    runtime: Handle,
    waiting: Arc<Semaphore>,
}

impl Server {
    /// Receives and answers until it is told to stop.
    fn run(&self, stop: &AtomicBool) {
        let (mut request, mut reply) = (vec![0; REQUEST], Vec::with_capacity(usize::from(UDP_PAYLOAD)));
        while !stop.load(Ordering::Acquire) {
            match self.socket.recv_from(&mut request) {
                Ok((length, client)) => {
                    let octets = request.get(..length).unwrap_or_default();
                    // A request that makes us panic is a bug of ours, which the panic hook tells of: the next one is
                    // answered all the same.
                    let _ = catch_unwind(AssertUnwindSafe(|| self.take(octets, client, &mut reply)));
                }
                // What became of an earlier reply: the next request has nothing to do with it.
                Err(error) if is_of_a_reply(error.kind()) => {}
                // Out of memory in the kernel, or the like: it would report the same at once, for ever.
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    fn take(&self, octets: &[u8], client: SocketAddr, reply: &mut Vec<u8>) {
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

    fn take_long_way(&self, request: Request, client: SocketAddr) {
        match self.responder.step(&request, client.ip()) {
            Step::Reply(reply) => send_reply(&self.socket, &request, reply, client),
            Step::Relay => match Arc::clone(&self.waiting).try_acquire_owned() {
                Ok(permit) => {
                    let (socket, responder) = (Arc::clone(&self.socket), self.responder.clone());
                    self.runtime.spawn(async move {
                        let reply = responder.relayed(&request).await;
                        send_reply(&socket, &request, reply, client);
                        drop(permit);
                    });
                }
                Err(_) => {
                    let reply = Reply::new(&request, ResponseCode::ServFail, true);
                    send_reply(&self.socket, &request, reply, client);
                }
            },
        }
    }
}

/// Linux reports an ICMP message about a reply at the next call on the socket.
fn is_of_a_reply(error: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Interrupted, NetworkUnreachable};
    matches!(error, ConnectionRefused | HostUnreachable | NetworkUnreachable | Interrupted)
}

fn send_reply(socket: &UdpSocket, request: &Request, reply: Reply, client: SocketAddr) {
    let limit = udp_limit(request);
    if let Ok(Some(octets)) = reply.cut_to(&request.queries, limit).encode(&request.queries, limit) {
        send(socket, &octets, client);
    }
}

/// A reply that cannot be sent is lost, as on the way: the client asks again, and there is nobody else to tell.
fn send(socket: &UdpSocket, octets: &[u8], client: SocketAddr) {
    let _ = socket.send_to(octets, client);
}
