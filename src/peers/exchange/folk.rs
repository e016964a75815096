//! Whom people are shown: who can be called, whether they want to be, and in which queues they are. Pure.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    mem,
    sync::Arc,
};

use super::{Exchange, showing::as_ours};
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

impl Exchange {
    /// Returns whom people are shown now. The same as before where nothing has changed.
    pub fn folk(&mut self) -> Arc<Folk> {
        let people_changed = mem::take(&mut self.people_changed) | mem::take(&mut self.others.people_changed);
        let here_changed = mem::take(&mut self.here_changed) | mem::take(&mut self.others.agents_changed);
        if people_changed || here_changed {
            let people = if people_changed { Arc::new(self.people()) } else { Arc::clone(&self.folk.people) };
            let presences = self.here.presences.iter();
            let presences =
                presences.map(|(name, presence)| (name.clone(), presence.state.clone())).collect();
            self.folk = Arc::new(Folk { people, presences, agents: self.members() });
        }
        Arc::clone(&self.folk)
    }

    /// Each number once: ours, else that of the first site.
    fn people(&self) -> BTreeMap<String, Somebody> {
        let mut people = BTreeMap::new();
        let own = self.here.people.iter().map(|person| (&self.own.site, person));
        let others =
            self.others.sites().flat_map(|(name, site)| site.people.iter().map(move |person| (name, person)));
        for (site, Person { number, name, device }) in own.chain(others) {
            if let Entry::Vacant(free) = people.entry(number.clone()) {
                free.insert(Somebody {
                    name: name.clone(),
                    site: site.clone(),
                    device: as_ours(self.own.technology, device),
                });
            }
        }
        people
    }

    /// The same device may be a member of queues at several sites.
    fn members(&self) -> BTreeMap<String, Agent> {
        let mut members: BTreeMap<String, Agent> = BTreeMap::new();
        let others = self.others.sites().flat_map(|(_, site)| &site.agents);
        for (device, agent) in self.here.agents.iter().chain(others) {
            let queues = members.entry(as_ours(self.own.technology, device)).or_default();
            queues.extend(agent.iter().map(|(queue, word)| (queue.clone(), word.clone())));
        }
        members
    }
}
