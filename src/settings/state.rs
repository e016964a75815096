//! `[state]`: what is shared with other sites, and over which broker.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::{
    Password, Pattern, Tls,
    value::{self, each_of},
    walk::{Keys, group, key, rows},
};

/// Where MQTT listens in clear, and where over TLS.
const MQTT_PORT: u16 = 1883;
const MQTT_TLS_PORT: u16 = 8883;

/// A kind of what is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shared {
    /// `device`
    Device,
    /// `mwi`
    Mailbox,
    /// `presence`
    Presence,
    /// `agent`
    Agent,
    /// `people`
    People,
}

impl Shared {
    /// All of them, as they are listed by default.
    pub const ALL: [Self; 5] = [Self::Device, Self::Mailbox, Self::Presence, Self::Agent, Self::People];

    /// Returns the word for it in settings and topics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Mailbox => "mwi",
            Self::Presence => "presence",
            Self::Agent => "agent",
            Self::People => "people",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A line of `accept`: whose devices may be taken from which sites.
#[derive(Clone, Debug, PartialEq)]
pub struct Accept {
    /// The sites that it is about.
    pub sites: Pattern,
    /// The devices that they own.
    pub devices: Pattern,
}

impl Accept {
    fn read(text: &str) -> Option<Self> {
        let (sites, devices) = text.split_once(char::is_whitespace)?;
        Some(Self { sites: Pattern::new(sites)?, devices: Pattern::new(devices.trim())? })
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sites, self.devices)
    }
}

/// What is shared and taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// What others may know of us.
    pub share: BTreeSet<Shared>,
    /// What we take of others.
    pub take: BTreeSet<Shared>,
    /// Which of our devices others may know of.
    pub devices: Pattern,
    /// Whose states we take.
    pub sites: Pattern,
    /// Who owns which devices; once a line fits a site, only devices of such lines are taken from it.
    pub accept: Vec<Accept>,
}

impl Taken {
    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Taken {
                share: kinds(),
                take: kinds(),
                devices: pattern(),
                sites: pattern(),
                accept: key::repeated("an expression for sites and one for devices", Accept::read),
            },
        )
    }
}

fn kinds() -> key::Key<'static, BTreeSet<Shared>> {
    let wanted = "device, mwi, presence, agent, people or some of them, separated by commas";
    let show = |kinds: &BTreeSet<Shared>| kinds.iter().map(Shared::to_string).collect::<Vec<_>>().join(",");
    key::Key::new(wanted, |text| each_of(text, Shared::of_word).map(BTreeSet::from_iter), show)
        .or(BTreeSet::from(Shared::ALL))
}

fn pattern() -> key::Key<'static, Pattern> {
    key::text("a regular expression", Pattern::new).or(Pattern::any())
}

/// `[state]`
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The brokers: the first that answers is taken.
    pub hosts: Vec<String>,
    /// Their port.
    pub port: u16,
    /// The account there; `None`: the name of the site.
    pub username: Option<String>,
    /// Its password; `None` where the broker wants none.
    pub password: Option<Password>,
    /// `None`: without TLS.
    pub tls: Option<Tls>,
    /// The name of this system; `None`: as Asterisk calls it, or the host.
    pub site: Option<String>,
    /// What is shared and taken.
    pub taken: Taken,
    /// How long a lost site's, or broker's, states are kept.
    pub hold: Duration,
    /// How often the broker is asked for a sign of life where nothing else is said.
    pub keepalive: Duration,
}

impl State {
    /// `None` where no broker is named: nothing is shared.
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Option<Self>>) -> Option<Option<Self>> {
        let state = Self::all_rows(keys, in_force.and_then(Option::as_ref));
        state.map(|state| Some(state).filter(|state| !state.hosts.is_empty()))
    }

    fn all_rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            State {
                hosts: key::list("addresses or host names, separated by commas", value::host_name)
                    .named("host"),
                port: key::number(usual_port(keys), 1..=65535),
                username: key::maybe("the account at the broker", value::one_line),
                password: group(|keys, in_force: Option<&Option<Password>>| {
                    Password::walk(keys, in_force.map(Option::as_ref))
                }),
                tls: group(|keys, in_force| {
                    let host = hosts.as_ref().and_then(|hosts| hosts.first());
                    Tls::rows(keys, in_force, host.map(String::as_str))
                }),
                site: key::maybe("a name of up to 40 letters, digits, _ and -", value::site),
                taken: group(Taken::rows),
                hold: key::seconds(10, 0..=3600),
                keepalive: key::seconds(15, 5..=300),
            },
        )
    }
}

fn usual_port(keys: &dyn Keys) -> u16 {
    if keys.ahead("tls").and_then(value::truth) == Some(true) { MQTT_TLS_PORT } else { MQTT_PORT }
}
