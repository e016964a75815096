//! Over what a system takes SIP and at which ports, as its own files say. Pure.

use std::fmt;

use crate::{
    settings::{SipTransport, Technology},
    words::conf::{ConfSection, is_yes},
};

/// What SIP of a phone travels over. Web sockets are one, with TLS or without: a proxy may be what ends the TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Over {
    /// UDP
    Udp,
    /// TCP
    Tcp,
    /// TLS
    Tls,
    /// Web sockets
    WebSocket,
}

/// Where a system takes SIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Name of the section that says so.
    pub name: String,
    /// Over what.
    pub over: Over,
    /// At which port; none where that is another module's.
    pub port: Option<u16>,
}

impl Over {
    /// Of a word of pjsip.conf or sip.conf.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase();
        match word.as_str() {
            "ws" | "wss" => Some(Self::WebSocket),
            _ => SipTransport::from_word(&word).map(Self::from),
        }
    }
}

impl From<SipTransport> for Over {
    fn from(transport: SipTransport) -> Self {
        match transport {
            SipTransport::Udp => Self::Udp,
            SipTransport::Tcp => Self::Tcp,
            SipTransport::Tls => Self::Tls,
        }
    }
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::WebSocket => "web sockets",
        })
    }
}

/// Where a system with these sections takes SIP; nowhere where they don't say.
#[must_use]
pub fn places(sections: &[ConfSection], technology: Technology) -> Vec<Place> {
    match technology {
        Technology::Pjsip => sections.iter().filter_map(place).collect(),
        Technology::Sip => places_of_sip(sections),
    }
}

/// `type = transport`: a `bind` without a port is the usual one (`transport_apply` of res_pjsip).
fn place(section: &ConfSection) -> Option<Place> {
    let said = |key| last(section, key);
    said("type").filter(|kind| kind.eq_ignore_ascii_case("transport"))?;
    let over = Over::from_word(said("protocol").unwrap_or("udp"))?;
    let port = said("bind").and_then(port_in);
    let port = match over {
        Over::Udp | Over::Tcp => Some(port.unwrap_or(5060)),
        Over::Tls => Some(port.unwrap_or(5061)),
        // http.conf has it.
        Over::WebSocket => None,
    };
    Some(Place { name: section.name.clone(), over, port })
}

/// `[general]` of sip.conf: `bindport` counts before the port of an address, and a `tcpbindaddr` has its own (`reload_config`
/// of chan_sip).
fn places_of_sip(sections: &[ConfSection]) -> Vec<Place> {
    let general = sections.iter().filter(|section| section.name.eq_ignore_ascii_case("general"));
    let general: Vec<&ConfSection> = general.collect();
    let Some(name) = general.first().map(|section| section.name.clone()) else { return Vec::new() };
    let said = |key| general.iter().rev().find_map(|section| last(section, key));
    let of = |key| said(key).and_then(port_in);
    let enabled = |key, usually| said(key).map_or(usually, |value| is_yes(value.as_bytes()));
    let bound = said("bindport").and_then(|port| port.trim().parse().ok());
    let udp = bound.or(of("udpbindaddr")).or(of("bindaddr")).unwrap_or(5060);
    let tcp = if said("tcpbindaddr").is_some() { of("tcpbindaddr").unwrap_or(5060) } else { udp };
    let tls = of("tlsbindaddr").unwrap_or(5061);
    let all = [
        Some((Over::Udp, Some(udp))),
        enabled("tcpenable", false).then_some((Over::Tcp, Some(tcp))),
        enabled("tlsenable", false).then_some((Over::Tls, Some(tls))),
        // http.conf has the port.
        enabled("websocket_enabled", true).then_some((Over::WebSocket, None)),
    ];
    let place = |(over, port)| Place { name: name.clone(), over, port };
    all.into_iter().flatten().map(place).collect()
}

fn last<'a>(section: &'a ConfSection, key: &str) -> Option<&'a str> {
    let mut lines = section.variables.iter();
    lines.rfind(|line| line.key.eq_ignore_ascii_case(key)).map(|line| line.value.trim())
}

/// The port of `0.0.0.0:5160` or `[::]:5160`.
fn port_in(bind: &str) -> Option<u16> {
    let (host, port) = bind.trim().rsplit_once(':')?;
    // An IPv6 address without a port has colons, too.
    (!host.contains(':') || host.ends_with(']')).then(|| port.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, lines: &[(&'static str, &str)]) -> ConfSection {
        ConfSection::new(name, lines.iter().copied())
    }

    fn seen(places: &[Place]) -> Vec<(Over, Option<u16>)> {
        places.iter().map(|place| (place.over, place.port)).collect()
    }

    #[test]
    fn a_transport_without_a_port_has_the_usual_one() {
        let sections = [
            section("udp", &[("type", "transport"), ("bind", "0.0.0.0")]),
            section("odd", &[("type", "transport"), ("protocol", "tcp"), ("bind", "192.0.2.1:5160")]),
            section("tls", &[("type", "transport"), ("protocol", "tls"), ("bind", "[2001:db8::1]:5161")]),
            section("six", &[("type", "transport"), ("protocol", "tls"), ("bind", "2001:db8::1")]),
            section("wss", &[("type", "transport"), ("protocol", "wss"), ("bind", "0.0.0.0")]),
            section("1001", &[("type", "endpoint"), ("protocol", "tcp")]),
        ];
        let expected = [
            (Over::Udp, Some(5060)),
            (Over::Tcp, Some(5160)),
            (Over::Tls, Some(5161)),
            (Over::Tls, Some(5061)),
            (Over::WebSocket, None),
        ];
        assert_eq!(seen(&places(&sections, Technology::Pjsip)), expected);
    }

    #[test]
    fn chan_sip_says_it_in_general() {
        let general = |lines| seen(&places(&[section("general", lines)], Technology::Sip));
        let web = (Over::WebSocket, None);
        assert_eq!(general(&[]), [(Over::Udp, Some(5060)), web]);
        let no_web = ("websocket_enabled", "no");
        let expected = [(Over::Udp, Some(5160)), (Over::Tcp, Some(5160))];
        let lines = [("bindport", "5160"), ("tcpenable", "yes"), no_web];
        assert_eq!(general(&lines), expected);
        let lines = [("udpbindaddr", "0.0.0.0:5170"), ("bindport", "5160"), ("tlsenable", "yes"), no_web];
        assert_eq!(general(&lines), [(Over::Udp, Some(5160)), (Over::Tls, Some(5061))]);
        let lines =
            [("udpbindaddr", "0.0.0.0:5170"), ("tcpbindaddr", "0.0.0.0"), ("tcpenable", "yes"), no_web];
        assert_eq!(general(&lines), [(Over::Udp, Some(5170)), (Over::Tcp, Some(5060))]);
        assert!(places(&[], Technology::Sip).is_empty());
    }
}
