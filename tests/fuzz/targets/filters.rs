//! The filter of this site: whatever regular expression the administrator gives, what the main is asked for in its own
//! words lets through all that the filter does, is one line of one header, and so are the names of the users.

use regex::bytes::{Regex, RegexBuilder};
use res_synch::{
    settings::{self, Filter},
    site::users::{can_cover, cover, narrow, narrow::FILTER_LIMIT},
    uplink::ami::{Action, Query},
    words::conf::ConfSection,
};

/// Bytes that the names may take in a filter.
const COVER_LIMIT: usize = 200;
/// Memory that a pattern may take when it is tried here, as for the filter itself.
const SIZE: usize = 1 << 20;

/// Key, regular expression, then values and names, a line each.
pub fn run(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let mut lines = text.lines();
    let (key, pattern) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let rest: Vec<&str> = lines.collect();
    if let Some(filter) = filter(key, pattern) {
        let narrowed = narrow(&filter);
        if let Some(narrowed) = &narrowed {
            one_header(narrowed);
            rest.iter().for_each(|value| lets_through(&filter, narrowed, value));
        }
    }
    if let Some(cover) = cover(rest.iter().copied(), COVER_LIMIT) {
        assert!(cover.len() <= COVER_LIMIT);
        let whole = Regex::new(&format!("^{cover}$")).expect("it is one");
        let covered = rest.iter().filter(|name| can_cover(name));
        covered.for_each(|name| assert!(whole.is_match(name.as_bytes()), "{name} in {cover}"));
    }
}

/// As `res_synch.conf` gives it.
fn filter(key: &str, pattern: &str) -> Option<Filter> {
    let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
    let sync = ConfSection::new("sync", [("filter_key", key), ("filter_value", pattern)]);
    let dns = ConfSection::new("dns", [("enabled", "no")]);
    Some(settings::read(&[main, sync, dns]).ok()?.sync?.filter)
}

fn one_header(filter: &str) {
    assert!(
        filter.len() <= FILTER_LIMIT && filter.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{filter}"
    );
    let query = Query::filtered("users.conf", filter);
    assert!(query.fits());
    let action = Action::GetConfig { filename: &query.file, category: None, filter: query.filter.as_deref() };
    let sent = action.encode("synch-1");
    let sent = std::str::from_utf8(&sent).expect("it is text");
    assert_eq!(sent.lines().count(), 5, "{sent}");
    assert!(sent.contains(&format!("\r\nFilter: {filter}\r\n")), "{sent}");
}

/// The main may take bytes for characters: then each of ours beyond ASCII is several that it knows nothing of.
fn lets_through(filter: &Filter, narrowed: &str, value: &str) {
    if !filter.value.is_match(value.as_bytes()) {
        return;
    }
    let theirs =
        narrowed.split_once("=\"").and_then(|(_, rest)| rest.strip_suffix('"')).expect("name=\"value\"");
    let theirs = |unicode| {
        let pattern =
            RegexBuilder::new(theirs).unicode(unicode).dot_matches_new_line(true).size_limit(SIZE).build();
        pattern.map_or(true, |pattern| pattern.is_match(value.as_bytes()))
    };
    assert!(theirs(true) && theirs(false), "{value:?} is let through by {}, not by {narrowed}", filter.value);
}
