//! Where this branch's own SIP is asked, and in whose name. Pure.
//!
//! Best where `[dns]` sends the phones; else where Asterisk's own configuration says that it listens. The name is one
//! that this Asterisk knows: a stranger is a line in its log each time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{
    settings::{Dns, SipTransport, Technology, Transport},
    words::{conf::ConfSection, uri::is_user},
};

/// Where SIP is that was not told otherwise (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;

/// Where to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Over what.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.transport, self.address)
    }
}

/// Where `[dns]` sends phones to this branch: over UDP, where that is offered. `is_own` says whether an address is one of
/// this machine: another's answer says nothing of this Asterisk.
#[must_use]
pub fn of_dns(dns: &Dns, is_own: impl Fn(IpAddr) -> bool) -> Option<Place> {
    let ip = dns.target_failover.iter().copied().find(|ip| is_own(*ip))?;
    let offered = |wanted| dns.transports.iter().find(|offer| offer.transport == wanted);
    let place = |wanted, transport| {
        offered(wanted).map(|offer| Place { transport, address: SocketAddr::new(ip, offer.branch_port) })
    };
    place(SipTransport::Udp, Transport::Udp).or_else(|| place(SipTransport::Tcp, Transport::Tcp))
}

/// Where Asterisk listens by these sections of `pjsip.conf` or `sip.conf`.
#[must_use]
pub fn of_conf(sections: &[ConfSection], technology: Technology) -> Option<Place> {
    match technology {
        Technology::Pjsip => of_pjsip(sections),
        Technology::Sip => of_sip(sections),
    }
}

fn of_pjsip(sections: &[ConfSection]) -> Option<Place> {
    let transports = || sections.iter().filter(|section| is(section, "transport"));
    let place = |wanted: &str, transport| {
        let of_wanted =
            |section: &&ConfSection| last(section, "protocol").unwrap_or("udp").eq_ignore_ascii_case(wanted);
        let bind = transports().filter(of_wanted).find_map(|section| address(last(section, "bind")?));
        bind.map(|address| Place { transport, address })
    };
    place("udp", Transport::Udp).or_else(|| place("tcp", Transport::Tcp))
}

fn of_sip(sections: &[ConfSection]) -> Option<Place> {
    let general = sections.iter().find(|section| section.name.eq_ignore_ascii_case("general"))?;
    let port = last(general, "bindport").and_then(|port| port.parse().ok()).unwrap_or(SIP_PORT);
    let bind = last(general, "udpbindaddr").or_else(|| last(general, "bindaddr")).unwrap_or("0.0.0.0");
    let address = match bind.parse::<IpAddr>() {
        Ok(ip) => within(SocketAddr::new(ip, port)),
        Err(_) => address(bind)?,
    };
    Some(Place { transport: Transport::Udp, address })
}

/// In whose name this Asterisk can be asked, by its own configuration.
#[must_use]
pub fn account_of_conf(sections: &[ConfSection], technology: Technology) -> Option<String> {
    let has_account = |section: &&ConfSection| match technology {
        Technology::Pjsip => is(section, "endpoint"),
        Technology::Sip => ["peer", "friend", "user"].iter().any(|kind| is(section, kind)),
    };
    sections.iter().filter(has_account).map(|section| section.name.clone()).find(|name| is_user(name))
}

fn is(section: &ConfSection, kind: &str) -> bool {
    last(section, "type").is_some_and(|found| found.eq_ignore_ascii_case(kind))
}

fn last<'a>(section: &'a ConfSection, key: &str) -> Option<&'a str> {
    let found = section.variables.iter().rfind(|variable| variable.key.eq_ignore_ascii_case(key));
    found.map(|variable| variable.value.trim())
}

/// `0.0.0.0`, `0.0.0.0:5060`, `[::]:5060`. `None`: a name, which nobody looks up here.
fn address(bind: &str) -> Option<SocketAddr> {
    let plain = || bind.trim_matches(['[', ']']).parse().ok().map(|ip| SocketAddr::new(ip, SIP_PORT));
    bind.parse().ok().or_else(plain).map(within)
}

