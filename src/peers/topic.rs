//! What a topic is about: `synch/1/berlin/device/PJSIP/1001`. Pure.

use crate::{settings::Shared, words::site::is_site};

/// What all topics begin with. What breaks a reader begins with another number.
const ROOT: &str = "synch/1";

/// The longest name that Asterisk keeps whole (`AST_MAX_EXTENSION` less its end).
const MAX_NAME: usize = 79;

/// A site and something of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub site: String,
    /// What of it.
    pub subject: Subject,
}

/// What a site tells of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Itself: whether it is there.
    Site,
    /// Its wish that all others say again what they have.
    Ask,
    /// A sign of life, for those who hear what it has: to all others it would be all that ever crosses their line.
    Alive,
    /// A device: `PJSIP/1001`, `Custom:lunch`.
    Device(String),
    /// A mailbox: `1001@default`.
    Mailbox(String),
    /// Who sets a person's presence: `CustomPresence:1001`.
    Presence(String),
    /// A device that is a member of queues.
    Agent(String),
    /// Who can be called there.
    People,
}

impl Subject {
    /// Returns what part of the shared it is; `None` for what every site says of itself.
    #[must_use]
    pub const fn kind(&self) -> Option<Shared> {
        match self {
            Self::Site | Self::Ask | Self::Alive => None,
            Self::Device(_) => Some(Shared::Device),
            Self::Mailbox(_) => Some(Shared::Mailbox),
            Self::Presence(_) => Some(Shared::Presence),
            Self::Agent(_) => Some(Shared::Agent),
            Self::People => Some(Shared::People),
        }
    }
}

impl Topic {
    /// Returns the topic of this site about that.
    #[must_use]
    pub fn new(site: &str, subject: Subject) -> Self {
        Self { site: site.to_owned(), subject }
    }

    /// Reads a topic; `None` where it is not one that we would write: of a newer kind, or not in this form.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (site, rest) = text.strip_prefix(ROOT)?.strip_prefix('/')?.split_once('/')?;
        let (word, name) = rest.split_once('/').map_or((rest, None), |(word, name)| (word, Some(name)));
        let subject = match (word, name) {
            ("site", None) => Subject::Site,
            ("ask", None) => Subject::Ask,
            ("alive", None) => Subject::Alive,
            ("people", None) => Subject::People,
            ("device", Some(name)) => Subject::Device(decoded(name)?),
            ("agent", Some(name)) => Subject::Agent(decoded(name)?),
            ("mwi", Some(name)) => {
                let (context, mailbox) = name.split_once('/')?;
                Subject::Mailbox(format!("{}@{}", decoded(mailbox)?, decoded(context)?))
            }
            ("presence", Some(name)) => {
                let (provider, who) = name.split_once('/')?;
                Subject::Presence(format!("{}:{}", decoded(provider)?, decoded(who)?))
            }
            _ => return None,
        };
        let topic = Self { site: decoded(site)?, subject };
        // Each name has one topic, so that nobody says two things of the same.
        (is_site(&topic.site) && topic.is_short() && topic.to_string() == text).then_some(topic)
    }

    /// Returns the site whose topic it is, whatever it is about.
    #[must_use]
    pub fn site_of(text: &str) -> Option<String> {
        let (site, _) = text.strip_prefix(ROOT)?.strip_prefix('/')?.split_once('/')?;
        decoded(site).filter(|site| is_site(site))
    }

    fn is_short(&self) -> bool {
        match &self.subject {
            Subject::Device(name)
            | Subject::Mailbox(name)
            | Subject::Presence(name)
            | Subject::Agent(name) => name.len() <= MAX_NAME,
            Subject::Site | Subject::Ask | Subject::Alive | Subject::People => true,
        }
    }

    /// Returns what this site says of all of itself.
    #[must_use]
    pub fn all_of(site: &str) -> String {
        format!("{ROOT}/{}/#", encoded(site))
    }

    /// Returns what all sites say of themselves.
    #[must_use]
    pub fn all_sites() -> String {
        format!("{ROOT}/+/site")
    }

    /// Returns where the doctor of a site tries whether the broker takes what is ours. A kind that no site knows.
    #[must_use]
    pub fn doctor_of(site: &str) -> String {
        format!("{ROOT}/{}/doctor", encoded(site))
    }

    /// Returns where it tries whether the broker refuses what is another site's: one that there is not.
    #[must_use]
    pub fn foreign_to(site: &str) -> String {
        format!("{ROOT}/{}-doctor/probe", encoded(site))
    }

    /// Returns what all sites ask.
    #[must_use]
    pub fn all_asks() -> String {
        format!("{ROOT}/+/ask")
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{ROOT}/{}/", encoded(&self.site))?;
        match &self.subject {
            Subject::Site => f.write_str("site"),
            Subject::Ask => f.write_str("ask"),
            Subject::Alive => f.write_str("alive"),
            Subject::People => f.write_str("people"),
            Subject::Device(name) => write!(f, "device/{}", levels(name)),
            Subject::Agent(name) => write!(f, "agent/{}", levels(name)),
            Subject::Mailbox(name) => {
                let (mailbox, context) = name.rsplit_once('@').unwrap_or((name, "default"));
                write!(f, "mwi/{}/{}", encoded(context), encoded(mailbox))
            }
            Subject::Presence(name) => {
                let (provider, who) = name.split_once(':').unwrap_or((name, ""));
                write!(f, "presence/{}/{}", encoded(provider), encoded(who))
            }
        }
    }
}

