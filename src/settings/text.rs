//! The settings in force, in the form of `res_synch.conf`, without the secret.

use std::{
    fmt::{Display, Write},
    path::PathBuf,
};

use super::{
    Certificate, Contexts, Dialplan, Dns, Drill, Failover, FilterKey, Main, NumberFrom, Options, Outside,
    Password, Policy, Probe, Relay, Settings, Sip, Soa, Sync, Tls, Voicemail, is_secret,
};
use crate::words::state::Target;

/// For `synch show config`.
#[must_use]
pub fn text(settings: &Settings) -> String {
    let Settings { main, probe, failover, sync, policy, dialplan, voicemail, dns, drill, state: _ } =
        settings;
    let mut text = String::new();
    main_section(&mut text, main);
    probe_section(&mut text, probe);
    let Failover { return_hold, return_spread, return_latest, return_when, return_windows } = failover;
    section(
        &mut text,
        "failover",
        &[
            ("return_hold", &return_hold.as_secs()),
            ("return_spread", &return_spread.as_secs()),
            ("return_latest", &return_latest.as_secs()),
            ("return_when", return_when),
            ("return_window", &list(return_windows)),
        ],
    );
    match sync {
        Some(sync) => sync_section(&mut text, sync),
        None => section(&mut text, "sync", &[("enabled", &"no")]),
    }
    policy_sections(&mut text, policy);
    match dialplan {
        Some(dialplan) => dialplan_section(&mut text, dialplan),
        None => section(&mut text, "dialplan", &[("enabled", &"no")]),
    }
    match voicemail {
        Some(Voicemail { file, output, options }) => section(
            &mut text,
            "voicemail",
            &[("enabled", &"yes"), ("file", file), ("output", output), ("options", &options.join(","))],
        ),
        None => section(&mut text, "voicemail", &[("enabled", &"no")]),
    }
    match dns {
        Some(dns) => dns_section(&mut text, dns),
        None => section(&mut text, "dns", &[("enabled", &"no")]),
    }
    let Drill { account, number } = drill;
    section(
        &mut text,
        "drill",
        &[
            ("username", &given(account.as_ref().map(|account| &account.username as _))),
            ("secret", &given(account.as_ref().map(|account| &account.secret as _))),
            ("number", &given(number.as_ref().map(|number| number as _))),
        ],
    );
    text
}

fn main_section(text: &mut String, main: &Main) {
    let Main { host, port, username, password, tls, sip, session_renewal } = main;
    let (secret, secret_file) = match password {
        Password::Given(secret) => (secret.to_string(), String::new()),
        Password::InFile(file) => (String::new(), file.display().to_string()),
    };
    section(
        text,
        "main",
        &[
            ("host", host),
            ("port", port),
            ("username", username),
            ("secret", &secret),
            ("secret_file", &secret_file),
            ("tls", &yes_or_no(tls.is_some())),
        ],
    );
    if let Some(Tls { verify, ca_file, name, certificate }) = tls {
        let (cert_file, key_file) = match certificate {
            Some(Certificate { cert_file, key_file }) => (Some(cert_file), Some(key_file)),
            None => (None, None),
        };
        lines(
            text,
            &[
                ("tls_verify", &yes_or_no(*verify)),
                ("tls_ca_file", &file(ca_file.as_ref())),
                ("tls_name", name),
                ("tls_cert_file", &file(cert_file)),
                ("tls_key_file", &file(key_file)),
            ],
        );
    }
    lines(text, &[("sip", &sip_text(*sip, host)), ("session_renewal", &session_renewal.as_secs())]);
}

