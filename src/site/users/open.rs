//! Open users: those as whom Asterisk lets anybody call without a password. Pure.
//!
//! What counts is what is written here, not what the main has: `[policy] drop` can take a password away, and `[peer]`
//! can give one. An auth that is named proves nothing: Asterisk 16 and 18 take one without a password, and then the
//! empty password is the right one. Of several auths, any one will do for a caller.

use std::collections::HashMap;

use super::Kind;
use crate::words::conf::ConfSection;

/// Why a user would be open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Open {
    /// pjsip: no auth at all.
    #[error("it has no auth, so anybody could call as this user")]
    NoAuth,
    /// chan_sip: neither kind of password.
    #[error("it has no secret, so anybody could call as this user")]
    NoSecret,
    /// pjsip: an auth without what its type asks for.
    #[error("its auth '{auth}' has no {wanted}, so anybody could call as this user")]
    NoPassword {
        /// Name of the auth.
        auth: String,
        /// The option that it lacks.
        wanted: &'static str,
    },
    /// pjsip: an auth of a type by which no phone proves anything.
    #[error("its auth '{auth}' has auth_type '{auth_type}', which checks no password")]
    OtherType {
        /// Name of the auth.
        auth: String,
        /// Its type.
        auth_type: String,
    },
    /// chan_sip: calls are let in whatever the password.
    #[error("'insecure = {0}' lets anybody call as this user")]
    Insecure(String),
}

/// The values of an option that are written, in order.
pub trait Written {
    /// Those of this option, upper or lower case.
    fn values(&self, key: &str) -> Vec<&str>;

    /// Returns the last value, which Asterisk uses if an option comes twice. An empty value counts as none.
    fn last(&self, key: &str) -> Option<&str> {
        self.values(key).pop().filter(|value| !value.is_empty())
    }
}

/// Why a user would be open, by its own section. An endpoint needs its [`auth`]s looked at, too.
#[must_use]
pub fn user(kind: Kind, section: &impl Written) -> Option<Open> {
    match kind {
        Kind::Endpoint => {
            names(section.last("auth").unwrap_or_default()).next().is_none().then_some(Open::NoAuth)
        }
        Kind::Peer => peer(section),
        Kind::Aor | Kind::Auth => None,
    }
}

fn peer(section: &impl Written) -> Option<Open> {
    if section.last("secret").is_none() && section.last("md5secret").is_none() {
        return Some(Open::NoSecret);
    }
    // `port` is about the address alone; the others let an INVITE pass.
    let insecure = section.values("insecure").into_iter().find(|value| !names(value).all(is_harmless));
    insecure.map(|value| Open::Insecure(value.to_owned()))
}

