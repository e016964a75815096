//! What is shared with other sites, as people and programs see it.

use std::sync::Arc;

use crate::{
    operator::table::{Cell, Column, Table},
    peers::exchange::{Folk, SiteView, Twice, View},
    words::wording::counted,
};

/// Where the connection to the broker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateLine {
    /// Nothing is shared.
    #[default]
    Off,
    /// There is none.
    Away,
    /// It stands.
    Joined,
}

impl StateLine {
    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "Off",
            Self::Away => "Away",
            Self::Joined => "Joined",
        }
    }
}

/// Returns why the connection is away where another system has our name, and each puts the other out of the broker.
#[must_use]
pub fn twin(site: &str) -> String {
    format!("another system calls itself {site}")
}

/// What is shared with other sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateStatus {
    /// Where the connection stands.
    pub line: StateLine,
    /// Why it is away, or what is wrong with it.
    pub reason: Arc<str>,
    /// Our name.
    pub site: Arc<str>,
    /// The address of the broker.
    pub broker: Arc<str>,
    /// Its version of MQTT.
    pub version: Arc<str>,
    /// What is known of the other sites.
    pub view: View,
    /// The first phones that several sites, ours among them, say are there; up to ten seconds old.
    pub twice: Arc<[Twice]>,
    /// Who can be called there and here, and how they are.
    pub folk: Arc<Folk>,
}

impl Default for StateStatus {
    fn default() -> Self {
        let empty: Arc<str> = "".into();
        Self {
            line: StateLine::Off,
            reason: Arc::clone(&empty),
            site: Arc::clone(&empty),
            broker: Arc::clone(&empty),
            version: empty,
            view: View::default(),
            twice: Arc::default(),
            folk: Arc::default(),
        }
    }
}

const SITE: [Column; 8] = [
    Column::new("Site", "Site", 20),
    Column::new("State", "State", 9),
    Column::new("Since", "Since", 7),
    Column::new("Devices", "Devices", 7),
    Column::new("Changes/min", "Changes", 11),
    Column::new("Heard s ago", "Heard", 11),
    Column::new("Asterisk", "Asterisk", 12),
    Column::new("Synch", "Synch", 8),
];

/// Returns the sites that share their states with this one.
#[must_use]
pub fn site_table(state: &StateStatus) -> Table {
    let row = |site: &SiteView| {
        vec![
            Cell::from(&*site.name),
            Cell::from(&*site.state.to_string()),
            Cell::from(&*lasting(site.since)),
            Cell::from(site.devices),
            Cell::Number(site.changes.into()),
            Cell::Number(site.heard),
            Cell::from(&*site.asterisk),
            Cell::from(&*site.synch),
        ]
    };
    let rows = state.view.sites.iter().map(row).collect();
    Table { event: "SynchSite", complete: "SynchSitesComplete", columns: &SITE, rows }
}

/// Returns the same for the console.
#[must_use]
pub fn sites(state: &StateStatus) -> String {
    if state.line == StateLine::Off {
        return "Nothing is shared: [state] of res_synch.conf names no broker (host).\n".to_owned();
    }
    site_table(state).text() + &format!("{}\n", counted(state.view.sites.len(), "site"))
}

/// Returns what is shared and taken, and over which broker.
#[must_use]
pub fn sharing(state: &StateStatus) -> String {
    let StateStatus { line, reason, site, broker, version, view, twice: _, folk: _ } = state;
    if *line == StateLine::Off {
        return sites(state);
    }
    let of = |numbers: [usize; 4]| {
        let [devices, mailboxes, presences, agents] = numbers;
        format!(
            "{}, {}, {}, {}",
            counted(devices, "device"),
            counted(mailboxes, "mailbox"),
            counted(presences, "presence"),
            counted(agents, "agent")
        )
    };
    let newcomers = match view.retains {
        Some(true) => "are told by the broker",
        Some(false) => "ask the sites",
        None => "not known yet",
    };
    let word = line.word();
    let lines = [
        ("Site", site.to_string()),
        ("State", if reason.is_empty() { word.to_owned() } else { format!("{word} ({reason})") }),
        ("Broker", if broker.is_empty() { "-".to_owned() } else { format!("{broker}, {version}") }),
        ("Published", format!("{} on synch/1/{site}/#", of(view.shared))),
        ("Subscribed", format!("{} of {}", counted(view.taken, "device"), counted(view.joined(), "site"))),
        ("Newcomers", newcomers.to_owned()),
    ];
    lines.iter().map(|(label, value)| super::fields::line(label, value)).collect()
}

/// A time in its largest unit: `12 s`, `5 min`, `3 h`, `2 d`.
fn lasting(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::SiteState;

    fn state() -> StateStatus {
        let bonn = SiteView {
            name: "bonn".to_owned(),
            state: SiteState::Joined,
            since: 300,
            devices: 12,
            changes: 3,
            heard: 17,
            asterisk: "22.10.1".to_owned(),
            synch: "0.5.0".to_owned(),
        };
        let view = View {
            sites: vec![bonn],
            shared: [40, 2, 0, 0],
            taken: 12,
            retains: Some(true),
            ..View::default()
        };
        StateStatus {
            line: StateLine::Joined,
            site: "berlin".into(),
            broker: "10.0.0.5:1883".into(),
            version: "MQTT 5".into(),
            view,
            ..StateStatus::default()
        }
    }

    #[test]
    fn each_site_has_a_row() {
        let text = sites(&state());
        assert!(
            text.contains(
                "bonn                 Joined    5 min        12           3          17 22.10.1      0.5.0"
            ),
            "{text}"
        );
        assert!(text.ends_with("1 site\n"), "{text}");
        assert_eq!(site_table(&state()).items()[0][1], ("State", "Joined".to_owned()));
    }

    #[test]
    fn what_is_shared_is_said_with_where() {
        let text = sharing(&state());
        assert!(
            text.contains(
                "Published      : 40 devices, 2 mailboxes, 0 presences, 0 agents on synch/1/berlin/#\n"
            ),
            "{text}"
        );
        assert!(text.contains("Subscribed     : 12 devices of 1 site\n"), "{text}");
        assert!(sharing(&StateStatus::default()).starts_with("Nothing is shared"));
    }

    #[test]
    fn times_are_short() {
        assert_eq!([5, 119, 300, 7_200, 200_000].map(lasting), ["5 s", "119 s", "5 min", "2 h", "2 d"]);
    }
}
