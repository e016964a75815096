//! What the engine knows of the phones: the main's contacts, the phones registered here, and the move that an outage
//! begins.

use std::{sync::Arc, time::Instant};

use crate::{
    engine::event::Contacts,
    site::{
        contacts::LONG_EXPIRATION,
        phones::{self, Here, Mark, Moving, Phones},
        users::User,
    },
    words::state::ServiceState,
};

/// Everything known of the phones.
#[derive(Default)]
pub(in crate::engine) struct Known {
    contacts: Contacts,
    /// Whether the main has said who is there.
    asked: bool,
    here: Arc<Here>,
    /// When the branch took over; `None` while the main serves.
    serves_since: Option<Instant>,
    moving: Option<Moving>,
}

impl Known {
    /// Takes the contacts at the main. Returns a warning, only once, where phones register there for too long.
    pub(in crate::engine) fn take_contacts(&mut self, contacts: Contacts) -> Option<String> {
        let is_long = |contacts: &Contacts| contacts.lasts.is_some_and(|lasts| lasts > LONG_EXPIRATION);
        let told_before = is_long(&self.contacts);
        self.contacts = contacts;
        self.asked |= self.contacts.problem.is_empty() || !self.contacts.book.is_empty();
        let lasts = self.contacts.lasts.filter(|_| is_long(&self.contacts) && !told_before)?;
        Some(format!(
            "Phones register at the main for {lasts} s or longer, so in an outage a phone may need that long to \
             move to this branch. Set maximum_expiration on the main to a value from 60 to {LONG_EXPIRATION}; 'synch \
             doctor' says where."
        ))
    }

    /// Takes the phones registered here. Returns the marks of the move that are reached with them.
    pub(in crate::engine) fn take_here(&mut self, here: Arc<Here>, now: Instant) -> Vec<Mark> {
        self.here = here;
        self.look(now)
    }

    /// Takes the new service state. Phones are waited for only while the branch serves.
    pub(in crate::engine) fn service_changed(&mut self, state: ServiceState, now: Instant) -> Vec<Mark> {
        self.serves_since = (state == ServiceState::Failover).then_some(now);
        self.moving = None;
        self.look(now)
    }

    /// Returns the phones for the snapshot.
    pub(in crate::engine) fn status(&self, users: &[User]) -> Arc<Phones> {
        Arc::new(Phones {
            list: phones::list(users, &self.here, &self.contacts.book, self.moving.as_ref()).into(),
            asked: self.asked,
            book: Arc::clone(&self.contacts.book),
            problem: self.contacts.problem.clone(),
            lasts: self.contacts.lasts,
        })
    }

    /// Looks which phones have come. Returns the marks of the move that are reached with them.
    ///
    /// The phones at the main at the time of the verdict are those in the book, which no longer changes then. After a
    /// start in an outage, the verdict may come before the book has been read.
    pub(in crate::engine) fn look(&mut self, now: Instant) -> Vec<Mark> {
        if let (None, Some(since)) = (&self.moving, self.serves_since) {
            self.moving = Moving::begin(self.contacts.book.users().map(str::to_owned), since);
        }
        let here = &self.here;
        let look = |moving: &mut Moving| moving.look(|user| here.contains_key(user), now);
        self.moving.as_mut().map(look).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{
        contacts::{Book, Contact},
        phones::{Place, Registered},
    };

    fn contacts(lasts: u64) -> Contacts {
        let mut book = Book::default();
        for user in ["1001", "1002"] {
            book.take(user, vec![Contact::parse("sip:x@10.0.0.1").unwrap()], "20260102030405");
        }
        Contacts { book: book.into(), lasts: Some(lasts), ..Contacts::default() }
    }

    #[test]
    fn long_registrations_are_told_once_and_again_after_they_were_short() {
        let mut known = Known::default();
        assert!(known.take_contacts(contacts(120)).is_none());
        assert!(known.take_contacts(contacts(3500)).unwrap().contains("3500 s"));
        assert!(known.take_contacts(contacts(3400)).is_none());
        assert!(known.take_contacts(contacts(60)).is_none());
        assert!(known.take_contacts(contacts(121)).is_some());
    }

    #[test]
    fn a_main_that_has_not_answered_yet_was_not_asked() {
        let (mut known, users) = (Known::default(), [User::new("1001", "")]);
        assert!(!known.status(&users).asked);
        known.take_contacts(Contacts { problem: "nobody answers".to_owned(), ..Contacts::default() });
        assert!(!known.status(&users).asked);
        known.take_contacts(Contacts::default());
        known.take_contacts(Contacts { problem: "nobody answers".to_owned(), ..Contacts::default() });
        assert!(known.status(&users).asked);
    }

    #[test]
    fn a_start_in_an_outage_waits_for_those_of_before() {
        let mut known = Known::default();
        let users = ["1001", "1002"].map(|name| User::new(name, ""));
        known.service_changed(ServiceState::Failover, Instant::now());
        assert_eq!(known.status(&users).awaited(), 0);
        known.take_contacts(contacts(60));
        assert!(known.look(Instant::now()).is_empty());
        assert_eq!(known.status(&users).awaited(), 2);
    }

    #[test]
    fn an_outage_waits_for_those_who_were_at_the_main_until_it_ends() {
        let users = ["1001", "1002", "1003"].map(|name| User::new(name, ""));
        let mut known = Known::default();
        known.take_contacts(contacts(60));
        let now = Instant::now();
        assert!(known.service_changed(ServiceState::Failover, now).is_empty());
        assert_eq!(known.status(&users).awaited(), 2);
        let phone = Registered { address: String::new(), since: String::new() };
        let here = Here::from([("1001".to_owned(), phone)]);
        let marks = known.take_here(here.into(), now);
        assert_eq!(
            marks.iter().map(|mark| (mark.percent, mark.come, mark.all)).collect::<Vec<_>>(),
            [(50, 1, 2)]
        );
        let phones = known.status(&users);
        assert_eq!((phones.awaited(), phones.count(Place::Here), phones.count(Place::Main)), (1, 1, 1));
        known.service_changed(ServiceState::Normal, now);
        assert_eq!(known.status(&users).awaited(), 0);
    }
}
