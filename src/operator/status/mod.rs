//! One snapshot of everything that synch knows, and its text for the CLI, scripts and AMI. Pure.
//!
//! The engine publishes a new snapshot at every change; Asterisk's threads only ever read the newest.
//!
//! - `summary`: the state in a few lines; `fields`: as flat keys
//! - `lists`: users, versions, history, contexts
//! - `branches`: the branches of a main
//! - `counts`: what has happened how often; `live`: what is looked at when it is shown
//! - `directory`: everybody, and how they are
//! - `dialplan`: who can dial what
//! - `diff`: what differs between two versions
//! - `user`: all that is known of one user
//! - `maintenance`: a held mode that has an end, and work on the main

mod branches;
mod counts;
mod dialplan;
mod diff;
mod directory;
mod fields;
mod lists;
mod live;
mod maintenance;
mod state;
mod summary;
mod user;

pub use branches::{Served, branch, branch_table, branches, users_of};
pub use counts::{Counts, Drilled, Probes, SyncResult, Syncs, seconds};
pub use dialplan::dialplan;
pub use diff::diff;
pub use directory::{directory, directory_table};
pub use fields::{Value, fields, json, text};
pub(in crate::operator) use fields::{object, objects};
pub use lists::{
    contexts, held, history, history_table, phone_table, phones, user_table, users, version_table, versions,
};
pub use live::Live;
pub use maintenance::{MaintenanceStatus, cannot_serve, maintenance};
pub use state::{StateLine, StateStatus, sharing, site_table, sites, twin};
pub use summary::summary;
pub use user::{device_of, user};

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use crate::{
    dialplan::{Context, Door, Known},
    dns::Counters,
    operator::access::Access,
    settings::{Settings, Technology},
    site::{
        call_settings::CallSettings,
        directory::Directory,
        mailboxes::Remarks,
        phones::Phones,
        shrink::{Guarded, Removals},
        users::{Diff, Tailored, User, reached_by},
    },
    words::state::{
        BranchState, DrillResult, LoginState, Mode, MonitorState, ServiceState, SyncState, Target,
    },
};

/// Whether our contexts are in Asterisk's dialplan as they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InDialplan {
    /// They were not made yet.
    NotYet,
    /// They are.
    InForce,
    /// They are not, and this is why.
    Wrong(String),
}

impl fmt::Display for InDialplan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYet => "not made yet",
            Self::InForce => "in force",
            Self::Wrong(problem) => problem,
        })
    }
}

/// Everything that can be shown. Times are local, `yyyyMMddHHmmss`; empty where it has not happened yet.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Number of the last operator's command that the engine has taken in.
    pub handled: u64,
    /// The settings in force.
    pub settings: Arc<Settings>,
    /// The probe's side.
    pub monitor: MonitorStatus,
    /// The sync's side.
    pub sync: Arc<SyncStatus>,
    /// Which system serves the phones, and why.
    pub service: ServiceStatus,
    /// When a held mode ends, and how a maintenance goes on.
    pub maintenance: MaintenanceStatus,
    /// The version of Asterisk that the main last said that it runs; empty where it has not said.
    pub main_version: String,
    /// Whether the branch's own Asterisk takes calls.
    pub branch: BranchStatus,
    /// The DNS server's side.
    pub dns: DnsStatus,
    /// Whether the main lets us in.
    pub login: LoginStatus,
    /// Whether the main's own events are heard.
    pub watch: String,
    /// Whether the main exports what this branch needs.
    pub export: ExportStatus,
    /// Whether our contexts are in force, or why not.
    pub dialplan: InDialplan,
    /// Whether newer ones are about to replace them.
    pub dialplan_waits: bool,
    /// The last drill; none before the first.
    pub drill: Option<DrillStatus>,
    /// The phones, and where each is.
    pub phones: Arc<Phones>,
    /// What is shared with other sites.
    pub state: Arc<StateStatus>,
    /// Who may read the page and the metrics.
    pub http: Arc<Access>,
    /// What the doctor found last; none before it was asked.
    pub examined: Option<Examined>,
    /// What has happened so far.
    pub counts: Counts,
    /// What is looked at when it is shown.
    pub live: Live,
    /// State changes, newest last.
    pub history: Arc<[HistoryEntry]>,
    /// How often which worker of ours had to be started again after a panic.
    pub restarts: BTreeMap<&'static str, u32>,
}

/// How the newest login at the main ended.
#[derive(Clone, Debug)]
pub struct LoginStatus {
    /// The state.
    pub state: LoginState,
    /// Why.
    pub reason: String,
}

/// Whether the main exports what this branch needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportStatus {
    /// `None` before it was asked.
    pub exports: Option<bool>,
    /// Why it does not.
    pub reason: String,
}

