//! The metrics, in the text format 0.0.4 of Prometheus. Pure.
//!
//! What is not known is left out, and never 0. No user, number or phone is a label: series stay as they are, whoever comes
//! and goes.
//!
//! - `text`: the format

mod text;

use self::text::{Kind, Labels, Text};
use crate::{
    operator::status::{Probes, Snapshot},
    settings::Technology,
    site::phones::Place,
    words::state::{DrillResult, Mode, MonitorState, ServiceState, SyncState},
};

/// Returns all of them.
#[must_use]
pub fn text(snapshot: &Snapshot) -> String {
    let mut text = Text::default();
    info(&mut text, snapshot);
    if snapshot.settings.main.is_some() {
        states(&mut text, snapshot);
        probes(&mut text, snapshot);
        phones(&mut text, snapshot);
    }
    if snapshot.settings.sync.is_some() {
        sync(&mut text, snapshot);
    }
    if snapshot.settings.dns.is_some() {
        dns(&mut text, snapshot);
    }
    drill(&mut text, snapshot);
    itself(&mut text, snapshot);
    text.finish()
}

fn info(text: &mut Text, snapshot: &Snapshot) {
    let main = snapshot.settings.main.as_ref();
    let technology = snapshot.settings.sync.as_ref().map(|sync| match sync.technology {
        Technology::Pjsip => "pjsip",
        Technology::Sip => "sip",
    });
    let labels: Labels = [
        ("version", Some(env!("CARGO_PKG_VERSION"))),
        ("asterisk", Some(&*snapshot.live.asterisk)),
        ("main", main.map(|main| main.host.as_str())),
        ("main_version", main.map(|_| snapshot.main_version.as_str())),
        ("technology", technology),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?.to_owned())))
    .collect();
    text.family("synch_info", Kind::Gauge, "What runs here, and which main it stands for.", [(labels, 1.0)]);
}

fn states(text: &mut Text, snapshot: &Snapshot) {
    let monitor = set(MonitorState::ALL, snapshot.monitor.state, MonitorState::word, "state");
    text.family("synch_monitor_state", Kind::Gauge, "What the probes say of the main.", monitor);
    if snapshot.settings.sync.is_some() {
        let sync = set(SyncState::ALL, snapshot.sync.state, SyncState::word, "state");
        text.family("synch_sync_state", Kind::Gauge, "Whether the branch has the users of the main.", sync);
    }
    let service = set(ServiceState::ALL, snapshot.service.state, ServiceState::word, "state");
    text.family("synch_service_state", Kind::Gauge, "Which system the phones are sent to.", service);
    let mode = set(Mode::ALL, snapshot.service.mode, Mode::word, "mode");
    text.family("synch_mode", Kind::Gauge, "Who decides where the phones are sent.", mode);
    let maintenance = &snapshot.maintenance;
    text.one(
        "synch_mode_until_timestamp_seconds",
        Kind::Gauge,
        "When the mode that is held ends by itself.",
        maintenance.until.as_ref().map(|(until, _)| until.seconds()),
    );
    let calls = maintenance.drain.and(maintenance.main_calls).map(|calls| calls as u64);
    let help = "Calls of this site on the main, while a maintenance waits for their end.";
    text.one("synch_main_calls", Kind::Gauge, help, calls);
    let counts = &snapshot.counts;
    text.one(
        "synch_service_changed_timestamp_seconds",
        Kind::Gauge,
        "When the service state changed last.",
        counts.service_changed,
    );
    let changes = [(ServiceState::Failover, counts.to_failover), (ServiceState::Normal, counts.to_normal)]
        .map(|(to, count)| (vec![("to", to.word().to_owned())], number(count)));
    let help = "Changes of the service state since the module was loaded.";
    text.family("synch_service_changes_total", Kind::Counter, help, changes);
}

/// A state set: one series for each state, and 1 for the present one.
fn set<S: Copy + PartialEq>(
    all: &[S],
    now: S,
    word: fn(S) -> &'static str,
    label: &'static str,
) -> Vec<(Labels, f64)> {
    all.iter().map(|one| (vec![(label, word(*one).to_owned())], truth(*one == now))).collect()
}

fn probes(text: &mut Text, snapshot: &Snapshot) {
    let asked: Vec<(&str, Probes)> = [
        ("ami", Some(snapshot.counts.ami)),
        ("sip", snapshot.settings.probe.sip.then_some(snapshot.counts.sip)),
    ]
    .into_iter()
    .filter_map(|(over, probes)| Some((over, probes?)))
    .collect();
    let totals = asked.iter().flat_map(|(over, Probes { answered, failed, .. })| {
        [("answered", *answered), ("failed", *failed)].map(|(result, count)| {
            (vec![("over", (*over).to_owned()), ("result", result.to_owned())], number(count))
        })
    });
    text.family("synch_probes_total", Kind::Counter, "Probes of the main that have ended.", totals);
    let took = asked
        .iter()
        .filter_map(|(over, probes)| Some((vec![("over", (*over).to_owned())], probes.took?.as_secs_f64())));
    let help = "How long the last answer of the main took.";
    text.family("synch_probe_answer_seconds", Kind::Gauge, help, took);
    text.one(
        "synch_main_certificate_end_timestamp_seconds",
        Kind::Gauge,
        "When the main's certificate for AMI ends.",
        snapshot.counts.certificate_end,
    );
}

