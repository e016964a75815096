//! Groups of the things of a part: whoever has most of a part asks which groups have changed, and then for the things of
//! these. Of a directory of 20,000, a changed name is 7 KB and 80 lines so, in place of a list of all. Pure.

use std::{collections::BTreeMap, fmt};

use super::{NoHash, Short, part_digest};
use crate::uplink::ami::Crypto;

/// What FNV-1a of 32 bits begins with, and what it multiplies with.
const BEGIN: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

/// One of 256 groups. Which one a thing is in is a matter of its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(u8);

impl Group {
    /// Returns the group of the thing of that name: FNV-1a of it, its octets laid over each other. Nothing is secret here,
    /// and whoever chooses names so that all are in one group has all of them sent, as without groups.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let hash = name.iter().fold(BEGIN, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(PRIME));
        Self(hash.to_be_bytes().into_iter().fold(0, |all, octet| all ^ octet))
    }

    /// Reads one: two hexadecimal digits.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_hex = text.len() == 2 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
        u8::from_str_radix(text, 16).ok().filter(|_| is_hex).map(Self)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.0)
    }
}

/// Returns the groups that have a thing, each with the digest over its things, in their order.
///
/// # Errors
/// Asterisk has no SHA-256.
pub fn digests<'n>(
    crypto: &dyn Crypto,
    things: impl IntoIterator<Item = (&'n [u8], Short)>,
) -> Result<Box<[(Group, Short)]>, NoHash> {
    let mut groups: BTreeMap<Group, Vec<(&[u8], Short)>> = BTreeMap::new();
    for (name, digest) in things {
        groups.entry(Group::of(name)).or_default().push((name, digest));
    }
    groups.into_iter().map(|(group, things)| Ok((group, part_digest(crypto, things)?.short()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Digest, stand_in::Hashing};

    #[test]
    fn a_group_is_written_as_it_is_read() {
        for number in 0..=u8::MAX {
            assert_eq!(Group::read(&Group(number).to_string()), Some(Group(number)));
        }
        for bad in ["", "0", "000", "+1", "0g", "é"] {
            assert_eq!(Group::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_numbers_of_a_company_are_spread_over_all_groups() {
        let mut sizes = BTreeMap::new();
        for number in 10_000..30_000 {
            *sizes.entry(Group::of(number.to_string().as_bytes())).or_insert(0) += 1;
        }
        assert_eq!(sizes.len(), 256);
        // 78 each, were they all the same.
        assert!(sizes.values().all(|size| (20..300).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_change_of_a_thing_changes_its_group_and_no_other() {
        let names: Vec<String> = (1000..1100).map(|number| number.to_string()).collect();
        let short = |text: &str| Digest::of(&Hashing, text.as_bytes()).unwrap().short();
        let of = |changed: &str| {
            let digest = |name: &String| short(if name == changed { "new" } else { "old" });
            digests(&Hashing, names.iter().map(|name| (name.as_bytes(), digest(name)))).unwrap()
        };
        let (before, after) = (of(""), of("1042"));
        let others: Vec<_> = before.iter().zip(&after).filter(|(one, other)| one != other).collect();
        assert!(matches!(others[..], [((group, _), _)] if *group == Group::of(b"1042")), "{others:?}");
        assert_eq!(digests(&Hashing, []).unwrap().len(), 0);
    }
}
