//! From the sections of `res_synch.conf` to [`Settings`], or to everything that is wrong with them.

use std::{fmt::Display, time::Duration};

use hickory_server::proto::rr::{LowerName, Name};
use regex::bytes::RegexBuilder;

use super::{
    Dns, Filter, FilterKey, Main, Probe, Secret, Settings, Soa, Sync, Technology,
    value::{
        domain, file_on_main, filter_key, host_name, list, one_line, output_file, record_label,
        socket_address, technology, unicast_address,
    },
};
use crate::state::{ServiceState, Target};

/// One `[section]` as Asterisk's loader found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfSection {
    /// Name between the brackets.
    pub name: String,
    /// Its variables, in the order of the file.
    pub variables: Vec<ConfVariable>,
}

/// One `key = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfVariable {
    /// What stands before the `=`.
    pub key: String,
    /// What stands behind it, unescaped.
    pub value: String,
}

/// One thing that is wrong in `res_synch.conf`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("[{section}] {key}: {problem}")]
pub struct SettingsError {
    /// Section it was found in.
    pub section: String,
    /// Key it is about, with its value where it has one; `-` where it is about the section.
    pub key: String,
    /// What is wrong and what is wanted.
    pub problem: String,
}

const SECTIONS: [&str; 4] = ["main", "probe", "sync", "dns"];

/// Memory a compiled filter may take: far more than any filter of accounts needs.
const MAX_FILTER_SIZE: usize = 1 << 20;
/// The longest duration or TTL: a week. A longer one is a typing error.
const WEEK: u32 = 7 * 24 * 3600;
/// RFC 2181 section 8 allows more; a phone that kept an address for over a day could not be moved.
const DAY: u32 = 24 * 3600;

/// Reads the whole configuration.
///
/// # Errors
/// Every unknown section or key, every bad value and every missing key, in one list.
pub fn read(sections: &[ConfSection]) -> Result<Settings, Vec<SettingsError>> {
    let mut errors = Vec::new();
    for section in sections {
        if !SECTIONS.contains(&section.name.as_str()) {
            errors.push(SettingsError {
                section: section.name.clone(),
                key: "-".to_owned(),
                problem: format!("unknown section; known are {}", SECTIONS.join(", ")),
            });
        }
    }
    let main = read_main(&mut Reader::new("main", sections, &mut errors));
    let probe = read_probe(&mut Reader::new("probe", sections, &mut errors));
    let sync = read_sync(&mut Reader::new("sync", sections, &mut errors));
    let dns = read_dns(&mut Reader::new("dns", sections, &mut errors));
    match (main, probe, sync, dns) {
        (Some(main), Some(probe), Some(sync), Some(dns)) if errors.is_empty() => {
            Ok(Settings { main, probe, sync, dns })
        }
        _ => Err(errors),
    }
}

fn read_main(section: &mut Reader<'_>) -> Option<Main> {
    let host = section.required("host", "an address or a host name", host_name);
    let port = section.number("port", 5038, 1, 65535).and_then(|port| u16::try_from(port).ok());
    let username = section.required("username", "the AMI account on the main", one_line);
    let secret = section.required("secret", "the password of that account", one_line).map(Secret::new);
    section.finish();
    Some(Main { host: host?, port: port?, username: username?, secret: secret? })
}

fn read_probe(section: &mut Reader<'_>) -> Option<Probe> {
    let interval = section.seconds("interval", 5, 1, WEEK);
    let timeout = section.seconds("timeout", 3, 1, WEEK);
    let failure_tolerance = section.number("failure_tolerance", 5, 1, 1000);
    let alive_threshold = section.number("alive_threshold", 5, 1, 1000);
    let error_penalty = section.number("error_penalty", 1, 0, 1000);
    section.finish();
    Some(Probe {
        interval: interval?,
        timeout: timeout?,
        failure_tolerance: failure_tolerance?,
        alive_threshold: alive_threshold?,
        error_penalty: error_penalty?,
    })
}

