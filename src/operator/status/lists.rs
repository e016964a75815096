//! The lists of the status: as tables, and as text for the console.

use super::{HistoryEntry, LeftOut, SyncStatus, Version};
use crate::{
    operator::table::{Cell, Column, Table},
    site::{
        phones::{Phone, Phones, Place},
        shrink::Guarded,
        users::User,
    },
    words::wording::counted,
};

const USER: [Column; 2] = [Column::new("User", "Name", 24), Column::new("Caller ID", "CallerID", 0)];

/// Returns the synced users, or those whose name or caller id matches `like`.
#[must_use]
pub fn user_table(sync: &SyncStatus, like: Option<&regex::Regex>) -> Table {
    let matches = |text: &str| like.is_none_or(|like| like.is_match(text));
    let shown = sync.users.iter().filter(|user| matches(&user.name) || matches(&user.callerid));
    let row = |user: &User| vec![Cell::from(&*user.name), Cell::from(&*user.callerid)];
    Table {
        event: "SynchUser",
        complete: "SynchUsersComplete",
        columns: &USER,
        rows: shown.map(row).collect(),
    }
}

/// Returns the same for the console, with who was left out and what is held.
#[must_use]
pub fn users(sync: &SyncStatus, like: Option<&regex::Regex>) -> String {
    let table = user_table(sync, like);
    let mut text = table.text();
    text.push_str(&format!("{} of {}\n", table.rows.len(), counted(sync.users.len(), "user")));
    for LeftOut { name, reason } in &sync.left_out {
        text.push_str(&format!("left out: {name}: {reason}\n"));
    }
    text + &held(sync, &[Guarded::Users, Guarded::Mailboxes])
}

/// Returns a line for each thing that is missing on the main and kept here until `synch sync`.
#[must_use]
pub fn held(sync: &SyncStatus, guarded: &[Guarded]) -> String {
    let mut text = String::new();
    for one in guarded {
        let Some(names) = sync.held_removals.get(one) else { continue };
        let lines = names.iter().map(|name| format!("held: {} {name} is missing on the main\n", one.noun()));
        text.extend(lines);
        text.push_str(&format!("'synch sync' removes {}.\n", one.these(names.len())));
    }
    text
}

const VERSION: [Column; 4] = [
    Column::new("", "InForce", 1),
    Column::new("Version", "Version", 7),
    Column::new("Time", "Time", 16),
    Column::new("Users", "Users", 6),
];

/// Returns the kept versions.
#[must_use]
pub fn version_table(sync: &SyncStatus) -> Table {
    let row = |version: &Version| {
        let in_force = Cell::Mark(sync.version == Some(version.number));
        vec![in_force, Cell::Number(version.number), Cell::from(&*version.time), Cell::from(version.users)]
    };
    let rows = sync.versions.iter().map(row).collect();
    Table { event: "SynchVersion", complete: "SynchVersionsComplete", columns: &VERSION, rows }
}

/// Returns the same for the console; `*` marks the one in force.
#[must_use]
pub fn versions(sync: &SyncStatus) -> String {
    let mut text = version_table(sync).text();
    text.push_str(&format!("{}\n", counted(sync.versions.len(), "version")));
    if let Some(held) = sync.held {
        text.push_str(&format!("Version {held} is held until 'synch sync'.\n"));
    }
    text
}

const CHANGE: [Column; 5] = [
    Column::new("Time", "Time", 15),
    Column::new("What", "Subject", 8),
    Column::new("From", "OldState", 9),
    Column::new("To", "NewState", 9),
    Column::new("Reason", "Reason", 0),
];

/// Returns the state changes.
#[must_use]
pub fn history_table(entries: &[HistoryEntry]) -> Table {
    let row = |HistoryEntry { time, subject, old, new, reason }: &HistoryEntry| {
        [time, *subject, *old, *new, reason].map(Cell::from).to_vec()
    };
    let rows = entries.iter().map(row).collect();
    Table { event: "SynchChange", complete: "SynchHistoryComplete", columns: &CHANGE, rows }
}

