//! The way of plain questions, which are nearly all: from octets to octets, without a message being made in between.
//! Pure. Whatever is unusual in a request is left to the long way, and both give the same answer.

use super::ready::{Envelope, Ready, Ttl, flag};
use crate::dns::message::{
    question::{HEADER, MAX_NAME, Variant},
    reply::{OPT, UDP_PAYLOAD, growth},
    wire::TYPE_AND_CLASS,
};

/// Class IN.
const IN: [u8; 2] = [0, 1];

/// Without EDNS nobody takes more (RFC 1035 section 4.2.1).
const LEAST_PAYLOAD: u16 = 512;

/// A plain question: a query with one question of class IN, with no records but an OPT of version 0 without options, and
/// with no flags but RD, AD and CD.
#[derive(Clone, Debug)]
pub struct Plain<'a> {
    id: u16,
    flags: u16,
    question: &'a [u8],
    edns: Option<Edns>,
    key: [u8; MAX_NAME + 3],
    key_length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Edns {
    payload: u16,
    dnssec_ok: bool,
}

impl<'a> Plain<'a> {
    /// Reads a request; none where it is not a plain one.
    #[must_use]
    pub fn read(octets: &'a [u8]) -> Option<Self> {
        let (header, rest) = octets.split_first_chunk::<HEADER>()?;
        let [id0, id1, flags0, flags1, 0, 1, 0, 0, 0, 0, 0, additionals @ (0 | 1)] = *header else {
            return None;
        };
        let flags = u16::from_be_bytes([flags0, flags1]);
        if flags & !(flag::RD | flag::AD | flag::CD) != 0 {
            return None;
        }
        let name = name_length(rest)?;
        let (question, rest) = rest.split_at_checked(name + TYPE_AND_CLASS)?;
        let (named, class) = question.split_last_chunk::<2>()?;
        if *class != IN {
            return None;
        }
        let edns = match (additionals, rest) {
            (0, []) => None,
            (1, opt) => Some(edns(opt)?),
            _ => return None,
        };
        let mut key = [0; MAX_NAME + 3];
        let key_length = named.len() + 1;
        let variant = Variant {
            checking_disabled: flags & flag::CD != 0,
            authentic_data: flags & flag::AD != 0,
            dnssec_ok: edns.is_some_and(|edns| edns.dnssec_ok),
        };
        let (small, last) = key.get_mut(..key_length)?.split_at_mut(named.len());
        small.copy_from_slice(named);
        // Neither the lengths of labels, which are below 64, nor the type may change.
        small.get_mut(..name)?.make_ascii_lowercase();
        last.copy_from_slice(&[variant.octet()]);
        let id = u16::from_be_bytes([id0, id1]);
        Some(Self { id, flags: flags & (flag::RD | flag::CD), question, edns, key, key_length })
    }

    /// What the zone's table has it under: see [`crate::dns::message::question::Key`].
    #[must_use]
    pub fn zone_key(&self) -> &[u8] {
        self.key.get(..self.key_length - 1).unwrap_or_default()
    }

    /// What the cache has it under.
    #[must_use]
    pub fn relayed_key(&self) -> &[u8] {
        self.key.get(..self.key_length).unwrap_or_default()
    }

    /// Whether the client wants to hear of names that the server does not know by itself.
    #[must_use]
    pub fn recursion_desired(&self) -> bool {
        self.flags & flag::RD != 0
    }

    /// Writes the answer to it, where it fits into what the client takes over UDP.
    pub fn answer(&self, ready: &Ready, ttl: Ttl, recursion_available: bool, out: &mut Vec<u8>) -> bool {
        let available = if recursion_available { flag::RA } else { 0 };
        let edns = self.edns.map(|edns| edns.dnssec_ok);
        let envelope = Envelope { id: self.id, flags: self.flags | available, question: self.question, edns };
        let fits = ready.length(&envelope) <= usize::from(self.limit(ready.is_authoritative()));
        if fits {
            ready.write(&envelope, ttl, out);
        }
        fits
    }

    /// Writes the reply that sends the client to TCP: no larger than the question, so that nobody gains by forging one.
    pub fn truncate(&self, out: &mut Vec<u8>) {
        out.clear();
        for word in [self.id, self.flags | flag::QR | flag::TC, 1, 0, 0, 0] {
            out.extend(word.to_be_bytes());
        }
        out.extend_from_slice(self.question);
    }

    /// As [`Reply::udp_limit`](crate::dns::message::reply::Reply::udp_limit).
    fn limit(&self, own: bool) -> u16 {
        let taken = self.edns.map_or(LEAST_PAYLOAD, |edns| edns.payload.clamp(LEAST_PAYLOAD, UDP_PAYLOAD));
        let opt = if self.edns.is_some() { OPT } else { 0 };
        if own { taken.min(growth(HEADER + self.question.len() + opt)) } else { taken }
    }
}

/// The octets of a name that is spelled out; none where it is not, or too long.
fn name_length(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *octets.get(at)? {
            0 if at < MAX_NAME => return Some(at + 1),
            length @ 1..64 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

/// An OPT of version 0 without code, options or unknown flags, and nothing behind it (RFC 6891 section 6.1.2).
fn edns(opt: &[u8]) -> Option<Edns> {
    let [0, 0, 41, payload0, payload1, 0, 0, flags0, flags1, 0, 0] = *opt else {
        return None;
    };
    let flags = u16::from_be_bytes([flags0, flags1]);
    let known = flags & !flag::DO == 0;
    let payload = u16::from_be_bytes([payload0, payload1]);
    known.then_some(Edns { payload, dnssec_ok: flags & flag::DO != 0 })
}

#[cfg(test)]
mod tests;
