//! The networks of this machine whose clients may ask for any name. A branch has a leg in its provider's network, too, and
//! is no resolver for that. Pure but for [`networks`].

use std::{
    collections::HashSet,
    fs::File,
    io::{self, ErrorKind, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::settings::Prefix;

/// The kernel's routes. The default ones come first; a router may have a million others.
const ROUTES_V4: &str = "/proc/net/route";
const ROUTES_V6: &str = "/proc/net/ipv6_route";
const MAX_ROUTES: u64 = 256 << 10;

/// A route for so short a prefix is a default route: VPNs and providers write it in halves, or as `2000::/3`.
const DEFAULT_V4: u32 = 1;
const DEFAULT_V6: u32 = 3;

/// An address of this machine, on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Name of the interface, where it is an alias with that behind a colon.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// How many bits of it are the network's.
    pub length: u8,
}

/// The networks that are this machine's own; those known before, where the system does not say.
#[must_use]
pub fn networks(before: Vec<Prefix>) -> Vec<Prefix> {
    let Ok(interfaces) = if_addrs::get_if_addrs() else {
        return before;
    };
    let leg = |interface: if_addrs::Interface| {
        let (address, length) = match interface.addr {
            if_addrs::IfAddr::V4(address) => (address.ip.into(), address.prefixlen),
            if_addrs::IfAddr::V6(address) => (address.ip.into(), address.prefixlen),
        };
        Leg { interface: interface.name, address, length }
    };
    let legs: Vec<Leg> = interfaces.into_iter().map(leg).collect();
    let outside = match (routes(ROUTES_V4), routes(ROUTES_V6)) {
        (Ok(v4), Ok(v6)) => Some(outside(&v4, &v6)),
        _ => None,
    };
    own(&legs, outside.as_ref())
}

/// A kernel without one of the two protocols has no file for it.
fn routes(path: &str) -> io::Result<String> {
    let mut octets = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        file => drop(file?.take(MAX_ROUTES).read_to_end(&mut octets)?),
    }
    Ok(String::from_utf8_lossy(&octets).into_owned())
}

/// The interfaces that a default route leads to, out of the kernel's two tables.
fn outside(v4: &str, v6: &str) -> HashSet<String> {
    let v4 = v4.lines().skip(1).filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mask = u32::from_str_radix(words.get(7)?, 16).ok()?;
        (mask.count_ones() <= DEFAULT_V4).then(|| words.first().copied()).flatten()
    });
    let v6 = v6.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let length = u32::from_str_radix(words.get(1)?, 16).ok()?;
        (length <= DEFAULT_V6).then(|| words.get(9).copied()).flatten()
    });
    v4.chain(v6).map(str::to_owned).collect()
}

/// Which of the networks are this machine's own.
///
/// Private ones (RFC 1918, RFC 4193) are. Those that a provider shares among strangers are not: link-local ones, and
/// 100.64.0.0/10 (RFC 6598). Public ones are, unless a default route leads there or nobody knows where it leads. The
/// machine itself always may.
fn own(legs: &[Leg], outside: Option<&HashSet<String>>) -> Vec<Prefix> {
    let network = |leg: &Leg| {
        let name = leg.interface.split(':').next().unwrap_or_default();
        let inside = outside.is_some_and(|outside| !outside.contains(name));
        let whole = match leg.address {
            IpAddr::V4(address) => match private_v4(address) {
                Some(block) => Some(leg.length.max(block)),
                None => (inside && !is_shared_v4(address)).then_some(leg.length),
            },
            IpAddr::V6(address) if is_private_v6(address) => Some(leg.length.max(7)),
            IpAddr::V6(address) => (inside && !address.is_unicast_link_local()).then_some(leg.length),
        };
        let itself = if leg.address.is_ipv4() { 32 } else { 128 };
        Prefix::new(leg.address, whole.unwrap_or(itself))
    };
    legs.iter().filter_map(network).collect()
}

/// The length of the private block that an address is in: no network of it is larger.
fn private_v4(address: Ipv4Addr) -> Option<u8> {
    match address.octets() {
        [10 | 127, ..] => Some(8),
        [172, 16..=31, ..] => Some(12),
        [192, 168, ..] => Some(16),
        _ => None,
    }
}

