//! Who may read the page and the metrics. Pure.

use std::{hint::black_box, net::IpAddr};

use crate::{dns::relay::allow::Allowed, settings::Secret};

/// Who may read.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The name that a reader has to give.
    pub username: String,
    /// The password that goes with it; `None` where nobody has one yet: then nobody may read.
    pub secret: Option<Secret>,
    /// The networks that readers may be in.
    pub allowed: Allowed,
    /// Why there is no password.
    pub problem: String,
}

impl Access {
    /// Returns whether a reader at that address may be there at all.
    #[must_use]
    pub fn permits(&self, client: IpAddr) -> bool {
        self.allowed.contains(client)
    }

    /// Returns whether name and password are the right ones. How long that takes says nothing of them.
    #[must_use]
    pub fn knows(&self, username: &str, password: &str) -> bool {
        let Some(secret) = &self.secret else { return false };
        let name = is_same(username, &self.username);
        let password = is_same(password, secret.expose());
        name & password
    }
}

/// Compares in a time that goes by the length of `given` alone.
fn is_same(given: &str, wanted: &str) -> bool {
    let (given, wanted) = (given.as_bytes(), wanted.as_bytes());
    let mut differs = given.len() ^ wanted.len();
    // Over and over, so that each octet of `given` is compared with one.
    for (one, other) in given.iter().zip(wanted.iter().chain(&[0]).cycle()) {
        differs |= usize::from(one ^ other);
        differs = black_box(differs);
    }
    differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_name_with_the_whole_password_is_known() {
        let secret = Some(Secret::new("corr€ct"));
        let access = Access { username: "monitor".to_owned(), secret, ..Access::default() };
        assert!(access.knows("monitor", "corr€ct"));
        for (name, password) in [
            ("monitor", ""),
            ("", ""),
            ("", "corr€ct"),
            ("monitor", "corr€c"),
            ("monitor", "corr€ctx"),
            ("monitor", "corr€ct\0"),
            ("monitor", "Corr€ct"),
            ("monito", "corr€ct"),
            ("monitorm", "corr€ct"),
            ("Monitor", "corr€ct"),
            ("monitor", "corr€ct\0corr€ct"),
        ] {
            assert!(!access.knows(name, password), "{name} {password}");
        }
        assert!(!Access { username: "monitor".to_owned(), ..Access::default() }.knows("monitor", ""));
    }
}
