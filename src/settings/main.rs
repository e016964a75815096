//! `[main]` as values: where the main system is, how to log in to its AMI, and what to believe it by.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

/// `[main]`: where the main system is and how to log in to its AMI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Main {
    /// Address or name of the main system.
    pub host: String,
    /// TCP port of its AMI.
    pub port: u16,
    /// AMI account.
    pub username: String,
    /// Password of that account.
    pub password: Password,
    /// How its AMI is reached over TLS; none: in clear.
    pub tls: Option<Tls>,
    /// Where its SIP is.
    pub sip: Sip,
    /// How old a session with its AMI may get before it is replaced by a new one.
    pub session_renewal: Duration,
}

impl Main {
    /// Whether it is this very machine, as far as `host` tells.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
    }
}

/// The password of the AMI account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// `secret`
    Given(Secret),
    /// `secret_file`: the one line of this file, read anew at each login.
    InFile(PathBuf),
}

/// `[main] tls`: who the main has to prove to be, and how we do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whether its certificate is looked at.
    pub verify: bool,
    /// The authorities that may have signed it; none: those that this machine trusts.
    pub ca_file: Option<PathBuf>,
    /// The name or address that it has to be for.
    pub name: String,
    /// Our own, where the main wants one.
    pub certificate: Option<Certificate>,
}

/// A certificate of ours, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, with those that lead to its authority.
    pub cert_file: PathBuf,
    /// Its key, without a passphrase.
    pub key_file: PathBuf,
}

/// `[main] sip`: where the main is asked over SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sip {
    /// How.
    pub transport: Transport,
    /// None: the address of `host`.
    pub address: Option<IpAddr>,
    /// Its port.
    pub port: u16,
    /// Whether the administrator says so; what is guessed counts once it has answered.
    pub given: bool,
}

/// What SIP travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A connection.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

/// A password. `Debug` and `Display` print `***`, so that no log or answer can show it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The password itself: for a login, and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
impl Main {
    /// One for tests that connect elsewhere.
    pub(crate) fn example() -> Self {
        Self {
            host: "192.0.2.1".to_owned(),
            port: 5038,
            username: "synch".to_owned(),
            password: Password::Given(Secret::new("s")),
            tls: None,
            sip: Sip { transport: Transport::Udp, address: None, port: 5060, given: false },
            session_renewal: Duration::from_secs(3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loopback_is_here() {
        let is_here = |host: &str| Main { host: host.to_owned(), ..Main::example() }.is_here();
        for here in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.7.6", "::1", "::ffff:127.0.0.1"] {
            assert!(is_here(here), "{here}");
        }
        for away in ["10.0.0.254", "2001:db8::1", "0.0.0.0", "localhost.example.com"] {
            assert!(!is_here(away), "{away}");
        }
    }
}
