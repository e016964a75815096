//! A UDP socket that takes several requests in one system call, and whose replies come from the address that was asked:
//! clients take no others (RFC 2181 section 4.1).
//!
//! A socket that is bound to one address has no choice. One that is bound to every address would reply from whichever the
//! route to the client prefers, which is the wrong one where the machine has several in a network, as with a floating
//! address. There the kernel tells of each request at which address it came, and is told the same with the reply.

use std::{
    io::{self, IoSlice, IoSliceMut},
    iter,
    net::{Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::AsRawFd,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use libc::{in_pktinfo, in6_pktinfo};
use nix::{
    cmsg_space,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg,
        sendmsg, setsockopt, sockopt,
    },
};
use socket2::SockRef;

/// How long the kernel may take to put a reply on its way; after that it is lost like any other.
const SEND: Duration = Duration::from_millis(100);

/// Requests that one system call takes: under full load, about seven wait when it is made, so that more would only cost
/// memory.
pub const BATCH: usize = 16;

/// Room for a request: a question with every option that a client may send is far smaller, and what is longer is cut by
/// the kernel and then malformed.
const REQUEST: usize = 4096;

/// The socket.
pub struct Datagrams {
    socket: UdpSocket,
    closed: AtomicBool,
    /// Room for what the kernel tells of the address that was asked; none where there is only one. Not more than that:
    /// nix offers the kernel as much as it used the last time.
    asked: Option<Vec<u8>>,
}

/// Who asked, and at which address.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Who asked.
    pub client: SocketAddr,
    /// None where the socket has only one.
    asked: Option<Asked>,
}

/// The address that was asked, as the kernel tells it and wants to be told. No interface: the route to the client has
/// the choice, which need not be the way that the request came.
#[derive(Clone, Copy, Debug)]
enum Asked {
    V4(in_pktinfo),
    /// For IPv4 too, where that comes to a socket of IPv6.
    V6(in6_pktinfo),
}

/// What came at once.
pub struct Batch {
    headers: MultiHeaders<SockaddrStorage>,
    octets: Vec<[u8; REQUEST]>,
    /// The length of each, and from whom.
    received: Vec<(usize, Option<Peer>)>,
}

impl Datagrams {
    /// Takes a bound socket, which blocks.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        socket.set_write_timeout(Some(SEND))?;
        let asked = match socket.local_addr()? {
            bound if !bound.ip().is_unspecified() => None,
            SocketAddr::V4(_) => {
                setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
                Some(cmsg_space!(in_pktinfo))
            }
            SocketAddr::V6(_) => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
                Some(cmsg_space!(in6_pktinfo))
            }
        };
        Ok(Self { socket, closed: AtomicBool::new(false), asked })
    }

    /// Room to receive into.
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch {
            headers: MultiHeaders::preallocate(BATCH, self.asked.clone()),
            octets: vec![[0; REQUEST]; BATCH],
            received: Vec::with_capacity(BATCH),
        }
    }

    /// Waits for a request, and takes what came with it. Nothing once the socket is closed.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<()> {
        let Batch { headers, octets, received } = batch;
        received.clear();
        let mut rooms: Vec<_> = octets.iter_mut().map(|room| [IoSliceMut::new(room)]).collect();
        let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_WAITFORONE);
        let messages = recvmmsg(socket, headers, rooms.iter_mut(), flags, None)?;
        // Woken by the end, it is told of a request that nobody sent.
        if !self.is_closed() {
            received.extend(messages.map(|message| (message.bytes, peer(&message))));
        }
        Ok(())
    }

    /// A reply that cannot be sent is lost, as on the way: the client asks again, and there is nobody else to tell.
    pub fn send(&self, octets: &[u8], peer: Peer) {
        let Peer { client, asked } = peer;
        let _ = match &asked {
            None => self.socket.send_to(octets, client),
            Some(asked) => {
                let (octets, asked) = ([IoSlice::new(octets)], [asked.message()]);
                let (socket, client) = (self.socket.as_raw_fd(), SockaddrStorage::from(client));
                sendmsg(socket, &octets, &asked, MsgFlags::empty(), Some(&client)).map_err(io::Error::from)
            }
        };
    }

    /// Wakes who waits for requests; there are no more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // Linux wakes who receives on a UDP socket, and says that there is no connection to shut down.
        let _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
    }

    /// Whether there are no more requests.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

impl Batch {
    /// The requests, in the order in which they came.
    pub fn requests(&self) -> impl Iterator<Item = (&[u8], Peer)> {
        iter::zip(&self.octets, &self.received)
            .filter_map(|(octets, (length, peer))| Some((octets.get(..*length)?, (*peer)?)))
    }
}

impl Asked {
    fn read(message: &ControlMessageOwned) -> Option<Self> {
        match *message {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                Some(Self::V4(in_pktinfo { ipi_ifindex: 0, ..info }))
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                Some(Self::V6(in6_pktinfo { ipi6_ifindex: 0, ..info }))
            }
            _ => None,
        }
    }

    fn message(&self) -> ControlMessage<'_> {
        match self {
            Self::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            Self::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        }
    }
}

fn peer(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Peer> {
    let from = message.address.as_ref()?;
    let v4 = from.as_sockaddr_in().map(|&from| SocketAddrV4::from(from).into());
    let client = v4.or_else(|| from.as_sockaddr_in6().map(|&from| SocketAddrV6::from(from).into()))?;
    let asked = message.cmsgs().ok().and_then(|mut told| told.find_map(|message| Asked::read(&message)));
    Some(Peer { client, asked })
}

#[cfg(test)]
mod tests;
