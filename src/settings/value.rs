//! One value of `res_synch.conf`: its text into what it stands for, or nothing where it can't be meant. Here are those
//! forms that several sections have; what one section alone has stands in its own file.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use hickory_server::proto::rr::{LowerName, Name};

use crate::words::site::is_site;

/// The longest duration or TTL: a week. A longer one is a typing error.
pub(super) const WEEK: u32 = 7 * 24 * 3600;
/// RFC 2181 section 8 allows more; a phone that kept an address for over a day could not be moved.
pub(super) const DAY: u32 = 24 * 3600;
/// Memory a compiled filter may take: far more than any filter of accounts needs.
pub(super) const MAX_FILTER_SIZE: usize = 1 << 20;
/// A file name longer than this does not fit Asterisk's path buffers with the folder before it.
const MAX_FILE_NAME: usize = 120;

pub(super) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Some(true),
        "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn one_line(text: &str) -> Option<String> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

pub(super) fn host_name(text: &str) -> Option<String> {
    let plausible = text.parse::<IpAddr>().is_ok()
        || (text.len() <= 253
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')));
    (!text.is_empty() && plausible).then(|| text.to_owned())
}

/// A file of this machine. Whole, since nobody knows from where Asterisk was started.
pub(super) fn path(text: &str) -> Option<PathBuf> {
    let plain = text.starts_with('/') && !text.chars().any(char::is_control);
    plain.then(|| text.into())
}

/// Values with commas between them.
pub(super) fn each_of<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(parse).collect()
}

/// GetConfig on the main reads below its configuration folder; a path that leaves it is refused there, and here.
pub(super) fn file_on_main(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains("..");
    (plain && text.len() <= MAX_FILE_NAME && !text.starts_with('/')).then(|| text.to_owned())
}

/// What is wanted of [`output_file`].
pub(super) const OUTPUT_FILE: &str =
    "a file name ending in .conf, without a folder, and no file that Asterisk ships";

pub(super) fn output_file(text: &str) -> Option<String> {
    /// Overwriting one of these would take the branch's own configuration away.
    const NOT_OURS: [&str; 7] = [
        "pjsip.conf",
        "sip.conf",
        "res_synch.conf",
        "extensions.conf",
        "manager.conf",
        "asterisk.conf",
        "voicemail.conf",
    ];
    let plain = text.len() <= MAX_FILE_NAME
        && text.ends_with(".conf")
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        && !NOT_OURS.contains(&text);
    plain.then(|| text.to_owned())
}

pub(super) fn socket_address(text: &str) -> Option<SocketAddr> {
    const DNS_PORT: u16 = 53;
    SocketAddr::from_str(text)
        .or_else(|_| {
            IpAddr::from_str(text.trim_matches(['[', ']'])).map(|address| (address, DNS_PORT).into())
        })
        .ok()
        .filter(|address| address.port() != 0)
}

pub(super) fn each_once<T: PartialEq>(values: &[T]) -> bool {
    values.iter().all(|one| values.iter().filter(|other| *other == one).count() == 1)
}

/// Addresses that a phone can send to, each once.
pub(super) fn targets(text: &str) -> Option<Vec<IpAddr>> {
    let addresses = each_of(text, unicast_address)?;
    (each_once(&addresses) && (1..=MAX_TARGETS).contains(&addresses.len())).then_some(addresses)
}

/// An answer with so many of each kind still fits into 512 octets (RFC 1035 section 4.2.1).
const MAX_TARGETS: usize = 8;

fn unicast_address(text: &str) -> Option<IpAddr> {
    text.parse().ok().filter(|address| match address {
        IpAddr::V4(address) => {
            !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast()
        }
        // A link-local address says nothing without its link, and a mapped one is an IPv4 address for an A record.
        IpAddr::V6(address) => {
            !address.is_unspecified()
                && !address.is_multicast()
                && !address.is_unicast_link_local()
                && address.to_ipv4_mapped().is_none()
        }
    })
}

pub(super) fn domain(text: &str) -> Option<LowerName> {
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    (!name.is_root() && !name.is_wildcard()).then(|| name.into())
}

/// `@` and an empty value stand for the domain itself, as in a zone file (RFC 1035 section 5.1).
pub(super) fn record_label(text: &str) -> Option<String> {
    Some(if text == "@" { "" } else { text }.trim_end_matches('.').to_owned())
}

/// The longest context name that Asterisk keeps whole (AST_MAX_CONTEXT).
const MAX_CONTEXT: usize = 79;
/// Digits of a telephone number, with room beyond the fifteen of E.164.
const MAX_NUMBER: usize = 32;

pub(super) fn context(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    (plain && (1..=MAX_CONTEXT).contains(&text.len())).then(|| text.to_owned())
}

pub(super) fn number(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"*#+".contains(&byte));
    (plain && (1..=MAX_NUMBER).contains(&text.len())).then(|| text.to_owned())
}

pub(super) fn sound(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./&".contains(&byte));
    (plain && !text.is_empty() && !text.contains("..")).then(|| text.to_owned())
}

/// The name of a site.
pub(super) fn site(text: &str) -> Option<String> {
    is_site(text).then(|| text.to_owned())
}

/// The name of an option or a variable.
pub(super) fn option(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    (plain && (1..=MAX_OPTION).contains(&text.len())).then(|| text.to_owned())
}

/// No option of Asterisk has half of that.
const MAX_OPTION: usize = 64;
/// As long as a line of Asterisk's files may be, with room for the key.
const MAX_OPTION_VALUE: usize = 4096;

/// A value that Asterisk's loader gives back as it is.
pub(super) fn option_value(text: &str) -> Option<String> {
    let survives = text.trim_matches(' ') == text && !text.chars().any(char::is_control);
    (survives && text.len() <= MAX_OPTION_VALUE).then(|| text.to_owned())
}
