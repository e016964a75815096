//! What there is more than one of, as the CLI lists it.

use super::{HistoryEntry, LeftOut, SyncStatus};
use crate::{
    site::{
        directory::{Directory, Entry},
        shrink::Guarded,
    },
    words::wording::counted,
};

/// The synced users, those whose name or caller id matches `like`, and who was left out.
#[must_use]
pub fn users(sync: &SyncStatus, like: Option<&regex::Regex>) -> String {
    let matches = |text: &str| like.is_none_or(|like| like.is_match(text));
    let mut text = format!("{:<24} {}\n", "User", "Caller ID");
    let shown = sync.users.iter().filter(|user| matches(&user.name) || matches(&user.callerid));
    let mut count = 0;
    for user in shown {
        text.push_str(&format!("{:<24} {}\n", user.name, user.callerid));
        count += 1;
    }
    text.push_str(&format!("{count} of {}\n", counted(sync.users.len(), "user")));
    for LeftOut { name, reason } in &sync.left_out {
        text.push_str(&format!("left out: {name}: {reason}\n"));
    }
    text + &held(sync, &[Guarded::Users, Guarded::Mailboxes])
}

/// What is missing on the main and is kept here until a person says so: a line each.
#[must_use]
pub fn held(sync: &SyncStatus, guarded: &[Guarded]) -> String {
    let mut text = String::new();
    for one in guarded {
        let Some(names) = sync.held_removals.get(one) else { continue };
        let lines = names.iter().map(|name| format!("held: {} {name} is missing on the main\n", one.noun()));
        text.extend(lines);
        text.push_str(&format!("'synch sync' takes away {}.\n", one.these(names.len())));
    }
    text
}

/// The kept versions; `*` marks the one in force.
#[must_use]
pub fn versions(sync: &SyncStatus) -> String {
    let mut text = format!("  {:>7} {:<16} {:>6}\n", "Version", "Time", "Users");
    for version in &sync.versions {
        let mark = if sync.version == Some(version.number) { '*' } else { ' ' };
        text.push_str(&format!("{mark} {:>7} {:<16} {:>6}\n", version.number, version.time, version.users));
    }
    text.push_str(&format!("{}\n", counted(sync.versions.len(), "version")));
    if let Some(held) = sync.held {
        text.push_str(&format!("Version {held} is held until 'synch sync'.\n"));
    }
    text
}

/// The state changes.
#[must_use]
pub fn history(entries: &[HistoryEntry]) -> String {
    let mut text = format!("{:<15} {:<8} {:<9} {:<9} {}\n", "Time", "What", "From", "To", "Reason");
    for entry in entries {
        let HistoryEntry { time, subject, old, new, reason } = entry;
        text.push_str(&format!("{time:<15} {subject:<8} {old:<9} {new:<9} {reason}\n"));
    }
    text.push_str(&format!("{}\n", counted(entries.len(), "change")));
    text
}

/// Everybody on the main whose number, name or site matches `like`.
#[must_use]
pub fn directory(directory: &Directory, like: Option<&regex::Regex>) -> String {
    let mut text = format!("{:<16} {:<32} {:<20} {}\n", "Number", "Name", "Site", "Public number");
    let people = people(directory, like);
    for Entry { number, name, site, public } in &people {
        let line = format!("{number:<16} {name:<32} {site:<20} {}", public.unwrap_or_default());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&format!("{} of {}\n", people.len(), counted(directory.len(), "number")));
    text
}

/// Those in the directory whose number, name or site matches `like`.
#[must_use]
pub fn people<'a>(directory: &'a Directory, like: Option<&regex::Regex>) -> Vec<Entry<'a>> {
    match like {
        Some(like) => directory.like(like).collect(),
        None => directory.iter().collect(),
    }
}

/// The contexts taken from the main, and what of them was not.
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
    fn everybody_is_found_by_number_name_and_site() {
        let entry = |number, name, site, public| Entry { number, name, site, public };
        let all = Directory::new([
            entry("1001", "Alice", "HeadOffice", None),
            entry("2001", "Zoë", "Berlin", Some("+4930123")),
        ])
        .unwrap();
        let shown = |like: &str| directory(&all, Some(&regex::Regex::new(like).unwrap()));
        for like in ["^20", "Zo.", "berlin|Berlin"] {
            let text = shown(like);
            assert!(text.contains("\n2001 ") && text.ends_with("+4930123\n1 of 2 numbers\n"), "{text}");
        }
        assert!(shown("nobody").ends_with("\n0 of 2 numbers\n"));
        let text = directory(&all, None);
        assert!(text.contains("\n1001 ") && text.ends_with("\n2 of 2 numbers\n"), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line));
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
