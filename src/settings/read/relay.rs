//! The keys of `[dns]` that are about other names and about abuse.

use super::{DAY, WEEK, reader::Reader};
use crate::settings::{Allow, Relay, value::list};

/// What a network of this machine is called in `allow`.
const OWN: &str = "own";

/// Answers per second and network, and ten times as many at once: 500 phones behind one address that all restart at once
/// ask for some 3,000 names. More would only help whoever writes a victim's address on his questions.
const RATE_LIMIT: u32 = 300;

/// In KiB: some two thousand names. Phones and Asterisk ask for a few dozen.
const CACHE_SIZE: u32 = 1024;

/// RFC 8767 section 5: one to three days.
const MAX_STALE: u32 = 3 * DAY;

pub(super) fn read_relay(section: &mut Reader<'_>) -> Option<Relay> {
    let default = Allow { own: true, prefixes: Vec::new() };
    let allow = section.optional(
        "allow",
        default,
        "networks such as 192.168.0.0/24, separated by commas; own for those of this machine",
        allow,
    );
    let rate_limit = section.number("rate_limit", RATE_LIMIT, 0, 1_000_000);
    let cache_size = section.number("cache_size", CACHE_SIZE, 0, 65_536);
    let max_stale = section.seconds("max_stale", MAX_STALE, 0, WEEK);
    Some(Relay { allow: allow?, rate_limit: rate_limit?, cache_size: cache_size?, max_stale: max_stale? })
}

fn allow(text: &str) -> Option<Allow> {
    let words = list(text, |word| Some(word.to_owned()))?;
    let (own, networks): (Vec<_>, Vec<_>) = words.iter().partition(|word| word.eq_ignore_ascii_case(OWN));
    let prefixes = networks.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    Some(Allow { own: !own.is_empty(), prefixes })
}
