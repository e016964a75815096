//! The AMI actions: headers in, a reply out. `asterisk::manager` registers them. Pure but for the [`Control`].

use std::ffi::CStr;

use crate::operator::{
    control::Control,
    doctor, operate,
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

/// The headers that an action reads, with their values.
#[derive(Clone, Debug, Default)]
pub struct Headers(pub Vec<(&'static CStr, String)>);

impl Headers {
    /// Returns the value of a header; empty where it was not given.
    #[must_use]
    pub fn get(&self, name: &CStr) -> &str {
        self.0.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value)
    }
}

/// One action.
pub struct Action {
    /// Its name.
    pub name: &'static CStr,
    /// Who may call it.
    pub class: Class,
    /// One line for `manager show commands`, where the XML documentation is not installed.
    pub synopsis: &'static CStr,
    /// The headers it reads.
    pub arguments: &'static [&'static CStr],
    /// Carries it out.
    pub run: fn(&Control, headers: &Headers, now: String) -> Reply,
}

/// Every action.
pub const ACTIONS: [Action; 15] = [
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
        run: |control, headers, _| {
            let list = |like: Option<&regex::Regex>| {
                Reply::list(&status::directory_table(&control.snapshot(), like, &control.devices))
            };
            match headers.get(c"Like") {
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
        name: c"SynchBranches",
        class: Class::Reading,
        synopsis: c"List the branches of this main.",
        arguments: &[],
        run: |control, _, _| Reply::list(&status::branch_table(&control.desk)),
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
        run: |control, headers, _| reply(operate::rollback(control, headers.get(c"Version"))),
    },
    Action {
        name: c"SynchSetMode",
        class: Class::Changing,
        synopsis: c"Choose where the phones are sent, or let the monitor decide.",
        arguments: &[c"Mode", c"Minutes"],
        run: |control, headers, _| {
            reply(operate::set_mode(control, headers.get(c"Mode"), headers.get(c"Minutes")))
        },
    },
    Action {
        name: c"SynchMaintenance",
        class: Class::Changing,
        synopsis: c"Hold the phones at the branch for work on the main system.",
        arguments: &[c"Do", c"Minutes", c"Reason", c"Version", c"Force"],
        run: |control, headers, _| match headers.get(c"Do").to_ascii_lowercase().as_str() {
            "start" => {
                let (minutes, reason) = (headers.get(c"Minutes"), headers.get(c"Reason"));
                reply(operate::start_maintenance(control, minutes, reason))
            }
            "stop" => {
                let (version, force) = (headers.get(c"Version"), is_yes(headers.get(c"Force")));
                reply(operate::stop_maintenance(control, version, force))
            }
            other => Reply::Error(format!("Do is '{other}', not start or stop.")),
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
        name: c"SynchDoctor",
        class: Class::Changing,
        synopsis: c"Check everything that this branch needs.",
        arguments: &[],
        run: |control, _, _| match operate::examine(control) {
            Ok(checks) => Reply::list(&doctor::table(&checks)),
            Err(problem) => Reply::Error(problem),
        },
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
