//! Whom people are shown: who can be called, whether they want to be, and in which queues they are. Pure.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use super::Exchange;
use crate::peers::{Agent, Person};

/// People, presences and members of queues, of all sites and of this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folk {
    /// Everybody, by number.
    pub people: Arc<BTreeMap<String, Somebody>>,
    /// The state of each presence: `dnd` of `CustomPresence:1001`.
    pub presences: BTreeMap<String, String>,
    /// The queues of each device.
    pub agents: BTreeMap<String, Agent>,
}

/// Somebody who can be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Somebody {
    /// What the person is called.
    pub name: String,
    /// The site that has the person.
    pub site: String,
    /// Whose state the person's is, under our own channel driver.
    pub device: String,
}

impl Folk {
    /// Returns the state of a person's presence; empty where nobody has set one.
    #[must_use]
    pub fn presence(&self, number: &str) -> &str {
        self.presences.get(&format!("CustomPresence:{number}")).map_or("", String::as_str)
    }

    /// Returns the queues of a person: `q1 ready, q2 paused: lunch`. A member may also be called by the number, as
    /// FreePBX does: `Local/1001@from-queue/n`.
    #[must_use]
    pub fn agent(&self, number: &str, devices: &[String]) -> String {
        let by_number = format!("Local/{number}@");
        let called =
            self.agents.range(by_number.clone()..).take_while(|(name, _)| name.starts_with(&by_number));
        let own = devices.iter().filter_map(|device| self.agents.get(device));
        let queues: BTreeMap<&String, &String> =
            own.chain(called.map(|(_, agent)| agent)).flatten().collect();
        let words = queues.into_iter().map(|(queue, word)| format!("{queue} {word}"));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// The newest of all that, and what of it is out of date.
#[derive(Debug, Default)]
pub(super) struct Known {
    folk: Arc<Folk>,
    pub(super) people_changed: bool,
    pub(super) others_changed: bool,
}

impl Exchange {
    /// Returns whom people are shown now. The same as before where nothing has changed.
    pub fn folk(&mut self) -> Arc<Folk> {
        let Known { folk, people_changed, others_changed } = &self.known;
        if *people_changed || *others_changed {
            let people = if *people_changed { Arc::new(self.people()) } else { Arc::clone(&folk.people) };
            let presences =
                self.presences.iter().map(|(name, presence)| (name.clone(), presence.state.clone()));
            let folk = Folk { people, presences: presences.collect(), agents: self.members() };
            self.known = Known { folk: Arc::new(folk), ..Known::default() };
        }
        Arc::clone(&self.known.folk)
    }

    /// Each number once: ours, else that of the first site.
    fn people(&self) -> BTreeMap<String, Somebody> {
        let mut people = BTreeMap::new();
        let own = self.own_people.iter().map(|person| (&self.own.site, person));
        let others =
            self.sites.iter().flat_map(|(name, site)| site.people.iter().map(move |person| (name, person)));
        for (site, Person { number, name, device }) in own.chain(others) {
            if let Entry::Vacant(free) = people.entry(number.clone()) {
                free.insert(Somebody {
                    name: name.clone(),
                    site: site.clone(),
                    device: self.as_ours(device),
                });
            }
        }
        people
    }

    /// The same device may be a member of queues at several sites.
    fn members(&self) -> BTreeMap<String, Agent> {
        let mut members: BTreeMap<String, Agent> = BTreeMap::new();
        let others = self.sites.values().flat_map(|site| &site.agents);
        for (device, agent) in self.agents.iter().chain(others) {
            let queues = members.entry(self.as_ours(device)).or_default();
            queues.extend(agent.iter().map(|(queue, word)| (queue.clone(), word.clone())));
        }
        members
    }
}