/// `Some(None)` is a section that says `enabled = no`.
fn read_sync(section: &mut Reader<'_>) -> Option<Option<Sync>> {
    if !section.enabled()? {
        return Some(None);
    }
    let technology = section.optional("technology", Technology::Pjsip, "pjsip or sip", technology);
    let sip = technology == Some(Technology::Sip);
    let interval = section.seconds("interval", 300, 1, WEEK);
    let files = section.optional(
        "files",
        if sip {
            vec!["sip_additional.conf".to_owned()]
        } else {
            ["pjsip.endpoint.conf", "pjsip.aor.conf", "pjsip.auth.conf"].map(str::to_owned).to_vec()
        },
        "names of configuration files on the main, separated by commas",
        |text| list(text, file_on_main),
    );
    let key = section.optional(
        "filter_key",
        FilterKey::Variable("accountcode".to_owned()),
        "the name of a variable, or categoryname",
        filter_key,
    );
    let value = section.required("filter_value", "a regular expression", |text| {
        RegexBuilder::new(text).size_limit(MAX_FILTER_SIZE).build().ok()
    });
    let output = section.optional(
        "output",
        if sip { "sip_synch.conf" } else { "pjsip_synch.conf" }.to_owned(),
        "a file name ending in .conf, without a folder, and no file that Asterisk ships",
        output_file,
    );
    let versions = section.number("versions", 10, 1, 1000).and_then(|count| usize::try_from(count).ok());
    let max_shrink = section.number("max_shrink", 50, 0, 100).and_then(|percent| u8::try_from(percent).ok());
    section.finish();
    Some(Some(Sync {
        interval: interval?,
        technology: technology?,
        files: files?,
        filter: Filter { key: key?, value: value? },
        output: output?,
        versions: versions?,
        max_shrink: max_shrink?,
    }))
}

/// `Some(None)` is a section that says `enabled = no`.
fn read_dns(section: &mut Reader<'_>) -> Option<Option<Dns>> {
    if !section.enabled()? {
        return Some(None);
    }
    let bind = section.required("bind", "address or address:port, separated by commas", |text| {
        list(text, socket_address).filter(|addresses| !addresses.is_empty())
    });
    let domain = section.required("domain", "a domain such as voice.example.com, not below .local", domain);
    let record =
        section.optional("record", Some("sip".to_owned()), "a host name without the domain", |text| {
            Some(record_label(text))
        });
    let record_ttl = section.number("record_ttl", 30, 0, DAY);
    let wanted = "an IPv4 address";
    let target_normal = section.required("target_normal", wanted, unicast_address);
    let target_failover = section.required("target_failover", wanted, unicast_address);
    let forwarders =
        section.optional("forwarder", Vec::new(), "address or address:port, separated by commas", |text| {
            list(text, socket_address)
        });
    if let (Some(bind), Some(forwarders)) = (&bind, &forwarders)
        && let Some(own) = forwarders.iter().find(|forwarder| bind.contains(forwarder))
    {
        section.error(
            format_args!("forwarder = {own}"),
            "is what bind names: questions would go round in a circle",
        );
    }
    let soa = read_soa(section);
    let default_target = section.optional("default_state", Target::Branch, "normal or failover", |text| {
        match ServiceState::from_word(text)? {
            ServiceState::Normal => Some(Target::Main),
            ServiceState::Failover => Some(Target::Branch),
            ServiceState::Init => None,
        }
    });
    let record = match (record.flatten(), &domain) {
        (Some(label), Some(domain)) => record_name(section, &label, domain),
        _ => None,
    };
    section.finish();
    Some(Some(Dns {
        bind: bind?,
        domain: domain?,
        record: record?,
        record_ttl: record_ttl?,
        target_normal: target_normal?,
        target_failover: target_failover?,
        forwarders: forwarders?,
        soa: soa?,
        default_target: default_target?,
    }))
}

