//! As whom Asterisk knows a site: the entity that its cache of device states keeps apart by. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

/// An entity identifier, which Asterisk writes like a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Eid(pub [u8; 6]);

/// Marks an address that no card has (locally administered), so that it is no other system's, whose default is a card's.
const LOCAL: u8 = 0x02;

impl Eid {
    /// Returns that of a site. It is known to this process only, so it may be another one after an update.
    #[must_use]
    pub fn of_site(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let [a, b, c, d, e, ..] = hasher.finish().to_be_bytes();
        Self([LOCAL, a, b, c, d, e])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_site_is_another_entity_and_none_is_a_card() {
        let (berlin, bonn) = (Eid::of_site("berlin"), Eid::of_site("bonn"));
        assert_eq!(berlin, Eid::of_site("berlin"));
        assert_ne!(berlin, bonn);
        assert_eq!((berlin.0[0], bonn.0[0]), (LOCAL, LOCAL));
    }
}