fn is_shared_v4(address: Ipv4Addr) -> bool {
    address.is_link_local() || matches!(address.octets(), [100, 64..=127, ..])
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legs(legs: &[(&str, &str, u8)]) -> Vec<Leg> {
        let leg = |(interface, address, length): &(&str, &str, u8)| Leg {
            interface: (*interface).to_owned(),
            address: address.parse().unwrap(),
            length: *length,
        };
        legs.iter().map(leg).collect()
    }

    fn may(own: &[Prefix], client: &str) -> bool {
        own.iter().any(|network| network.contains(client.parse().unwrap()))
    }

    const V4: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wan\t00000000\t01710CCB\t0003\t0\t0\t0\t00000000\t0\t0\t0
wan\t00710CCB\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t00000080\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
lan\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
";
    const V6: &str = "\
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003   ppp0
20000000000000000000000000000000 03 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003   he6
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001   lan
";

    #[test]
    fn default_routes_are_found_whole_and_in_halves() {
        let found = outside(V4, V6);
        assert_eq!(found, ["wan", "tun0", "ppp0", "he6"].map(str::to_owned).into());
        assert!(outside("", "").is_empty());
        assert!(outside("Iface\nwan\t0\n", "x\n\n 00\n").is_empty(), "garbled lines");
    }

    #[test]
    fn the_providers_network_is_not_own_and_the_offices_is() {
        let legs = legs(&[
            ("lan", "192.168.0.254", 24),
            ("wan", "203.12.113.7", 24),
            ("wan:1", "203.12.114.7", 28),
            ("dmz", "198.51.100.1", 28),
            ("lan", "fd00:1::1", 64),
            ("ppp0", "2001:db8::7", 64),
            ("lan", "2001:db8:1::1", 64),
        ]);
        let own = own(&legs, Some(&outside(V4, V6)));
        for (client, wanted) in [
            ("192.168.0.9", true),
            ("192.168.1.9", false),
            ("203.12.113.8", false),
            ("203.12.114.8", false),
            ("198.51.100.9", true),
            ("fd00:1::9", true),
            ("2001:db8::8", false),
            ("2001:db8:1::8", true),
            // The machine itself.
            ("203.12.113.7", true),
            ("2001:db8::7", true),
        ] {
            assert_eq!(may(&own, client), wanted, "{client}");
        }
    }

    #[test]
    fn a_private_network_is_own_though_the_default_route_leads_there() {
        let legs = legs(&[("wan", "10.1.2.3", 16), ("wan", "172.20.0.1", 16), ("wan", "fd00::1", 64)]);
        let own = own(&legs, Some(&outside(V4, V6)));
        assert!(may(&own, "10.1.9.9") && may(&own, "172.20.9.9") && may(&own, "fd00::9"));
    }

    #[test]
    fn what_strangers_share_is_never_own() {
        let legs = legs(&[("lan", "169.254.3.4", 16), ("lan", "100.64.1.2", 10), ("lan", "fe80::1", 64)]);
        let own = own(&legs, Some(&HashSet::new()));
        for client in ["169.254.9.9", "100.64.9.9", "100.127.0.1", "fe80::9"] {
            assert!(!may(&own, client), "{client}");
        }
        assert!(may(&own, "100.64.1.2") && may(&own, "fe80::1"));
        // Next to it, and no part of it.
        assert_eq!(
            (is_shared_v4("100.63.255.255".parse().unwrap()), is_shared_v4("100.128.0.0".parse().unwrap())),
            (false, false)
        );
    }

    #[test]
    fn where_nobody_knows_the_routes_no_public_network_is_own() {
        let legs = legs(&[("dmz", "198.51.100.1", 28), ("lan", "192.168.0.254", 24)]);
        let own = own(&legs, None);
        assert!(!may(&own, "198.51.100.2") && may(&own, "192.168.0.1"));
    }

    #[test]
    fn a_private_network_ends_where_the_block_of_private_ones_ends() {
        let legs = legs(&[("lan", "192.168.0.254", 8), ("lan", "172.16.0.1", 8), ("lan", "fd00::1", 3)]);
        let own = own(&legs, Some(&HashSet::new()));
        assert!(may(&own, "192.168.200.1") && may(&own, "172.31.0.1") && may(&own, "fd11::1"));
        for client in ["192.0.2.1", "172.217.0.1", "2001:db8::1"] {
            assert!(!may(&own, client), "{client}");
        }
    }

    #[test]
    fn this_machine_has_a_loopback_network() {
        let networks = networks(Vec::new());
        assert!(may(&networks, "127.0.0.1"), "{networks:?}");
    }
}