fn read_soa(section: &mut Reader<'_>) -> Option<Soa> {
    let refresh = section.number("soa_refresh", 300, 1, WEEK);
    let retry = section.number("soa_retry", 300, 1, WEEK);
    let expire = section.number("soa_expire", 300, 1, WEEK);
    let minimum = section.number("soa_minimum", 30, 0, DAY);
    let ttl = section.number("soa_ttl", 300, 0, DAY);
    Some(Soa { refresh: refresh?, retry: retry?, expire: expire?, minimum: minimum?, ttl: ttl? })
}

/// The variables of one section, taken out one by one; what is left in the end nobody knows.
struct Reader<'a> {
    section: &'static str,
    left: Vec<&'a ConfVariable>,
    errors: &'a mut Vec<SettingsError>,
}

impl<'a> Reader<'a> {
    fn new(section: &'static str, sections: &'a [ConfSection], errors: &'a mut Vec<SettingsError>) -> Self {
        let left = sections.iter().filter(|found| found.name == section);
        Self { section, left: left.flat_map(|found| &found.variables).collect(), errors }
    }

    fn error(&mut self, key: impl Display, problem: impl Display) {
        self.errors.push(SettingsError {
            section: self.section.to_owned(),
            key: key.to_string(),
            problem: problem.to_string(),
        });
    }

    /// The value of a key. Given twice is an error: the administrator can only mean one of them.
    fn take(&mut self, key: &str) -> Option<&'a str> {
        let mut values = Vec::new();
        self.left.retain(|variable| {
            let wanted = variable.key == key;
            if wanted {
                values.push(variable.value.as_str());
            }
            !wanted
        });
        if values.len() > 1 {
            self.error(key, format_args!("is given {} times; wanted is one line", values.len()));
        }
        values.first().copied()
    }

    /// `None` where the value is bad; that is an error of the section already.
    fn optional<T>(
        &mut self,
        key: &str,
        default: T,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        match self.take(key) {
            Some(value) => self.parse(key, value, wanted, parse),
            None => Some(default),
        }
    }

    fn required<T>(&mut self, key: &str, wanted: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match self.take(key) {
            Some(value) => self.parse(key, value, wanted, parse),
            None => {
                self.error(key, format_args!("is missing; wanted is {wanted}"));
                None
            }
        }
    }

    fn parse<T>(
        &mut self,
        key: &str,
        value: &str,
        wanted: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(value);
        if parsed.is_none() {
            // A password is never repeated, not even a bad one.
            let shown = if key == "secret" { "***" } else { value };
            self.error(format_args!("{key} = {shown}"), format_args!("wanted is {wanted}"));
        }
        parsed
    }

    fn number(&mut self, key: &str, default: u32, least: u32, most: u32) -> Option<u32> {
        let wanted = format!("a whole number from {least} to {most}");
        self.optional(key, default, &wanted, |text| {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        })
    }

    fn seconds(&mut self, key: &str, default: u32, least: u32, most: u32) -> Option<Duration> {
        let wanted = format!("whole seconds from {least} to {most}");
        let seconds = self.optional(key, default, &wanted, |text| {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        })?;
        Some(Duration::from_secs(u64::from(seconds)))
    }

    /// `enabled`; a section that is off is not read further, so that it may stay half filled in.
    fn enabled(&mut self) -> Option<bool> {
        self.optional("enabled", true, "yes or no", |text| match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" | "1" => Some(true),
            "no" | "false" | "off" | "0" => Some(false),
            _ => None,
        })
    }

    fn finish(&mut self) {
        for variable in std::mem::take(&mut self.left) {
            self.error(&variable.key, "is no key of this section; see res_synch.conf.sample");
        }
    }
}

fn record_name(section: &mut Reader<'_>, label: &str, domain: &LowerName) -> Option<LowerName> {
    if label.is_empty() {
        return Some(domain.clone());
    }
    let name = Name::from_ascii(label).and_then(|label| label.append_domain(domain)).ok();
    let name = name.filter(|name| !name.is_wildcard());
    if name.is_none() {
        section
            .error(format_args!("record = {label}"), "wanted is a host name without the domain, such as sip");
    }
    name.map(LowerName::from)
}

#[cfg(test)]
mod tests;
