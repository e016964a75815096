//! The state as flat keys: for the CLI, for scripts and for AMI.

use super::{DrillStatus, Served, Snapshot, SyncStatus};
use crate::{
    site::phones::Place,
    words::{
        state::{DrainState, LoginState},
        wording::{listed, visible},
    },
};

/// A value of the status: scripts get numbers as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A count.
    Number(u64),
}

impl Value {
    fn is_empty(&self) -> bool {
        matches!(self, Value::Text(text) if text.is_empty())
    }
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
    let Snapshot { monitor, sync, service, branch, dns, phones, state, .. } = snapshot;
    let text = |text: &str| Value::Text(visible(text));
    let count = |count: usize| Value::Number(count as u64);
    let number = |number: Option<u64>| number.map_or(Value::Text(String::new()), Value::Number);
    let counters = dns.counters.counts();
    let hold = &snapshot.maintenance;
    let of_branch = [
        ("Timestamp", Value::Text(now)),
        ("Monitor", text(monitor.state.word())),
        ("Sync", text(sync.state.word())),
        ("Service", text(service.state.word())),
        ("Mode", text(service.mode.word())),
        ("Branch", text(branch.state.word())),
        ("MonitorReason", text(&monitor.reason)),
        ("SyncReason", text(&sync.reason)),
        ("ServiceReason", text(&service.reason)),
        ("BranchReason", text(&branch.reason)),
        ("ReturnWaitsFor", text(&service.waits_for)),
        ("ModeUntil", text(hold.until_shown())),
        ("MaintenanceReason", text(&hold.reason)),
        ("Drain", text(hold.drain.map_or("", DrainState::word))),
        ("MainCalls", number(hold.main_calls.map(|calls| calls as u64))),
        ("MainVersion", text(&snapshot.main_version)),
        ("LastProbe", text(&monitor.last_probe)),
        ("LastProbeMs", number(monitor.last_answer_ms)),
        ("ProbeAmi", text(&monitor.ami)),
        ("ProbeSip", text(&monitor.sip)),
        ("ProbeSipQuestion", text(&monitor.sip_question)),
        ("Users", count(sync.users.len())),
        ("UsersLeftOut", count(sync.left_out.len())),
        ("Mailboxes", count(sync.boxes.len())),
        ("MailboxesReason", text(&sync.boxes_problem)),
        ("Directory", count(sync.directory.len())),
        ("DirectoryReason", text(&sync.directory_state)),
        ("SyncVersion", number(sync.version)),
        ("HeldVersion", number(sync.held)),
        ("HeldRemoval", Value::Text(held_removal(sync))),
        ("LastSync", text(&sync.last_sync)),
        ("Syncs", Value::Number(sync.ended)),
        ("MainLogin", Value::Text(login(snapshot))),
        ("MainEvents", text(&snapshot.watch)),
        ("MainExport", text(snapshot.export.word())),
        ("Dialplan", text(&snapshot.dialplan_state())),
        ("PhonesHere", count(phones.count(Place::Here))),
        ("PhonesKnown", count(phones.book.len())),
        ("PhonesAwaited", count(phones.awaited())),
        ("BranchCalls", count(snapshot.live.channels())),
        ("Dns", text(&dns.state)),
        ("DnsTarget", Value::Text(listed(snapshot.target_addresses()))),
        ("DnsAnswered", Value::Number(counters.own)),
        ("DnsRelayed", Value::Number(counters.relayed)),
        ("DnsRelayFailed", Value::Number(counters.relay_failures)),
        ("DnsRefused", Value::Number(counters.refused)),
        ("DnsLimited", Value::Number(counters.limited)),
        ("DnsCache", Value::Number(counters.entries)),
        ("DnsCacheHits", Value::Number(counters.cached)),
        ("DnsStale", Value::Number(counters.stale)),
        ("State", text(state.line.word())),
        ("StateReason", text(&state.reason)),
        ("Sites", count(state.view.joined())),
        ("SiteDevices", count(state.view.taken)),
    ];
    let of_main = branches(snapshot.live.desk().map(Served::at).as_ref());
    of_branch.into_iter().chain(of_main).chain(of_module(snapshot)).collect()
}

