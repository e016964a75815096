//! Checks Asterisk's HTTP server, which shows the page and the metrics.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Findings, Level, Report};
use crate::{
    operator::status::Snapshot,
    words::conf::{ConfSection, ConfVariable},
};

/// Where Asterisk listens unless `bindport` says otherwise.
const PORT: u16 = 8088;
/// The same for TLS, unless `tlsbindaddr` has a port.
const TLS_PORT: u16 = 8089;

/// What `http.conf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpServer {
    /// Where it takes HTTP in clear; `None` where it does not.
    pub clear: Option<Place>,
    /// Where it takes TLS; `None` where it does not.
    pub tls: Option<Place>,
    /// Why nobody answers at one of them; empty where both do.
    pub silent: String,
}

/// Where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As the file has it.
    pub text: String,
    /// Where that is; `None` for a name.
    pub address: Option<SocketAddr>,
}

impl Place {
    /// Asterisk takes an address with or without a port.
    fn of(text: &str, port: u16) -> Self {
        let host = |host: &str| match host.eq_ignore_ascii_case("localhost") {
            true => Some(Ipv4Addr::LOCALHOST.into()),
            false => host.trim_matches(['[', ']']).parse().ok(),
        };
        let address = match (text.parse(), host(text), text.rsplit_once(':')) {
            (Ok(address), ..) => Some(address),
            (_, Some(ip), _) => Some(SocketAddr::new(ip, port)),
            (.., Some((name, port))) => {
                host(name).and_then(|ip| Some(SocketAddr::new(ip, port.parse().ok()?)))
            }
            _ => None,
        };
        Self { text: text.to_owned(), address }
    }

    /// Returns where this machine finds it.
    #[must_use]
    pub fn seen_from_here(&self) -> Option<SocketAddr> {
        let address = self.address?;
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        Some(SocketAddr::new(ip, address.port()))
    }

    fn is_loopback(&self) -> bool {
        self.address.is_some_and(|address| address.ip().to_canonical().is_loopback())
    }
}

impl HttpServer {
    /// Reads it out of the sections of that file.
    #[must_use]
    pub fn of(sections: &[ConfSection]) -> Self {
        let general = sections.iter().filter(|section| section.name.eq_ignore_ascii_case("general"));
        let lines: Vec<_> = general.flat_map(|section| &section.variables).collect();
        // Each has an older name, or none. An empty one is none.
        let value = |keys: &[&str]| {
            let is = |line: &&&ConfVariable| keys.iter().any(|key| line.key.eq_ignore_ascii_case(key));
            lines.iter().rfind(is).map(|line| line.value.as_str()).filter(|value| !value.is_empty())
        };
        // As `ast_true`.
        let truth = |keys: &[&str]| {
            let yes = ["yes", "true", "y", "t", "1", "on"];
            value(keys).is_some_and(|value| yes.iter().any(|word| value.eq_ignore_ascii_case(word)))
        };
        // Without an address of its own, neither listens: Asterisk has no default.
        let port = value(&["bindport"]).and_then(|port| port.parse().ok()).unwrap_or(PORT);
        let clear = value(&["bindaddr"]).filter(|_| truth(&["enabled"]));
        let tls = value(&["tlsbindaddr", "sslbindaddr"]).filter(|_| truth(&["tlsenable", "sslenable"]));
        Self {
            clear: clear.map(|text| Place::of(text, port)),
            tls: tls.map(|text| Place::of(text, TLS_PORT)),
            silent: String::new(),
        }
    }

    /// Where a password can be read on the way: in clear, and not on this machine alone.
    fn is_read_by_others(&self) -> Option<&str> {
        self.clear.as_ref().filter(|place| !place.is_loopback()).map(|place| place.text.as_str())
    }
}

