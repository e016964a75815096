//! `[drill]`: what `synch drill` tries.

use super::{
    Secret, value,
    walk::{Keys, Row, group, key, rows},
};

/// `[drill]`: whom and what a drill tries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drill {
    /// An account of this branch that nobody else uses; none: no registration is tried.
    pub account: Option<Account>,
    /// The number of the user who is called; none: the first synced user.
    pub number: Option<String>,
}

impl Drill {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Drill {
                account: group(Account::rows),
                number: key::maybe("the number of a user", value::number)
            },
        )
    }
}

/// An account that registers at this branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub username: String,
    /// Its password.
    pub secret: Secret,
}

impl Account {
    /// Both keys, or neither.
    fn rows(keys: &mut dyn Keys, in_force: Option<&Option<Self>>) -> Option<Option<Self>> {
        let (username, password) = match in_force {
            Some(Some(account)) => (Some(Some(account.username.clone())), Some(Some(account.secret.clone()))),
            Some(None) => (Some(None), Some(None)),
            None => (None, None),
        };
        let wanted = "the name of an account: letters, digits, _ and -";
        let username = key::maybe(wanted, value::option).walk("username", keys, username.as_ref());
        let secret = key::secret("the password of that account").walk("secret", keys, password.as_ref());
        match (username?, secret?) {
            (Some(username), Some(secret)) => Some(Some(Self { username, secret })),
            (None, None) => Some(None),
            (Some(_), None) => {
                keys.error(&"secret", &"is missing; wanted is the password of username");
                None
            }
            (None, Some(_)) => {
                keys.error(&"username", &"is missing; wanted is the account that has this secret");
                None
            }
        }
    }
}
