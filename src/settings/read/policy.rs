//! `[policy]`, `[endpoint]`, `[aor]`, `[peer]`

use super::{SettingsError, WEEK, reader::Reader};
use crate::settings::{
    Options, Policy,
    value::{list, option, option_value},
};
use crate::words::conf::ConfSection;

/// Options that decide what a section is and whose: they are never set by hand.
const NOT_SET: [&str; 3] = ["type", "aors", "auth"];

/// All four of them.
pub(super) fn read_policy(sections: &[ConfSection], errors: &mut Vec<SettingsError>) -> Option<Policy> {
    let mut section = Reader::new("policy", sections, errors);
    let mut words = |key| {
        section.optional(key, Vec::new(), "names of options, separated by commas", |text| list(text, option))
    };
    let (keep, drop) = (words("keep"), words("drop"));
    let max_expiration = section.number("max_expiration", 120, 10, WEEK);
    let open_users = section.truth("open_users", false);
    section.finish();
    let mut options = |name| read_options(&mut Reader::new(name, sections, errors));
    let (endpoint, aor, peer) = (options("endpoint"), options("aor"), options("peer"));
    Some(Policy {
        keep: keep?,
        drop: drop?,
        max_expiration: max_expiration?,
        open_users: open_users?,
        endpoint: endpoint?,
        aor: aor?,
        peer: peer?,
    })
}

/// Any option of the channel driver may be set; the driver says what it doesn't like.
fn read_options(section: &mut Reader<'_>) -> Option<Options> {
    let mut options = Some(Options::new());
    for variable in section.rest() {
        let key = option(&variable.key).filter(|key| !NOT_SET.contains(&key.as_str()));
        match (key, option_value(&variable.value)) {
            (Some(key), Some(value)) => {
                options.iter_mut().for_each(|all| all.push((key.clone(), value.clone())))
            }
            _ => {
                section.error(&variable.key, "can't be set for synced users");
                options = None;
            }
        }
    }
    options
}
