//! The marks that our packets carry (DSCP, RFC 2474), so that a router can tell what must be quick from what can wait.
//!
//! Probes are marked as phones mark their signalling, bulk as what gives way to everything else (RFC 3662). Nothing
//! happens where no router looks at them.

use std::{io, net::SocketAddr};

use socket2::SockRef;

/// How urgent a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Questions whose answers decide where phones go: CS3.
    Probe,
    /// Whole files: CS1.
    Bulk,
}

impl Mark {
    /// The octet in the header: six bits of DSCP, and two that belong to others.
    const fn octet(self) -> u32 {
        match self {
            Self::Probe => 24 << 2,
            Self::Bulk => 8 << 2,
        }
    }

    /// Has a socket that talks to `peer` send packets with this mark.
    ///
    /// # Errors
    /// The system does not let us. Nothing depends on it.
    pub fn put_on(self, socket: &SockRef<'_>, peer: SocketAddr) -> io::Result<()> {
        match peer {
            SocketAddr::V4(_) => socket.set_tos_v4(self.octet()),
            SocketAddr::V6(_) => socket.set_tclass_v6(self.octet()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn sockets_of_both_kinds_carry_it() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        for (mark, octet) in [(Mark::Probe, 0x60), (Mark::Bulk, 0x20)] {
            mark.put_on(&SockRef::from(&socket), address).unwrap();
            assert_eq!(SockRef::from(&socket).tos_v4().unwrap(), octet);
        }
        // A machine without IPv6 has no such socket, and nothing to mark.
        let Ok(socket) = UdpSocket::bind("[::1]:0") else { return };
        let address = socket.local_addr().unwrap();
        Mark::Probe.put_on(&SockRef::from(&socket), address).unwrap();
        assert_eq!(SockRef::from(&socket).tclass_v6().unwrap(), 0x60);
    }
}
