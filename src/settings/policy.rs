//! `[policy]`, `[endpoint]`, `[aor]` and `[peer]`: what is taken of a user, and what is set instead.

use std::fmt;

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
            let masked = options.iter().map(|(key, value)| (key, if is_secret(key) { "***" } else { value }));
            shown.field(name, &masked.collect::<Vec<_>>());
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
