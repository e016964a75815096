use std::net::Ipv4Addr;

use hickory_server::proto::{
    op::{Message, OpCode, Query},
    rr::{RData, Record, RecordType, rdata::A},
};
use proptest::prelude::*;

use super::*;
use crate::dns::{message::question, stand_in::name};

const HOUR: Duration = Duration::from_secs(3600);

fn key(owner: &str) -> Key {
    question::key(&name(owner), RecordType::A).into()
}

/// An answer with this TTL.
fn ready(ttl: u32) -> Arc<Ready> {
    let mut message = Message::response(0, OpCode::Query);
    message.add_query(Query::query(name("a.example."), RecordType::A));
    message.add_answer(Record::from_rdata(name("a.example."), ttl, RData::A(A(Ipv4Addr::LOCALHOST))));
    Arc::new(Ready::relayed(&message).unwrap())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn cache() -> Cache {
    Cache::new(1 << 20, HOUR)
}

fn ask(cache: &mut Cache, now: Instant) -> Option<(Ttl, bool)> {
    match cache.look(&key("a.example."), now) {
        Found::Stale { served, ask } => Some((served.ttl, ask)),
        _ => None,
    }
}

#[test]
fn rfc1035_s7_4_an_answer_is_kept_for_its_ttl_and_grows_older() {
    let (mut cache, start) = (cache(), Instant::now());
    cache.keep(key("a.example."), &ready(60), start);
    for (after, age) in [(0, 0), (1, 1), (59, 59)] {
        let Found::Fresh(served) = cache.look(&key("a.example."), start + seconds(after)) else {
            panic!("{after}")
        };
        assert_eq!(served.ttl, Ttl::Aged(age));
    }
    assert!(ask(&mut cache, start + seconds(60)).is_some());
}

#[test]
fn another_name_and_another_variant_are_another_question() {
    let (mut cache, now) = (cache(), Instant::now());
    cache.keep(key("a.example."), &ready(60), now);
    assert_eq!(cache.look(&key("b.example."), now), Found::Nothing);
    let mut with_do = key("a.example.").to_vec();
    with_do.push(4);
    assert_eq!(cache.look(&with_do, now), Found::Nothing);
}

#[test]
fn rfc8767_s4_what_is_stale_is_served_with_a_ttl_of_30_seconds_until_max_stale() {
    let (mut cache, start) = (cache(), Instant::now());
    cache.keep(key("a.example."), &ready(60), start);
    let over = start + seconds(60);
    assert_eq!(ask(&mut cache, over), Some((Ttl::Set(30), true)));
    assert_eq!(ask(&mut cache, over + HOUR - seconds(1)), Some((Ttl::Set(30), true)));
    assert_eq!(cache.look(&key("a.example."), over + HOUR), Found::Nothing);
    assert!(cache.is_empty() && cache.size == 0);
}

#[test]
fn rfc8767_s5_after_a_failure_nobody_is_asked_for_30_seconds() {
    let (mut cache, start) = (cache(), Instant::now());
    cache.keep(key("a.example."), &ready(60), start);
    let failed = start + seconds(70);
    cache.fail(key("a.example."), failed);
    assert_eq!(ask(&mut cache, failed), Some((Ttl::Set(30), false)));
    assert_eq!(ask(&mut cache, failed + seconds(29)), Some((Ttl::Set(30), false)));
    assert_eq!(ask(&mut cache, failed + seconds(30)), Some((Ttl::Set(30), true)));
}

#[test]
fn rfc9520_s3_2_a_failure_is_remembered_for_a_few_seconds() {
    let (mut cache, start) = (cache(), Instant::now());
    cache.fail(key("a.example."), start);
    assert_eq!(cache.look(&key("a.example."), start + seconds(4)), Found::Failed);
    assert_eq!(cache.look(&key("a.example."), start + FAILURE_LIFE), Found::Nothing);
    cache.fail(key("a.example."), start);
    cache.keep(key("a.example."), &ready(60), start);
    assert!(matches!(cache.look(&key("a.example."), start), Found::Fresh(_)));
}

#[test]
fn an_answer_that_may_not_be_kept_takes_the_old_one_away() {
    let (mut cache, start) = (cache(), Instant::now());
    cache.keep(key("a.example."), &ready(60), start);
    cache.keep(key("a.example."), &ready(0), start);
    assert_eq!(cache.look(&key("a.example."), start), Found::Nothing);
}

#[test]
fn max_stale_of_zero_serves_nothing_stale() {
    let (mut cache, start) = (Cache::new(1 << 20, Duration::ZERO), Instant::now());
    cache.keep(key("a.example."), &ready(60), start);
    assert_eq!(cache.look(&key("a.example."), start + seconds(60)), Found::Nothing);
}

#[test]
fn the_answer_not_asked_for_longest_makes_room() {
    let start = Instant::now();
    let one = cost(
        &key("a.example."),
        &Entry { kept: Some(Kept { ready: ready(60), since: start, until: start }), failed_until: None },
    );
    let mut cache = Cache::new(2 * one, HOUR);
    cache.keep(key("a.example."), &ready(60), start);
    cache.keep(key("b.example."), &ready(60), start);
    assert!(matches!(cache.look(&key("a.example."), start), Found::Fresh(_)));
    cache.keep(key("c.example."), &ready(60), start);
    assert_eq!(cache.look(&key("b.example."), start), Found::Nothing);
    assert!(matches!(cache.look(&key("a.example."), start), Found::Fresh(_)));
    assert!(matches!(cache.look(&key("c.example."), start), Found::Fresh(_)));
}

#[test]
fn without_room_nothing_is_kept() {
    let (mut cache, now) = (Cache::new(0, HOUR), Instant::now());
    cache.keep(key("a.example."), &ready(60), now);
    cache.fail(key("b.example."), now);
    assert!(cache.is_empty());
}

proptest! {
    #[test]
    fn whatever_happens_the_size_is_right_and_within_the_capacity(
        steps in prop::collection::vec((0..40_u8, 0..3_u8, 0..100_u64), 1..300)
    ) {
        let mut cache = Cache::new(3000, seconds(50));
        let mut now = Instant::now();
        for (number, step, pause) in steps {
            now += seconds(pause);
            let key = key(&format!("{number}.example."));
            match step {
                0 => cache.keep(key, &ready(30), now),
                1 => cache.fail(key, now),
                _ => drop(cache.look(&key, now)),
            }
            let true_size: usize = cache.entries.iter().map(|(key, entry)| cost(key, entry)).sum();
            prop_assert_eq!(cache.size, true_size);
            prop_assert!(cache.size <= 3000);
        }
    }
}
