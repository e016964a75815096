//! Everybody whom this system knows, and how they are: busy, away, in which queues.

use std::collections::BTreeMap;

use super::Snapshot;
use crate::{
    dialplan::device,
    operator::{
        control::DeviceLook,
        table::{Cell, Column, Table},
    },
    peers::DeviceState,
    site::{
        directory::Entry,
        users::{User, by_number},
    },
    words::wording::counted,
};

const ENTRY: [Column; 7] = [
    Column::new("Number", "Number", 16),
    Column::new("Name", "Name", 32),
    Column::new("Site", "Site", 20),
    Column::new("Public number", "Public", 15),
    Column::new("State", "State", 11),
    Column::new("Presence", "Presence", 11),
    Column::new("Agent", "Agent", 0),
];

/// Returns everybody, or those whose number, name or site matches `like`: whom the main has, and where there is no main,
/// whom the sites say that they have.
#[must_use]
pub fn directory_table(snapshot: &Snapshot, like: Option<&regex::Regex>, devices: &DeviceLook) -> Table {
    let all = everybody(snapshot);
    let shown = all.iter().filter(|entry| {
        like.is_none_or(|like| {
            [entry.number, entry.name, entry.site].iter().any(|value| like.is_match(value))
        })
    });
    let users = by_number(&snapshot.sync.users);
    let row = |entry: &Entry<'_>| {
        let Entry { number, name, site, public } = *entry;
        let theirs = devices_of(snapshot, &users, number);
        let state = theirs.iter().map(|device| devices.state(device)).max().unwrap_or(DeviceState::Invalid);
        // Of a device that nobody knows there is nothing to be said.
        let state = if state == DeviceState::Invalid { "" } else { state.word() };
        let folk = &snapshot.state.folk;
        let agent = folk.agent(number, &theirs);
        [number, name, site, public.unwrap_or_default(), state, folk.presence(number), &agent]
            .map(Cell::from)
            .to_vec()
    };
    let rows = shown.map(row).collect();
    Table { event: "SynchDirectoryEntry", complete: "SynchDirectoryComplete", columns: &ENTRY, rows }
}

/// Returns the same for the console.
#[must_use]
pub fn directory(snapshot: &Snapshot, like: Option<&regex::Regex>, devices: &DeviceLook) -> String {
    let table = directory_table(snapshot, like, devices);
    let count = table.rows.len();
    table.text() + &format!("{count} of {}\n", counted(everybody(snapshot).len(), "number"))
}

fn everybody(snapshot: &Snapshot) -> Vec<Entry<'_>> {
    let main = &snapshot.sync.directory;
    if !main.is_empty() {
        return main.iter().collect();
    }
    let people = snapshot.state.folk.people.iter();
    people
        .map(|(number, person)| Entry { number, name: &person.name, site: &person.site, public: None })
        .collect()
}

