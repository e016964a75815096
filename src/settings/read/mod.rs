//! From the sections of `res_synch.conf` to [`Settings`], or to everything that is wrong with them.
//!
//! - `reader`: one section, key by key
//! - `main`, `failover`, `dns`, `drill`, `dialplan`, `classes`, `policy`: the longer sections

mod classes;
mod dialplan;
mod dns;
mod drill;
mod failover;
mod main;
mod policy;
mod reader;
mod relay;

use regex::bytes::RegexBuilder;

use self::reader::Reader;
use super::{
    Filter, FilterKey, NumberFrom, Probe, Require, Settings, Sync, Technology,
    value::{file_on_main, filter_key, list, number_from, output_file, require, technology},
};
use crate::words::conf::ConfSection;

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

const SECTIONS: [&str; 13] = [
    "main",
    "probe",
    "failover",
    "sync",
    "policy",
    "endpoint",
    "aor",
    "peer",
    "dialplan",
    "classes",
    "voicemail",
    "dns",
    "drill",
];

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
    let main = main::read_main(&mut Reader::new("main", sections, &mut errors));
    let probe = read_probe(&mut Reader::new("probe", sections, &mut errors));
    let failover = failover::read_failover(&mut Reader::new("failover", sections, &mut errors));
    let sync = read_sync(&mut Reader::new("sync", sections, &mut errors));
    let policy = policy::read_policy(sections, &mut errors);
    let classes = classes::read_classes(&mut Reader::new("classes", sections, &mut errors));
    let dialplan = dialplan::read_dialplan(&mut Reader::new("dialplan", sections, &mut errors), classes);
    let voicemail = dialplan::read_voicemail(&mut Reader::new("voicemail", sections, &mut errors));
    let dns = dns::read_dns(&mut Reader::new("dns", sections, &mut errors));
    let drill = drill::read_drill(&mut Reader::new("drill", sections, &mut errors));
    let settings = || {
        let (main, probe, failover, sync, policy) = (main?, probe?, failover?, sync?, policy?);
        let (dialplan, voicemail, dns, drill) = (dialplan?, voicemail?, dns?, drill?);
        Some(Settings { state: None, main, probe, failover, sync, policy, dialplan, voicemail, dns, drill })
    };
    settings().filter(|_| errors.is_empty()).ok_or(errors)
}

fn read_probe(section: &mut Reader<'_>) -> Option<Probe> {
    let interval = section.seconds("interval", 5, 1, WEEK);
    let timeout = section.seconds("timeout", 3, 1, WEEK);
    let failure_tolerance = section.number("failure_tolerance", 5, 1, 1000);
    let alive_threshold = section.number("alive_threshold", 5, 1, 1000);
    let error_penalty = section.number("error_penalty", 1, 0, 1000);
    let ami = section.truth("ami", true);
    let sip = section.truth("sip", true);
    let events = section.truth("events", true);
    let require = section.optional("require", Require::Sip, "sip, all or any", require);
    let fast_interval = section.seconds("fast_interval", 1, 1, WEEK);
    if (ami, sip) == (Some(false), Some(false)) {
        section.error("ami, sip", "are both off: nothing would be asked of the main; switch one of them on");
    }
    section.finish();
    Some(Probe {
        interval: interval?,
        timeout: timeout?,
        failure_tolerance: failure_tolerance?,
        alive_threshold: alive_threshold?,
        error_penalty: error_penalty?,
        ami: ami?,
        sip: sip?,
        events: events?,
        require: require?,
        fast_interval: fast_interval?,
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
    let spread = section.seconds("spread", 60, 0, DAY);
    let files = section.optional(
        "files",
        vec![if sip { "sip_additional.conf" } else { "pjsip.conf" }.to_owned()],
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
    let number = section.optional(
        "number",
        NumberFrom::Guess,
        "section, callerid, or the name of a variable that holds what others dial",
        number_from,
    );
    let call_settings = section.truth("call_settings", true);
    let output = section.optional(
        "output",
        if sip { "sip_synch.conf" } else { "pjsip_synch.conf" }.to_owned(),
        "a file name ending in .conf, without a folder, and no file that Asterisk ships",
        output_file,
    );
    let versions = section.number("versions", 10, 1, 1000).and_then(|count| usize::try_from(count).ok());
    let max_shrink = section.number("max_shrink", 50, 0, 100).and_then(|percent| u8::try_from(percent).ok());
    let directory_interval = section.seconds("directory_interval", DAY, 0, WEEK);
    section.finish();
    Some(Some(Sync {
        interval: interval?,
        spread: spread?,
        technology: technology?,
        files: files?,
        filter: Filter { key: key?, value: value? },
        number: number?,
        call_settings: call_settings?,
        output: output?,
        versions: versions?,
        max_shrink: max_shrink?,
        directory_interval: directory_interval?,
    }))
}

#[cfg(test)]
mod tests;
