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
    usage: c"Usage: synch set mode {auto|normal|failover}
       normal sends the phones to the main system, failover sends them to
       this branch. Both hold until the mode is auto again, even over a
       restart. With auto the monitor decides.
",
    at_shutdown: false,
    run: |asked| match asked.words {
        [_, _, _, mode] => done(operate::set_mode(asked.control, mode)),
        _ => Answer::Usage,
    },
    complete: nothing,
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

fn done(result: Result<String, String>) -> Answer {
    answer(result.map(|text| text + "\n"))
}
