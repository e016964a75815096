//! How many answers one network gets over UDP: whoever writes a victim's address on his questions shall not have it
//! flooded from here. Pure: the time is told to it.
//!
//! Real clients of such a network still get through: every second question beyond the limit is answered with TC alone,
//! no larger than itself, and they come again over TCP, where addresses cannot be forged.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    time::Instant,
};

/// Networks counted at the same time, 64 KiB in all. Two that meet in one place push each other out, which lets more
/// through, never less.
const PLACES: usize = 4096;

/// Tokens for one answer, so that parts of it can be counted per millisecond.
const ANSWER: u32 = 1000;

/// A network that was quiet gets so many seconds' worth at once: after a power cut all phones of an office ask within
/// seconds, some six questions each.
const SECONDS_AT_ONCE: u64 = 10;

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered.
    Answer,
    /// It is answered with TC and nothing else.
    Truncate,
    /// It is not answered.
    Drop,
}

/// The buckets of tokens.
#[derive(Debug)]
pub struct Limit {
    /// Answers per second and network.
    rate: u64,
    buckets: Box<[Bucket]>,
    /// With a key that nobody outside knows, so that nobody can choose who shares a place.
    hasher: RandomState,
    start: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    network: u32,
    /// Milliseconds since the start, when it was filled last.
    filled: u32,
    /// Up to the rate times [`SECONDS_AT_ONCE`] and [`ANSWER`].
    tokens: u32,
    /// Whether the last question was dropped.
    dropped: bool,
}

impl Limit {
    /// So many answers per second and network; zero: no limit.
    #[must_use]
    pub fn new(rate: u32, now: Instant) -> Self {
        let places = if rate == 0 { 0 } else { PLACES };
        Self {
            rate: rate.into(),
            buckets: vec![Bucket::default(); places].into(),
            hasher: RandomState::new(),
            start: now,
        }
    }