/// Returns whether a device can stand in a hint and in an argument of a function as it is: Asterisk would carry out what
/// has a `$` in it, and take a comma or a `&` for the beginning of something else.
#[must_use]
pub fn is_plain(device: &str) -> bool {
    !device.is_empty()
        && device.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-.:@+*#".contains(&byte))
}

/// Returns whether something of that name can be shared: printable, without an empty part, short enough for Asterisk.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !name.split('/').any(str::is_empty)
}

/// The `/` of a device stays a level, so that `device/PJSIP/+` is all of one technology.
fn levels(name: &str) -> String {
    let levels: Vec<String> = name.split('/').map(encoded).collect();
    levels.join("/")
}

/// Every other byte than these as `%XX`: a wildcard would not go through, NATS takes neither `.` nor a space.
fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b':' | b'-' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn decoded(text: &str) -> Option<String> {
    let mut name = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            name.push(byte);
        }
    }
    String::from_utf8(name).ok().filter(|name| is_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_topics_and_topics_names() {
        for (subject, text) in [
            (Subject::Site, "site"),
            (Subject::Ask, "ask"),
            (Subject::Alive, "alive"),
            (Subject::People, "people"),
            (Subject::Device("PJSIP/1001".to_owned()), "device/PJSIP/1001"),
            (Subject::Device("Custom:lunch room".to_owned()), "device/Custom:lunch%20room"),
            (
                Subject::Device("Queue:q.1_pause_PJSIP/10#1".to_owned()),
                "device/Queue:q%2E1_pause_PJSIP/10%231",
            ),
            (Subject::Mailbox("1001@default".to_owned()), "mwi/default/1001"),
            (Subject::Presence("CustomPresence:1006".to_owned()), "presence/CustomPresence/1006"),
            (Subject::Agent("PJSIP/1001".to_owned()), "agent/PJSIP/1001"),
        ] {
            let topic = Topic::new("berlin", subject);
            assert_eq!(topic.to_string(), format!("synch/1/berlin/{text}"));
            assert_eq!(Topic::read(&topic.to_string()), Some(topic));
        }
    }

    #[test]
    fn whose_a_topic_is_is_known_of_any_kind() {
        for (text, site) in [
            ("synch/1/berlin/site", Some("berlin")),
            ("synch/1/berlin/parking/701", Some("berlin")),
            ("synch/1/berlin/device/PJSIP//1", Some("berlin")),
            ("synch/1/ber%20lin/site", None),
            ("synch/2/berlin/site", None),
            ("synch/1/berlin", None),
        ] {
            assert_eq!(Topic::site_of(text).as_deref(), site, "{text}");
        }
    }

    #[test]
    fn what_nobody_of_us_would_write_is_no_topic() {
        let long = format!("synch/1/berlin/device/PJSIP/{}", "1".repeat(80));
        for text in [
            "synch/2/berlin/site",
            "synch/1/berlin",
            "synch/1/berlin/site/x",
            "synch/1/ber%20lin/site",
            "synch/1//site",
            "synch/1/berlin/device",
            "synch/1/berlin/device/",
            "synch/1/berlin/device/PJSIP//1001",
            // The same name as PJSIP/1001.
            "synch/1/berlin/device/PJSIP%2F1001",
            "synch/1/berlin/device/PJSIP/%31001",
            "synch/1/berlin/device/PJSIP/10%0A01",
            "synch/1/berlin/device/PJSIP/%C3%A4",
            "synch/1/berlin/device/PJSIP/%2",
            "synch/1/berlin/parking/701",
            &Topic::doctor_of("berlin"),
            &Topic::foreign_to("berlin"),
            &long,
        ] {
            assert_eq!(Topic::read(text), None, "{text}");
        }
    }
}
