//! `[main]`: where the main system is, how to log in to its AMI, and what to believe it by.

use std::{fmt, net::IpAddr, path::PathBuf, time::Duration};

use super::{
    value,
    walk::{Key, Keys, Row, group, key, rows},
};

/// Where AMI listens in clear, and where over TLS: the defaults of `manager.conf`.
const AMI_PORT: u16 = 5038;
const AMI_TLS_PORT: u16 = 5039;

/// Where SIP listens unless said otherwise (RFC 3261 section 19.1.2).
const SIP_PORT: u16 = 5060;

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
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Main {
                host: key::text("an address or a host name", value::host_name),
                port: key::number(usual_port(keys), 1..=65535),
                username: key::text("the AMI account on the main", value::one_line),
                password: group(Password::rows),
                tls: group(|keys, in_force| Tls::rows(keys, in_force, host.as_deref())),
                sip: sip(host.clone()),
                session_renewal: key::seconds(3600, 10..=86_400),
            },
        )
    }

    /// Whether it is this very machine, as far as `host` tells.
    #[must_use]
    pub fn is_here(&self) -> bool {
        is_here(&self.host)
    }
}

/// Returns whether a host is this very machine, as far as its name or address tells.
#[must_use]
pub fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

fn usual_port(keys: &dyn Keys) -> u16 {
    if keys.ahead("tls").and_then(value::truth) == Some(true) { AMI_TLS_PORT } else { AMI_PORT }
}

/// The password of the AMI account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// `secret`
    Given(Secret),
    /// `secret_file`: the one line of this file, read anew at each login.
    InFile(PathBuf),
}

impl Password {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        let password = Self::walk(keys, in_force.map(Some))?;
        if password.is_none() {
            let problem = "is missing; wanted is the password of that account, or secret_file";
            keys.error(&"secret", &problem);
        }
        password
    }

    /// One of two keys, or neither.
    pub(super) fn walk(keys: &mut dyn Keys, in_force: Option<Option<&Self>>) -> Option<Option<Self>> {
        let (given, in_file) = match in_force {
            Some(Some(Self::Given(secret))) => (Some(Some(secret.clone())), Some(None)),
            Some(Some(Self::InFile(file))) => (Some(None), Some(Some(file.clone()))),
            Some(None) => (Some(None), Some(None)),
            None => (None, None),
        };
        let secret = key::secret("the password of that account").walk("secret", keys, given.as_ref());
        let file = key::file().walk("secret_file", keys, in_file.as_ref());
        match (secret?, file?) {
            (Some(secret), None) => Some(Some(Self::Given(secret))),
            (None, Some(file)) => Some(Some(Self::InFile(file))),
            (None, None) => Some(None),
            (Some(_), Some(_)) => {
                keys.error(&"secret, secret_file", &"are both given; wanted is one of them");
                None
            }
        }
    }
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

impl Tls {
    /// What may stay in the file while `tls` is off is read all the same: it has to make sense.
    pub(super) fn rows(
        keys: &mut dyn Keys,
        in_force: Option<&Option<Self>>,
        host: Option<&str>,
    ) -> Option<Option<Self>> {
        let on = key::yes_no(false).walk("tls", keys, in_force.map(Option::is_some).as_ref());
        let tls = Self::details(keys, in_force.and_then(Option::as_ref), host);
        if on? { tls.map(Some) } else { Some(None) }
    }

    fn details(keys: &mut dyn Keys, in_force: Option<&Self>, host: Option<&str>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Tls {
                verify: key::yes_no(true).named("tls_verify"),
                ca_file: key::file().named("tls_ca_file"),
                name: group(|keys, in_force| name(keys, in_force, host)),
                certificate: group(Certificate::rows),
            },
        )
    }
}

/// `tls_name`: where it is not given, the certificate has to be for the host.
fn name(keys: &mut dyn Keys, in_force: Option<&String>, host: Option<&str>) -> Option<String> {
    // OpenSSL takes a dot at the beginning for any name below the rest.
    let one_name = |text: &str| value::host_name(text).filter(|name| !name.starts_with('.'));
    let row = key::maybe("the name or address in the main's certificate", one_name);
    let name = row.walk("tls_name", keys, in_force.cloned().map(Some).as_ref())?;
    name.or_else(|| host.map(str::to_owned))
}

/// A certificate of ours, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate, with those that lead to its authority.
    pub cert_file: PathBuf,
    /// Its key, without a passphrase.
    pub key_file: PathBuf,
}

impl Certificate {
    /// One file may hold both.
    fn rows(keys: &mut dyn Keys, in_force: Option<&Option<Self>>) -> Option<Option<Self>> {
        let part = |part: fn(&Self) -> &PathBuf| in_force.map(|own| own.as_ref().map(part).cloned());
        let cert_file = key::file().walk("tls_cert_file", keys, part(|own| &own.cert_file).as_ref());
        let key_file = key::file().walk("tls_key_file", keys, part(|own| &own.key_file).as_ref());
        match (cert_file?, key_file?) {
            (Some(cert_file), key_file) => {
                let key_file = key_file.unwrap_or_else(|| cert_file.clone());
                Some(Some(Self { cert_file, key_file }))
            }
            (None, None) => Some(None),
            (None, Some(_)) => {
                keys.error(&"tls_cert_file", &"is missing; wanted is the certificate of tls_key_file");
                None
            }
        }
    }
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

/// Not given, or empty: the port of SIP on the main's own address. Shown empty where it is such a guess, which counts for
/// less than what is given.
fn sip(host: Option<String>) -> Key<'static, Sip> {
    let guess = Sip { transport: Transport::Udp, address: None, port: SIP_PORT, given: false };
    let wanted = "udp or tcp, and an IP address or what host says, such as udp:10.0.0.254:5060";
    let shown_host = host.clone().unwrap_or_default();
    let read = move |text: &str| if text.is_empty() { Some(guess) } else { Sip::read(text, host.as_deref()) };
    let show = move |sip: &Sip| if sip.given { sip.place(&shown_host) } else { String::new() };
    Key::new(wanted, read, show).or(guess)
}

impl Sip {
    /// `udp:10.0.0.254:5060`. A name can only be that of the main, whose address is looked up anyway.
    fn read(text: &str, host: Option<&str>) -> Option<Self> {
        let (transport, place) = text.split_once(':')?;
        let transport = match transport.to_ascii_lowercase().as_str() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            _ => return None,
        };
        let (name, port) = match place.rsplit_once(':') {
            // Without brackets, the last part of an IPv6 address is no port.
            Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port.parse().ok()?),
            _ => (place, SIP_PORT),
        };
        let name = name.trim_matches(['[', ']']);
        let address = if Some(name) == host { None } else { Some(name.parse::<IpAddr>().ok()?) };
        let reachable = address.is_none_or(|address| !address.is_unspecified() && !address.is_multicast());
        (port != 0 && reachable).then_some(Self { transport, address, port, given: true })
    }

    /// As `sip` would have to be written for the main at `host`: `udp:10.0.0.254:5060`.
    #[must_use]
    pub fn place(&self, host: &str) -> String {
        let Self { transport, address, port, .. } = self;
        let host = address.map_or_else(|| host.to_owned(), |address| address.to_string());
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        format!("{transport}:{host}:{port}")
    }
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
