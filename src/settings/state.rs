//! `[state]`: what is shared with other sites, and over which broker.

use std::{collections::BTreeSet, time::Duration};

use super::{Password, Pattern, Tls};

/// A kind of what is shared, as `share` and `take` name it.
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

    /// Returns the kind that a word names.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
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
