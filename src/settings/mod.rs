//! `res_synch.conf` as values: what each section may say, its defaults and its limits. Pure.
//!
//! [`read`] turns the sections that Asterisk's loader found into [`Settings`], or into every error at once.

mod classes;
mod dialplan;
mod drill;
mod expression;
mod failover;
mod main;
mod pattern;
mod policy;
mod read;
mod relay;
mod state;
mod text;
mod transport;
mod value;

pub use classes::{Class, Classes, Door, Grants, PEOPLE};
pub use dialplan::{Contexts, Dialplan, Outside, Trunk, Voicemail};
pub use drill::{Account, Drill};
pub use expression::Expression;
pub use failover::{Failover, ReturnWhen, Window, clock};
pub use main::{Certificate, Main, Password, Secret, Sip, Tls, Transport};
pub use pattern::Pattern;
pub use policy::{Options, Policy, is_secret};
pub use read::{SettingsError, read};
pub use relay::{Allow, NoPrefix, Prefix, Relay};
pub use state::{Accept, Shared, State, Taken};
pub use text::text;
pub use transport::{Offer, SipTransport};

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_server::proto::rr::LowerName;
use regex::bytes::Regex;

use crate::words::state::Target;

/// Everything `res_synch.conf` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `[main]`
    pub main: Main,
    /// `[probe]`
    pub probe: Probe,
    /// `[failover]`
    pub failover: Failover,
    /// `[sync]`; none where it says `enabled = no`.
    pub sync: Option<Sync>,
    /// `[policy]` and the sections of options.
    pub policy: Policy,
    /// `[dialplan]`; none where it says `enabled = no`.
    pub dialplan: Option<Dialplan>,
    /// `[voicemail]`; none where it says `enabled = no`.
    pub voicemail: Option<Voicemail>,
    /// `[dns]`; none where it says `enabled = no`.
    pub dns: Option<Dns>,
    /// `[state]`; `None` where it names no broker.
    pub state: Option<State>,
    /// `[drill]`
    pub drill: Drill,
}

/// `[probe]`: how often the main is asked, and what the answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// Bound of one whole probe, connecting included.
    pub timeout: Duration,
    /// Failure points in a row that make the main Failed.
    pub failure_tolerance: u32,
    /// Successes in a row that make it Stable.
    pub alive_threshold: u32,
    /// Points that an error on TCP/IP level counts beyond the one of a failed answer.
    pub error_penalty: u32,
    /// Whether the AMI is asked.
    pub ami: bool,
    /// Whether SIP is asked.
    pub sip: bool,
    /// Whether the main's own events are believed that it starts and stops.
    pub events: bool,
    /// Which of those that are asked have to answer.
    pub require: Require,
    /// From the start of one probe to the start of the next after a failure; never more than `interval`.
    pub fast_interval: Duration,
}

/// Which kinds of evidence have to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Require {
    /// SIP, wherever it counts: that is what phones need. AMI only where it does not.
    Sip,
    /// Each of them.
    All,
    /// One is enough.
    Any,
}

impl fmt::Display for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sip => "sip",
            Self::All => "all",
            Self::Any => "any",
        })
    }
}

/// Which channel driver the users of this site belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technology {
    /// `res_pjsip`: users are endpoints with the aors and auths they name.
    Pjsip,
    /// `chan_sip`: users are friends, peers or users.
    Sip,
}

impl Technology {
    /// The driver, as devices and channels begin with it.
    #[must_use]
    pub const fn driver(self) -> &'static str {
        match self {
            Technology::Pjsip => "PJSIP",
            Technology::Sip => "SIP",
        }
    }
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Technology::Pjsip => "pjsip",
            Technology::Sip => "sip",
        })
    }
}

/// `[sync]`: which users are taken from the main, and where they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Sync {
    /// From the start of one sync to the start of the next, give or take a tenth.
    pub interval: Duration,
    /// The most that a sync is put off which all branches of the main have the same reason for, drawn anew each time; zero:
    /// it is made at once.
    pub spread: Duration,
    /// Channel driver.
    pub technology: Technology,
    /// Configuration files to read on the main.
    pub files: Vec<String>,
    /// Which user belongs to this site.
    pub filter: Filter,
    /// What others dial to reach each of them.
    pub number: NumberFrom,
    /// Whether forwards, do not disturb and call waiting are taken, which FreePBX keeps in the main's database.
    pub call_settings: bool,
    /// File name in Asterisk's configuration folder.
    pub output: String,
    /// How many versions are kept.
    pub versions: usize,
    /// Percent of the users that one sync may take away before it is held.
    pub max_shrink: u8,
    /// The least time between two readings of the directory; zero: it is not read.
    pub directory_interval: Duration,
}

/// `number`: what others dial to reach a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberFrom {
    /// It is not said: the name of the section, or the number in the caller id where that is more likely.
    Guess,
    /// The name of the section.
    Section,
    /// The number in the caller id.
    CallerId,
    /// An option of that name, or a variable that `set_var` sets.
    Variable(String),
}

/// `filter_key` and `filter_value`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What the value is looked for in.
    pub key: FilterKey,
    /// The regular expression, matched anywhere in the value unless it is anchored.
    pub value: Regex,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value.as_str() == other.value.as_str()
    }
}

/// What a filter looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterKey {
    /// The name of the section: the reserved key `categoryname`.
    CategoryName,
    /// Any variable of that name, upper or lower case.
    Variable(String),
}

/// `[dns]`: the zone of the phones and the relay of everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// Sockets to listen on, UDP and TCP.
    pub bind: Vec<SocketAddr>,
    /// The zone.
    pub domain: LowerName,
    /// The host in it that phones register at, whole: `record` under `domain`.
    pub record: LowerName,
    /// TTL of what leads to a system, in seconds: the longest.
    pub record_ttl: u32,
    /// The same while the branch serves.
    pub failover_ttl: u32,
    /// The same while nobody knows whether the main lives.
    pub unstable_ttl: u32,
    /// What the record says while the main serves: at least one address.
    pub target_normal: Vec<IpAddr>,
    /// What it says while the branch serves: at least one address.
    pub target_failover: Vec<IpAddr>,
    /// What phones may register over, the best first: at least one, each once.
    pub transports: Vec<Offer>,
    /// Who answers other names; empty: nobody, they are refused.
    pub forwarders: Vec<SocketAddr>,
    /// Who may ask for them, and what is kept of the answers.
    pub relay: Relay,
    /// Times of the SOA record.
    pub soa: Soa,
    /// What is served until the monitor knows better.
    pub default_target: Target,
}

impl Dns {
    /// The addresses of a system.
    #[must_use]
    pub fn addresses(&self, target: Target) -> &[IpAddr] {
        match target {
            Target::Main => &self.target_normal,
            Target::Branch => &self.target_failover,
        }
    }
}

/// The times of the SOA record, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// REFRESH
    pub refresh: u32,
    /// RETRY
    pub retry: u32,
    /// EXPIRE
    pub expire: u32,
    /// MINIMUM: how long a negative answer may be kept (RFC 2308 section 5).
    pub minimum: u32,
    /// TTL of the SOA and NS records themselves.
    pub ttl: u32,
}