    /// Counts a question of this client.
    pub fn count(&mut self, client: IpAddr, now: Instant) -> Verdict {
        if self.buckets.is_empty() {
            return Verdict::Answer;
        }
        let (place, network) = halves(self.hasher.hash_one(network(client)));
        let Some(bucket) = self.buckets.get_mut(place % PLACES) else {
            return Verdict::Answer;
        };
        let full = u32::try_from(self.rate * SECONDS_AT_ONCE * u64::from(ANSWER)).unwrap_or(u32::MAX);
        let passed = now.saturating_duration_since(self.start).as_millis();
        // Wraps around after 49 days; a network silent for as long has its bucket full too late by a second at most.
        #[expect(clippy::cast_possible_truncation, reason = "differences are taken modulo the same")]
        let passed = passed as u32;
        if bucket.network != network {
            *bucket = Bucket { network, filled: passed, tokens: full, dropped: false };
        }
        // `rate` answers per second are `rate` thousandths of an answer per millisecond.
        let gained = u64::from(passed.wrapping_sub(bucket.filled)) * self.rate;
        bucket.tokens = u32::try_from(u64::from(bucket.tokens) + gained).unwrap_or(full).min(full);
        bucket.filled = passed;
        match bucket.tokens.checked_sub(ANSWER) {
            Some(left) => {
                bucket.tokens = left;
                Verdict::Answer
            }
            None => {
                bucket.dropped = !bucket.dropped;
                if bucket.dropped { Verdict::Drop } else { Verdict::Truncate }
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of a hash")]
fn halves(hash: u64) -> (usize, u32) {
    ((hash >> 32) as usize, hash as u32)
}

/// The network of a client: the least that one owner is given, 24 bits of IPv4 and 64 of IPv6.
fn network(client: IpAddr) -> u128 {
    match client.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits() >> 8),
        IpAddr::V6(address) => address.to_bits() >> 64 | 1 << 127,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn client(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn answered(limit: &mut Limit, from: &str, questions: usize, now: Instant) -> usize {
        (0..questions).filter(|_| limit.count(client(from), now) == Verdict::Answer).count()
    }

    #[test]
    fn a_network_gets_its_answers_and_the_next_ones_with_time() {
        let start = Instant::now();
        let mut limit = Limit::new(100, start);
        assert_eq!(answered(&mut limit, "192.0.2.1", 1500, start), 1000);
        assert_eq!(answered(&mut limit, "192.0.2.200", 500, start), 0, "a neighbour of the first");
        assert_eq!(answered(&mut limit, "192.0.3.1", 1500, start), 1000, "another network");
        assert_eq!(answered(&mut limit, "192.0.2.1", 500, start + Duration::from_millis(100)), 10);
        assert_eq!(
            answered(&mut limit, "192.0.2.1", 1500, start + Duration::from_secs(60)),
            1000,
            "no more than full"
        );
    }

    #[test]
    fn every_second_question_beyond_the_limit_sends_a_real_client_to_tcp() {
        let start = Instant::now();
        let mut limit = Limit::new(1, start);
        assert_eq!(answered(&mut limit, "192.0.2.1", 9, start), 9);
        let verdicts: Vec<_> = (0..5).map(|_| limit.count(client("192.0.2.1"), start)).collect();
        let (drop, cut) = (Verdict::Drop, Verdict::Truncate);
        assert_eq!(verdicts, [Verdict::Answer, drop, cut, drop, cut]);
    }

    #[test]
    fn a_network_of_ipv6_has_64_bits() {
        let start = Instant::now();
        let mut limit = Limit::new(10, start);
        assert_eq!(answered(&mut limit, "2001:db8::1", 200, start), 100);
        assert_eq!(answered(&mut limit, "2001:db8::ffff:1", 200, start), 0);
        assert_eq!(answered(&mut limit, "2001:db8:0:1::1", 200, start), 100);
        assert_ne!(network(client("0:0:c0:2::1")), network(client("192.0.2.1")), "nor is any one of IPv4");
    }

    #[test]
    fn zero_is_no_limit() {
        let start = Instant::now();
        assert_eq!(answered(&mut Limit::new(0, start), "192.0.2.1", 10_000, start), 10_000);
    }

    #[test]
    fn the_clock_of_milliseconds_may_wrap_around() {
        let start = Instant::now();
        let mut limit = Limit::new(10, start);
        let late = start + Duration::from_millis(u64::from(u32::MAX) - 1);
        assert_eq!(answered(&mut limit, "192.0.2.1", 200, late), 100);
        assert_eq!(answered(&mut limit, "192.0.2.1", 20, late + Duration::from_millis(500)), 5);
    }

    /// 500 phones behind one address, as the default has it.
    #[test]
    fn an_office_gets_its_answers_after_a_power_cut() {
        let (start, mut answers) = (Instant::now(), 0);
        let mut limit = Limit::new(300, start);
        for round in 0..6 {
            let now = start + Duration::from_millis(500 * round);
            answers += answered(&mut limit, "192.0.2.1", 500, now);
        }
        assert_eq!(answers, 3000);
        // Whoever writes a victim's address on his questions has not had much more of it after a minute.
        let flood = (0..600).map(|tenth| start + Duration::from_millis(3000 + 100 * tenth));
        let more: usize = flood.map(|now| answered(&mut limit, "192.0.2.1", 1000, now)).sum();
        assert!(more < 20_000, "{more}");
    }

    proptest! {
        #[test]
        fn no_schedule_gets_more_than_the_rate_and_one_bucket(
            rate in 1..50_u32, pauses in prop::collection::vec(0..500_u64, 1..300)
        ) {
            let start = Instant::now();
            let mut limit = Limit::new(rate, start);
            let (mut now, mut answers) = (start, 0_u64);
            for pause in pauses {
                now += Duration::from_millis(pause);
                answers += u64::from(limit.count(client("192.0.2.1"), now) == Verdict::Answer);
            }
            let passed = u64::try_from((now - start).as_millis()).unwrap();
            prop_assert!(answers <= u64::from(rate) * SECONDS_AT_ONCE + passed * u64::from(rate) / 1000);
        }
    }
}