fn is_harmless(word: &str) -> bool {
    ["port", "no"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Returns why an auth of that name lets anybody in.
#[must_use]
pub fn auth(name: &str, section: &impl Written) -> Option<Open> {
    let has = |key: &str| section.last(key).is_some();
    // One for each algorithm (Asterisk 20.15, 21.10, 22.5). One that does not know the option takes no such auth.
    let digest = section.values("password_digest").iter().any(|value| !value.is_empty());
    let auth_type = section.values("auth_type").pop().unwrap_or("userpass");
    let (enough, wanted) = match auth_type.to_ascii_lowercase().as_str() {
        // Older ones look at nothing but the password here.
        "userpass" => (has("password") || digest, "password"),
        // Older ones take none without md5_cred, newer ones all three.
        "md5" => (has("md5_cred") || has("password") || digest, "md5_cred"),
        "digest" => (has("password") || has("md5_cred") || digest, "password and no password_digest"),
        _ => return Some(Open::OtherType { auth: name.to_owned(), auth_type: auth_type.to_owned() }),
    };
    (!enough).then(|| Open::NoPassword { auth: name.to_owned(), wanted })
}

/// The users in a file of ours who would be open, each with the reason. An auth that is not in it is the branch's own.
#[must_use]
pub fn users_in(sections: &[(Kind, ConfSection)]) -> Vec<(&str, Open)> {
    let named =
        |wanted: Kind| sections.iter().filter(move |(kind, _)| *kind == wanted).map(|(_, section)| section);
    let auths: HashMap<&str, &ConfSection> =
        named(Kind::Auth).map(|section| (section.name.as_str(), section)).collect();
    let why = |kind: Kind, section: &ConfSection| {
        let of_auth = |name| auth(name, *auths.get(name)?);
        let listed = section.last("auth").unwrap_or_default();
        user(kind, section).or_else(|| names(listed).filter(|_| kind == Kind::Endpoint).find_map(of_auth))
    };
    sections
        .iter()
        .filter_map(|(kind, section)| Some((section.name.as_str(), why(*kind, section)?)))
        .collect()
}

impl Written for ConfSection {
    fn values(&self, key: &str) -> Vec<&str> {
        let same = self.variables.iter().filter(|variable| variable.key.eq_ignore_ascii_case(key));
        same.map(|variable| variable.value.as_str()).collect()
    }
}

/// The names in a comma-separated list.
pub fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Lines<'a>(&'a [(&'a str, &'a str)]);

    impl Written for Lines<'_> {
        fn values(&self, key: &str) -> Vec<&str> {
            self.0
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case(key))
                .map(|(_, value)| *value)
                .collect()
        }
    }

    #[test]
    fn an_auth_is_open_without_the_credential_that_its_type_asks_for() {
        for (lines, wanted) in [
            (&[][..], "password"),
            (&[("password", "")], "password"),
            (&[("password", "x"), ("Password", "")], "password"),
            (&[("auth_type", "userpass"), ("md5_cred", "x")], "password"),
            (&[("auth_type", "UserPass"), ("password_digest", "")], "password"),
            (&[("auth_type", "md5")], "md5_cred"),
            (&[("auth_type", "MD5"), ("md5_cred", "")], "md5_cred"),
            (
                &[("auth_type", "digest"), ("supported_algorithms_uas", "SHA-256")],
                "password and no password_digest",
            ),
            (
                &[("password", "x"), ("auth_type", "md5"), ("auth_type", "userpass"), ("password", "")],
                "password",
            ),
        ] {
            let open = Open::NoPassword { auth: "a".to_owned(), wanted };
            assert_eq!(auth("a", &Lines(lines)), Some(open), "{lines:?}");
        }
    }

    #[test]
    fn one_password_of_the_right_kind_closes_an_auth() {
        for lines in [
            &[("password", "x")][..],
            &[("PASSWORD", ""), ("password", "x")],
            &[("auth_type", "md5"), ("md5_cred", "x")],
            &[("auth_type", "digest"), ("password", "x")],
            &[("auth_type", "digest"), ("md5_cred", "x")],
            &[("auth_type", "digest"), ("password_digest", "MD5:x"), ("password_digest", "")],
        ] {
            assert_eq!(auth("a", &Lines(lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn what_is_for_outbound_calls_alone_proves_nothing() {
        for auth_type in ["google_oauth", "artificial", "", "password"] {
            let lines = [("auth_type", auth_type), ("password", "x")];
            let open = auth("a", &Lines(&lines));
            assert!(matches!(open, Some(Open::OtherType { .. })), "{auth_type}: {open:?}");
        }
    }

    #[test]
    fn an_endpoint_needs_an_auth_and_a_peer_a_secret() {
        for lines in [&[][..], &[("auth", "")], &[("auth", "a"), ("auth", " , ")], &[("outbound_auth", "a")]]
        {
            assert_eq!(user(Kind::Endpoint, &Lines(lines)), Some(Open::NoAuth), "{lines:?}");
        }
        assert_eq!(user(Kind::Endpoint, &Lines(&[("auth", ""), ("Auth", "a")])), None);
        for lines in [
            &[][..],
            &[("secret", "")],
            &[("secret", "x"), ("secret", "")],
            &[("remotesecret", "x"), ("auth", "u:x@r")],
            &[("md5secret", "")],
        ] {
            assert_eq!(user(Kind::Peer, &Lines(lines)), Some(Open::NoSecret), "{lines:?}");
        }
        for lines in [
            &[("secret", "x")][..],
            &[("md5secret", "x"), ("secret", "")],
            &[("secret", "x"), ("insecure", "port")],
        ] {
            assert_eq!(user(Kind::Peer, &Lines(lines)), None, "{lines:?}");
        }
    }

    #[test]
    fn those_in_a_file_are_found() {
        let section =
            |kind, name: &str, lines: &[(&str, &str)]| (kind, ConfSection::new(name, lines.iter().copied()));
        let file = [
            section(Kind::Endpoint, "1", &[("auth", "1")]),
            section(Kind::Aor, "1", &[]),
            section(Kind::Auth, "1", &[("password", "x")]),
            section(Kind::Endpoint, "2", &[("auth", "1,2")]),
            section(Kind::Auth, "2", &[("username", "2")]),
            section(Kind::Endpoint, "3", &[("auth", "of-the-branch")]),
            section(Kind::Endpoint, "4", &[]),
            section(Kind::Peer, "5", &[("secret", "x"), ("auth", "2")]),
            section(Kind::Peer, "6", &[]),
        ];
        let found: Vec<&str> = users_in(&file).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["2", "4", "6"]);
    }

    #[test]
    fn a_peer_whose_calls_are_not_asked_for_the_password_is_open() {
        for insecure in ["invite", "port,invite", "port, Invite", "very", "yes"] {
            let lines = [("secret", "x"), ("insecure", insecure)];
            assert_eq!(user(Kind::Peer, &Lines(&lines)), Some(Open::Insecure(insecure.to_owned())));
        }
    }
}
