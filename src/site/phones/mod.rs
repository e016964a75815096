//! The phones of this site: who is registered here, who is known only from the main, and whom an outage still waits for.
//!
//! - `moving`: how long a move takes, phone by phone. Pure.

mod moving;

pub use moving::{Mark, Moving};

use std::{collections::BTreeMap, sync::Arc};

use crate::site::{contacts::Book, users::User};

/// Where a phone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Registered at this branch.
    Here,
    /// Known only from the main.
    Main,
    /// Nobody knows.
    Away,
}

impl Place {
    /// The word that users see.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Main => "main",
            Self::Away => "away",
        }
    }
}

/// A registration at this branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The address it came from; empty if that is not known.
    pub address: String,
    /// Since when, local time.
    pub since: String,
}

/// Who is registered here, by account.
pub type Here = BTreeMap<String, Registered>;

/// The phone of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Name of the account.
    pub user: String,
    /// The number that others dial to reach it; empty if there is none.
    pub number: String,
    /// Where it is.
    pub place: Place,
    /// Its contact there; empty if it is away.
    pub address: String,
    /// Since when it is there, local time.
    pub since: String,
    /// Whether it was at the main when the branch took over, and has not come since.
    pub awaited: bool,
}

/// What [`Phones::problem`] says before the main was asked for the first time.
pub const NOT_ASKED: &str = "the main has not been asked yet";

/// Everything known about the phones.
#[derive(Clone, Debug, Default)]
pub struct Phones {
    /// One for each user, in their order.
    pub list: Arc<[Phone]>,
    /// Whether the main has ever said who is there: before, nobody knows whether a phone is there or away.
    pub asked: bool,
    /// Contacts at the main.
    pub book: Arc<Book>,
    /// Why the contacts from the main may be out of date; empty if they are not.
    pub problem: String,
    /// Seconds that the longest registration at the main still lasted, as last seen.
    pub lasts: Option<u64>,
}

impl Phones {
    /// How many are in that place.
    #[must_use]
    pub fn count(&self, place: Place) -> usize {
        self.list.iter().filter(|phone| phone.place == place).count()
    }

    /// How many are still waited for.
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.list.iter().filter(|phone| phone.awaited).count()
    }
}

/// Puts together what is known of each user's phone.
#[must_use]
pub fn list(users: &[User], here: &Here, book: &Book, moving: Option<&Moving>) -> Vec<Phone> {
    let phone = |user: &User| {
        let (place, address, since) = match (here.get(&user.name), book.get(&user.name)) {
            (Some(registered), _) => (Place::Here, registered.address.clone(), registered.since.clone()),
            (None, Some(known)) => {
                let contacts: Vec<String> = known.contacts.iter().map(ToString::to_string).collect();
                (Place::Main, contacts.join(" "), known.since.clone())
            }
            (None, None) => (Place::Away, String::new(), String::new()),
        };
        Phone {
            user: user.name.clone(),
            number: user.number.clone().unwrap_or_default(),
            place,
            address,
            since,
            awaited: moving.is_some_and(|moving| moving.awaits(&user.name)),
        }
    };
    users.iter().map(phone).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::site::contacts::Contact;

    fn phones() -> Phones {
        let users = ["1001", "1002", "1003"].map(|name| User::new(name, ""));
        let here = Here::from([(
            "1001".to_owned(),
            Registered { address: "sip:1001@10.0.0.1:5060".to_owned(), since: "20260102030405".to_owned() },
        )]);
        let mut book = Book::default();
        for user in ["1001", "1002"] {
            let contact = Contact::parse(&format!("sip:{user}@10.0.0.9:5060")).unwrap();
            book.take(user, vec![contact], "20260101000000");
        }
        let moving = Moving::begin(["1001", "1002"].map(str::to_owned), Instant::now());
        let list = list(&users, &here, &book, moving.as_ref());
        Phones { list: list.into(), book: book.into(), ..Phones::default() }
    }

    #[test]
    fn a_phone_is_here_or_at_the_main_or_away() {
        let phones = phones();
        let places: Vec<Place> = phones.list.iter().map(|phone| phone.place).collect();
        assert_eq!(places, [Place::Here, Place::Main, Place::Away]);
        let awaited: Vec<bool> = phones.list.iter().map(|phone| phone.awaited).collect();
        assert_eq!(awaited, [true, true, false]);
        assert_eq!(phones.list[1].address, "sip:1002@10.0.0.9:5060");
    }
}
