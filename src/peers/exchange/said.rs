//! What others shall know of us, and what of it they have not been told yet: the newest of each, and no history. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use crate::peers::{Subject, budget::Budget};

/// Changes that we say in a second, and at once: what a large system has to say when it joins.
const RATE: u32 = 200;
const BURST: u32 = 10_000;
/// What an earlier life may have left: of all kinds, as much as a site can have. A broker that makes it up fills nothing.
const MAX_LEFTOVERS: usize = 50_000;

/// What we say.
#[derive(Debug)]
pub(super) struct Said {
    wanted: BTreeMap<Subject, String>,
    /// What is to be said; what is not wanted any more is deleted.
    unsaid: BTreeSet<Subject>,
    budget: Budget,
}

impl Said {
    pub(super) fn new(now: Instant) -> Self {
        Self { wanted: BTreeMap::new(), unsaid: BTreeSet::new(), budget: Budget::new(RATE, BURST, now) }
    }

    /// Wants this to be known, or nothing. What is known already is not said again.
    pub(super) fn want(&mut self, subject: Subject, payload: Option<String>) {
        let news = match &payload {
            Some(payload) => self.wanted.get(&subject) != Some(payload),
            None => self.wanted.contains_key(&subject),
        };
        if !news {
            return;
        }
        self.unsaid.insert(subject.clone());
        match payload {
            Some(payload) => drop(self.wanted.insert(subject, payload)),
            None => drop(self.wanted.remove(&subject)),
        }
    }

    /// Wants all of it to be said again, to who knows nothing.
    pub(super) fn say_all(&mut self) {
        self.unsaid.extend(self.wanted.keys().cloned());
    }

    /// Wants something deleted that an earlier life has left.
    pub(super) fn delete_unless_wanted(&mut self, subject: Subject) {
        let has_room = self.unsaid.len() < self.wanted.len() + MAX_LEFTOVERS;
        if has_room && !self.wanted.contains_key(&subject) {
            self.unsaid.insert(subject);
        }
    }

    /// Returns whether others are to know of it.
    pub(super) fn wants(&self, subject: &Subject) -> bool {
        self.wanted.contains_key(subject)
    }

    /// Returns all that others are to know.
    pub(super) fn wanted(&self) -> impl Iterator<Item = &Subject> {
        self.wanted.keys()
    }

    /// Returns what is to be said next, with an empty text for what is to be deleted.
    pub(super) fn next(&mut self, now: Instant) -> Option<(Subject, String)> {
        if self.unsaid.is_empty() || !self.budget.take(now) {
            return None;
        }
        let subject = self.unsaid.pop_first()?;
        let payload = self.wanted.get(&subject).cloned().unwrap_or_default();
        Some((subject, payload))
    }

    /// Returns when there is something to be said.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.unsaid.is_empty()).then(|| self.budget.due())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> Subject {
        Subject::Device(name.to_owned())
    }

    #[test]
    fn only_the_newest_of_each_is_said_and_nothing_twice() {
        let now = Instant::now();
        let mut said = Said::new(now);
        for payload in ["RINGING", "INUSE", "NOT_INUSE"] {
            said.want(device("PJSIP/1001"), Some(payload.to_owned()));
        }
        assert_eq!(said.next(now), Some((device("PJSIP/1001"), "NOT_INUSE".to_owned())));
        said.want(device("PJSIP/1001"), Some("NOT_INUSE".to_owned()));
        said.want(device("PJSIP/1002"), None);
        assert_eq!((said.next(now), said.due()), (None, None));
        said.say_all();
        assert_eq!(said.next(now), Some((device("PJSIP/1001"), "NOT_INUSE".to_owned())));
        said.want(device("PJSIP/1001"), None);
        assert_eq!(said.next(now), Some((device("PJSIP/1001"), String::new())));
    }

    #[test]
    fn leftovers_are_deleted_and_what_is_wanted_is_not() {
        let now = Instant::now();
        let mut said = Said::new(now);
        said.want(device("PJSIP/1001"), Some("INUSE".to_owned()));
        let _ = said.next(now);
        said.delete_unless_wanted(device("PJSIP/1001"));
        said.delete_unless_wanted(device("PJSIP/1002"));
        assert_eq!(said.next(now), Some((device("PJSIP/1002"), String::new())));
        assert_eq!(said.next(now), None);
    }

    #[test]
    fn leftovers_that_a_broker_makes_up_are_bounded() {
        let now = Instant::now();
        let mut said = Said::new(now);
        for number in 0..=MAX_LEFTOVERS {
            said.delete_unless_wanted(device(&format!("PJSIP/{number}")));
        }
        assert_eq!(said.unsaid.len(), MAX_LEFTOVERS);
        said.want(device("PJSIP/1001"), Some("INUSE".to_owned()));
        assert_eq!(said.unsaid.len(), MAX_LEFTOVERS);
    }

    #[test]
    fn what_is_said_keeps_to_its_rate() {
        let now = Instant::now();
        let mut said = Said::new(now);
        for number in 0..20_000 {
            said.want(device(&format!("PJSIP/{number}")), Some("INUSE".to_owned()));
        }
        assert_eq!(std::iter::from_fn(|| said.next(now)).count(), BURST as usize);
        assert!(said.due().is_some_and(|due| due > now));
    }
}
