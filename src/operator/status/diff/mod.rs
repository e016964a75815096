//! The differences between two kept versions, added up over the versions between them.

use super::{SyncStatus, Version};
use crate::{
    site::users::{Change, Diff, OptionDiff, diff::Value},
    words::wording::visible,
};

/// `[VERSION [VERSION]]`: from the first version to the second, to the one in force, or from the last but one to the
/// newest.
///
/// # Errors
/// Why these can't be compared.
pub fn diff(sync: &SyncStatus, versions: &[&str]) -> Result<String, String> {
    let (from, to) = match versions {
        [] => match sync.versions.as_slice() {
            [.., from, to] => (from, to),
            _ => return Err("Less than two versions are kept: there is nothing to compare.".to_owned()),
        },
        [from] => (version(sync, from)?, in_force(sync)?),
        [from, to, ..] => (version(sync, from)?, version(sync, to)?),
    };
    let diff = between(&sync.versions, from, to)?;
    let mut text =
        format!("From version {} ({}) to version {} ({}):\n", from.number, from.time, to.number, to.time);
    for (user, change) in diff.changes() {
        text.push_str(&lines(user, change));
    }
    text.push_str(&counts(&diff));
    Ok(text)
}

/// The version in which a user last changed, up to the one in force.
pub(super) fn last_change(sync: &SyncStatus, user: &str) -> String {
    let reached = |version: &&Version| sync.version.is_none_or(|number| version.number <= number);
    let known: Vec<&Version> = sync.versions.iter().filter(reached).collect();
    let names = |version: &&&Version| version.since.as_ref().is_some_and(|(_, diff)| diff.names(user));
    match (known.iter().rev().find(names), known.first()) {
        (Some(Version { number, time, .. }), _) => format!("version {number} ({time})"),
        (None, Some(Version { number: 1, time, since: None, .. })) => format!("version 1 ({time})"),
        (None, Some(Version { number, since: None, .. })) => format!("version {number} or before"),
        (None, Some(Version { number, .. })) => format!("before version {number}"),
        (None, None) => "not known: no version is kept".to_owned(),
    }
}

fn version<'a>(sync: &'a SyncStatus, word: &str) -> Result<&'a Version, String> {
    let number: Option<u64> = word.parse().ok();
    let found = sync.versions.iter().find(|version| Some(version.number) == number);
    found.ok_or_else(|| format!("There is no version '{word}'; 'synch show versions' lists those kept."))
}

fn in_force(sync: &SyncStatus) -> Result<&Version, String> {
    let found = sync.versions.iter().find(|version| Some(version.number) == sync.version);
    found.ok_or_else(|| {
        "The file in force is not one of the kept versions; name the two versions to compare.".to_owned()
    })
}

/// Adds up the differences of the versions between two. Reverses them if the first version is the later one.
fn between(versions: &[Version], from: &Version, to: &Version) -> Result<Diff, String> {
    let (older, newer) = (from.number.min(to.number), from.number.max(to.number));
    let mut all = Diff::default();
    let mut reached = older;
    for version in versions.iter().filter(|version| (older + 1..=newer).contains(&version.number)) {
        match &version.since {
            Some((before, diff)) if *before == reached => all = all.then(diff),
            _ => {
                let number = version.number;
                return Err(format!("Version {number} or {reached} can't be read, so nothing is compared."));
            }
        }
        reached = version.number;
    }
    Ok(if from.number > to.number { all.reversed() } else { all })
}

fn lines(user: &str, change: Change<'_>) -> String {
    let line =
        |sign: char, text: &str| format!("{sign} {user} {}", visible(text)).trim_end().to_owned() + "\n";
    match change {
        Change::Added(callerid) => line('+', callerid),
        Change::Removed(callerid) => line('-', callerid),
        Change::Changed(options) => options.iter().map(|diff| line('~', &option(user, diff))).collect(),
        Change::Reordered => line('~', "the same values in another order"),
        Change::Returned => line('~', "was removed in between and came back with other values"),
    }
}

fn option(user: &str, diff: &OptionDiff) -> String {
    let OptionDiff { kind, section, key, old, new } = diff;
    let place = if section == user { kind.to_string() } else { format!("{kind} {section}") };
    let value = |value: &Option<Value>| match value {
        None => "(not set)".to_owned(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Secret(_)) => "***".to_owned(),
    };
    let another = match (old, new) {
        (Some(Value::Secret(_)), Some(Value::Secret(_))) => " (changed)",
        _ => "",
    };
    format!("{place} {key}: {} -> {}{another}", value(old), value(new))
}

fn counts(diff: &Diff) -> String {
    let count = |wanted: fn(&Change<'_>) -> bool| diff.changes().filter(|(_, change)| wanted(change)).count();
    let added = count(|change| matches!(change, Change::Added(_)));
    let removed = count(|change| matches!(change, Change::Removed(_)));
    let changed = diff.changes().count() - added - removed;
    format!("users: {added} added, {removed} removed, {changed} changed\n")
}

#[cfg(test)]
mod tests;