/// Where somebody on the same machine reaches who listens everywhere.
fn within(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings;

    fn dns(transports: &str, failover: &str) -> Dns {
        let main = [("host", "10.0.0.254"), ("username", "synch"), ("secret", "x")];
        let dns = [
            ("bind", "192.168.0.254"),
            ("domain", "voice.example.com"),
            ("target_normal", "10.0.0.254"),
            ("target_failover", "192.168.0.254"),
            ("transports", transports),
            ("transports_failover", failover),
        ];
        let off = ConfSection::new("sync", [("enabled", "no")]);
        settings::read(&[ConfSection::new("main", main), off, ConfSection::new("dns", dns)])
            .unwrap()
            .dns
            .unwrap()
    }

    #[test]
    fn it_is_asked_where_the_phones_are_sent_if_that_is_here() {
        let text = |transports: &str, failover: &str, own| {
            of_dns(&dns(transports, failover), |_| own).map(|place| place.to_string())
        };
        assert_eq!(text("tcp, udp", "tcp:5071, udp:5070", true).as_deref(), Some("udp:192.168.0.254:5070"));
        assert_eq!(text("tcp", "tcp:5071", true).as_deref(), Some("tcp:192.168.0.254:5071"));
        assert_eq!(text("tls", "tls", true), None);
        assert_eq!(text("udp", "udp", false), None);
    }

    fn conf(sections: &[(&str, &[(&str, &str)])]) -> Vec<ConfSection> {
        sections.iter().map(|(name, lines)| ConfSection::new(*name, lines.iter().copied())).collect()
    }

    #[test]
    fn else_where_the_configuration_says_that_asterisk_listens() {
        type Lines<'a> = &'a [(&'a str, &'a str)];
        let cases: [(Lines<'_>, Option<&str>); 7] = [
            (&[("type", "transport"), ("bind", "0.0.0.0")], Some("udp:127.0.0.1:5060")),
            (&[("type", "transport"), ("bind", "0.0.0.0:5070")], Some("udp:127.0.0.1:5070")),
            (&[("type", "transport"), ("protocol", "tcp"), ("bind", "[::]:5060")], Some("tcp:[::1]:5060")),
            (&[("type", "transport"), ("protocol", "udp"), ("bind", "10.1.2.3")], Some("udp:10.1.2.3:5060")),
            (&[("type", "transport"), ("protocol", "wss"), ("bind", "0.0.0.0")], None),
            (&[("type", "transport"), ("bind", "pbx.example.com")], None),
            (&[("type", "endpoint")], None),
        ];
        for (lines, wanted) in cases {
            let found = of_conf(&conf(&[("t", lines)]), Technology::Pjsip).map(|place| place.to_string());
            assert_eq!(found.as_deref(), wanted, "{lines:?}");
        }
        let cases: [(Lines<'_>, &str); 4] = [
            (&[], "udp:127.0.0.1:5060"),
            (&[("bindport", "5070")], "udp:127.0.0.1:5070"),
            (&[("udpbindaddr", "10.1.2.3:5080"), ("bindaddr", "0.0.0.0")], "udp:10.1.2.3:5080"),
            (&[("bindaddr", "10.1.2.3"), ("bindport", "5090")], "udp:10.1.2.3:5090"),
        ];
        for (lines, wanted) in cases {
            let found = of_conf(&conf(&[("general", lines)]), Technology::Sip).map(|place| place.to_string());
            assert_eq!(found.as_deref(), Some(wanted), "{lines:?}");
        }
    }

    #[test]
    fn it_is_asked_in_the_name_of_somebody_it_knows() {
        let pjsip = conf(&[
            ("t", &[("type", "transport")]),
            ("main trunk", &[("type", "endpoint")]),
            ("gateway", &[("type", "aor")]),
            ("gateway", &[("type", "endpoint")]),
        ]);
        assert_eq!(account_of_conf(&pjsip, Technology::Pjsip).as_deref(), Some("gateway"));
        let sip = conf(&[("general", &[]), ("main-trunk", &[("type", "peer")])]);
        assert_eq!(account_of_conf(&sip, Technology::Sip).as_deref(), Some("main-trunk"));
        assert_eq!(account_of_conf(&[], Technology::Sip), None);
    }
}
