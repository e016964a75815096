//! Listening sockets, and the remedy for an administrator where one cannot be bound.

use std::{
    fmt, io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpListener;

/// How often a socket that could not be bound is tried again: its interface may come up, or another program may free
/// it.
pub const BIND_RETRY: Duration = Duration::from_secs(5);

/// Connections that wait to be accepted: more than a site's phones open at once.
const BACKLOG: i32 = 128;

/// How messages come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Connections.
    Tcp,
}

/// An address and a transport to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Address and port.
    pub address: SocketAddr,
    /// UDP or TCP.
    pub transport: Transport,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        };
        write!(f, "{} ({transport})", self.address)
    }
}

/// A socket that could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {endpoint}: {source}; {}; trying again every {} seconds",
    remedy(source.kind(), endpoint.address.port()), BIND_RETRY.as_secs())]
pub struct BindError {
    /// What was to be bound.
    pub endpoint: Endpoint,
    /// What the kernel said.
    pub source: io::Error,
}

/// Returns the usual cause and the remedy.
fn remedy(kind: io::ErrorKind, port: u16) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied if port < 1024 => {
            "a port below 1024 needs a permission that Asterisk's user does not have. Either set sysctl \
             net.ipv4.ip_unprivileged_port_start=53; or add AmbientCapabilities=CAP_NET_BIND_SERVICE and \
             User=asterisk to Asterisk's systemd unit, and remove -U from its command line and runuser from \
             asterisk.conf, because they drop that permission again; or set [dns] bind to a port above 1023 and \
             redirect port 53 to it with nftables (udp dport 53 redirect to :5353, and the same for tcp)"
        }
        io::ErrorKind::PermissionDenied => {
            "a security policy (SELinux, AppArmor or the container's) does not allow it"
        }
        io::ErrorKind::AddrInUse => {
            "another program uses this port, usually systemd-resolved, dnsmasq or named: stop it, or set [dns] \
             bind to one address of this machine instead of 0.0.0.0 (ss -lnptu shows who listens where)"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has that address now: check [dns] bind"
        }
        // A thread of its own answers what comes over UDP.
        io::ErrorKind::WouldBlock => {
            "the system cannot start another thread: check TasksMax in Asterisk's systemd unit, and ulimit -u of \
             its user"
        }
        _ => "see [dns] bind",
    }
}

/// Binds a UDP socket, which blocks. `only_v6` keeps an IPv6 socket off IPv4.
///
/// # Errors
/// What the kernel said.
pub fn udp(address: SocketAddr, only_v6: bool) -> io::Result<UdpSocket> {
    Ok(bound(address, only_v6, Type::DGRAM, Protocol::UDP)?.into())
}

/// Binds a TCP socket and listens. `only_v6` keeps an IPv6 socket off IPv4.
///
/// # Errors
/// What the kernel said.
pub fn tcp(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = bound(address, only_v6, Type::STREAM, Protocol::TCP)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

fn bound(address: SocketAddr, only_v6: bool, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    // A pair of branches has a floating address: who gets it answers at once. Where the kernel does not know the option,
    // the address is tried again.
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
        let _ = socket.set_freebind_v6(true);
    } else {
        let _ = socket.set_freebind_v4(true);
    }
    if kind == Type::STREAM {
        // After a reload the old connections linger in TIME_WAIT. Not for UDP: there it would let two servers share.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: io::ErrorKind, address: &str) -> String {
        let endpoint = Endpoint { address: address.parse().unwrap(), transport: Transport::Udp };
        BindError { endpoint, source: kind.into() }.to_string()
    }

    #[test]
    fn port_53_without_permission_names_each_way_to_allow_it() {
        let text = text(io::ErrorKind::PermissionDenied, "192.168.0.254:53");
        for way in [
            "192.168.0.254:53 (UDP)",
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            "User=asterisk",
            "runuser",
            "net.ipv4.ip_unprivileged_port_start=53",
            "nftables",
            "trying again",
        ] {
            assert!(text.contains(way), "{way} not in: {text}");
        }
    }

    /// 192.0.2.0/24 is nobody's (RFC 5737).
    #[test]
    fn an_address_that_is_elsewhere_now_is_bound_for_the_time_when_it_is_here() {
        for address in ["192.0.2.1:0", "[2001:db8::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            match udp(address, true) {
                Ok(socket) => assert_eq!(socket.local_addr().unwrap().ip(), address.ip()),
                // A machine without IPv6.
                Err(error) => assert!(address.is_ipv6() && error.kind() != io::ErrorKind::AddrNotAvailable),
            }
        }
        let _tcp = bound("192.0.2.1:0".parse().unwrap(), true, Type::STREAM, Protocol::TCP).unwrap();
    }

    #[test]
    fn a_high_port_without_permission_does_not_talk_of_low_ports() {
        assert!(!text(io::ErrorKind::PermissionDenied, "127.0.0.1:5353").contains("below 1024"));
    }

    #[test]
    fn an_address_in_use_names_who_usually_has_it() {
        let text = text(io::ErrorKind::AddrInUse, "0.0.0.0:53");
        assert!(text.contains("systemd-resolved") && text.contains("dnsmasq"));
    }
}
