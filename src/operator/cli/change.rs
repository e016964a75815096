//! The commands that change something.

use super::{Answer, CliCommand, answer, nothing, versions};
use crate::{operator::operate, words::state::DrillResult};

/// `synch sync`
pub const SYNC: CliCommand = CliCommand {
    words: c"synch sync",
    summary: c"Sync the users with the main system now",
    usage: c"Usage: synch sync
       Starts a sync and ends the hold of a rollback. Also removes what was
       held back because too much would go at once: just what
       'synch show users', 'synch show directory' and 'synch show contexts'
       name. 'synch show status' shows the result.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _] => done(operate::sync(asked.control, true)),
        _ => Answer::Usage,
    },
    complete: nothing,
};

/// `synch rollback`
pub const ROLLBACK: CliCommand = CliCommand {
    words: c"synch rollback",
    summary: c"Put a kept version of the synced file back",
    usage: c"Usage: synch rollback VERSION
       Puts a version of 'synch show versions' back into force and holds it
       until 'synch sync'. 'synch show diff VERSION' shows the differences.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, version] => done(operate::rollback(asked.control, version)),
        _ => Answer::Usage,
    },
    complete: |snapshot, position| if position == 2 { versions(snapshot) } else { Vec::new() },
};

/// `synch set mode`
pub const SET_MODE: CliCommand = CliCommand {
    words: c"synch set mode {auto|normal|failover}",
    summary: c"Choose where the phones are sent, or let the monitor decide",
    usage: c"Usage: synch set mode {auto|normal|failover} [MINUTES]
       normal sends the phones to the main system, failover sends them to
       this branch. Both hold until the mode is auto again, even over a
       restart; with MINUTES, the mode becomes auto by itself after them.
       With auto the monitor decides. Any of them ends a maintenance.
       'synch set mode normal 10' is for a planned restart of the main.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _, mode] => done(operate::set_mode(asked.control, mode, "")),
        [_, _, _, mode, minutes] if is_number(minutes) => {
            done(operate::set_mode(asked.control, mode, minutes))
        }
        _ => Answer::Usage,
    },
    complete: |_, position| if position == 4 { vec!["10".to_owned()] } else { Vec::new() },
};

/// `synch maintenance start`
pub const MAINTENANCE_START: CliCommand = CliCommand {
    words: c"synch maintenance start",
    summary: c"Hold the phones here for work on the main system",
    usage: c"Usage: synch maintenance start [MINUTES] [REASON]
       Makes one last sync, then sends the phones to this branch and holds
       them here for MINUTES ([maintenance] minutes where none are given),
       whatever the main system does. Nothing is synced meanwhile. Calls on
       the main system are counted, and none is cut: 'synch show maintenance'.
       Refuses where this branch could not serve. In a maintenance, sets
       another end and REASON.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        // What begins as a number was meant as one.
        [_, _, _, minutes, reason @ ..] if begins_with_a_digit(minutes) => {
            done(operate::start_maintenance(asked.control, minutes, &reason.join(" ")))
        }
        [_, _, _, reason @ ..] => done(operate::start_maintenance(asked.control, "", &reason.join(" "))),
        _ => Answer::Usage,
    },
    complete: |snapshot, position| match position {
        3 => vec![snapshot.settings.maintenance.minutes.to_string()],
        _ => Vec::new(),
    },
};

/// `synch maintenance stop`
pub const MAINTENANCE_STOP: CliCommand = CliCommand {
    words: c"synch maintenance stop",
    summary: c"Let the phones go back after work on the main system",
    usage: c"Usage: synch maintenance stop [VERSION] [force]
       Ends a maintenance: the phones go to the main system where it is
       Stable, runs a version of Asterisk that begins with VERSION, and has
       its files and the users of this site. Otherwise says what is missing,
       and the phones stay here. With 'force', the main system is not asked.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _] => done(operate::stop_maintenance(asked.control, "", false)),
        [_, _, _, "force"] => done(operate::stop_maintenance(asked.control, "", true)),
        [_, _, _, version] => done(operate::stop_maintenance(asked.control, version, false)),
        [_, _, _, version, "force"] => done(operate::stop_maintenance(asked.control, version, true)),
        _ => Answer::Usage,
    },
    complete: |snapshot, position| match position {
        3 => [snapshot.main_version.as_str(), "force"]
            .into_iter()
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
        4 => vec!["force".to_owned()],
        _ => Vec::new(),
    },
};

/// `synch failback`
pub const FAILBACK: CliCommand = CliCommand {
    words: c"synch failback",
    summary: c"Send the phones back to the main system now",
    usage: c"Usage: synch failback
       Sends the phones back to a main system that is Stable, without the
       waiting that [failover] sets and 'synch show status' shows as Return.
       Refuses while the main system is not Stable; then
       'synch set mode normal' sends the phones there anyway.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _] => done(operate::fail_back(asked.control)),
        _ => Answer::Usage,
    },
    complete: nothing,
};

/// `synch drill`
pub const DRILL: CliCommand = CliCommand {
    words: c"synch drill",
    summary: c"Test the steps of a failover without moving a phone",
    usage: c"Usage: synch drill
       Tests everything that phones and calls need in an outage, stage by
       stage: the DNS answer, a registration of the account of [drill] at
       this branch, and the way of calls to a user and to the emergency
       numbers up to the trunk. No phone is moved and no call is made. Shows
       how long each stage takes and how to fix one that fails.
       'synch show history' keeps the result.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _] => match operate::drill(asked.control) {
            Ok(report) if report.result() == DrillResult::Failed => Answer::Failure(report.text()),
            Ok(report) => Answer::Text(report.text()),
            Err(problem) => Answer::Failure(problem + "\n"),
        },
        _ => Answer::Usage,
    },
    complete: nothing,
};

fn is_number(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

fn begins_with_a_digit(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_digit())
}

fn done(result: Result<String, String>) -> Answer {
    answer(result.map(|text| text + "\n"))
}
