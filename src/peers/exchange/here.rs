//! What this Asterisk says of its queues, its people and their presence. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Fact;
use crate::peers::{Agent, Person, Presence};

/// Presences that Asterisk has. Each stays in its database when the site has gone, so what others may add is bounded.
pub(super) const MAX_PRESENCES: usize = 10_000;

/// What is known of this Asterisk.
#[derive(Debug, Default)]
pub(super) struct Here {
    /// The queues of each device.
    pub(super) agents: BTreeMap<String, Agent>,
    /// Presences as Asterisk has them, whoever has set them.
    pub(super) presences: BTreeMap<String, Presence>,
    /// Who can be called here.
    pub(super) people: Vec<Person>,
}

impl Here {
    /// Takes a presence. Returns whether it is news.
    pub(super) fn presence(&mut self, provider: &str, presence: &Presence) -> bool {
        let is_news = self.presences.get(provider) != Some(presence);
        if is_news {
            self.presences.insert(provider.to_owned(), presence.clone());
        }
        is_news
    }

    /// Takes a presence that another site has. Returns whether it is news for which there is room.
    pub(super) fn presence_from_elsewhere(&mut self, provider: &str, presence: &Presence) -> bool {
        let has_room = self.presences.len() < MAX_PRESENCES || self.presences.contains_key(provider);
        has_room && self.presence(provider, presence)
    }

    /// Takes what a device is in a queue. Returns all its queues; `None` where it is in none.
    pub(super) fn member(&mut self, device: &str, queue: String, word: Option<String>) -> Option<&Agent> {
        let agent = self.agents.entry(device.to_owned()).or_default();
        match word {
            Some(word) => drop(agent.insert(queue, word)),
            None => drop(agent.remove(&queue)),
        }
        if agent.is_empty() {
            self.agents.remove(device);
        }
        self.agents.get(device)
    }

    /// Returns what is news where these are all members of queues: those that are missing are none any more. Why one is
    /// paused is only known of changes.
    pub(super) fn news_of_members(&self, members: Vec<Fact>) -> Vec<Fact> {
        let said: BTreeSet<(&String, &String)> = members
            .iter()
            .filter_map(|fact| match fact {
                Fact::Member { device, queue, .. } => Some((device, queue)),
                _ => None,
            })
            .collect();
        let known =
            self.agents.iter().flat_map(|(device, agent)| agent.keys().map(move |queue| (device, queue)));
        let gone: Vec<Fact> = known
            .filter(|pair| !said.contains(pair))
            .map(|(device, queue)| Fact::Member { device: device.clone(), queue: queue.clone(), word: None })
            .collect();
        gone.into_iter().chain(members).filter(|fact| !self.knows(fact)).collect()
    }

    fn knows(&self, fact: &Fact) -> bool {
        let Fact::Member { device, queue, word: Some(word) } = fact else { return false };
        let known = self.agents.get(device).and_then(|agent| agent.get(queue));
        known.is_some_and(|known| known == word || known.starts_with(&format!("{word}: ")))
    }
}
