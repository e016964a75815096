//! Checks Asterisk's HTTP server, which shows the page and the metrics.

use std::net::IpAddr;

use super::{Findings, Level, Report};
use crate::{operator::status::Snapshot, words::conf::ConfSection};

/// What `http.conf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpServer {
    /// Where it takes HTTP in clear; `None` where it does not.
    pub clear: Option<String>,
    /// Whether it takes TLS.
    pub tls: bool,
}

impl HttpServer {
    /// Reads it out of the sections of that file.
    #[must_use]
    pub fn of(sections: &[ConfSection]) -> Self {
        let general = sections.iter().filter(|section| section.name.eq_ignore_ascii_case("general"));
        let lines: Vec<_> = general.flat_map(|section| &section.variables).collect();
        let value = |key: &str| {
            lines.iter().rfind(|line| line.key.eq_ignore_ascii_case(key)).map(|line| line.value.as_str())
        };
        // As `ast_true`.
        let truth = |key: &str| {
            let yes = ["yes", "true", "y", "t", "1", "on"];
            value(key).is_some_and(|value| yes.iter().any(|word| value.eq_ignore_ascii_case(word)))
        };
        let bind = value("bindaddr").unwrap_or("0.0.0.0").to_owned();
        Self { clear: truth("enabled").then_some(bind), tls: truth("tlsenable") }
    }

    /// Whether a password can be read on the way: where it is no loopback.
    fn is_read_by_others(&self) -> Option<&str> {
        let bind = self.clear.as_deref()?;
        let is_loopback = bind.eq_ignore_ascii_case("localhost")
            || bind.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback());
        (!is_loopback).then_some(bind)
    }
}

impl Report {
    pub(super) fn http(&mut self, findings: &Findings, snapshot: &Snapshot) {
        let Some(server) = &findings.http else { return };
        let problem = &snapshot.http.problem;
        if !problem.is_empty() {
            let text = format!("nobody can read the page and the metrics: {problem}");
            self.say(Level::Broken, "http", text);
        } else if server.clear.is_none() && !server.tls {
            let text = "[http] enabled = yes, but Asterisk's HTTP server is off: set enabled = yes in [general] of \
                        http.conf (FreePBX: Advanced Settings, Enable the mini-HTTP Server), then 'module reload http'";
            self.say(Level::Broken, "http", text);
        } else if let Some(bind) = server.is_read_by_others() {
            let text = format!(
                "http.conf takes HTTP in clear at {bind}, so the password of [http] can be read on the way: set \
                 bindaddr = 127.0.0.1 and tlsenable = yes there, or a firewall; see docs/monitoring.md"
            );
            self.say(Level::Warning, "http", text);
        } else {
            let over = if server.tls { "over TLS" } else { "to this machine" };
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
    fn a_server_that_is_off_shows_nothing() {
        for lines in [&[][..], &[("enabled", "no")], &[("bindaddr", "127.0.0.1")]] {
            let (level, text) = said(lines, "");
            assert!(level == Level::Broken && text.contains("enabled = yes in [general]"), "{text}");
        }
    }

    #[test]
    fn a_password_in_clear_beyond_this_machine_is_warned_of() {
        for lines in [
            &[("enabled", "yes")][..],
            &[("enabled", "on"), ("bindaddr", "10.0.0.1")],
            &[("enabled", "yes"), ("bindaddr", "::"), ("tlsenable", "yes")],
        ] {
            let (level, text) = said(lines, "");
            assert!(level == Level::Warning && text.contains("in clear at"), "{text}");
        }
        for lines in [
            &[("enabled", "yes"), ("bindaddr", "127.0.0.1")][..],
            &[("Enabled", "yes"), ("bindaddr", "::1"), ("tlsenable", "yes")],
            &[("tlsenable", "yes")],
        ] {
            assert_eq!(said(lines, "").0, Level::Fine, "{lines:?}");
        }
    }

    #[test]
    fn a_page_without_a_password_is_bad() {
        let (level, text) = said(&[("enabled", "yes")], "cannot read the password from /x: no");
        assert!(level == Level::Broken && text.contains("cannot read the password from /x"), "{text}");
    }

    #[test]
    fn whoever_has_no_page_hears_nothing_of_it() {
        let mut report = Report(Vec::new());
        report.http(&Findings::default(), &snapshot());
        assert!(report.0.is_empty());
    }
}
