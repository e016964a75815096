//! What was looked at, as it was found: at the main, in files, in this Asterisk.

use std::net::IpAddr;

use super::{BranchAccount, HttpServer, Listener};
use crate::{dns::Slip, uplink::sip::places::Place};

/// What was found. Errors are in words for the administrator.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The main, where it answered and let us in.
    pub main: Option<Main>,
    /// Why it did not.
    pub main_problem: String,
    /// Files of Asterisk that should include one of ours, and whether each does.
    pub includes: Vec<Include>,
    /// Where this Asterisk takes SIP, by its own file.
    pub places: Vec<Place>,
    /// Under which name this branch asks for passwords; none where nothing is synced.
    pub realm: Option<String>,
    /// What a phone is told that asks for the site's name; none where DNS is off.
    pub dns: Option<Result<Vec<IpAddr>, String>>,
    /// What of the zone can't be meant.
    pub slips: Vec<Slip>,
    /// Where phones are sent over TCP and TLS.
    pub listeners: Vec<Listener>,
    /// Asterisk's HTTP server; none where `[http]` is off.
    pub http: Option<HttpServer>,
    /// The trunks, by key.
    pub trunks: Vec<(&'static str, String, Reach)>,
    /// What contexts of the main lead to and isn't here, as `mailbox 700@default (700 in site-a)`.
    pub lacking: Vec<String>,
    /// Emergency numbers, and whether a phone that dials one gets to a step.
    pub emergency: Vec<(String, bool)>,
    /// The administrator's own contexts, and whether each is there.
    pub outside: Vec<(String, bool)>,
    /// Applications and functions that our contexts use, with their module, and whether Asterisk has each.
    pub parts: Vec<(&'static str, &'static str, bool)>,
    /// A synced mailbox that voicemail doesn't have.
    pub dead_box: Option<String>,
    /// Whether boxes have an address for mail, and voicemail can't send any here.
    pub no_mailer: bool,
    /// The accounts of the branches that this machine is the main of.
    pub branches: Vec<BranchAccount>,
    /// The broker of `[state]`; none where nothing is shared.
    pub broker: Option<Broker>,
    /// Phones that a lamp or a queue goes by and that no site speaks of, as `PJSIP/3001 (queue sales)`.
    pub unspoken: Vec<String>,
    /// Other modules that share states as well.
    pub beside: Vec<&'static str>,
    /// How many branches are given what they need, and why that is not what this main has; `None` where nothing is exported.
    pub given: Option<(usize, String)>,
    /// Version of this Asterisk.
    pub asterisk: String,
}

/// Whether a trunk can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It answers, or is not asked whether it does.
    There,
    /// It doesn't answer, or there is none of that name.
    Away,
    /// Asterisk has not asked it yet since its start.
    NotAsked,
    /// It is dialled in a way of the administrator's own.
    Own,
}

/// What was found at the main.
#[derive(Clone, Debug, Default)]
pub struct Main {
    /// Milliseconds that it took to answer.
    pub answer_ms: u128,
    /// Whether the account may read events.
    pub events: bool,
    /// What the account may do that a main which exports does not need, as `system`; empty where it is nothing, or where the
    /// main does not export.
    pub more: Vec<&'static str>,
    /// Whether the account may log in once only.
    pub single: bool,
    /// Seconds that its clock is ahead of ours.
    pub clock: Option<i64>,
    /// Under which name it asks for passwords, where that can be read.
    pub realm: Option<String>,
    /// Where it takes SIP, by its own file, where that can be read.
    pub places: Vec<Place>,
    /// Where it says that users are in a database, as far as that can be read.
    pub databases: Vec<&'static str>,
    /// Sections of FreePBX's file of overrides that is not among those that are read.
    pub overrides: usize,
    /// Files that are read there, and why one can't be.
    pub files: Vec<(String, Option<String>)>,
    /// Whether none of its files was read, because of a maintenance.
    pub left_alone: bool,
}

/// A file of Asterisk's that should include one of ours.
#[derive(Clone, Debug)]
pub struct Include {
    /// Asterisk's.
    pub conf: &'static str,
    /// Ours.
    pub output: String,
    /// Whether ours is on disk.
    pub written: bool,
    /// Whether it is included.
    pub included: bool,
}

/// What was found at the brokers.
#[derive(Clone, Debug, Default)]
pub struct Broker {
    /// Our name there.
    pub site: String,
    /// Our account there.
    pub account: String,
    /// Those before the first that lets us in, each with the reason.
    pub away: Vec<(String, String)>,
    /// The first that lets us in.
    pub there: Option<BrokerThere>,
}

/// What was found at a broker that lets us in.
#[derive(Clone, Debug)]
pub struct BrokerThere {
    /// As the settings name it.
    pub host: String,
    /// Its version of MQTT, in words.
    pub version: String,
    /// Milliseconds until it let us in.
    pub answer_ms: u128,
    /// Whether what is said to it goes over a network.
    pub is_elsewhere: bool,
    /// What becomes of what is ours.
    pub own: OwnTopic,
    /// What becomes of what is another site's.
    pub foreign: ForeignTopic,
}

/// What a broker makes of a message about ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnTopic {
    /// It takes it and passes it on.
    Taken,
    /// It refuses it, in its words.
    Refused(String),
    /// It says that it takes it, but does not pass it on.
    Dropped,
    /// It says nothing.
    Unanswered,
}

/// What a broker makes of a message about another site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignTopic {
    /// It refuses it.
    Refused,
    /// It takes it.
    Taken,
    /// That could not be seen.
    Unknown,
}