impl ExportStatus {
    /// It does.
    #[must_use]
    pub const fn yes() -> Self {
        Self { exports: Some(true), reason: String::new() }
    }

    /// It does not.
    #[must_use]
    pub const fn no(reason: String) -> Self {
        Self { exports: Some(false), reason }
    }

    /// Returns whether it does.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.exports == Some(true)
    }

    /// Returns the word for it; empty before it was asked.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.exports {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        }
    }
}

/// What the probe found.
#[derive(Clone, Debug)]
pub struct MonitorStatus {
    /// The state.
    pub state: MonitorState,
    /// Why.
    pub reason: String,
    /// When the last probe ended.
    pub last_probe: String,
    /// How long it took, in milliseconds, where the main answered.
    pub last_answer_ms: Option<u64>,
    /// Whether its answers come as quickly as usual, so that more may be read from it.
    pub has_room: bool,
    /// How its AMI stands.
    pub ami: String,
    /// How its SIP stands.
    pub sip: String,
    /// What it is asked over SIP, and in whose name; empty where it is not.
    pub sip_question: String,
}

/// What the sync has.
#[derive(Clone, Debug)]
pub struct SyncStatus {
    /// The state.
    pub state: SyncState,
    /// Why.
    pub reason: String,
    /// Users in the file that is in force.
    pub users: Vec<User>,
    /// Everybody on the main, as last read.
    pub directory: Arc<Directory>,
    /// How far the reading of it is, or why it does not go on; empty where none is due.
    pub directory_state: String,
    /// What became of each option of each user, passwords masked; empty until a sync has ended.
    pub sections: Arc<[Tailored]>,
    /// Why the mailboxes are not those of the main; empty where they are.
    pub boxes_problem: String,
    /// Mailboxes of the users by number, as `VoiceMail` takes them.
    pub boxes: Arc<BTreeMap<String, String>>,
    /// What of them is not as on the main; empty until they have been read.
    pub box_remarks: Arc<Remarks>,
    /// What the users have set for calls to them, as last read.
    pub call_settings: Arc<CallSettings>,
    /// Why it is not what the main has; empty where it is.
    pub call_settings_problem: String,
    /// Contexts taken from the main.
    pub contexts: Arc<[Context]>,
    /// What of the contexts of the main was not taken, each with its reason.
    pub contexts_left_out: Vec<String>,
    /// Extensions of theirs that end every call at once because of that, as `703 in site-a`.
    pub contexts_blocked: Vec<String>,
    /// Users of this site that the last sync could not take.
    pub left_out: Vec<LeftOut>,
    /// Versions kept, oldest first.
    pub versions: Vec<Version>,
    /// The version in force, where it is one of those kept.
    pub version: Option<u64>,
    /// The version that the operator holds, until `synch sync`.
    pub held: Option<u64>,
    /// When the last sync succeeded; empty before the first one of this start.
    pub last_sync: String,
    /// The same, in seconds since 1970, also of one before this start; none where there was none.
    pub succeeded: Option<u64>,
    /// Syncs that have ended, well or not.
    pub ended: u64,
    /// How the last one did.
    pub result: SyncResult,
    /// Whether the main was read whole and has no user of this site.
    pub none_on_main: bool,
    /// What a sync would take away and what waits for a person's word.
    pub held_removals: Arc<Removals>,
}

impl SyncStatus {
    /// What is known before the first sync has ended.
    #[must_use]
    pub fn before_the_first(enabled: bool) -> Self {
        let reason = if enabled { "no sync has ended yet" } else { "off: [sync] enabled = no" };
        Self {
            state: SyncState::Init,
            reason: reason.to_owned(),
            users: Vec::new(),
            directory: Arc::default(),
            directory_state: String::new(),
            boxes: Arc::default(),
            box_remarks: Arc::default(),
            sections: Arc::from([]),
            boxes_problem: String::new(),
            call_settings: Arc::default(),
            call_settings_problem: String::new(),
            contexts: Arc::from([]),
            contexts_left_out: Vec::new(),
            contexts_blocked: Vec::new(),
            left_out: Vec::new(),
            versions: Vec::new(),
            version: None,
            held: None,
            last_sync: String::new(),
            succeeded: None,
            ended: 0,
            result: SyncResult::default(),
            none_on_main: false,
            held_removals: Arc::default(),
        }
    }

    /// Whether the main is known to have none of a user any more who is in force here until a person has said so.
    #[must_use]
    pub fn is_gone_on_main(&self, user: &str) -> bool {
        self.none_on_main || self.held_removals.get(&Guarded::Users).is_some_and(|names| names.contains(user))
    }

