//! `[policy]`, `[endpoint]`, `[aor]` and `[peer]`: what is taken of a user, and what is set instead.

use std::fmt;

use super::{
    value::{self, WEEK},
    walk::{Keys, key, rows, section},
};

/// Options that decide what a section is and whose: they are never set by hand.
const NOT_SET: [&str; 3] = ["type", "aors", "auth"];

/// What the administrator says about the options of synced users.
#[derive(Clone, PartialEq, Eq)]
pub struct Policy {
    /// Options that are taken besides the usual ones.
    pub keep: Vec<String>,
    /// Usual options that are not taken.
    pub drop: Vec<String>,
    /// The longest time in seconds that a phone may register for here.
    pub max_expiration: u32,
    /// Whether users are taken who need no password.
    pub open_users: bool,
    /// Written into every endpoint.
    pub endpoint: Options,
    /// Written into every aor.
    pub aor: Options,
    /// Written into every peer of chan_sip.
    pub peer: Options,
}

impl Policy {
    /// `[policy]`, and behind its keys the sections of options.
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        let names = "names of options, separated by commas";
        rows!(
            keys,
            in_force,
            Policy {
                keep: key::list(names, value::option),
                drop: key::list(names, value::option),
                max_expiration: key::number(120, 10..=WEEK),
                open_users: key::yes_no(false),
                endpoint: section("endpoint", options),
                aor: section("aor", options),
                peer: section("peer", options),
            },
        )
    }
}

/// Any option of the channel driver may be set; the driver says what it doesn't like.
fn options(keys: &mut dyn Keys, in_force: Option<&Options>) -> Option<Options> {
    let in_force: Vec<_> = in_force.into_iter().flatten().map(masked).collect();
    let mut options = Some(Options::new());
    for (key, value) in keys.lines(&in_force) {
        let allowed = value::option(&key).filter(|key| !NOT_SET.contains(&key.as_str()));
        match allowed.zip(value::option_value(&value)) {
            Some(line) => options.iter_mut().for_each(|all| all.push(line.clone())),
            None => {
                keys.error(&key, &"can't be set for synced users");
                options = None;
            }
        }
    }
    options
}

fn masked((key, value): &(String, String)) -> (String, String) {
    (key.clone(), if is_secret(key) { "***".to_owned() } else { value.clone() })
}

/// Options and values, in the order of the file; an empty value takes the option out.
pub type Options = Vec<(String, String)>;

/// Without the passwords among the options.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keep, drop, max_expiration, open_users, endpoint, aor, peer } = self;
        let mut shown = f.debug_struct("Policy");
        shown.field("keep", keep).field("drop", drop);
        shown.field("max_expiration", max_expiration).field("open_users", open_users);
        for (name, options) in [("endpoint", endpoint), ("aor", aor), ("peer", peer)] {
            shown.field(name, &options.iter().map(masked).collect::<Vec<_>>());
        }
        shown.finish()
    }
}

/// What the names of options have in them whose values are shown to nobody.
const SECRETS: [&str; 7] = ["pass", "secret", "cred", "token", "register", "oauth", "pin"];

/// Whether the value of an option is a password.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRETS.iter().any(|secret| key.contains(secret))
}
