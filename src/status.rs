//! One snapshot of everything that synch knows, and its text for the CLI, scripts and AMI. Pure.
//!
//! The engine publishes a new snapshot at every change; Asterisk's threads only ever read the newest.

use std::sync::Arc;

use crate::{
    dns::Counters,
    settings::Settings,
    state::{Mode, MonitorState, ServiceState, SyncState, Target},
    sync::User,
};

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
    /// The DNS server's side.
    pub dns: DnsStatus,
    /// State changes, newest last.
    pub history: Arc<[HistoryEntry]>,
    /// How often a worker of ours had to be started again after a panic.
    pub restarts: u32,
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
    /// Users of this site that the last sync could not take.
    pub left_out: Vec<LeftOut>,
    /// Versions kept, oldest first.
    pub versions: Vec<Version>,
    /// The version in force, where it is one of those kept.
    pub version: Option<u64>,
    /// The version that the operator holds, until `synch sync`.
    pub held: Option<u64>,
    /// When the last sync succeeded.
    pub last_sync: String,
    /// Syncs that have ended, well or not.
    pub ended: u64,
    /// How many users the sync that is held would take away; 0 where none is held.
    pub held_removal: usize,
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
            left_out: Vec::new(),
            versions: Vec::new(),
            version: None,
            held: None,
            last_sync: String::new(),
            ended: 0,
            held_removal: 0,
        }
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
}

/// How the DNS server does.
#[derive(Clone, Debug)]
pub struct DnsStatus {
    /// Where it listens, or why it doesn't.
    pub state: String,
    /// What it answered so far.
    pub counters: Arc<Counters>,
}

/// One change of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub time: String,
    /// Of what: Monitor, Sync, Service or Mode.
    pub subject: &'static str,
    /// State before.
    pub old: &'static str,
    /// State after.
    pub new: &'static str,
    /// Why.
    pub reason: String,
}

/// A value of the status: scripts get numbers as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A count.
    Number(u64),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => f.pad(text),
            Value::Number(number) => number.fmt(f),
        }
    }
}

/// The status as flat keys. They never change name: scripts and AMI clients rely on them.
#[must_use]
pub fn fields(snapshot: &Snapshot, now: String) -> Vec<(&'static str, Value)> {
    let Snapshot { monitor, sync, service, dns, .. } = snapshot;
    let text = |text: &str| Value::Text(text.to_owned());
    let count = |count: usize| Value::Number(count as u64);
    let number = |number: Option<u64>| number.map_or(Value::Text(String::new()), Value::Number);
    let address = snapshot.settings.dns.as_ref().map_or(String::new(), |dns| match service.target {
        Target::Main => dns.target_normal.to_string(),
        Target::Branch => dns.target_failover.to_string(),
    });
    let counters = dns.counters.counts();
    vec![
        ("Timestamp", Value::Text(now)),
        ("Monitor", text(monitor.state.word())),
        ("Sync", text(sync.state.word())),
        ("Service", text(service.state.word())),
        ("Mode", text(service.mode.word())),
        ("MonitorReason", text(&monitor.reason)),
        ("SyncReason", text(&sync.reason)),
        ("ServiceReason", text(&service.reason)),
        ("LastProbe", text(&monitor.last_probe)),
        ("LastProbeMs", number(monitor.last_answer_ms)),
        ("Users", count(sync.users.len())),
        ("UsersLeftOut", count(sync.left_out.len())),
        ("SyncVersion", number(sync.version)),
        ("HeldVersion", number(sync.held)),
        ("LastSync", text(&sync.last_sync)),
        ("Syncs", Value::Number(sync.ended)),
        ("Dns", text(&dns.state)),
        ("DnsTarget", Value::Text(address)),
        ("DnsAnswered", Value::Number(counters.own)),
        ("DnsRelayed", Value::Number(counters.relayed)),
        ("DnsRelayFailed", Value::Number(counters.relay_failures)),
        ("DnsRefused", Value::Number(counters.refused)),
        ("Restarts", Value::Number(u64::from(snapshot.restarts))),
        ("Version", text(env!("CARGO_PKG_VERSION"))),
    ]
}

/// `1 user`, `2 users`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `Label : value` lines.
#[must_use]
pub fn text(snapshot: &Snapshot, now: String) -> String {
    let mut text = String::new();
    for (label, value) in fields(snapshot, now) {
        let value = if value == Value::Text(String::new()) { Value::Text("-".to_owned()) } else { value };
        text.push_str(&format!("{label:<15}: {value}\n"));
    }
    text
}

/// What the monitoring socket of the original answered, and more: a list with one object.
#[must_use]
pub fn json(snapshot: &Snapshot, now: String) -> String {
    let fields: Vec<String> = fields(snapshot, now)
        .into_iter()
        .map(|(key, value)| {
            let value = match value {
                Value::Text(text) => serde_json::Value::from(text),
                Value::Number(number) => serde_json::Value::from(number),
            };
            format!("\"{key}\":{value}")
        })
        .collect();
    format!("[{{{}}}]\n", fields.join(","))
}

