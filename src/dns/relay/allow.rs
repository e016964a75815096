//! Who may ask for names outside the zone: an open resolver is a tool for others' attacks (RFC 5358). Pure.

use std::{net::IpAddr, time::Duration};

use crate::settings::{Allow, Prefix};

/// How often the machine's networks are read again: addresses come and go with DHCP and VPNs.
pub const RENEW: Duration = Duration::from_secs(30);

/// The networks in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed(Vec<Prefix>);

impl Allowed {
    /// What the settings say, where the machine has these networks.
    #[must_use]
    pub fn new(allow: &Allow, own: Vec<Prefix>) -> Self {
        let own = if allow.own { own } else { Vec::new() };
        Self(allow.prefixes.iter().copied().chain(own).collect())
    }

    /// Whether this client may ask.
    #[must_use]
    pub fn contains(&self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        client.is_loopback() || self.0.iter().any(|prefix| prefix.contains(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(own: bool, prefixes: &[&str], networks: &[&str]) -> Allowed {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Prefix>>();
        Allowed::new(&Allow { own, prefixes: parse(prefixes) }, parse(networks))
    }

    #[test]
    fn rfc5358_s4_strangers_may_not_ask_and_neighbours_may() {
        let allowed = allowed(true, &[], &["192.168.0.254/24", "2001:db8::1/64"]);
        for (client, may) in [
            ("192.168.0.1", true),
            ("192.168.1.1", false),
            ("203.0.113.1", false),
            ("2001:db8::9", true),
            ("2001:db8:1::9", false),
            ("::ffff:192.168.0.1", true),
        ] {
            assert_eq!(allowed.contains(client.parse().unwrap()), may, "{client}");
        }
    }

    #[test]
    fn a_list_stands_for_itself_and_with_own_for_both() {
        let (here, vpn) = ("192.168.0.1".parse().unwrap(), "10.8.0.1".parse().unwrap());
        let only = allowed(false, &["10.8.0.0/16"], &["192.168.0.254/24"]);
        assert!(only.contains(vpn) && !only.contains(here));
        let both = allowed(true, &["10.8.0.0/16"], &["192.168.0.254/24"]);
        assert!(both.contains(vpn) && both.contains(here));
    }

    #[test]
    fn the_machine_itself_may_always_ask() {
        let nobody = Allowed::default();
        for client in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(nobody.contains(client.parse().unwrap()), "{client}");
        }
        assert!(!nobody.contains("0.0.0.0".parse().unwrap()));
    }
}