    /// Whether a sync has read who of the users in force the main does not have any more.
    #[must_use]
    pub fn knows_who_is_gone(&self) -> bool {
        self.none_on_main || self.held_removals.contains_key(&Guarded::Users)
    }

    /// The users of this site that are reached by this number: one for each device of a person. Also by the name of an
    /// account that is a number, where it is nobody's.
    #[must_use]
    pub fn users_of(&self, number: &str) -> Vec<&User> {
        reached_by(number, &self.users, &self.directory)
    }

    /// The first of them.
    #[must_use]
    pub fn user(&self, number: &str) -> Option<&User> {
        self.users_of(number).first().copied()
    }
}

impl Snapshot {
    /// The door that this context is; `None` where it is none of ours.
    #[must_use]
    pub fn door(&self, context: &str) -> Option<Door<'_>> {
        let known = Known {
            dialplan: self.settings.dialplan.as_ref(),
            users: &self.sync.users,
            directory: &self.sync.directory,
            target: self.service.target,
        };
        Door::of(known, context)
    }

    /// The addresses that the phones' name has now; none where DNS is off.
    #[must_use]
    pub fn target_addresses(&self) -> &[IpAddr] {
        self.settings.dns.as_ref().map_or(&[], |dns| dns.addresses(self.service.target))
    }

    /// Returns whether the page and the metrics are shown, or why not.
    #[must_use]
    pub fn http_state(&self) -> &str {
        match (&self.settings.http, &*self.http.problem) {
            (None, _) => "off",
            (Some(_), "") => "on",
            (Some(_), problem) => problem,
        }
    }

    /// Returns how often parts of synch were started again.
    #[must_use]
    pub fn all_restarts(&self) -> u64 {
        self.restarts.values().copied().map(u64::from).sum()
    }

    /// Whether the newest contexts are in force, or why not.
    #[must_use]
    pub fn dialplan_state(&self) -> String {
        match self.dialplan {
            InDialplan::InForce if self.dialplan_waits => "about to change".to_owned(),
            _ => self.dialplan.to_string(),
        }
    }

    /// Channel driver of the users.
    #[must_use]
    pub fn technology(&self) -> Technology {
        self.settings.sync.as_ref().map_or(Technology::Pjsip, |sync| sync.technology)
    }
}

/// A user of this site that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Name of the account, printable.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// A kept version of the synced file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number.
    pub number: u64,
    /// When it was made.
    pub time: String,
    /// Users in it.
    pub users: usize,
    /// The version before it, and what has changed since then; none where one of the two could not be read, and for the
    /// first of all.
    pub since: Option<(u64, Arc<Diff>)>,
}

/// Which system serves the phones.
#[derive(Clone, Debug)]
pub struct ServiceStatus {
    /// The state.
    pub state: ServiceState,
    /// Why.
    pub reason: String,
    /// Who decides.
    pub mode: Mode,
    /// The system that the DNS names.
    pub target: Target,
    /// What a return to the main still waits for; empty where none waits.
    pub waits_for: String,
}

/// Whether the branch's own Asterisk takes calls.
#[derive(Clone, Debug)]
pub struct BranchStatus {
    /// The state.
    pub state: BranchState,
    /// Why.
    pub reason: String,
}

/// How the DNS server does.
#[derive(Clone, Debug)]
pub struct DnsStatus {
    /// Where it listens, or why it doesn't.
    pub state: String,
    /// What it answered so far.
    pub counters: Arc<Counters>,
}

/// What the doctor found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// When.
    pub time: String,
    /// How many things do not work.
    pub bad: usize,
    /// How many work, and lack something.
    pub warnings: usize,
}

/// What came of the last drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillStatus {
    /// When.
    pub time: String,
    /// `Passed` or `Failed`.
    pub result: DrillResult,
    /// What failed, or that nothing has.
    pub reason: String,
}

impl DrillStatus {
    /// As it is remembered across restarts.
    #[must_use]
    pub fn memo(&self) -> String {
        format!("{} {} {}", self.time, self.result, self.reason)
    }

    /// What was remembered.
    #[must_use]
    pub fn from_memo(memo: &str) -> Option<Self> {
        let mut parts = memo.splitn(3, ' ');
        let time = parts.next()?.to_owned();
        let result = DrillResult::from_word(parts.next()?)?;
        Some(Self { time, result, reason: parts.next()?.to_owned() })
    }
}

/// One change of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub time: String,
    /// Of what: Monitor, Sync, Service, Branch, Mode, Phones or Drill.
    pub subject: &'static str,
    /// State before.
    pub old: &'static str,
    /// State after.
    pub new: &'static str,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
pub(crate) mod tests;
