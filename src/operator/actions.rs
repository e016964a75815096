//! The AMI actions: headers in, a reply out. `asterisk::manager` registers them. Pure but for the [`Control`].

use crate::operator::{
    control::Control,
    operate,
    status::{self, Value},
    table::Table,
};

/// What an action answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `Response: Success` with a message.
    Done(String),
    /// `Response: Error` with a message.
    Error(String),
    /// One response with these headers.
    Fields(Vec<(&'static str, Value)>),
    /// A list: one event for each item, then the event that completes it.
    List {
        /// Name of each event.
        event: &'static str,
        /// Name of the last one.
        complete: &'static str,
        /// The headers of each.
        items: Vec<Vec<(&'static str, String)>>,
    },
}

impl Reply {
    fn list(table: &Table) -> Self {
        Self::List { event: table.event, complete: table.complete, items: table.items() }
    }
}

/// Who may call an action: one of these classes in the user's `write` suffices (`manager.c` checks it there).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `system` or `reporting`: it only reads.
    Reading,
    /// `system`: it changes something.
    Changing,
}

/// One action.
pub struct Action {
    /// Its name.
    pub name: &'static std::ffi::CStr,
    /// Who may call it.
    pub class: Class,
    /// One line for `manager show commands`, where the XML documentation is not installed.
    pub synopsis: &'static std::ffi::CStr,
    /// The headers it reads.
    pub arguments: &'static [&'static std::ffi::CStr],
    /// Carries it out; a header that is missing is empty.
    pub run: fn(&Control, arguments: &[String], now: String) -> Reply,
}

/// What is answered where not all headers were read: a bug of ours.
const NO_HEADERS: &str = "The headers of this action were not read.";

/// Every action.
pub const ACTIONS: [Action; 13] = [
    Action {
        name: c"SynchStatus",
        class: Class::Reading,
        synopsis: c"Show monitor, sync and service state of synch.",
        arguments: &[],
        run: |control, _, now| Reply::Fields(status::fields(&control.snapshot(), now)),
    },
    Action {
        name: c"SynchUsers",
        class: Class::Reading,
        synopsis: c"List the users that synch has taken from the main system.",
        arguments: &[],
        run: |control, _, _| Reply::list(&status::user_table(&control.snapshot().sync, None)),
    },
    Action {
        name: c"SynchPhones",
        class: Class::Reading,
        synopsis: c"List where the phones of this site are.",
        arguments: &[],
        run: |control, _, _| Reply::list(&status::phone_table(&control.snapshot().phones)),
    },
    Action {
        name: c"SynchDirectory",
        class: Class::Reading,
        synopsis: c"List everybody on the main system.",
        arguments: &[c"Like"],
        run: |control, arguments, _| {
            let list = |like: Option<&regex::Regex>| {
                Reply::list(&status::directory_table(&control.snapshot(), like, &control.devices))
            };
            match arguments.first().map_or("", String::as_str) {
                "" => list(None),
                like => operate::pattern(like).map_or_else(Reply::Error, |like| list(Some(&like))),
            }
        },
    },
    Action {
        name: c"SynchVersions",
        class: Class::Reading,
        synopsis: c"List the kept versions of the synced file.",
        arguments: &[],
        run: |control, _, _| Reply::list(&status::version_table(&control.snapshot().sync)),
    },
    Action {
        name: c"SynchHistory",
        class: Class::Reading,
        synopsis: c"List the changes of the states of synch.",
        arguments: &[],
        run: |control, _, _| Reply::list(&status::history_table(&control.snapshot().history)),
    },
    Action {
        name: c"SynchSites",
        class: Class::Reading,
        synopsis: c"List the sites that share their states with this one.",
        arguments: &[],
        run: |control, _, _| Reply::list(&status::site_table(&control.snapshot().state)),
    },
    Action {
        name: c"SynchSync",
        class: Class::Changing,
        synopsis: c"Sync the users with the main system now.",
        arguments: &[],
        run: |control, _, _| reply(operate::sync(control, false)),
    },
    Action {
        name: c"SynchRollback",
        class: Class::Changing,
        synopsis: c"Put a kept version of the synced file back and hold it.",
        arguments: &[c"Version"],
        run: |control, arguments, _| match arguments {
            [version] => reply(operate::rollback(control, version)),
            _ => Reply::Error(NO_HEADERS.to_owned()),
        },
    },
    Action {
        name: c"SynchSetMode",
        class: Class::Changing,
        synopsis: c"Choose where the phones are sent, or let the monitor decide.",
        arguments: &[c"Mode", c"Minutes"],
        run: |control, arguments, _| match arguments {
            [mode, minutes] => reply(operate::set_mode(control, mode, minutes)),
            _ => Reply::Error(NO_HEADERS.to_owned()),
        },
    },
    Action {
        name: c"SynchMaintenance",
        class: Class::Changing,
        synopsis: c"Hold the phones at the branch for work on the main system.",
        arguments: &[c"Do", c"Minutes", c"Reason", c"Version", c"Force"],
        run: |control, arguments, _| match arguments {
            [what, minutes, reason, version, force] => match what.to_ascii_lowercase().as_str() {
                "start" => reply(operate::start_maintenance(control, minutes, reason)),
                "stop" => reply(operate::stop_maintenance(control, version, is_yes(force))),
                _ => Reply::Error(format!("Do is '{what}', not start or stop.")),
            },
            _ => Reply::Error(NO_HEADERS.to_owned()),
        },
    },
    Action {
        name: c"SynchFailback",
        class: Class::Changing,
        synopsis: c"Send the phones back to the main system now.",
        arguments: &[],
        run: |control, _, _| reply(operate::fail_back(control)),
    },
    Action {
        name: c"SynchDrill",
        class: Class::Changing,
        synopsis: c"Test the steps of a failover without moving a phone.",
        arguments: &[],
        run: |control, _, _| match operate::drill(control) {
            Ok(report) => Reply::list(&report.table()),
            Err(problem) => Reply::Error(problem),
        },
    },
];

/// As Asterisk's own actions take it.
fn is_yes(text: &str) -> bool {
    ["yes", "true", "on", "1", "y", "t"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

fn reply(result: Result<String, String>) -> Reply {
    match result {
        Ok(text) => Reply::Done(text),
        Err(text) => Reply::Error(text),
    }
}
