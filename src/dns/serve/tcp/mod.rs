//! Requests over TCP (RFC 7766).
//!
//! Not hickory's listener: that one accepts without limit, and the file descriptors are Asterisk's, which needs them
//! for calls; and it answers the requests of a connection one after the other, so that a slow forwarder would hold up
//! the phone's own domain.

use std::{
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use hickory_server::net::xfer::Protocol;
use tokio::{
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::{Mutex, oneshot},
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    places::{Places, Ticket},
    responder::{Responder, read},
};
use crate::{dns::message::frame, words::faults};

/// How long a connection may be without a whole request (RFC 7766 section 6.2.3: a few seconds), and how long the
/// client may take to fetch a reply.
pub const IDLE: Duration = Duration::from_secs(5);

/// How long requests are taken from one connection, however busy it is: a client that sends one just before each end of
/// [`IDLE`] shall not hold its place for ever. Whoever has more to ask connects again (RFC 7766 section 6.2.4).
const LIFE: Duration = Duration::from_secs(120);

/// Requests of one connection under way at the same time; the next ones wait in its receive buffer.
const MAX_PIPELINED: usize = 16;

/// Pause after a failed accept: out of file descriptors, the kernel would report the same at once, for ever.
pub const PAUSE: Duration = Duration::from_millis(200);

/// The connections of all listeners. Each waits for the end of its line, which tells it that its place is gone.
pub type Connections = Arc<parking_lot::Mutex<Places<oneshot::Sender<()>>>>;

/// Accepts and serves connections until it is aborted.
pub async fn serve(listener: TcpListener, responder: Responder, connections: Connections) {
    let mut served = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                while served.try_join_next().is_some() {}
                let begin = || {
                    faults::point("dns-tcp");
                    let (held, lost) = Held::take(&connections, peer);
                    let responder = responder.clone();
                    served.spawn(async move {
                        tokio::select! {
                            () = serve_connection(stream, peer, &responder, &held, Instant::now() + LIFE) => {}
                            _ = lost => {}
                        }
                    });
                };
                // A panic is a bug of ours, which the panic hook tells of: the next connection is taken all the same.
                let _ = catch_unwind(AssertUnwindSafe(begin));
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

/// A connection's place. It is given back when this is dropped.
struct Held {
    ticket: Ticket,
    connections: Connections,
}

impl Held {
    /// The place, and what ends when it is lost.
    fn take(connections: &Connections, peer: SocketAddr) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (line, lost) = oneshot::channel();
        let (ticket, _) = connections.lock().take(peer.ip(), now(), line);
        (Arc::new(Self { ticket, connections: Arc::clone(connections) }), lost)
    }

    fn stir(&self) {
        self.connections.lock().stir(self.ticket, now());
    }

    fn give_up(&self) {
        self.connections.lock().leave(self.ticket);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_up();
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// Takes requests until `end`, and answers them.
async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    responder: &Responder,
    held: &Arc<Held>,
    end: Instant,
) {
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    let mut replies = JoinSet::new();
    while let Ok(Ok(octets)) = timeout_at(end.min(Instant::now() + IDLE), frame::read(&mut reader)).await {
        held.stir();
        let (responder, writer, held) = (responder.clone(), Arc::clone(&writer), Arc::clone(held));
        // RFC 7766 section 6.2.1.1: replies may overtake each other.
        replies.spawn(async move {
            if let Some(reply) = reply(octets, peer, &responder).await {
                match write(&writer, &reply).await {
                    Ok(()) => held.stir(),
                    // Part of it may be on its way, and nothing that follows could be told apart from the rest.
                    Err(_) => held.give_up(),
                }
            }
        });
        while replies.try_join_next().is_some() {}
        if replies.len() >= MAX_PIPELINED {
            replies.join_next().await;
        }
    }
    // A client that has shut its side down still gets what it asked for.
    while replies.join_next().await.is_some() {}
}

/// The octets of the reply; none where a request deserves none.
async fn reply(octets: Vec<u8>, peer: SocketAddr, responder: &Responder) -> Option<Vec<u8>> {
    let request = match read(octets, peer, Protocol::Tcp) {
        Ok(request) => request,
        Err(reply) => return reply,
    };
    let reply = responder.reply(&request, peer.ip()).await.cut_to(&request.queries, u16::MAX);
    reply.encode(&request.queries, u16::MAX).ok()?
}

async fn write(writer: &Mutex<OwnedWriteHalf>, reply: &[u8]) -> io::Result<()> {
    let mut writer = writer.lock().await;
    timeout(IDLE, frame::write(&mut *writer, reply)).await?
}

#[cfg(test)]
mod tests;
