//! Everything known about one user: who it is, and where each option comes from.

use super::{Snapshot, SyncStatus, diff::last_change};
use crate::{
    dialplan::device,
    site::{
        call_settings::text as text_of,
        users::{Fate, Kind, Origin, Tailored, User},
    },
    words::wording::{counted, visible},
};

/// The device of a user, found by name or number, as Asterisk calls it.
#[must_use]
pub fn device_of(snapshot: &Snapshot, wanted: &str) -> Option<String> {
    find(&snapshot.sync, wanted).map(|user| device(snapshot.technology(), &user.name))
}

/// A user, found by name or number. `registered` says whether its phone is here.
///
/// # Errors
/// Why there is none.
pub fn user(snapshot: &Snapshot, wanted: &str, registered: bool) -> Result<String, String> {
    let sync = &snapshot.sync;
    let left_out = sync.left_out.iter().find(|left_out| left_out.name == wanted);
    let left_out = left_out.map(|found| format!("The last sync left {wanted} out: {}", found.reason));
    let Some(user) = find(sync, wanted) else {
        return left_out.map_or_else(|| Err(nobody(sync, wanted)), |text| Ok(text + "\n"));
    };
    let mut text = who(sync, user, registered) + &mailbox_remarks(sync, user);
    if let Some(left_out) = left_out {
        text.push_str(&format!("\n{left_out}\n"));
    }
    let sections = sections_of(&sync.sections, user);
    if sections.is_empty() {
        text.push_str(
            "\nThe options can be shown after the first sync; until then the file from before the restart is in \
             force.\n",
        );
        return Ok(text);
    }
    if let Some(held) = sync.held {
        text.push_str(&format!(
            "\nVersion {held} is held. These are the options of the last sync; version {held} may have others.\n"
        ));
    }
    for section in sections {
        text.push_str(&options(section));
    }
    Ok(text)
}

fn find<'a>(sync: &'a SyncStatus, wanted: &str) -> Option<&'a User> {
    sync.users.iter().find(|user| user.name == wanted).or_else(|| sync.user(wanted))
}

fn nobody(sync: &SyncStatus, wanted: &str) -> String {
    let Some(entry) = sync.directory.get(wanted) else {
        return format!("There is no user '{wanted}'; 'synch show users' lists all users.");
    };
    let site = if entry.site.is_empty() { "no site" } else { entry.site };
    format!("There is no user '{wanted}' at this site; on the main it is {}, of {site}.", entry.name)
}

fn who(sync: &SyncStatus, user: &User, registered: bool) -> String {
    let number = user.number.as_deref();
    let entry = number.and_then(|number| sync.directory.get(number));
    let mailbox = number.and_then(|number| sync.boxes.get(number));
    let values = [
        ("User", user.name.clone()),
        ("Caller ID", visible(&user.callerid)),
        ("Number", number.unwrap_or_default().to_owned()),
        ("Site", entry.map(|entry| entry.site.to_owned()).unwrap_or_default()),
        ("Public number", entry.and_then(|entry| entry.public).unwrap_or_default().to_owned()),
        ("Mailbox", mailbox.cloned().unwrap_or_default()),
        ("Calls", number.and_then(|number| sync.call_settings.get(number)).map(text_of).unwrap_or_default()),
        ("Phone", if registered { "registered here" } else { "not registered here" }.to_owned()),
        ("Last changed", last_change(sync, &user.name)),
    ];
    let line = |(label, value): (&str, String)| {
        let value = if value.is_empty() { "-" } else { &value };
        format!("{label:<13}: {value}\n")
    };
    values.into_iter().map(line).collect()
}

/// Returns how the user's mailbox differs from the one on the main.
fn mailbox_remarks(sync: &SyncStatus, user: &User) -> String {
    let Some(number) = &user.number else { return String::new() };
    if let Some(several) = sync.box_remarks.unclear.get(number) {
        let boxes = several.join(" or ");
        return format!(
            "\nNo mailbox: it could be {boxes}. Name the right one with 'mailboxes' on the main.\n"
        );
    }
    let has = |name: &&String| name.split_once('@').is_some_and(|(of, _)| of == number);
    let name = sync.boxes.get(number).or_else(|| sync.box_remarks.lost.keys().find(has));
    let Some(lost) = name.and_then(|name| sync.box_remarks.lost.get(name)) else { return String::new() };
    let lines: String = lost.iter().map(|lost| format!("  {lost}\n")).collect();
    format!("\nLeft out of the mailbox:\n{lines}")
}

/// The user's own section, then the aors and auths that it names.
fn sections_of<'a>(sections: &'a [Tailored], user: &User) -> Vec<&'a Tailored> {
    let is_user = |section: &&Tailored| section.kind.is_account() && section.name == user.name;
    let Some(own) = sections.iter().find(is_user) else { return Vec::new() };
    let mut found = vec![own];
    for (key, kind) in [("aors", Kind::Aor), ("auth", Kind::Auth)] {
        let named = own.written().filter(|(written, _)| written.eq_ignore_ascii_case(key)).last();
        let names = named.map_or("", |(_, names)| names).split(',').map(str::trim);
        let section =
            |name: &str| sections.iter().find(|section| section.kind == kind && section.name == name);
        found.extend(names.filter_map(section));
    }
    found
}

fn options(section: &Tailored) -> String {
    let (written, dropped): (Vec<&Fate>, Vec<&Fate>) =
        section.options.iter().partition(|fate| fate.is_written());
    let Tailored { kind, name, file, .. } = section;
    let mut text = format!("\n{kind} {name}, in {file} on the main\n");
    let option = |fate: &Fate| visible(&format!("{} = {}", fate.key, fate.value));
    for fate in written {
        text.push_str(&format!("  {:<36} {}\n", option(fate), origin(&fate.origin)));
    }
    if !dropped.is_empty() {
        text.push_str(&format!("  not taken over, {}:\n", counted(dropped.len(), "option")));
    }
    for fate in dropped {
        text.push_str(&format!("    {:<34} {}\n", option(fate), origin(&fate.origin)));
    }
    text
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Main => "from the main".to_owned(),
        Origin::Rewritten { was: Some(was), why } => {
            format!("rewritten, {} on the main: {why}", visible(was))
        }
        Origin::Rewritten { was: None, why } => format!("added: {why}"),
        Origin::Dropped { why } => (*why).to_owned(),
    }
}

#[cfg(test)]
mod tests;
