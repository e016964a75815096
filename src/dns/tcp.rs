//! Requests over TCP (RFC 7766).
//!
//! Not hickory's listener: that one accepts without limit, and the file descriptors are Asterisk's, which needs them
//! for calls; and it answers the requests of a connection one after the other, so that a slow forwarder would hold up
//! the phone's own domain.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hickory_server::net::xfer::Protocol;
use tokio::{
    net::{TcpListener, TcpStream, tcp::OwnedWriteHalf},
    sync::{Mutex, Semaphore},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    frame,
    responder::{Responder, read},
};

/// How long a connection may be without a whole request (RFC 7766 section 6.2.3: a few seconds), and how long the
/// client may take to fetch a reply.
pub const IDLE: Duration = Duration::from_secs(5);

/// Connections at the same time, over all addresses; the next ones wait in the kernel's queue. Phones ask over UDP, so
/// these are few; each takes a file descriptor of Asterisk's.
pub const MAX_CONNECTIONS: usize = 64;

/// Requests of one connection under way at the same time; the next ones wait in its receive buffer.
const MAX_PIPELINED: usize = 16;

/// Pause after a failed accept: out of file descriptors, the kernel would report the same at once, for ever.
pub const PAUSE: Duration = Duration::from_millis(200);

/// Accepts and serves connections until it is aborted. `free` bounds the connections of all listeners.
pub async fn serve(listener: TcpListener, responder: Responder, free: Arc<Semaphore>) {
    let mut connections = JoinSet::new();
    // The semaphore is never closed.
    while let Ok(held) = Arc::clone(&free).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, peer)) => {
                let responder = responder.clone();
                connections.spawn(async move {
                    let _held = held;
                    serve_connection(stream, peer, &responder).await;
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, responder: &Responder) {
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(Mutex::new(writer));
    let mut replies = JoinSet::new();
    while let Ok(Ok(octets)) = timeout(IDLE, frame::read(&mut reader)).await {
        let (responder, writer) = (responder.clone(), Arc::clone(&writer));
        // RFC 7766 section 6.2.1.1: replies may overtake each other.
        replies.spawn(async move {
            if let Some(reply) = reply(octets, peer, &responder).await {
                write(&writer, &reply).await;
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

/// A failure needs no word: whoever reads the connection meets it too.
async fn write(writer: &Mutex<OwnedWriteHalf>, reply: &[u8]) {
    let mut writer = writer.lock().await;
    let _ = timeout(IDLE, frame::write(&mut *writer, reply)).await;
}

#[cfg(test)]
mod tests {
    use hickory_server::proto::{op::Message, rr::RecordType};
    use tokio::{runtime::Builder, task::spawn};

    use super::*;
    use crate::{
        dns::{Zone, ZoneCell, testing},
        state::Target,
    };

    async fn answered(client: &mut TcpStream) -> bool {
        let query = testing::query("sip.voice.example.com.", RecordType::A, |_| ());
        frame::write(client, &query.to_vec().unwrap()).await.unwrap();
        let reply = frame::read(client).await.unwrap();
        !Message::from_vec(&reply).unwrap().answers.is_empty()
    }

    #[test]
    fn a_connection_holds_its_place_until_it_ends() {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let zone = Zone::new(&testing::settings(), Target::Main, 1);
            let cell = Arc::new(ZoneCell::new(zone));
            let responder = testing::responder(&testing::settings(), cell);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let free = Arc::new(Semaphore::new(3));
            let server = spawn(serve(listener, responder, Arc::clone(&free)));

            let mut one = TcpStream::connect(address).await.unwrap();
            assert!(answered(&mut one).await);
            let mut two = TcpStream::connect(address).await.unwrap();
            assert!(answered(&mut two).await);
            // The third place is for the connection that the listener waits for.
            assert_eq!(free.available_permits(), 0);
            drop((one, two));
            let mut three = TcpStream::connect(address).await.unwrap();
            assert!(answered(&mut three).await);

            server.abort();
            assert!(server.await.unwrap_err().is_cancelled());
            drop(three);
            // The aborted connections give their places back once they have run out.
            let all = free.acquire_many(3).await.unwrap();
            assert_eq!(all.num_permits(), 3);
        });
    }
}
