//! Numbers and lists, as a person reads them. Pure.
//!
//! - `foreign`: what others have written, with what is hidden in it

mod foreign;

pub use foreign::{is_hidden, visible, visible_lines, visible_octets};

use std::net::IpAddr;

/// `10.0.0.254, 2001:db8::254`
#[must_use]
pub fn listed(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// As many as a line has room for.
const SOME: usize = 5;

/// `1001`, `1001 and 1002`, `1001, 1002, 1003, 1004, 1005 and 7 more`.
#[must_use]
pub fn some_of(names: &[impl AsRef<str>]) -> String {
    let mut words: Vec<String> = names.iter().take(SOME).map(|name| name.as_ref().to_owned()).collect();
    if names.len() > SOME {
        words.push(format!("{} more", names.len() - SOME));
    }
    let last = words.pop().unwrap_or_default();
    if words.is_empty() { last } else { format!("{} and {last}", words.join(", ")) }
}

/// `1 user`, `2 users`, `2 mailboxes`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    let ending = match (count, noun.ends_with('x') || noun.ends_with("ch")) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{count} {noun}{ending}")
}
