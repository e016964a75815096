//! The AMI actions: headers in, a reply out. `asterisk::manager` registers them. Pure but for the [`Control`].

use crate::{
    operator::{
        control::Control,
        drill::Stage,
        operate,
        status::{self, Value},
    },
    site::{
        directory,
        phones::{Phone, Phones},
    },
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
    /// The header it reads, if any.
    pub argument: Option<&'static std::ffi::CStr>,
    /// Carries it out.
    pub run: fn(&Control, argument: &str, now: String) -> Reply,
}

/// Every action.
pub const ACTIONS: [Action; 11] = [
    Action {
        name: c"SynchStatus",
        class: Class::Reading,
        synopsis: c"Show monitor, sync and service state of synch.",
        argument: None,
        run: |control, _, now| Reply::Fields(status::fields(&control.snapshot(), now)),
    },
    Action {
        name: c"SynchUsers",
        class: Class::Reading,
        synopsis: c"List the users that synch has taken from the main system.",
        argument: None,
        run: |control, _, _| Reply::List {
            event: "SynchUser",
            complete: "SynchUsersComplete",
            items: users(&control.snapshot().sync),
        },
    },
    Action {
        name: c"SynchPhones",
        class: Class::Reading,
        synopsis: c"List where the phones of this site are.",
        argument: None,
        run: |control, _, _| Reply::List {
            event: "SynchPhone",
            complete: "SynchPhonesComplete",
            items: phones(&control.snapshot().phones),
        },
    },
    Action {
        name: c"SynchDirectory",
        class: Class::Reading,
        synopsis: c"List everybody on the main system.",
        argument: Some(c"Like"),
        run: |control, like, _| match like {
            "" => directory(&control.snapshot().sync, None),
            like => match operate::pattern(like) {
                Ok(like) => directory(&control.snapshot().sync, Some(&like)),
                Err(problem) => Reply::Error(problem),
            },
        },
    },
    Action {
        name: c"SynchVersions",
        class: Class::Reading,
        synopsis: c"List the kept versions of the synced file.",
        argument: None,
        run: |control, _, _| Reply::List {
            event: "SynchVersion",
            complete: "SynchVersionsComplete",
            items: versions(&control.snapshot().sync),
        },
    },
    Action {
        name: c"SynchHistory",
        class: Class::Reading,
        synopsis: c"List the changes of the states of synch.",
        argument: None,
        run: |control, _, _| Reply::List {
            event: "SynchChange",
            complete: "SynchHistoryComplete",
            items: history(&control.snapshot().history),
        },
    },
    Action {
        name: c"SynchSync",
        class: Class::Changing,
        synopsis: c"Sync the users with the main system now.",
        argument: None,
        run: |control, _, _| reply(operate::sync(control, false)),
    },
    Action {
        name: c"SynchRollback",
        class: Class::Changing,
        synopsis: c"Put a kept version of the synced file back and hold it.",
        argument: Some(c"Version"),
        run: |control, version, _| reply(operate::rollback(control, version)),
    },
    Action {
        name: c"SynchSetMode",
        class: Class::Changing,
        synopsis: c"Hold a service state, or let the monitor decide.",
        argument: Some(c"Mode"),
        run: |control, mode, _| reply(operate::set_mode(control, mode)),
    },
    Action {
        name: c"SynchFailback",
        class: Class::Changing,
        synopsis: c"Send the phones back to the main system now.",
        argument: None,
        run: |control, _, _| reply(operate::fail_back(control)),
    },
    Action {
        name: c"SynchDrill",
        class: Class::Changing,
        synopsis: c"Walk the way of a failover, and move nobody.",
        argument: None,
        run: |control, _, _| match control.drill() {
            Ok(report) => Reply::List {
                event: "SynchDrillStage",
                complete: "SynchDrillComplete",
                items: report.0.iter().map(stage).collect(),
            },
            Err(error) => Reply::Error(format!("The drill has not ended: {error}")),
        },
    },
];

fn reply(result: Result<String, String>) -> Reply {
    match result {
        Ok(text) => Reply::Done(text),
        Err(text) => Reply::Error(text),
    }
}

fn users(sync: &status::SyncStatus) -> Vec<Vec<(&'static str, String)>> {
    sync.users
        .iter()
        .map(|user| vec![("Name", user.name.clone()), ("CallerID", user.callerid.clone())])
        .collect()
}

fn phones(phones: &Phones) -> Vec<Vec<(&'static str, String)>> {
    let item = |phone: &Phone| {
        vec![
            ("Name", phone.user.clone()),
            ("Number", phone.number.clone()),
            ("Phone", phone.place.word().to_owned()),
            ("Since", phone.since.clone()),
            ("Address", phone.address.clone()),
            ("Awaited", if phone.awaited { "yes" } else { "no" }.to_owned()),
        ]
    };
    phones.list.iter().map(item).collect()
}

fn directory(sync: &status::SyncStatus, like: Option<&regex::Regex>) -> Reply {
    let item = |entry: directory::Entry<'_>| {
        vec![
            ("Number", entry.number.to_owned()),
            ("Name", entry.name.to_owned()),
            ("Site", entry.site.to_owned()),
            ("Public", entry.public.unwrap_or_default().to_owned()),
        ]
    };
    Reply::List {
        event: "SynchDirectoryEntry",
        complete: "SynchDirectoryComplete",
        items: status::people(&sync.directory, like).into_iter().map(item).collect(),
    }
}

fn stage(stage: &Stage) -> Vec<(&'static str, String)> {
    vec![
        ("Stage", stage.name.clone()),
        ("Result", stage.outcome.result().to_string()),
        ("Milliseconds", stage.took.as_millis().to_string()),
        ("Reason", stage.outcome.text().to_owned()),
    ]
}

fn versions(sync: &status::SyncStatus) -> Vec<Vec<(&'static str, String)>> {
    let item = |version: &status::Version| {
        let in_force = if sync.version == Some(version.number) { "yes" } else { "no" };
        vec![
            ("Version", version.number.to_string()),
            ("Time", version.time.clone()),
            ("Users", version.users.to_string()),
            ("InForce", in_force.to_owned()),
        ]
    };
    sync.versions.iter().map(item).collect()
}

fn history(entries: &[status::HistoryEntry]) -> Vec<Vec<(&'static str, String)>> {
    let item = |entry: &status::HistoryEntry| {
        vec![
            ("Time", entry.time.clone()),
            ("Subject", entry.subject.to_owned()),
            ("OldState", entry.old.to_owned()),
            ("NewState", entry.new.to_owned()),
            ("Reason", entry.reason.clone()),
        ]
    };
    entries.iter().map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::status::SyncStatus;

    #[test]
    fn the_directory_lists_everybody_or_those_who_match() {
        let entry = |number, public| directory::Entry { number, name: "Zoë", site: "Berlin", public };
        let mut sync = SyncStatus::before_the_first(true);
        let all = directory::Directory::new([entry("1001", None), entry("1002", Some("+4930"))]);
        sync.directory = all.unwrap().into();
        let pattern = regex::Regex::new("2$").unwrap();
        let Reply::List { items, .. } = directory(&sync, Some(&pattern)) else { panic!() };
        let headers = [("Number", "1002"), ("Name", "Zoë"), ("Site", "Berlin"), ("Public", "+4930")];
        assert_eq!(items, [headers.map(|(key, value)| (key, value.to_owned()))]);
        let Reply::List { items, .. } = directory(&sync, None) else { panic!() };
        assert_eq!(items.len(), 2);
    }
}