impl Report {
    pub(super) fn http(&mut self, findings: &Findings, snapshot: &Snapshot) {
        let Some(server) = &findings.http else { return };
        let problem = &snapshot.http.problem;
        if !problem.is_empty() {
            let text = format!("nobody can read the page and the metrics: {problem}");
            self.say(Level::Broken, "http", text);
        } else if server.clear.is_none() && server.tls.is_none() {
            let text = "[http] enabled = yes, but Asterisk's HTTP server listens nowhere: set enabled = yes in [general] \
                        of http.conf, and bindaddr (or tlsenable and tlsbindaddr), which have no default (FreePBX: \
                        Advanced Settings, Enable the mini-HTTP Server), then 'module reload http'";
            self.say(Level::Broken, "http", text);
        } else if !server.silent.is_empty() {
            let text = format!(
                "http.conf has Asterisk listen at {}; another program may have the port, the certificate may be \
                 unreadable, or 'module reload http' is missing: see Asterisk's log",
                server.silent
            );
            self.say(Level::Broken, "http", text);
        } else if let Some(bind) = server.is_read_by_others() {
            let text = format!(
                "http.conf takes HTTP in clear at {bind}, so the password of [http] can be read on the way: set \
                 bindaddr = 127.0.0.1 and tlsenable = yes there, or a firewall; see docs/monitoring.md"
            );
            self.say(Level::Warning, "http", text);
        } else {
            let over = if server.tls.is_some() { "over TLS" } else { "to this machine" };
            self.say(Level::Fine, "http", format!("/synch/ and /synch/metrics are shown {over}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::status::tests::snapshot;

    fn said(lines: &[(&'static str, &'static str)], problem: &str) -> (Level, String) {
        let mut snapshot = snapshot();
        problem.clone_into(&mut std::sync::Arc::make_mut(&mut snapshot.http).problem);
        let sections = [ConfSection::new("general", lines.iter().copied())];
        let mut report = Report(Vec::new());
        report.http(&Findings { http: Some(HttpServer::of(&sections)), ..Findings::default() }, &snapshot);
        report.0.pop().map(|check| (check.level, check.text)).unwrap()
    }

    #[test]
    fn a_server_that_listens_nowhere_shows_nothing() {
        for lines in [
            &[][..],
            &[("enabled", "no")],
            &[("bindaddr", "127.0.0.1")],
            &[("enabled", "yes")],
            &[("enabled", "yes"), ("bindaddr", "")],
            &[("tlsenable", "yes")],
            &[("tlsenable", "yes"), ("bindaddr", "10.0.0.1")],
        ] {
            let (level, text) = said(lines, "");
            assert!(
                level == Level::Broken && text.contains("enabled = yes in [general]"),
                "{lines:?} {text}"
            );
        }
    }

    #[test]
    fn a_password_in_clear_beyond_this_machine_is_warned_of() {
        for lines in [
            &[("enabled", "yes"), ("bindaddr", "0.0.0.0")][..],
            &[("enabled", "on"), ("bindaddr", "10.0.0.1")],
            &[("enabled", "on"), ("bindaddr", "10.0.0.1:80")],
            &[("enabled", "yes"), ("bindaddr", "branch.example")],
            &[("enabled", "yes"), ("bindaddr", "::"), ("tlsenable", "yes"), ("tlsbindaddr", "::")],
        ] {
            let (level, text) = said(lines, "");
            assert!(level == Level::Warning && text.contains("in clear at"), "{text}");
        }
        for lines in [
            &[("enabled", "yes"), ("bindaddr", "127.0.0.1")][..],
            &[("enabled", "yes"), ("bindaddr", "127.0.0.1:8090")],
            &[("enabled", "yes"), ("bindaddr", "localhost:8090")],
            &[("enabled", "yes"), ("bindaddr", "[::1]:8090")],
            &[("Enabled", "yes"), ("bindaddr", "::1"), ("tlsenable", "yes")],
            &[("tlsenable", "yes"), ("tlsbindaddr", "10.0.0.1:8089")],
            &[("sslenable", "yes"), ("sslbindaddr", "10.0.0.1")],
        ] {
            assert_eq!(said(lines, "").0, Level::Fine, "{lines:?}");
        }
    }

    #[test]
    fn it_is_looked_for_where_it_listens() {
        let found = |lines: &[(&'static str, &'static str)]| {
            let server = HttpServer::of(&[ConfSection::new("general", lines.iter().copied())]);
            [server.clear, server.tls].map(|place| {
                place.and_then(|place| place.seen_from_here()).map(|address| address.to_string())
            })
        };
        let of = |clear: Option<&str>, tls: Option<&str>| [clear, tls].map(|text| text.map(str::to_owned));
        let clear = [("enabled", "yes"), ("bindaddr", "0.0.0.0")];
        assert_eq!(found(&clear), of(Some("127.0.0.1:8088"), None));
        let other = [("enabled", "yes"), ("bindaddr", "10.0.0.1"), ("bindport", "80")];
        assert_eq!(found(&other), of(Some("10.0.0.1:80"), None));
        let tls = [("tlsenable", "yes"), ("tlsbindaddr", "[::]:443")];
        assert_eq!(found(&tls), of(None, Some("[::1]:443")));
        let sealed = [("sslenable", "yes"), ("sslbindaddr", "10.0.0.1")];
        assert_eq!(found(&sealed), of(None, Some("10.0.0.1:8089")));
        assert_eq!(found(&[("enabled", "yes"), ("bindaddr", "branch.example")]), of(None, None));
    }

    #[test]
    fn a_server_that_does_not_answer_is_bad() {
        let lines = [("enabled", "yes"), ("bindaddr", "127.0.0.1")];
        let mut server = HttpServer::of(&[ConfSection::new("general", lines)]);
        server.silent = "127.0.0.1, but nothing listens there: refused".to_owned();
        let mut report = Report(Vec::new());
        report.http(&Findings { http: Some(server), ..Findings::default() }, &snapshot());
        let check = report.0.pop().unwrap();
        assert!(
            check.level == Level::Broken && check.text.contains("listens there: refused"),
            "{}",
            check.text
        );
    }

    #[test]
    fn a_page_without_a_password_is_bad() {
        let (level, text) =
            said(&[("enabled", "yes"), ("bindaddr", "::1")], "cannot read the password from /x: no");
        assert!(level == Level::Broken && text.contains("cannot read the password from /x"), "{text}");
    }

    #[test]
    fn whoever_has_no_page_hears_nothing_of_it() {
        let mut report = Report(Vec::new());
        report.http(&Findings::default(), &snapshot());
        assert!(report.0.is_empty());
    }
}