/// Returns the same for the console.
#[must_use]
pub fn history(entries: &[HistoryEntry]) -> String {
    history_table(entries).text() + &format!("{}\n", counted(entries.len(), "change"))
}

const PHONE: [Column; 6] = [
    Column::new("User", "Name", 24),
    Column::new("Number", "Number", 16),
    Column::new("Phone", "Phone", 7),
    Column::new("Since", "Since", 15),
    Column::new("Address", "Address", 0),
    Column { title: None, key: "Awaited", width: 0 },
];

/// Returns where the phones of this site are.
#[must_use]
pub fn phone_table(phones: &Phones) -> Table {
    let row = |Phone { user, number, place, address, since, awaited }: &Phone| {
        vec![
            Cell::from(&**user),
            Cell::from(&**number),
            Cell::Marked(place.word().to_owned(), *awaited),
            Cell::from(&**since),
            Cell::from(&**address),
            Cell::Mark(*awaited),
        ]
    };
    let rows = phones.list.iter().map(row).collect();
    Table { event: "SynchPhone", complete: "SynchPhonesComplete", columns: &PHONE, rows }
}

/// Returns the same for the console, with how many are where.
#[must_use]
pub fn phones(phones: &Phones) -> String {
    let mut text = phone_table(phones).text();
    let [here, main, away] = [Place::Here, Place::Main, Place::Away].map(|place| phones.count(place));
    let all = counted(phones.list.len(), "phone");
    text.push_str(&format!("{all}: {here} here, {main} known from the main, {away} away\n"));
    if phones.awaited() > 0 {
        let awaited = counted(phones.awaited(), "phone");
        text.push_str(&format!(
            "* {awaited} still awaited since the branch took over; calls go to the address that the main knew\n"
        ));
    }
    if !phones.problem.is_empty() {
        text.push_str(&format!("The contacts from the main may be out of date: {}\n", phones.problem));
    }
    text
}

/// Returns the contexts taken from the main, and which of their lines were left out.
#[must_use]
pub fn contexts(sync: &SyncStatus) -> String {
    let mut text = format!("{:<40} {}\n", "Context", "Extensions");
    for context in &*sync.contexts {
        text.push_str(&format!("{:<40} {}\n", context.name, context.extensions.len()));
    }
    text.push_str(&format!("{}\n", counted(sync.contexts.len(), "context")));
    for left_out in &sync.contexts_left_out {
        text.push_str(&format!("left out: {left_out}\n"));
    }
    text + &held(sync, &[Guarded::Contexts])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialplan;

    #[test]
    fn the_phones_end_with_counts_and_what_is_wrong() {
        let phone = |user: &str, place, awaited| Phone {
            user: user.to_owned(),
            number: user.to_owned(),
            place,
            address: String::new(),
            since: "20260101000000".to_owned(),
            awaited,
        };
        let list = [
            phone("1001", Place::Here, true),
            phone("1002", Place::Main, true),
            phone("1003", Place::Away, false),
        ];
        let mut all = Phones { list: list.into(), ..Phones::default() };
        let shown = phones(&all);
        assert!(
            shown.contains("\n1002                     1002             main*   20260101000000\n"),
            "{shown}"
        );
        assert!(
            shown.contains("\n3 phones: 1 here, 1 known from the main, 1 away\n* 2 phones still"),
            "{shown}"
        );
        all.problem = "no".to_owned();
        assert!(phones(&all).ends_with("may be out of date: no\n"));
        assert!(phones(&Phones::default()).ends_with("\n0 phones: 0 here, 0 known from the main, 0 away\n"));
    }

    #[test]
    fn contexts_are_counted_and_what_is_missing_is_told() {
        let mut sync = SyncStatus::before_the_first(true);
        assert!(contexts(&sync).ends_with("\n0 contexts\n"));
        let extensions = vec![dialplan::Extension::default(); 3];
        let context = dialplan::Context { name: "site-a".to_owned(), extensions, ..Default::default() };
        sync.contexts = [context].into();
        sync.contexts_left_out = vec!["context site-a, 100: no".to_owned()];
        let text = contexts(&sync);
        assert!(text.ends_with(" 3\n1 context\nleft out: context site-a, 100: no\n"), "{text}");
    }
}
