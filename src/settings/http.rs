//! `[http]`: the status page and the metrics, on Asterisk's own HTTP server.

use super::{
    Allow, Password,
    value::one_line,
    walk::{Keys, group, key, rows},
};

/// `[http]`: who may read the page and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The name that a reader gives.
    pub username: String,
    /// The password that goes with it.
    pub password: Password,
    /// The networks that readers are in.
    pub permit: Allow,
}

impl Http {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Http {
                username: key::text("a name without a colon", name),
                password: group(Password::rows),
                permit: Allow::row(),
            },
        )
    }
}

/// RFC 7617 section 2: a colon ends the name.
fn name(text: &str) -> Option<String> {
    one_line(text).filter(|name| !name.contains(':'))
}
