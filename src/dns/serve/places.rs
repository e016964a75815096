//! Who may hold a TCP connection, where there are only so many. Pure: the time is told to it.
//!
//! A newcomer always gets in. Where there is no place left for it, the connection that has been idle longest makes room:
//! one of the newcomer's own where it has its share already, else whosever it is (RFC 7766 section 6.2.3).

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Instant,
};

/// Connections at the same time, over all listeners. Phones ask over UDP, so these are few; each takes a file descriptor
/// of Asterisk's, which needs them for calls.
pub const PLACES: usize = 64;

/// Connections of one client: a quarter, so that one host cannot drive all others out. A resolver needs one or two
/// (RFC 7766 section 6.2.2); several phones may share an address behind NAT.
pub const SHARE: usize = 16;

/// The connections. `T` is what each of them hears of its end by, when it is dropped.
#[derive(Debug)]
pub struct Places<T> {
    held: Vec<Place<T>>,
    last: u64,
}

/// What a connection is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

#[derive(Debug)]
struct Place<T> {
    ticket: Ticket,
    client: IpAddr,
    active: Instant,
    line: T,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { held: Vec::with_capacity(PLACES), last: 0 }
    }
}

impl<T> Places<T> {
    /// Gives a place to a connection of this peer. Returns what it is known by, and the line of the one that must go.
    pub fn take(&mut self, peer: IpAddr, now: Instant, line: T) -> (Ticket, Option<T>) {
        let client = client(peer);
        let its_own = |place: &Place<T>| place.client == client;
        let leaves = if self.held.iter().filter(|place| its_own(place)).count() >= SHARE {
            self.longest_idle(its_own)
        } else if self.held.len() >= PLACES {
            self.longest_idle(|_| true)
        } else {
            None
        };
        let leaves = leaves.and_then(|ticket| self.leave(ticket));
        self.last += 1;
        let ticket = Ticket(self.last);
        self.held.push(Place { ticket, client, active: now, line });
        (ticket, leaves)
    }

    /// The connection has sent a request, or got a reply.
    pub fn stir(&mut self, ticket: Ticket, now: Instant) {
        if let Some(place) = self.held.iter_mut().find(|place| place.ticket == ticket) {
            place.active = now;
        }
    }

    /// Takes a place back, and returns its line; none where the connection has lost it already.
    pub fn leave(&mut self, ticket: Ticket) -> Option<T> {
        let at = self.held.iter().position(|place| place.ticket == ticket)?;
        Some(self.held.swap_remove(at).line)
    }

    /// How many places are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn longest_idle(&self, of: impl Fn(&Place<T>) -> bool) -> Option<Ticket> {
        let idle =
            self.held.iter().filter(|place| of(place)).min_by_key(|place| (place.active, place.ticket.0));
        idle.map(|place| place.ticket)
    }
}

/// Whose connection it is: an address of IPv4, and the 64 bits of IPv6 that one host has for itself. Not the whole network
/// of [`super::limit`]: that one is about forged addresses, which a connection cannot have.
fn client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use proptest::prelude::*;

    use super::*;

    fn host(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    /// Fills every place, one second after the other, with this many connections of each host.
    fn full(each: usize, start: Instant) -> Places<usize> {
        let mut places = Places::default();
        for number in 0..PLACES {
            let now = start + Duration::from_secs(number as u64);
            let (_, leaves) = places.take(host(u8::try_from(number / each).unwrap()), now, number);
            assert_eq!(leaves, None);
        }
        places
    }

    #[test]
    fn rfc7766_s6_2_2_a_host_beyond_its_share_loses_its_own_longest_idle_connection() {
        let start = Instant::now();
        let mut places = Places::default();
        let (stranger, _) = places.take(host(2), start, usize::MAX);
        let tickets: Vec<_> =
            (0..SHARE).map(|number| places.take(host(1), start + Duration::from_secs(1), number).0).collect();
        places.stir(tickets[0], start + Duration::from_secs(2));
        let (_, leaves) = places.take(host(1), start + Duration::from_secs(3), SHARE);
        assert_eq!(leaves, Some(1), "the first has been busy since");
        assert_eq!(places.leave(stranger), Some(usize::MAX), "the other host's is older, and stays");
        assert_eq!(places.held(), SHARE);
    }

    #[test]
    fn rfc7766_s6_2_3_where_all_places_are_taken_the_longest_idle_connection_makes_room() {
        let start = Instant::now();
        let mut places = full(2, start);
        let late = start + Duration::from_secs(1000);
        assert_eq!(places.take(host(200), late, 1000).1, Some(0));
        assert_eq!(places.take(host(201), late, 1001).1, Some(1));
        assert_eq!(places.held(), PLACES);
    }

    #[test]
    fn one_host_cannot_drive_the_others_out() {
        let start = Instant::now();
        let mut places = full(1, start);
        let mut lost = Vec::new();
        for number in 0..1000 {
            lost.extend(places.take(host(200), start + Duration::from_secs(1000), 1000 + number).1);
        }
        assert_eq!(lost.iter().filter(|line| **line < PLACES).count(), SHARE);
    }

    #[test]
    fn a_host_has_one_address_of_ipv4_and_64_bits_of_ipv6() {
        let same = |one: &str, two: &str| client(one.parse().unwrap()) == client(two.parse().unwrap());
        assert!(same("192.0.2.1", "::ffff:192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
        assert!(same("2001:db8::1", "2001:db8::2:1") && !same("2001:db8::1", "2001:db8:0:1::1"));
    }

    proptest! {
        #[test]
        fn nobody_ever_holds_more_than_the_share_and_all_no_more_than_there_is(
            peers in prop::collection::vec((0..8_u8, any::<bool>()), 1..400)
        ) {
            let start = Instant::now();
            let mut places = Places::default();
            let mut lines: HashMap<usize, (u8, Ticket)> = HashMap::new();
            for (number, (peer, stays)) in peers.into_iter().enumerate() {
                let (ticket, leaves) = places.take(host(peer), start, number);
                lines.insert(number, (peer, ticket));
                if let Some(line) = leaves {
                    prop_assert!(lines.remove(&line).is_some());
                }
                if !stays {
                    prop_assert_eq!(places.leave(ticket), Some(number));
                    lines.remove(&number);
                }
                prop_assert_eq!(places.held(), lines.len());
                prop_assert!(lines.len() <= PLACES);
                prop_assert!(lines.values().filter(|(held_by, _)| *held_by == peer).count() <= SHARE);
            }
        }
    }
}
