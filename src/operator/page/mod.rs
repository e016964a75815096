//! The status page and its JSON. Pure.
//!
//! The page says first who serves and why. It has no script, loads nothing and changes nothing; what others have written
//! stays text.
//!
//! - `html`: the one way by which a text comes onto the page
//! - `style`: how it looks, in light and dark, on a telephone and on a screen

mod html;
mod style;

use self::html::Html;
use crate::{
    operator::status::{self, HistoryEntry, Snapshot, Value, object, objects},
    site::phones::Place as Whereabouts,
    words::{
        state::{BranchState, DrainState, LoginState, Mode, ServiceState},
        wording::{counted, listed},
    },
};

/// How often a browser asks for the page again, in seconds.
pub const AGAIN: u32 = 10;

/// Where and when the page is shown.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// What `http.conf` has in front of each path: empty, or `/asterisk`.
    pub prefix: &'a str,
    /// The local time, `yyyyMMddHHmmss`.
    pub now: &'a str,
}

/// Changes on the page, newest first: a night's worth. The JSON has all that are kept.
const CHANGES: usize = 40;

/// Returns everything as JSON.
#[must_use]
pub fn json(snapshot: &Snapshot, now: &str) -> String {
    let status = object(status::fields(snapshot, now.to_owned()));
    let history = objects(status::history_table(&snapshot.history).items());
    let drill = match &snapshot.drill {
        None => "{}".to_owned(),
        Some(drill) => object([
            ("Time", Value::Text(drill.time.clone())),
            ("Result", Value::Text(drill.result.word().to_owned())),
            ("Reason", Value::Text(drill.reason.clone())),
        ]),
    };
    let maintenance = maintenance_fields(snapshot);
    format!("{{\"status\":{status},\"history\":{history},\"drill\":{drill},\"maintenance\":{maintenance}}}\n")
}

/// The maintenance as an object, empty where there is none.
fn maintenance_fields(snapshot: &Snapshot) -> String {
    let maintenance = &snapshot.maintenance;
    if snapshot.service.mode != Mode::Maintenance {
        return "{}".to_owned();
    }
    let calls = maintenance.main_calls.map(|calls| Value::Number(calls as u64));
    object([
        ("Until", Value::Text(maintenance.until_shown().to_owned())),
        ("Reason", Value::Text(maintenance.reason.clone())),
        ("Drain", Value::Text(maintenance.drain.map_or("", DrainState::word).to_owned())),
        ("MainCalls", calls.unwrap_or(Value::Text(String::new()))),
        ("Refused", Value::Text(maintenance.refused.clone())),
    ])
}

/// Returns the page.
#[must_use]
pub fn html(snapshot: &Snapshot, place: Place<'_>) -> String {
    let (colour, title) = headline(snapshot);
    let mut html = Html::begin(title, style::STYLE);
    html.open("header", colour);
    html.element("h1", title);
    reasons(&mut html, snapshot);
    html.close("header");
    html.open("main", "");
    if snapshot.service.mode == Mode::Maintenance {
        card(&mut html, "Maintenance", &maintenance(snapshot, place.now));
    }
    if snapshot.settings.main.is_some() {
        card(&mut html, "Main", &main(snapshot));
        card(&mut html, "Users", &users(snapshot, place.now));
        card(&mut html, "Phones", &phones(snapshot));
    }
    if snapshot.settings.dns.is_some() {
        card(&mut html, "Name server", &name_server(snapshot));
    }
    card(&mut html, "This branch", &branch(snapshot, place.now));
    html.close("main");
    history(&mut html, &snapshot.history, place.now);
    footer(&mut html, place);
    html.end()
}

/// Colour and text of the first line.
fn headline(snapshot: &Snapshot) -> (&'static str, &'static str) {
    let service = &snapshot.service;
    if snapshot.settings.main.is_none() {
        return ("grey", "This system shares its states with other sites");
    }
    let (colour, title) = match service.state {
        ServiceState::Failover => ("amber", "This branch serves the phones"),
        ServiceState::Normal => ("green", "The main serves the phones"),
        ServiceState::Init => ("grey", "It is not decided yet who serves the phones"),
    };
    let is_bad = snapshot.examined.as_ref().is_some_and(|examined| examined.bad > 0)
        || snapshot.branch.state == BranchState::Unhealthy;
    match service.mode {
        _ if is_bad => ("red", title),
        Mode::Maintenance => ("blue", "This branch serves the phones: maintenance of the main"),
        _ => (colour, title),
    }
}

