//! A held mode that has an end, and how a maintenance goes on.

use super::{InDialplan, Snapshot, fields::line};
use crate::{
    maintenance::{Until, is_well, readable},
    site::phones::Place,
    words::{
        state::{BranchState, DrainState, Mode},
        wording::{counted, visible},
    },
};

/// What the state of a name server says of each socket that is bound.
const LISTENING: &str = "listening on ";

/// When a held mode ends, and how a maintenance goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaintenanceStatus {
    /// When the held mode ends by itself, and the same in local time; `None` where an operator has to end it.
    pub until: Option<(Until, String)>,
    /// Why there is a maintenance; empty where nobody has said it.
    pub reason: String,
    /// How far the calls on the main have ended; `None` without a maintenance.
    pub drain: Option<DrainState>,
    /// Calls of this site's users on the main; `None` where they are not counted.
    pub main_calls: Option<usize>,
    /// Why the last stop was refused; empty where none was.
    pub refused: String,
    /// Whether the main does not say yet that it has started up.
    pub main_starts: bool,
    /// Whether one begins when its last sync has ended.
    pub begins: bool,
    /// Whether the main is being asked whether it may have its phones back.
    pub asks: bool,
}

impl MaintenanceStatus {
    /// Returns when the held mode ends, `yyyyMMddHHmmss`; empty where it does not by itself.
    #[must_use]
    pub fn until_shown(&self) -> &str {
        self.until.as_ref().map_or("", |(_, shown)| shown)
    }

    /// Returns ` until 2026-11-29 14:30`, or nothing.
    #[must_use]
    pub fn until_readable(&self) -> String {
        match self.until_shown() {
            "" => String::new(),
            shown => format!(" until {}", readable(shown)),
        }
    }
}

/// Returns what `synch show maintenance` shows.
#[must_use]
pub fn maintenance(snapshot: &Snapshot) -> String {
    let Snapshot { monitor, service, maintenance, phones, .. } = snapshot;
    let until = maintenance.until_readable();
    if maintenance.begins {
        return "A maintenance begins when its last sync has ended.\n".to_owned();
    }
    if service.mode != Mode::Maintenance {
        return format!("There is no maintenance; the mode is {}{until}.\n", service.mode);
    }
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { visible(text) };
    let [here, awaited] = [phones.count(Place::Here), phones.awaited()].map(|count| count.to_string());
    let version = match snapshot.main_version.as_str() {
        "" => String::new(),
        version => format!(", Asterisk {}", visible(version)),
    };
    let lines = [
        ("Mode", format!("maintenance{until}")),
        ("Reason", or_dash(&maintenance.reason)),
        ("Phones", format!("{here} here, {awaited} still awaited")),
        ("Main", format!("{} ({}){version}", monitor.state, visible(&monitor.reason))),
        ("Calls", calls(maintenance)),
        ("Stop", visible(&stop(snapshot))),
    ];
    lines.iter().map(|(label, value)| line(label, value)).collect()
}

/// Returns why the branch could not serve the phones; `None` where it could. What is off in the settings is not asked of it.
#[must_use]
pub fn cannot_serve(snapshot: &Snapshot) -> Option<String> {
    let Snapshot { settings, sync, dns, branch, dialplan, .. } = snapshot;
    if settings.main.is_none() {
        return Some("there is no main".to_owned());
    }
    if settings.sync.is_some() && sync.users.is_empty() {
        return Some("no user of this site is here: 'synch show users'".to_owned());
    }
    if settings.dns.is_some() && !dns.state.contains(LISTENING) {
        return Some(format!("the name server does not listen: {}", dns.state));
    }
    if settings.dialplan.is_some() && *dialplan != InDialplan::InForce {
        return Some(format!("the dialplan is not in force: {dialplan}"));
    }
    let is_bad = branch.state == BranchState::Unhealthy;
    is_bad.then(|| branch.reason.clone())
}

/// `waiting, 1 call on the main`
pub(super) fn calls(maintenance: &MaintenanceStatus) -> String {
    let state = maintenance.drain.unwrap_or(DrainState::Unknown);
    match maintenance.main_calls {
        Some(calls) => format!("{state}, {} on the main", counted(calls, "call")),
        None => format!("{state}, the main does not say"),
    }
}

