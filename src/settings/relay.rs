//! The keys of `[dns]` that are about other names and about abuse.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
    time::Duration,
};

use super::{
    value::{self, DAY, WEEK},
    walk::{Key, Keys, key, rows},
};

/// What a network of this machine is called in `allow`.
const OWN: &str = "own";

/// Answers per second and network, and ten times as many at once: 500 phones behind one address that all restart at once
/// ask for some 3,000 names. More would only help whoever writes a victim's address on his questions.
const RATE_LIMIT: u32 = 300;

/// In KiB: some two thousand names. Phones and Asterisk ask for a few dozen.
const CACHE_SIZE: u32 = 1024;

/// RFC 8767 section 5: one to three days.
const MAX_STALE: u32 = 3 * DAY;

/// Who may ask for other names, and what is kept of the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Who may ask for names outside the zone.
    pub allow: Allow,
    /// Answers per second over UDP to one network; zero: without limit.
    pub rate_limit: u32,
    /// Memory for answers of forwarders, in KiB.
    pub cache_size: u32,
    /// For how long an answer may be served after its time, while no forwarder gives a fresh one.
    pub max_stale: Duration,
}

impl Relay {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Relay {
                allow: Allow::row(),
                rate_limit: key::number(RATE_LIMIT, 0..=1_000_000),
                cache_size: key::number(CACHE_SIZE, 0..=65_536),
                max_stale: key::seconds(MAX_STALE, 0..=WEEK),
            },
        )
    }
}

/// Networks whose clients may ask: for names outside the zone, or for the status page. This machine itself always may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// The networks that this machine has an address in.
    pub own: bool,
    /// Others.
    pub prefixes: Vec<Prefix>,
}

impl Allow {
    /// A list of networks, by default those of this machine.
    pub(super) fn row() -> Key<'static, Self> {
        let networks = "networks such as 192.168.0.0/24, separated by commas; own for those of this machine";
        key::text(networks, Self::read).or(Self { own: true, prefixes: Vec::new() })
    }

    fn read(text: &str) -> Option<Self> {
        let words = value::each_of(text, |word| Some(word.to_owned()))?;
        let (own, networks): (Vec<_>, Vec<_>) = words.iter().partition(|word| word.eq_ignore_ascii_case(OWN));
        let prefixes = networks.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        Some(Self { own: !own.is_empty(), prefixes })
    }
}

/// A network: all addresses that begin with these bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

impl Prefix {
    /// The network of an address; none where the length is more than the address has.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        (length <= most).then(|| Self { address: first(address, length), length })
    }

    /// Whether an address is in it. IPv4 addresses on an IPv6 socket are meant as what they are.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && first(address, self.length) == self.address
    }
}

/// The first address of the network.
fn first(address: IpAddr, length: u8) -> IpAddr {
    let length = u32::from(length);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// No network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no network such as 192.168.0.0/24")]
pub struct NoPrefix;

impl FromStr for Prefix {
    type Err = NoPrefix;

    /// A lone address is a network of its own.
    fn from_str(text: &str) -> Result<Self, NoPrefix> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse().map_err(|_| NoPrefix)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NoPrefix)?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        Self::new(address, length.unwrap_or(whole)).ok_or(NoPrefix)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.own.then(|| OWN.to_owned());
        let words: Vec<String> = own.into_iter().chain(self.prefixes.iter().map(Prefix::to_string)).collect();
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_its_first_and_last_address_and_no_neighbour() {
        let cases = [
            ("192.168.0.77/24", "192.168.0.0", "192.168.0.255", "192.168.1.0"),
            ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.0"),
            ("2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::"),
            ("::1", "::1", "::1", "::2"),
        ];
        for (network, first, last, outside) in cases {
            let network = prefix(network);
            assert!(network.contains(first.parse().unwrap()) && network.contains(last.parse().unwrap()));
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
        }
    }

    #[test]
    fn everything_of_one_family_is_a_network_too() {
        assert!(prefix("0.0.0.0/0").contains("203.0.113.1".parse().unwrap()));
        assert!(!prefix("0.0.0.0/0").contains("2001:db8::1".parse().unwrap()));
        assert!(prefix("::/0").contains("2001:db8::1".parse().unwrap()));
        assert!(!prefix("::/0").contains("203.0.113.1".parse().unwrap()));
    }

    #[test]
    fn rfc4291_s2_5_5_2_a_mapped_address_is_the_one_that_it_maps() {
        assert!(prefix("192.168.0.0/24").contains("::ffff:192.168.0.7".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "own", "192.168.0.0/33", "::/129", "192.168.0/24", "192.168.0.0/", "192.168.0.0/-1"]
        {
            assert_eq!(text.parse::<Prefix>(), Err(NoPrefix), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_in_each_of_its_networks_and_the_text_names_the_same(bits: u128, v4: bool, length in 0..=128_u8) {
            let address: IpAddr = if v4 {
                #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
                Ipv4Addr::from_bits(bits as u32).into()
            } else {
                Ipv6Addr::from_bits(bits).into()
            };
            let network = Prefix::new(address, length);
            prop_assert_eq!(network.is_none(), v4 && length > 32);
            if let Some(network) = network {
                prop_assert!(network.contains(address) || address.to_canonical() != address);
                prop_assert_eq!(prefix(&network.to_string()), network);
            }
        }
    }
}