/// What a main gives to its branches; empty where it is none.
fn branches(served: Option<&Served>) -> [(&'static str, Value); 8] {
    let number = |get: fn(&Served) -> usize| {
        served.map_or(Value::Text(String::new()), |served| Value::Number(get(served) as u64))
    };
    let said = |get: fn(&Served) -> &str| Value::Text(visible(served.map(get).unwrap_or_default()));
    [
        ("Branches", number(|served| served.all)),
        ("BranchesHere", number(|served| served.here)),
        ("BranchesAlone", number(|served| served.alone)),
        ("BranchesAway", number(|served| served.away)),
        ("BranchUsers", number(|served| served.users)),
        ("BranchForwards", number(|served| served.forwarded)),
        ("ExportRead", said(|served| &served.read)),
        ("ExportReason", said(|served| &served.problem)),
    ]
}

/// How the module itself is.
fn of_module(snapshot: &Snapshot) -> [(&'static str, Value); 6] {
    let text = |text: &str| Value::Text(visible(text));
    let drill = snapshot.drill.as_ref();
    [
        ("Http", text(snapshot.http_state())),
        ("LastDrill", text(drill.map_or("", |drill| &drill.time))),
        ("DrillResult", Value::Text(drill.map_or_else(String::new, drilled))),
        ("Restarts", Value::Number(snapshot.all_restarts())),
        ("RestartsOf", Value::Text(restarted(snapshot))),
        ("Version", text(env!("CARGO_PKG_VERSION"))),
    ]
}

/// `Passed: 6 stages in 40 ms`
fn drilled(drill: &DrillStatus) -> String {
    format!("{}: {}", drill.result, drill.reason)
}

/// `3 users, 1 mailbox`: what waits for a person's word.
fn held_removal(sync: &SyncStatus) -> String {
    let held = sync.held_removals.iter().map(|(guarded, names)| guarded.counted(names.len()));
    held.collect::<Vec<_>>().join(", ")
}

fn login(snapshot: &Snapshot) -> String {
    match snapshot.login.state {
        LoginState::Init => "not tried yet".to_owned(),
        LoginState::Accepted => "accepted".to_owned(),
        LoginState::Refused => format!("refused: {}", snapshot.login.reason),
    }
}

/// `dns 1, sync 2`: how often each worker was started again.
fn restarted(snapshot: &Snapshot) -> String {
    let workers = snapshot.restarts.iter().filter(|(_, count)| **count > 0);
    let workers: Vec<String> = workers.map(|(worker, count)| format!("{worker} {count}")).collect();
    workers.join(", ")
}

/// One line of `Label : value`.
pub(super) fn line(label: &str, value: impl std::fmt::Display) -> String {
    format!("{label:<15}: {value}\n")
}

/// `Label : value` lines.
#[must_use]
pub fn text(snapshot: &Snapshot, now: String) -> String {
    let mut text = String::new();
    for (label, value) in fields(snapshot, now) {
        let shown = if value.is_empty() { "-".to_owned() } else { value.to_string() };
        text += &line(label, shown);
    }
    text
}

/// What the monitoring socket of the original answered, and more: a list with one object.
#[must_use]
pub fn json(snapshot: &Snapshot, now: String) -> String {
    format!("[{}]\n", object(fields(snapshot, now)))
}

/// An object of JSON with these keys, in this order.
pub(in crate::operator) fn object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let field = |(key, value)| {
        let value = match value {
            // Escaped before JSON does it: the console's own escapes would be none of JSON's.
            Value::Text(text) => serde_json::Value::from(visible(&text)),
            Value::Number(number) => serde_json::Value::from(number),
        };
        format!("\"{key}\":{value}")
    };
    let fields: Vec<String> = fields.into_iter().map(field).collect();
    format!("{{{}}}", fields.join(","))
}

/// A list of such objects.
pub(in crate::operator) fn objects(items: Vec<Vec<(&'static str, String)>>) -> String {
    let text = |(key, value)| (key, Value::Text(value));
    let all: Vec<String> = items.into_iter().map(|item| object(item.into_iter().map(text))).collect();
    format!("[{}]", all.join(","))
}