/// What `synch maintenance stop` would say, as far as that is known without asking the main.
fn stop(snapshot: &Snapshot) -> String {
    let Snapshot { monitor, maintenance, .. } = snapshot;
    if maintenance.asks {
        return "the main is being asked".to_owned();
    }
    match is_well(monitor.state, &monitor.reason, maintenance.main_starts) {
        Err(refusal) => format!("would be refused: {refusal}"),
        Ok(()) if maintenance.refused.is_empty() => {
            "would ask the main for its version, its files and the users of this site".to_owned()
        }
        Ok(()) => format!("would ask the main again; the last one was refused: {}", maintenance.refused),
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::UNIX_EPOCH};

    use super::*;
    use crate::{
        operator::status::tests::snapshot,
        settings,
        words::{conf::ConfSection, state::MonitorState},
    };

    fn during() -> Snapshot {
        let mut snapshot = snapshot();
        snapshot.service.mode = Mode::Maintenance;
        snapshot.main_version = "22.10.1".to_owned();
        snapshot.maintenance = MaintenanceStatus {
            until: Some((Until::after(60, UNIX_EPOCH), "20261129143000".to_owned())),
            reason: "to 22.11".to_owned(),
            drain: Some(DrainState::Waiting),
            main_calls: Some(1),
            ..MaintenanceStatus::default()
        };
        snapshot
    }

    #[test]
    fn a_maintenance_is_shown_with_its_end_and_what_a_stop_would_say() {
        let mut snapshot = during();
        assert_eq!(
            maintenance(&snapshot),
            "Mode           : maintenance until 2026-11-29 14:30\n\
             Reason         : to 22.11\n\
             Phones         : 0 here, 0 still awaited\n\
             Main           : Stable (the main answers), Asterisk 22.10.1\n\
             Calls          : waiting, 1 call on the main\n\
             Stop           : would ask the main for its version, its files and the users of this site\n"
        );
        snapshot.maintenance.refused = "the main has lost 10 of 20 users".to_owned();
        assert!(maintenance(&snapshot).contains("refused: the main has lost 10 of 20 users\n"));
        snapshot.monitor.state = MonitorState::Failed;
        assert!(
            maintenance(&snapshot).ends_with("would be refused: the main is Failed (the main answers)\n")
        );
    }

    #[test]
    fn without_one_the_mode_is_told() {
        let mut snapshot = during();
        snapshot.service.mode = Mode::Normal;
        assert_eq!(
            maintenance(&snapshot),
            "There is no maintenance; the mode is normal until 2026-11-29 14:30.\n"
        );
        snapshot.maintenance.until = None;
        assert_eq!(maintenance(&snapshot), "There is no maintenance; the mode is normal.\n");
    }

    #[test]
    fn what_is_not_known_is_told_as_such() {
        let mut snapshot = during();
        snapshot.maintenance =
            MaintenanceStatus { drain: Some(DrainState::Unknown), ..MaintenanceStatus::default() };
        snapshot.main_version = String::new();
        let text = maintenance(&snapshot);
        assert!(
            text.contains("Reason         : -\n") && text.contains("unknown, the main does not say"),
            "{text}"
        );
        assert!(text.starts_with("Mode           : maintenance\n"), "{text}");
    }

    #[test]
    fn a_branch_that_could_not_serve_says_why_and_what_is_off_is_not_asked_of_it() {
        let mut snapshot = snapshot();
        // Sync and DNS are off there; the dialplan is in force.
        assert_eq!(cannot_serve(&snapshot), None);
        snapshot.branch.state = BranchState::Unhealthy;
        "this Asterisk takes no calls: its SIP: the port is closed".clone_into(&mut snapshot.branch.reason);
        let why = cannot_serve(&snapshot).unwrap();
        assert_eq!(why, "this Asterisk takes no calls: its SIP: the port is closed");
        snapshot.dialplan = InDialplan::Wrong("no memory".to_owned());
        assert_eq!(cannot_serve(&snapshot).as_deref(), Some("the dialplan is not in force: no memory"));
        let main = ConfSection::new("main", [("host", "10.0.0.254"), ("username", "u"), ("secret", "s")]);
        let sync = ConfSection::new("sync", [("filter_value", "x")]);
        let dns = [("bind", "10.0.0.1"), ("domain", "a.example"), ("target_normal", "10.0.0.254")];
        let dns = ConfSection::new("dns", dns.into_iter().chain([("target_failover", "10.0.0.1")]));
        snapshot.settings = Arc::new(settings::read(&[main, sync, dns]).unwrap());
        "cannot listen on 10.0.0.1:53 (UDP): in use".clone_into(&mut snapshot.dns.state);
        let why = cannot_serve(&snapshot).unwrap();
        assert!(why.starts_with("the name server does not listen: cannot listen on"), "{why}");
        let mut sync = (*snapshot.sync).clone();
        sync.users.clear();
        snapshot.sync = Arc::new(sync);
        assert!(cannot_serve(&snapshot).is_some_and(|why| why.starts_with("no user of this site is here")));
    }
}