/// The devices of a person: of a user of ours, of somebody whom a site told of, else the one that it most likely is.
fn devices_of(snapshot: &Snapshot, users: &BTreeMap<&str, Vec<&User>>, number: &str) -> Vec<String> {
    let technology = snapshot.technology();
    if let Some(users) = users.get(number) {
        return users.iter().map(|user| device(technology, &user.name)).collect();
    }
    let told = snapshot.state.folk.people.get(number).map(|person| person.device.clone());
    vec![told.unwrap_or_else(|| device(technology, number))]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        operator::status::{StateStatus, tests},
        peers::{
            Agent,
            exchange::{Folk, Somebody},
        },
        site::directory::Directory,
    };

    fn with(entries: &[(&str, &str, &str, Option<&str>)]) -> Snapshot {
        let mut snapshot = tests::snapshot();
        let all =
            entries.iter().map(|(number, name, site, public)| Entry { number, name, site, public: *public });
        Arc::make_mut(&mut snapshot.sync).directory = Arc::new(Directory::new(all).unwrap());
        snapshot
    }

    fn nowhere() -> DeviceLook {
        DeviceLook::new(|_| DeviceState::Invalid)
    }

    fn like(pattern: &str) -> regex::Regex {
        regex::Regex::new(pattern).unwrap()
    }

    #[test]
    fn everybody_is_found_by_number_name_and_site() {
        let all = with(&[("1001", "Alice", "HeadOffice", None), ("2001", "Zoë", "Berlin", Some("+4930123"))]);
        let shown = |pattern: &str| directory(&all, Some(&like(pattern)), &nowhere());
        for pattern in ["^20", "Zo.", "berlin|Berlin"] {
            let text = shown(pattern);
            assert!(text.contains("\n2001 ") && text.ends_with("+4930123\n1 of 2 numbers\n"), "{text}");
        }
        assert!(shown("nobody").ends_with("\n0 of 2 numbers\n"));
        let text = directory(&all, None, &nowhere());
        assert!(text.contains("\n1001 ") && text.ends_with("\n2 of 2 numbers\n"), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line));
    }

    #[test]
    fn over_ami_the_directory_lists_everybody_or_those_who_match() {
        let all = with(&[("1001", "Zoë", "Berlin", None), ("1002", "Zoë", "Berlin", Some("+4930"))]);
        let headers = [
            ("Number", "1002"),
            ("Name", "Zoë"),
            ("Site", "Berlin"),
            ("Public", "+4930"),
            ("State", ""),
            ("Presence", ""),
            ("Agent", ""),
        ];
        let items = directory_table(&all, Some(&like("2$")), &nowhere()).items();
        assert_eq!(items, [headers.map(|(key, value)| (key, value.to_owned()))]);
        assert_eq!(directory_table(&all, None, &nowhere()).items().len(), 2);
    }

    fn folk() -> Folk {
        let somebody = |name: &str, site: &str, device: &str| Somebody {
            name: name.to_owned(),
            site: site.to_owned(),
            device: device.to_owned(),
        };
        let people = [
            ("1001".to_owned(), somebody("Alice", "berlin", "PJSIP/1001")),
            ("2001".to_owned(), somebody("Bob", "bonn", "PJSIP/desk")),
        ];
        let agent = |queue: &str, word: &str| Agent::from([(queue.to_owned(), word.to_owned())]);
        Folk {
            people: Arc::new(people.into()),
            presences: [("CustomPresence:2001".to_owned(), "dnd".to_owned())].into(),
            agents: [
                ("Local/2001@from-queue/n".to_owned(), agent("q2", "paused: lunch")),
                ("Local/20011@from-queue/n".to_owned(), agent("q3", "ready")),
                ("PJSIP/desk".to_owned(), agent("q1", "ready")),
            ]
            .into(),
        }
    }

    fn busy() -> DeviceLook {
        DeviceLook::new(|device| match device {
            "PJSIP/desk" | "PJSIP/991001" => DeviceState::InUse,
            "PJSIP/1001" => DeviceState::Unavailable,
            _ => DeviceState::Invalid,
        })
    }

    #[test]
    fn without_a_main_everybody_is_whom_the_sites_have() {
        let mut snapshot = with(&[]);
        Arc::make_mut(&mut snapshot.sync).users.clear();
        snapshot.state = Arc::new(StateStatus { folk: Arc::new(folk()), ..StateStatus::default() });
        let rows: Vec<Vec<String>> = directory_table(&snapshot, None, &busy())
            .items()
            .into_iter()
            .map(|row| row.into_iter().map(|(_, value)| value).collect())
            .collect();
        assert_eq!(
            rows,
            [
                ["1001", "Alice", "berlin", "", "UNAVAILABLE", "", ""],
                ["2001", "Bob", "bonn", "", "INUSE", "dnd", "q1 ready, q2 paused: lunch"],
            ]
        );
        let text = directory(&snapshot, Some(&like("bonn")), &busy());
        assert!(
            text.ends_with("INUSE       dnd         q1 ready, q2 paused: lunch\n1 of 2 numbers\n"),
            "{text}"
        );
    }

    #[test]
    fn with_a_main_the_states_are_shown_of_its_people() {
        let mut snapshot = with(&[
            ("1001", "Alice", "Berlin", None),
            ("2001", "Bob", "Bonn", None),
            ("3001", "Carol", "", None),
        ]);
        let sync = Arc::make_mut(&mut snapshot.sync);
        sync.users.push(User { number: Some("1001".to_owned()), ..User::new("991001", "Alice <1001>") });
        snapshot.state = Arc::new(StateStatus { folk: Arc::new(folk()), ..StateStatus::default() });
        let items = directory_table(&snapshot, None, &busy()).items();
        let states: Vec<&str> = items.iter().map(|row| &*row[4].1).collect();
        // Of a person's devices the busiest counts.
        assert_eq!(states, ["INUSE", "INUSE", ""]);
    }
}
