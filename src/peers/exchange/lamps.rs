//! The lamp of a mailbox: the largest number of new messages that any system reports. Pure.
//!
//! To Asterisk all counts are its own and the last one stands (`mwi_state_create_message`), so an empty mailbox of the same
//! name elsewhere would put a lamp out. Here it does not, and the same messages at two systems count once.

use std::collections::BTreeMap;

use crate::peers::Count;

/// What is known of mailboxes here.
#[derive(Debug, Default)]
pub(super) struct Lamps {
    /// What this Asterisk's own voicemail says.
    own: BTreeMap<String, Count>,
    /// What Asterisk shows now, where that is known.
    shown: BTreeMap<String, Count>,
}

/// What is to be done with a lamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lamp {
    /// Show this.
    Show(Count),
    /// Nobody reports anything: forget it.
    Forget,
}

impl Lamps {
    /// Takes a count of this Asterisk's own, which it shows already.
    pub(super) fn own(&mut self, mailbox: &str, count: Count) {
        self.own.insert(mailbox.to_owned(), count);
        self.shown.insert(mailbox.to_owned(), count);
    }

    /// Returns what to do, given what others report; `None` where the lamp is right.
    pub(super) fn reckon(&mut self, mailbox: &str, others: impl Iterator<Item = Count>) -> Option<Lamp> {
        let own = self.own.get(mailbox).copied();
        // The first of equals: our own.
        let most = own
            .into_iter()
            .chain(others)
            .reduce(|most, other| if other.new > most.new { other } else { most });
        match most {
            Some(count) if self.shown.get(mailbox) == Some(&count) => None,
            Some(count) => {
                self.shown.insert(mailbox.to_owned(), count);
                Some(Lamp::Show(count))
            }
            None => self.shown.remove(mailbox).map(|_| Lamp::Forget),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn count(new: u32, old: u32) -> Count {
        Count { new, old }
    }

    #[test]
    fn the_largest_number_of_new_messages_shows() {
        let mut lamps = Lamps::default();
        lamps.own("1001@default", count(0, 2));
        assert_eq!(lamps.reckon("1001@default", [].into_iter()), None);
        assert_eq!(lamps.reckon("1001@default", [count(3, 1)].into_iter()), Some(Lamp::Show(count(3, 1))));
        // An own box that is empty puts no lamp out: it is shown again what there is elsewhere.
        lamps.own("1001@default", count(0, 0));
        assert_eq!(lamps.reckon("1001@default", [count(3, 1)].into_iter()), Some(Lamp::Show(count(3, 1))));
        assert_eq!(lamps.reckon("1001@default", [count(3, 1), count(2, 9)].into_iter()), None);
        assert_eq!(lamps.reckon("1001@default", [count(0, 4)].into_iter()), Some(Lamp::Show(count(0, 0))));
    }

    #[test]
    fn a_lamp_that_nobody_speaks_of_any_more_is_forgotten_once() {
        let mut lamps = Lamps::default();
        assert_eq!(lamps.reckon("1001@default", [count(1, 0)].into_iter()), Some(Lamp::Show(count(1, 0))));
        assert_eq!(lamps.reckon("1001@default", [].into_iter()), Some(Lamp::Forget));
        assert_eq!(lamps.reckon("1001@default", [].into_iter()), None);
    }
}
