//! The commands that change something.

use super::{Answer, CliCommand, answer, nothing, versions};
use crate::{operator::operate, words::state::DrillResult};

/// `synch sync`
pub const SYNC: CliCommand = CliCommand {
    words: c"synch sync",
    summary: c"Sync the users with the main system now",
    usage: c"Usage: synch sync
       Starts a sync. Ends the hold of a rollback, and takes away what was
       held because too much would go: just what 'synch show users',
       'synch show directory' and 'synch show contexts' name.
       See 'synch show status' for the result.
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
       Puts a version of 'synch show versions' back, reloads it, and holds it
       until 'synch sync'. 'synch show diff VERSION' shows what differs.
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
    summary: c"Hold a service state, or let the monitor decide",
    usage: c"Usage: synch set mode {auto|normal|failover}
       normal, failover: sends the phones to the main system, or to this
       branch, and holds that until the mode is auto again; a restart does not
       change it. auto: lets the monitor decide.
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
       Sends the phones back to a main system that is Stable, whatever the
       return still waits for: 'synch show status' shows that as
       Return, [failover] sets it. While the main is not Stable it
       refuses; 'synch set mode normal' forces it.
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
    summary: c"Walk the way of a failover, and move nobody",
    usage: c"Usage: synch drill
       Tries what an outage of the main system would need, stage by stage:
       the DNS answer, a registration of the account of [drill] at this
       branch, calls to a user and to the emergency numbers up to the trunk.
       No phone is moved, no call is made. Says how long each stage takes,
       and what to do where one fails; 'synch show history' keeps the result.
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
