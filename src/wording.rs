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

/// `1 user`, `2 users`, `2 mailboxes`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    let ending = match (count, noun.ends_with('x')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{count} {noun}{ending}")
}
