//! The settings in force, in the form of `res_synch.conf`, without the secret.

use std::fmt::{Display, Write};

use super::{Dns, FilterKey, Main, Probe, Settings, Soa, Sync};
use crate::state::Target;

/// For `synch show config`.
#[must_use]
pub fn text(settings: &Settings) -> String {
    let Settings { main, probe, sync, dns } = settings;
    let mut text = String::new();
    let Main { host, port, username, secret } = main;
    section(&mut text, "main", &[("host", host), ("port", port), ("username", username), ("secret", secret)]);
    let Probe { interval, timeout, failure_tolerance, alive_threshold, error_penalty } = probe;
    section(
        &mut text,
        "probe",
        &[
            ("interval", &interval.as_secs()),
            ("timeout", &timeout.as_secs()),
            ("failure_tolerance", failure_tolerance),
            ("alive_threshold", alive_threshold),
            ("error_penalty", error_penalty),
        ],
    );
    match sync {
        Some(sync) => sync_section(&mut text, sync),
        None => section(&mut text, "sync", &[("enabled", &"no")]),
    }
    match dns {
        Some(dns) => dns_section(&mut text, dns),
        None => section(&mut text, "dns", &[("enabled", &"no")]),
    }
    text
}

fn sync_section(text: &mut String, sync: &Sync) {
    let Sync { interval, technology, files, filter, output, versions, max_shrink } = sync;
    let key = match &filter.key {
        FilterKey::CategoryName => "categoryname",
        FilterKey::Variable(name) => name,
    };
    section(
        text,
        "sync",
        &[
            ("enabled", &"yes"),
            ("interval", &interval.as_secs()),
            ("technology", technology),
            ("files", &files.join(",")),
            ("filter_key", &key),
            ("filter_value", &filter.value.as_str()),
            ("output", output),
            ("versions", versions),
            ("max_shrink", max_shrink),
        ],
    );
}

fn dns_section(text: &mut String, dns: &Dns) {
    let Dns {
        bind,
        domain,
        record,
        record_ttl,
        target_normal,
        target_failover,
        forwarders,
        soa,
        default_target,
    } = dns;
    let Soa { refresh, retry, expire, minimum, ttl } = soa;
    let list = |addresses: &[std::net::SocketAddr]| {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    let domain_text = domain.to_string();
    let record_text = record.to_string();
    let record_label = record_text.strip_suffix(&domain_text).unwrap_or(&record_text).trim_end_matches('.');
    section(
        text,
        "dns",
        &[
            ("enabled", &"yes"),
            ("bind", &list(bind)),
            ("domain", &domain_text.trim_end_matches('.')),
            ("record", &if record_label.is_empty() { "@" } else { record_label }),
            ("record_ttl", record_ttl),
            ("target_normal", target_normal),
            ("target_failover", target_failover),
            ("forwarder", &list(forwarders)),
            ("soa_refresh", refresh),
            ("soa_retry", retry),
            ("soa_expire", expire),
            ("soa_minimum", minimum),
            ("soa_ttl", ttl),
            (
                "default_state",
                &match default_target {
                    Target::Main => "normal",
                    Target::Branch => "failover",
                },
            ),
        ],
    );
}

fn section(text: &mut String, name: &str, variables: &[(&str, &dyn Display)]) {
    let _ = writeln!(text, "[{name}]");
    for (key, value) in variables {
        let _ = writeln!(text, "{key} = {value}");
    }
}
