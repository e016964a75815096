//! `[drill]`

use super::reader::Reader;
use crate::settings::{
    Account, Drill, Secret,
    value::{number, one_line, option},
};

pub(super) fn read_drill(section: &mut Reader<'_>) -> Option<Drill> {
    // Empty is not given: so it is shown, and so it may be left in the file.
    let given = |parse: fn(&str) -> Option<String>| {
        move |text: &str| if text.is_empty() { Some(None) } else { parse(text).map(Some) }
    };
    let wanted = "the name of an account: letters, digits, _ and -";
    let username = section.optional("username", None, wanted, given(option));
    let secret = section.optional("secret", None, "the password of that account", given(one_line));
    let number = section.optional("number", None, "the number of a user", given(number));
    section.finish();
    let (username, secret, number) = (username?, secret?, number?);
    let account = match (username, secret) {
        (Some(username), Some(secret)) => Some(Account { username, secret: Secret::new(secret) }),
        (None, None) => None,
        (Some(_), None) => {
            section.error("secret", "is missing; wanted is the password of username");
            None
        }
        (None, Some(_)) => {
            section.error("username", "is missing; wanted is the account that has this secret");
            None
        }
    };
    Some(Drill { account, number })
}
