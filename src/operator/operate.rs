//! The orders of an operator, from the CLI or AMI: each is checked against the snapshot, then handed to the engine.

use std::sync::Arc;

use regex::Regex;

use crate::{
    maintenance,
    operator::{
        control::{Command, Control, ControlError, Start},
        doctor::Check,
        drill::Report,
        status,
    },
    verdict::failover,
    words::state::{Mode, ServiceState},
};

const SYNC_IS_HELD: &str =
    "Sync is held: maintenance. Nothing is read from the main until 'synch maintenance stop'.";
const SYNC_IS_OFF: &str = "Sync is off: [sync] enabled = no in res_synch.conf.";

/// Starts a sync. With `carry_out_held`, which only a person at the console sets, it may remove what is held.
///
/// # Errors
/// Why no sync was started.
pub fn sync(control: &Control, carry_out_held: bool) -> Result<String, String> {
    let snapshot = control.snapshot();
    if snapshot.settings.sync.is_none() {
        return Err(SYNC_IS_OFF.to_owned());
    }
    if snapshot.service.mode == Mode::Maintenance {
        return Err(SYNC_IS_HELD.to_owned());
    }
    let accepted = if carry_out_held { Arc::clone(&snapshot.sync.held_removals) } else { Arc::default() };
    let held: Vec<String> = accepted.iter().map(|(guarded, names)| guarded.counted(names.len())).collect();
    control.send(Command::Sync { accepted }).map_err(|error| format!("No sync was started: {error}."))?;
    if !held.is_empty() {
        return Ok(format!(
            "Sync started; it may remove what was held and shown: {}. If more is missing by then, all of it is held \
             again.",
            held.join(", ")
        ));
    }
    Ok("Sync started; 'synch show status' shows how it ends.".to_owned())
}

/// Puts a version back and holds it.
///
/// # Errors
/// Why nothing was rolled back.
pub fn rollback(control: &Control, version: &str) -> Result<String, String> {
    let snapshot = control.snapshot();
    if snapshot.settings.sync.is_none() {
        return Err(SYNC_IS_OFF.to_owned());
    }
    let kept = |number: &u64| snapshot.sync.versions.iter().any(|kept| kept.number == *number);
    let Some(number) = version.parse().ok().filter(kept) else {
        return Err(format!("There is no version '{version}'; 'synch show versions' lists those kept."));
    };
    control.send(Command::Rollback(number)).map_err(|error| format!("Nothing was rolled back: {error}."))?;
    Ok(format!("Rollback to version {number} started; it is held until 'synch sync'."))
}

/// Holds a service state, for so many minutes where they are given, or lets the monitor decide again.
///
/// # Errors
/// Why the mode was not set.
pub fn set_mode(control: &Control, mode: &str, minutes: &str) -> Result<String, String> {
    if Mode::from_word(mode) == Some(Mode::Maintenance) {
        return Err("A maintenance begins by 'synch maintenance start'.".to_owned());
    }
    let Some(mode) = Mode::from_word(mode) else {
        return Err(format!("There is no mode '{mode}'; the modes are auto, normal and failover."));
    };
    let command = match (minutes, mode) {
        ("", mode) => Command::SetMode(mode),
        (_, Mode::Auto) => return Err("The mode auto has no end: leave the minutes out.".to_owned()),
        (minutes, mode) => Command::HoldMode(mode, maintenance::minutes(minutes)?),
    };
    let snapshot =
        control.send_and_see(command).map_err(|error| format!("The mode was not set: {error}."))?;
    let status::ServiceStatus { mode, state, .. } = snapshot.service;
    let until = snapshot.maintenance.until_readable();
    Ok(format!("Mode is {mode}{until}, service state is {state}."))
}

/// Starts a maintenance: one last sync, then the phones come here and nothing is read from the main.
///
/// # Errors
/// Why none was started, or not yet.
pub fn start_maintenance(control: &Control, minutes: &str, reason: &str) -> Result<String, String> {
    let minutes = if minutes.is_empty() { None } else { Some(maintenance::minutes(minutes)?) };
    let start = Start { minutes, reason: maintenance::reason(reason) };
    match control.ask(|reply| Command::StartMaintenance(start, reply)) {
        Ok(answer) => answer,
        Err(ControlError::Slow) => Err(
            "The last sync has not ended yet, and the maintenance begins when it has: 'synch show maintenance'."
                .to_owned(),
        ),
        Err(error) => Err(format!("No maintenance was started: {error}.")),
    }
}

/// Ends a maintenance, where the main is well, runs this version where one is given, and has what the phones need. With
/// `force` it is not asked.
///
/// # Errors
/// Why the phones stay.
pub fn stop_maintenance(control: &Control, version: &str, force: bool) -> Result<String, String> {
    let version = Some(version).filter(|version| !version.is_empty()).map(str::to_owned);
    match control.ask(|reply| Command::StopMaintenance { version, force, reply }) {
        Ok(answer) => answer,
        Err(ControlError::Slow) => {
            Err("The main is still being asked: 'synch show maintenance' shows how it answers.".to_owned())
        }
        Err(error) => Err(format!("The maintenance goes on: {error}.")),
    }
}

/// Sends the phones back to a main that is Stable, without waiting for anything else.
///
/// # Errors
/// Why they are not sent back, and what to do.
pub fn fail_back(control: &Control) -> Result<String, String> {
    let refused = |problem: &dyn std::fmt::Display| format!("The phones are not sent back: {problem}.");
    let snapshot = control.snapshot();
    let status::ServiceStatus { mode, state, .. } = snapshot.service;
    if let Some(problem) = failover::may_fail_back(mode, snapshot.monitor.state, state) {
        return Err(refused(&problem));
    }
    let after = control.send_and_see(Command::FailBack).map_err(|error| refused(&error))?;
    match after.service.state {
        ServiceState::Normal => Ok("The phones are sent to the main; service state is Normal.".to_owned()),
        // The main, or another operator, was quicker.
        _ => Err(refused(&after.service.reason)),
    }
}

/// Lets the doctor check everything that this branch needs, and returns what it found.
///
/// # Errors
/// Why there is no answer.
pub fn examine(control: &Control) -> Result<Vec<Check>, String> {
    control.ask(Command::Examine).map_err(|error| format!("The doctor has given no result: {error}."))
}

/// Runs a drill, which tests what phones and calls need in an outage, and returns its report.
///
/// # Errors
/// Why there is no answer.
pub fn drill(control: &Control) -> Result<Report, String> {
    control.ask(Command::Drill).map_err(|error| format!("The drill has given no result: {error}."))
}

/// Returns what each site says of a device, and what Asterisk makes of that.
///
/// # Errors
/// Why there is no answer.
pub fn state_of(control: &Control, device: &str) -> Result<String, String> {
    if control.snapshot().settings.state.is_none() {
        return Err("Nothing is shared: [state] of res_synch.conf names no broker (host).".to_owned());
    }
    let ask = |reply| Command::AskState(device.to_owned(), reply);
    control.ask(ask).map_err(|error| format!("There is no answer: {error}."))
}

/// Reads the regular expression by which an operator searches.
///
/// # Errors
/// When it is not a regular expression.
pub fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|_| format!("'{text}' is not a regular expression."))
}