fn sync(text: &mut Text, snapshot: &Snapshot) {
    let sync = &snapshot.sync;
    // None is known to be none only once the main has been read: before, nothing is known but what an earlier start left.
    let is_read = !sync.last_sync.is_empty();
    let of = |count: usize, is_read: bool| (is_read || count > 0).then_some(count as u64);
    let boxes_read = is_read && sync.boxes_problem.is_empty() && snapshot.settings.voicemail.is_some();
    let everybody_read = is_read && sync.directory_state.is_empty();
    for (name, help, count) in [
        ("synch_users", "Users of this site that the branch has.", of(sync.users.len(), is_read)),
        (
            "synch_users_left_out",
            "Users of this site that the last sync could not take.",
            of(sync.left_out.len(), is_read),
        ),
        ("synch_mailboxes", "Mailboxes of these users.", of(sync.boxes.len(), boxes_read)),
        (
            "synch_directory_entries",
            "Numbers of everybody on the main.",
            of(sync.directory.len(), everybody_read),
        ),
    ] {
        text.one(name, Kind::Gauge, help, count);
    }
    let syncs = &snapshot.counts.syncs;
    let totals = [
        ("changed", syncs.changed),
        ("unchanged", syncs.unchanged),
        ("failed", syncs.failed),
        ("held", syncs.held),
    ]
    .map(|(result, count)| (vec![("result", result.to_owned())], number(count)));
    text.family("synch_syncs_total", Kind::Counter, "Syncs that have ended.", totals);
    text.one(
        "synch_sync_last_success_timestamp_seconds",
        Kind::Gauge,
        "When the last sync succeeded.",
        sync.succeeded,
    );
    let waits = sync.held.is_some() || !sync.held_removals.is_empty();
    let help = "Whether a rollback or a removal waits for a person.";
    let known = waits || sync.ended > 0;
    text.one("synch_sync_held", Kind::Gauge, help, known.then_some(u64::from(waits)));
}

fn phones(text: &mut Text, snapshot: &Snapshot) {
    let phones = &snapshot.phones;
    if !phones.list.is_empty() {
        let places = [Place::Here, Place::Main, Place::Away]
            .into_iter()
            .filter(|place| phones.asked || *place == Place::Here)
            .map(|place| (vec![("place", place.word().to_owned())], count(phones.count(place))));
        text.family("synch_phones", Kind::Gauge, "Phones of this site, by where they are.", places);
        let help = "Phones that were at the main when the branch took over, and have not come since.";
        text.one("synch_phones_awaited", Kind::Gauge, help, phones.asked.then(|| phones.awaited() as u64));
    }
    let moved = snapshot.counts.moved.iter().filter_map(|(percent, took)| {
        #[expect(clippy::cast_precision_loss, reason = "it is at most 100")]
        let share = *percent as f64 / 100.0;
        Some((vec![("share", share.to_string())], took.as_ref()?.as_secs_f64()))
    });
    let help = "How long the last move to the branch took for a share of the phones.";
    text.family("synch_move_seconds", Kind::Gauge, help, moved);
}

fn dns(text: &mut Text, snapshot: &Snapshot) {
    let listening = snapshot.counts.listening.iter();
    let listening = listening.map(|(bind, on)| (vec![("bind", bind.to_string())], truth(*on)));
    let help = "Whether the name server listens at this address, over UDP and TCP.";
    text.family("synch_dns_listening", Kind::Gauge, help, listening);
    let counts = snapshot.dns.counters.counts();
    let answers = [
        ("zone", counts.own),
        ("forwarder", counts.forwarded),
        ("cache", counts.cached),
        ("stale", counts.stale),
    ]
    .map(|(from, count)| (vec![("from", from.to_owned())], number(count)));
    text.family("synch_dns_answers_total", Kind::Counter, "Answers of the name server.", answers);
    let refusals = [
        ("not_allowed", counts.not_allowed),
        ("rate_limit", counts.limited),
        ("no_forwarder", counts.no_forwarder),
    ]
    .map(|(reason, count)| (vec![("reason", reason.to_owned())], number(count)));
    let help = "Questions that the name server did not answer.";
    text.family("synch_dns_refusals_total", Kind::Counter, help, refusals);
}

fn drill(text: &mut Text, snapshot: &Snapshot) {
    let drilled = snapshot.counts.drill.as_ref();
    text.one(
        "synch_drill_last_timestamp_seconds",
        Kind::Gauge,
        "When the last drill ended.",
        drilled.map(|drill| drill.at),
    );
    let passed = snapshot.drill.as_ref().map(|drill| u64::from(drill.result == DrillResult::Passed));
    text.one("synch_drill_last_passed", Kind::Gauge, "Whether the last drill passed.", passed);
    let stages = drilled.map(|drill| &*drill.stages).unwrap_or_default();
    let stages = stages.iter().map(|(stage, took)| (vec![("stage", stage.clone())], took.as_secs_f64()));
    let help = "How long the stages of the last drill took; of several of a kind, the longest.";
    text.family("synch_drill_stage_seconds", Kind::Gauge, help, stages);
}

fn itself(text: &mut Text, snapshot: &Snapshot) {
    let channels = Some(snapshot.live.channels() as u64);
    text.one("synch_branch_channels", Kind::Gauge, "Channels of this Asterisk.", channels);
    let well = Some(u64::from(snapshot.live.has_reloaded_well()));
    let help = "Whether the settings were taken when they were last read.";
    text.one("synch_config_last_reload_successful", Kind::Gauge, help, well);
    let restarts = snapshot.restarts.iter();
    let restarts =
        restarts.map(|(worker, count)| (vec![("worker", (*worker).to_owned())], number((*count).into())));
    let help = "Parts of synch that have failed and were started again.";
    text.family("synch_worker_restarts_total", Kind::Counter, help, restarts);
}

fn truth(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "a count beyond 2^53 is never reached")]
fn number(count: u64) -> f64 {
    count as f64
}

fn count(count: usize) -> f64 {
    number(count as u64)
}

#[cfg(test)]
mod tests;
