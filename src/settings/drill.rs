//! `[drill]` as values: what `synch drill` tries.

use super::Secret;

/// `[drill]`: whom and what a drill tries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drill {
    /// An account of this branch that nobody else uses; none: no registration is tried.
    pub account: Option<Account>,
    /// The number of the user who is called; none: the first synced user.
    pub number: Option<String>,
}

/// An account that registers at this branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub username: String,
    /// Its password.
    pub secret: Secret,
}
