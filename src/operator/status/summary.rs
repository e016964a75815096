//! The state in a few lines, for a person at the console. Most things have a line only if they are unusual.

use super::{Served, Snapshot, StateLine, fields::line};
use crate::{
    site::phones::Place,
    words::{
        state::{BranchState, LoginState, Mode},
        wording::{counted, listed, visible},
    },
};

/// Returns seven lines of `Label : value`, and one more for each thing that is unusual.
#[must_use]
pub fn summary(snapshot: &Snapshot) -> String {
    let Snapshot { monitor, sync, service, branch, dns, phones, state, .. } = snapshot;
    let with = |word: &str, reason: &str| {
        if reason.is_empty() { word.to_owned() } else { format!("{word} ({})", visible(reason)) }
    };
    let mut lines = vec![
        ("Monitor", with(monitor.state.word(), &monitor.reason)),
        ("Sync", with(sync.state.word(), &sync.reason)),
        ("Service", with(service.state.word(), &service.reason)),
    ];
    if service.mode != Mode::Auto {
        let (mode, by) = (service.mode, service.mode.ended_by());
        let until = snapshot.maintenance.until_readable();
        lines.push(("Mode", format!("{mode}, held by an operator{until}: '{by}' ends that")));
    }
    if service.mode == Mode::Maintenance {
        lines.push(("Drain", super::maintenance::calls(&snapshot.maintenance)));
    }
    if !service.waits_for.is_empty() {
        lines.push(("Return", format!("waits for {}", visible(&service.waits_for))));
    }
    if branch.state == BranchState::Unhealthy {
        lines.push(("Branch", with(branch.state.word(), &branch.reason)));
    }
    if snapshot.login.state == LoginState::Refused {
        lines.push(("Main login", with("refused", &snapshot.login.reason)));
    }
    lines.push(("Users", users(snapshot)));
    let [here, awaited] = [phones.count(Place::Here), phones.awaited()];
    let mut text = format!("{here} here, {} known from the main", phones.book.len());
    if awaited > 0 {
        text += &format!(", {awaited} still awaited");
    }
    lines.push(("Phones", text));
    let names = match snapshot.target_addresses() {
        [] => String::new(),
        addresses => format!("; phones are sent to {}", listed(addresses)),
    };
    lines.push(("DNS", format!("{}{names}", visible(&dns.state))));
    if state.line != StateLine::Off {
        let sites = counted(state.view.joined(), "site");
        lines.push(("State", with(&format!("{}, {sites}", state.line.word()), &state.reason)));
    }
    if let Some(desk) = snapshot.live.desk() {
        lines.push(("Branches", Served::at(desk).to_string()));
    }
    lines.push(("Dialplan", visible(&snapshot.dialplan_state())));
    let restarts = snapshot.all_restarts();
    if restarts > 0 {
        lines.push((
            "Restarts",
            format!("{restarts}, because of a bug in synch; 'synch show status full' says where"),
        ));
    }
    lines.iter().map(|(label, value)| line(label, value)).collect()
}

fn users(snapshot: &Snapshot) -> String {
    let sync = &snapshot.sync;
    let mut text = counted(sync.users.len(), "user");
    if !sync.left_out.is_empty() {
        text += &format!(" ({} left out: 'synch show users' says why)", sync.left_out.len());
    }
    text += &format!(", {}", counted(sync.boxes.len(), "mailbox"));
    text += &format!(", {} in the directory", sync.directory.len());
    if let Some(held) = sync.held {
        text += &format!("; version {held} is held until 'synch sync'");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::status::tests::snapshot;

    #[test]
    fn a_quiet_branch_has_seven_lines() {
        let text = summary(&snapshot());
        let labels: Vec<&str> =
            text.lines().filter_map(|line| line.split(':').next()).map(str::trim).collect();
        assert_eq!(labels, ["Monitor", "Sync", "Service", "Users", "Phones", "DNS", "Dialplan"]);
        assert!(text.starts_with("Monitor        : Stable (the main answers)\n"), "{text}");
        assert!(
            text.contains("Users          : 2 users (1 left out: 'synch show users' says why), "),
            "{text}"
        );
    }

    #[test]
    fn what_is_out_of_the_ordinary_has_a_line() {
        let mut snapshot = snapshot();
        snapshot.service.mode = Mode::Normal;
        snapshot.service.waits_for = "the hold, 20 s".to_owned();
        snapshot.branch.state = BranchState::Unhealthy;
        snapshot.login.state = LoginState::Refused;
        snapshot.restarts.insert("sync", 2);
        let text = summary(&snapshot);
        for line in [
            "Mode           : normal, held by an operator: 'synch set mode auto' ends that\n",
            "Return         : waits for the hold, 20 s\n",
            "Branch         : Unhealthy (it answers)\n",
            "Main login     : refused\n",
            "Restarts       : 2, because of a bug in synch; ",
        ] {
            assert!(text.contains(line), "{line} {text}");
        }
    }
}
