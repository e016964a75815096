//! A UDP socket whose replies come from the address that was asked: clients take no others (RFC 2181 section 4.1).
//!
//! A socket that is bound to one address has no choice. One that is bound to every address would reply from whichever the
//! route to the client prefers, which is the wrong one where the machine has several in a network, as with a floating
//! address. There each request's own address is taken note of, which costs some of the speed.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Shutdown, SocketAddr, UdpSocket},
    time::Duration,
};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use socket2::SockRef;

/// How long the kernel may take to put a reply on its way; after that it is lost like any other.
const SEND: Duration = Duration::from_millis(100);

/// How often a socket of every address looks whether it is to stop: woken by a shutdown, it would be told of a request
/// that nobody sent.
const LOOK: Duration = Duration::from_millis(200);

/// Room for a request: a question with every option that a client may send is far smaller, and what is longer is cut by
/// the kernel and then malformed.
const REQUEST: usize = 4096;

/// The same where the kernel hands on several requests of one client at once (UDP GRO).
const REQUESTS: usize = 65_535;

/// The socket.
pub struct Datagrams {
    socket: UdpSocket,
    /// Where it is bound to every address.
    every: Option<UdpSocketState>,
}

/// Who asked, and at which address.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Who asked.
    pub client: SocketAddr,
    /// None where the socket has only one.
    asked: Option<IpAddr>,
}

/// What came.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    /// So many octets of the buffer.
    pub length: usize,
    /// A request has so many of them; the last one may have fewer.
    pub each: usize,
    /// From whom.
    pub peer: Peer,
}

impl Datagrams {
    /// Takes a bound socket.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_write_timeout(Some(SEND))?;
        let every = if socket.local_addr()?.ip().is_unspecified() {
            let state = UdpSocketState::new((&socket).into())?;
            // It is made for sockets that somebody else waits for.
            socket.set_nonblocking(false)?;
            socket.set_read_timeout(Some(LOOK))?;
            Some(state)
        } else {
            None
        };
        Ok(Self { socket, every })
    }

    /// A buffer to receive into.
    #[must_use]
    pub fn buffer(&self) -> Vec<u8> {
        vec![0; if self.every.is_some() { REQUESTS } else { REQUEST }]
    }

    /// Waits for requests.
    ///
    /// # Errors
    /// What the kernel said; `WouldBlock` where none has come for a while.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Received> {
        let Some(state) = &self.every else {
            let (length, client) = self.socket.recv_from(buffer)?;
            return Ok(Received { length, each: length, peer: Peer { client, asked: None } });
        };
        let mut meta = [RecvMeta::default()];
        state.recv((&self.socket).into(), &mut [IoSliceMut::new(buffer)], &mut meta)?;
        let [RecvMeta { addr, len, stride, dst_ip, .. }] = meta;
        Ok(Received { length: len, each: stride, peer: Peer { client: addr, asked: dst_ip } })
    }

    /// A reply that cannot be sent is lost, as on the way: the client asks again, and there is nobody else to tell.
    pub fn send(&self, octets: &[u8], peer: Peer) {
        let Peer { client, asked } = peer;
        let _ = match &self.every {
            None => self.socket.send_to(octets, client).map(drop),
            Some(state) => {
                let reply = Transmit {
                    destination: client,
                    ecn: None,
                    contents: octets,
                    segment_size: None,
                    src_ip: asked,
                };
                state.try_send((&self.socket).into(), &reply)
            }
        };
    }

    /// Wakes who waits for requests, now or within [`LOOK`].
    pub fn wake(&self) {
        if self.every.is_none() {
            // Linux wakes who receives on a UDP socket, and says that there is no connection to shut down.
            let _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
        }
    }
}
