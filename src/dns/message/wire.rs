//! Where things are in the octets of a message, read no further than that takes. Pure.

use super::question::HEADER;

/// Behind the name of a question: its type and its class.
pub const TYPE_AND_CLASS: usize = 4;

/// Whether a message consists of the questions and records that its header counts, and of nothing else.
#[must_use]
pub fn is_whole(octets: &[u8]) -> bool {
    end(octets) == Some(octets.len())
}

/// The octet behind the last record that the header counts.
fn end(octets: &[u8]) -> Option<usize> {
    let [_, _, _, _, questions @ .., an0, an1, ns0, ns1, ar0, ar1] = octets.first_chunk::<HEADER>()?;
    let records = [[*an0, *an1], [*ns0, *ns1], [*ar0, *ar1]];
    let mut at = HEADER;
    for _ in 0..u16::from_be_bytes(*questions) {
        at = after_name(octets, at)? + TYPE_AND_CLASS;
    }
    for _ in 0..records.into_iter().map(|count| u32::from(u16::from_be_bytes(count))).sum::<u32>() {
        at = after_record(octets, at)?.1;
    }
    Some(at)
}

/// Where the TTL of the record at `at` is, and the octet behind the record (RFC 1035 section 4.1.3).
pub fn after_record(octets: &[u8], at: usize) -> Option<(usize, usize)> {
    let ttl = after_name(octets, at)? + TYPE_AND_CLASS;
    let length = octets.get(ttl + 4..)?.first_chunk()?;
    Some((ttl, ttl + 6 + usize::from(u16::from_be_bytes(*length))))
}

/// The octet behind the name at `at` (RFC 1035 section 4.1.4).
pub fn after_name(octets: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *octets.get(at)? {
            0 => return Some(at + 1),
            length @ 1..64 => at += 1 + usize::from(length),
            192.. => return Some(at + 2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_server::proto::{
        op::Message,
        rr::{RData, Record, RecordType, rdata::A},
    };
    use proptest::prelude::*;

    use super::*;
    use crate::dns::stand_in::{edns, name, query};

    /// Messages with this many records, in each section as many, and OPT.
    fn message(records: usize, opt: bool) -> Vec<u8> {
        let address = Record::from_rdata(name("sip.voice.example.com."), 1, RData::A(A::new(10, 0, 0, 1)));
        let message = query("sip.voice.example.com.", RecordType::A, |message| {
            for _ in 0..records {
                message.add_answer(address.clone()).add_authority(address.clone());
                message.add_additional(address.clone());
            }
            if opt {
                message.set_edns(edns(0, 1232));
            }
        });
        message.to_vec().unwrap()
    }

    #[test]
    fn a_message_is_whole_and_nothing_shorter_or_longer_is() {
        for (records, opt) in [(0, false), (0, true), (3, false), (3, true)] {
            let mut octets = message(records, opt);
            assert!(is_whole(&octets), "{records} {opt}");
            for length in 0..octets.len() {
                assert!(!is_whole(&octets[..length]), "{length} of {}", octets.len());
            }
            octets.push(0);
            assert!(!is_whole(&octets));
        }
    }

    proptest! {
        #[test]
        fn octets_that_are_read_as_a_message_to_the_end_are_whole(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)
        ) {
            let mut octets = message(1, true);
            for (at, value) in changes {
                let at = at.index(octets.len());
                octets[at] = value;
            }
            // What is written again in the same octets was read in all of them.
            let again = Message::from_vec(&octets).ok().and_then(|message| message.to_vec().ok());
            prop_assert!(again != Some(octets.clone()) || is_whole(&octets));
        }

        #[test]
        fn no_octets_are_too_strange(octets: Vec<u8>) {
            let _ = is_whole(&octets);
        }
    }
}