fn file(path: Option<&PathBuf>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// Empty where it is a guess, which counts for less than what is given.
fn sip_text(sip: Sip, host: &str) -> String {
    if sip.given { sip.place(host) } else { String::new() }
}

impl Sip {
    /// As `sip` would have to be written for the main at `host`: `udp:10.0.0.254:5060`.
    #[must_use]
    pub fn place(&self, host: &str) -> String {
        let Self { transport, address, port, .. } = self;
        let host = address.map_or_else(|| host.to_owned(), |address| address.to_string());
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        format!("{transport}:{host}:{port}")
    }
}

fn probe_section(text: &mut String, probe: &Probe) {
    let Probe {
        interval,
        timeout,
        failure_tolerance,
        alive_threshold,
        error_penalty,
        ami,
        sip,
        events,
        require,
        fast_interval,
    } = probe;
    section(
        text,
        "probe",
        &[
            ("interval", &interval.as_secs()),
            ("timeout", &timeout.as_secs()),
            ("failure_tolerance", failure_tolerance),
            ("alive_threshold", alive_threshold),
            ("error_penalty", error_penalty),
            ("ami", &yes_or_no(*ami)),
            ("sip", &yes_or_no(*sip)),
            ("events", &yes_or_no(*events)),
            ("require", require),
            ("fast_interval", &fast_interval.as_secs()),
        ],
    );
}

fn sync_section(text: &mut String, sync: &Sync) {
    let Sync {
        interval,
        spread,
        technology,
        files,
        filter,
        number,
        call_settings,
        output,
        versions,
        max_shrink,
        directory_interval,
    } = sync;
    let key = match &filter.key {
        FilterKey::CategoryName => "categoryname",
        FilterKey::Variable(name) => name,
    };
    let number = match number {
        NumberFrom::Guess => "",
        NumberFrom::Section => "section",
        NumberFrom::CallerId => "callerid",
        NumberFrom::Variable(name) => name,
    };
    section(
        text,
        "sync",
        &[
            ("enabled", &"yes"),
            ("interval", &interval.as_secs()),
            ("spread", &spread.as_secs()),
            ("technology", technology),
            ("files", &files.join(",")),
            ("filter_key", &key),
            ("filter_value", &filter.value.as_str()),
            ("number", &number),
            ("call_settings", &yes_or_no(*call_settings)),
            ("output", output),
            ("versions", versions),
            ("max_shrink", max_shrink),
            ("directory_interval", &directory_interval.as_secs()),
        ],
    );
}

fn policy_sections(text: &mut String, policy: &Policy) {
    let Policy { keep, drop, max_expiration, open_users, endpoint, aor, peer } = policy;
    section(
        text,
        "policy",
        &[
            ("keep", &keep.join(",")),
            ("drop", &drop.join(",")),
            ("max_expiration", max_expiration),
            ("open_users", &yes_or_no(*open_users)),
        ],
    );
    for (name, options) in [("endpoint", endpoint), ("aor", aor), ("peer", peer)] {
        if !options.is_empty() {
            options_section(text, name, options);
        }
    }
}

fn options_section(text: &mut String, name: &str, options: &Options) {
    let masked = |(key, value): &'_ (String, String)| {
        (key.clone(), if is_secret(key) { "***".to_owned() } else { value.clone() })
    };
    let shown: Vec<(String, String)> = options.iter().map(masked).collect();
    let shown: Vec<(&str, &dyn Display)> =
        shown.iter().map(|(key, value)| (key.as_str(), value as _)).collect();
    section(text, name, &shown);
}

fn dialplan_section(text: &mut String, dialplan: &Dialplan) {
    let Dialplan {
        context,
        ring_time,
        main_trunk,
        local_trunk,
        caller_id,
        emergency,
        emergency_second,
        classes,
        outside: Outside { always, normal, failover },
        refusal,
        public_key,
        public_numbers,
        premium,
        contexts: Contexts { chosen, file, applications, functions },
    } = dialplan;
    section(
        text,
        "dialplan",
        &[
            ("enabled", &"yes"),
            ("context", context),
            ("ring_time", ring_time),
            ("main_trunk", &given(main_trunk.as_ref().map(|trunk| trunk as _))),
            ("local_trunk", &given(local_trunk.as_ref().map(|trunk| trunk as _))),
            ("caller_id", &given(caller_id.as_ref().map(|number| number as _))),
            ("emergency", &emergency.join(",")),
            ("emergency_second", &given(emergency_second.as_ref().map(|trunk| trunk as _))),
            ("outside", &always.join(",")),
            ("outside_normal", &normal.join(",")),
            ("outside_failover", &failover.join(",")),
            ("refusal", &given(refusal.as_ref().map(|sound| sound as _))),
            ("public_key", public_key),
            ("public_numbers", public_numbers),
            ("premium", &premium.join(",")),
            ("contexts", &chosen.join(",")),
            ("contexts_file", file),
            ("allow_applications", &applications.join(",")),
            ("allow_functions", &functions.join(",")),
        ],
    );
    let lines = classes.lines().iter().map(|class| (class.of.to_string(), class.grants.to_string()));
    let lines: Vec<(String, String)> = lines.collect();
    let lines: Vec<(&str, &dyn Display)> =
        lines.iter().map(|(of, grants)| (of.as_str(), grants as _)).collect();
    section(text, "classes", &lines);
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn dns_section(text: &mut String, dns: &Dns) {
    let Dns {
        bind,
        domain,
        record,
        record_ttl,
        failover_ttl,
        unstable_ttl,
        target_normal,
        target_failover,
        transports,
        forwarders,
        relay: Relay { allow, rate_limit, cache_size, max_stale },
        soa,
        default_target,
    } = dns;
    let Soa { refresh, retry, expire, minimum, ttl } = soa;
    let ports = |target| {
        let offers = transports.iter().map(|offer| format!("{}:{}", offer.transport, offer.port(target)));
        offers.collect::<Vec<_>>().join(",")
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
            ("failover_ttl", failover_ttl),
            ("unstable_ttl", unstable_ttl),
            ("target_normal", &list(target_normal)),
            ("target_failover", &list(target_failover)),
            ("transports", &ports(Target::Main)),
            ("transports_failover", &ports(Target::Branch)),
            ("forwarder", &list(forwarders)),
            ("allow", allow),
            ("rate_limit", rate_limit),
            ("cache_size", cache_size),
            ("max_stale", &max_stale.as_secs()),
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

/// Empty where nothing is given.
fn given(value: Option<&dyn Display>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// With commas, as it is read.
fn list(values: &[impl ToString]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn section(text: &mut String, name: &str, variables: &[(&str, &dyn Display)]) {
    let _ = writeln!(text, "[{name}]");
    lines(text, variables);
}

fn lines(text: &mut String, variables: &[(&str, &dyn Display)]) {
    for (key, value) in variables {
        let _ = writeln!(text, "{key} = {value}");
    }
}