/// The lines below it: why, and until when.
fn reasons(html: &mut Html, snapshot: &Snapshot) {
    let service = &snapshot.service;
    if snapshot.settings.main.is_some() {
        html.element("p", &service.reason);
        let mut text = format!("mode {}{}", service.mode, snapshot.maintenance.until_readable());
        if service.mode != Mode::Auto {
            text += ", set by an operator";
        }
        if !service.waits_for.is_empty() {
            text += &format!("; the return to the main waits for {}", service.waits_for);
        }
        html.element("p", &text);
    }
    if snapshot.branch.state == BranchState::Unhealthy {
        html.element("p", &snapshot.branch.reason);
    }
    if let Some(examined) = snapshot.examined.as_ref().filter(|examined| examined.bad > 0) {
        let text = format!("the last 'synch doctor' found {} bad; run it again after a repair", examined.bad);
        html.element("p", &text);
    }
}

/// A line of a card: what it is, what it is in a word, and more about it.
type Line = (&'static str, String, String);

fn card(html: &mut Html, title: &str, lines: &[Line]) {
    html.open("section", "");
    html.element("h2", title);
    html.open("dl", "");
    for (label, word, more) in lines.iter().filter(|(_, word, more)| !(word.is_empty() && more.is_empty())) {
        html.element("dt", label);
        html.open("dd", "");
        if !word.is_empty() {
            html.element("b", word);
            html.text(" ");
        }
        html.text(more);
        html.close("dd");
    }
    html.close("dl");
    html.close("section");
}

fn line(label: &'static str, word: impl Into<String>, more: impl Into<String>) -> Line {
    (label, word.into(), more.into())
}

fn maintenance(snapshot: &Snapshot, now: &str) -> Vec<Line> {
    let maintenance = &snapshot.maintenance;
    let calls = maintenance.main_calls.map(|calls| format!("{} on the main", counted(calls, "call")));
    vec![
        line("Until", "", when(maintenance.until_shown(), now)),
        line("Why", "", &maintenance.reason),
        line("Calls", maintenance.drain.map_or("", DrainState::word), calls.unwrap_or_default()),
        line("Last stop", "", &maintenance.refused),
    ]
}

fn main(snapshot: &Snapshot) -> Vec<Line> {
    let monitor = &snapshot.monitor;
    let host = snapshot.settings.main.as_ref().map_or("", |main| main.host.as_str());
    let mut lines = vec![
        line("Address", "", host),
        line("Asterisk", "", &snapshot.main_version),
        line("Monitor", monitor.state.word(), &monitor.reason),
        line("AMI", "", &monitor.ami),
        line("SIP", "", &monitor.sip),
    ];
    if let Some(took) = monitor.last_answer_ms {
        lines.push(line("Last answer", "", format!("after {took} ms")));
    }
    if snapshot.login.state == LoginState::Refused {
        lines.push(line("Login", "refused", &snapshot.login.reason));
    }
    lines
}

fn users(snapshot: &Snapshot, now: &str) -> Vec<Line> {
    let sync = &snapshot.sync;
    let mut lines = vec![line("Sync", sync.state.word(), &sync.reason)];
    if snapshot.settings.sync.is_none() {
        return lines;
    }
    let left_out = match sync.left_out.len() {
        0 => String::new(),
        count => format!("{count} left out"),
    };
    lines.push(line("Users", sync.users.len().to_string(), left_out));
    let version = sync.version.map_or_else(String::new, |version| format!("version {version}"));
    let last = [when(&sync.last_sync, now), version];
    let last: Vec<String> = last.into_iter().filter(|part| !part.is_empty()).collect();
    lines.push(line("Last sync", "", last.join(", ")));
    if let Some(held) = sync.held {
        lines.push(line("Held", "", format!("version {held}, until 'synch sync'")));
    }
    let removals: Vec<String> =
        sync.held_removals.iter().map(|(guarded, names)| guarded.counted(names.len())).collect();
    if !removals.is_empty() {
        let text = format!("{} missing on the main, kept here until 'synch sync'", removals.join(", "));
        lines.push(line("Kept", "", text));
    }
    lines
}

fn phones(snapshot: &Snapshot) -> Vec<Line> {
    let phones = &snapshot.phones;
    let count = |place| phones.count(place);
    let (here, main, away) = (count(Whereabouts::Here), count(Whereabouts::Main), count(Whereabouts::Away));
    let mut lines = vec![line("Here", here.to_string(), "")];
    if phones.asked {
        lines.push(line("At the main", main.to_string(), ""));
        lines.push(line("Away", away.to_string(), ""));
    } else {
        lines.push(line(
            "Elsewhere",
            (main + away).to_string(),
            "at the main or away: it has not been asked yet",
        ));
    }
    if phones.awaited() > 0 {
        lines.push(line("Awaited", phones.awaited().to_string(), "not here yet since the branch took over"));
    }
    let moved: Vec<String> = snapshot
        .counts
        .moved
        .iter()
        .filter_map(|(percent, took)| {
            let share = match percent {
                50 => "half",
                100 => "all",
                _ => "90 %",
            };
            Some(format!("{share} after {:.0} s", took.as_ref()?.as_secs_f32()))
        })
        .collect();
    lines.push(line("Last move", "", moved.join(", ")));
    lines
}

fn name_server(snapshot: &Snapshot) -> Vec<Line> {
    let counts = snapshot.dns.counters.counts();
    let answers = format!("{} own, {} relayed, {} stale", counts.own, counts.relayed, counts.stale);
    vec![
        line("Sockets", "", &snapshot.dns.state),
        line("Names", "", listed(snapshot.target_addresses())),
        line("Answers", "", answers),
        line("Refused", "", format!("{}, {} beyond the limit", counts.refused, counts.limited)),
    ]
}

fn branch(snapshot: &Snapshot, now: &str) -> Vec<Line> {
    let mut lines = vec![
        line("Asterisk", snapshot.branch.state.word(), &*snapshot.live.asterisk),
        line("Calls", "", counted(snapshot.live.channels(), "channel")),
    ];
    if snapshot.settings.dialplan.is_some() {
        lines.push(line("Dialplan", "", snapshot.dialplan_state()));
    }
    if let Some(drill) = &snapshot.drill {
        let text = format!("{}: {}", when(&drill.time, now), drill.reason);
        lines.push(line("Last drill", drill.result.word(), text));
    }
    if let Some(examined) = &snapshot.examined {
        let text = format!(
            "{}: {} bad, {}",
            when(&examined.time, now),
            examined.bad,
            counted(examined.warnings, "warning")
        );
        lines.push(line("Last doctor", "", text));
    }
    if snapshot.all_restarts() > 0 {
        let text = "because of a bug in synch; please report it";
        lines.push(line("Restarts", snapshot.all_restarts().to_string(), text));
    }
    lines
}

fn history(html: &mut Html, entries: &[HistoryEntry], now: &str) {
    html.open("section", "wide");
    html.element("h2", "What happened");
    if entries.is_empty() {
        html.element("p", "nothing since synch was loaded");
    } else {
        html.open("table", "");
        html.open("tr", "");
        for title in ["Time", "What", "From", "To", "Why"] {
            html.element("th", title);
        }
        html.close("tr");
        for HistoryEntry { time, subject, old, new, reason } in entries.iter().rev().take(CHANGES) {
            html.open("tr", "");
            let cells: [&str; 5] = [&when(time, now), subject, old, new, reason];
            for cell in cells {
                html.element("td", cell);
            }
            html.close("tr");
        }
        html.close("table");
        if entries.len() > CHANGES {
            let text = format!("and {} before; 'synch show history' has all", entries.len() - CHANGES);
            html.element("p", &text);
        }
    }
    html.close("section");
}

fn footer(html: &mut Html, place: Place<'_>) {
    html.open("footer", "");
    let version = env!("CARGO_PKG_VERSION");
    html.text(&format!("res_synch {version} · {}, again every {AGAIN} s · ", when(place.now, place.now)));
    // Of `prefix = /asterisk`, Asterisk makes `//asterisk`: to a browser, that would be another machine (RFC 3986, 4.2).
    let start = if place.prefix.starts_with("//") { "/." } else { "" };
    html.link(&format!("{start}{}/synch/status.json", place.prefix), "JSON");
    html.text(" · ");
    html.link(&format!("{start}{}/synch/metrics", place.prefix), "metrics");
    html.close("footer");
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A local time as a person reads it: `13:34:47` of today, `28 Nov 02:00` of another day.
fn when(time: &str, now: &str) -> String {
    let part = |from, to| time.get(from..to).unwrap_or_default();
    if time.len() != 14 || !time.bytes().all(|byte| byte.is_ascii_digit()) {
        return time.to_owned();
    }
    if time.get(..8) == now.get(..8) {
        return format!("{}:{}:{}", part(8, 10), part(10, 12), part(12, 14));
    }
    let month = part(4, 6).parse().ok().and_then(|number: usize| MONTHS.get(number.checked_sub(1)?));
    let day = part(6, 8).trim_start_matches('0');
    format!("{day} {} {}:{}", month.unwrap_or(&"?"), part(8, 10), part(10, 12))
}

#[cfg(test)]
mod tests;