/// The synced users, those whose name or caller id matches `like`, and who was left out.
#[must_use]
pub fn users(sync: &SyncStatus, like: Option<&regex::Regex>) -> String {
    let matches = |text: &str| like.is_none_or(|like| like.is_match(text));
    let mut text = format!("{:<24} {}\n", "User", "Caller ID");
    let shown = sync.users.iter().filter(|user| matches(&user.name) || matches(&user.callerid));
    let mut count = 0;
    for user in shown {
        text.push_str(&format!("{:<24} {}\n", user.name, user.callerid));
        count += 1;
    }
    text.push_str(&format!("{count} of {}\n", counted(sync.users.len(), "user")));
    for LeftOut { name, reason } in &sync.left_out {
        text.push_str(&format!("left out: {name}: {reason}\n"));
    }
    text
}

/// The kept versions; `*` marks the one in force.
#[must_use]
pub fn versions(sync: &SyncStatus) -> String {
    let mut text = format!("  {:>7} {:<16} {:>6}\n", "Version", "Time", "Users");
    for version in &sync.versions {
        let mark = if sync.version == Some(version.number) { '*' } else { ' ' };
        text.push_str(&format!("{mark} {:>7} {:<16} {:>6}\n", version.number, version.time, version.users));
    }
    text.push_str(&format!("{}\n", counted(sync.versions.len(), "version")));
    if let Some(held) = sync.held {
        text.push_str(&format!("Version {held} is held until 'synch sync'.\n"));
    }
    text
}

/// The state changes.
#[must_use]
pub fn history(entries: &[HistoryEntry]) -> String {
    let mut text = format!("{:<15} {:<8} {:<9} {:<9} {}\n", "Time", "What", "From", "To", "Reason");
    for entry in entries {
        let HistoryEntry { time, subject, old, new, reason } = entry;
        text.push_str(&format!("{time:<15} {subject:<8} {old:<9} {new:<9} {reason}\n"));
    }
    text.push_str(&format!("{}\n", counted(entries.len(), "change")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{self, ConfSection, ConfVariable};

    fn snapshot() -> Snapshot {
        let variable = |(key, value): (&str, &str)| ConfVariable { key: key.into(), value: value.into() };
        let section = |name: &str, variables: &[(&str, &str)]| ConfSection {
            name: name.to_owned(),
            variables: variables.iter().copied().map(variable).collect(),
        };
        let main = section("main", &[("host", "10.0.0.254"), ("username", "synch"), ("secret", "canary")]);
        let off = |name| section(name, &[("enabled", "no")]);
        let settings = settings::read(&[main, off("sync"), off("dns")]).unwrap();
        let mut sync = SyncStatus::before_the_first(true);
        sync.users = ["1001", "1002"]
            .map(|name| User { name: name.to_owned(), callerid: format!("\"Zoë; \\\" <{name}>") })
            .to_vec();
        sync.left_out = vec![LeftOut { name: "1003".to_owned(), reason: "it names no aor".to_owned() }];
        sync.versions = vec![Version { number: 7, time: "20260102030405".to_owned(), users: 2 }];
        sync.version = Some(7);
        Snapshot {
            handled: 0,
            settings: Arc::new(settings),
            monitor: MonitorStatus {
                state: MonitorState::Stable,
                reason: "the main answers".to_owned(),
                last_probe: String::new(),
                last_answer_ms: Some(3),
            },
            sync: Arc::new(sync),
            service: ServiceStatus {
                state: ServiceState::Normal,
                reason: "say \"why\"".to_owned(),
                mode: Mode::Auto,
                target: Target::Main,
            },
            dns: DnsStatus { state: "off".to_owned(), counters: Arc::default() },
            history: Arc::new([]),
            restarts: 0,
        }
    }

    #[test]
    fn scripts_of_the_old_socket_find_what_they_look_for_where_they_look() {
        let text = json(&snapshot(), "20190522181925".to_owned());
        let old = r#"[{"Timestamp":"20190522181925","Monitor":"Stable","Sync":"Init","Service":"Normal","#;
        assert!(text.starts_with(old), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value[0]["ServiceReason"], "say \"why\"");
        assert_eq!((value[0]["Users"].as_u64(), value[0]["LastProbeMs"].as_u64()), (Some(2), Some(3)));
        assert_eq!(value[0]["HeldVersion"], "");
    }

    #[test]
    fn every_line_of_the_text_is_a_label_and_a_value_and_none_is_the_secret() {
        let text = text(&snapshot(), "20190522181925".to_owned());
        assert!(
            text.lines().all(|line| line.split_once(": ").is_some_and(|(_, value)| !value.is_empty())),
            "{text}"
        );
        assert!(text.contains("Monitor        : Stable\n") && !text.contains("canary"));
    }

    #[test]
    fn users_are_found_by_name_and_caller_id_and_those_left_out_are_told() {
        let sync = snapshot().sync;
        let shown = |like: &str| users(&sync, Some(&regex::Regex::new(like).unwrap()));
        assert!(shown("^1001$").contains("1 of 2 users") && !shown("^1001$").contains("<1002>"));
        assert!(shown("Zoë").contains("2 of 2 users"));
        assert!(users(&sync, None).ends_with("left out: 1003: it names no aor\n"));
    }

    #[test]
    fn the_version_in_force_is_marked() {
        assert!(versions(&snapshot().sync).contains("*       7 20260102030405        2\n1 version\n"));
    }
}
