use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};
use regex::bytes::Regex;

use super::*;

/// What a user takes in an answer.
const USER: usize = 1_100;

/// The second half of a filter, as the main reads it: both dialects take these alike.
fn condition(query: &Query) -> Option<Regex> {
    let filter = query.filter.as_deref()?;
    assert!(query.fits(), "{filter}");
    let (_, value) = filter.split_once('=').unwrap();
    (!filter.starts_with("^type$")).then(|| Regex::new(&format!("(?-u){value}")).unwrap())
}

/// Reads a file of users with these values, and returns how often each came, the questions, and the bytes that were of no use.
fn read(
    technology: Technology,
    values: &[String],
    wanted: usize,
    expected: Option<usize>,
) -> (BTreeMap<&str, usize>, usize, usize) {
    let mut pieces = Pieces::new(expected);
    let (mut came, mut questions, mut wasted) = (BTreeMap::new(), 0, 0);
    while let Some(piece) = pieces.next(wanted) {
        questions += 1;
        assert!(questions < 100_000, "no end: {pieces:?}");
        let condition = condition(&piece.query(technology, "x.conf"));
        let fits = |value: &&String| condition.as_ref().is_none_or(|regex| regex.is_match(value.as_bytes()));
        let found: Vec<&String> = values.iter().filter(fits).collect();
        let bytes = found.len() * USER;
        let limit = pieces.limit(wanted);
        if bytes > limit {
            wasted += limit;
            pieces.too_long();
        } else {
            pieces.took(bytes);
            for value in found {
                *came.entry(value.as_str()).or_default() += 1;
            }
        }
    }
    (came, questions, wasted)
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn where_nothing_can_be_broken_off_no_piece_is_long_and_not_many_more_are_asked_for() {
    let values = numbers(10_000..30_000);
    let wanted = 64 << 10;
    let mut pieces = Pieces::new(None);
    let (mut came, mut questions, mut longest) = (0, 0, 0);
    while let Some(piece) = pieces.next(wanted) {
        if pieces.is_unknown() {
            pieces.too_long();
            continue;
        }
        let condition = condition(&piece.query(Technology::Pjsip, "x.conf")).unwrap();
        let found = values.iter().filter(|value| condition.is_match(value.as_bytes())).count();
        pieces.took(found * USER);
        (came, questions, longest) = (came + found, questions + 1, longest.max(found * USER));
    }
    assert_eq!(came, values.len());
    assert!(longest <= wanted * SLACK, "{longest}");
    let least = values.len() * USER / wanted;
    assert!(questions <= least * 3, "{questions} of {least}");
}

#[test]
fn a_small_company_is_one_question() {
    let values = numbers(1000..1040);
    let (came, questions, wasted) = read(Technology::Pjsip, &values, 64 << 10, None);
    assert_eq!((came.len(), questions, wasted), (40, 1, 0));
}

#[test]
fn a_large_one_is_had_in_pieces_of_about_the_wanted_size() {
    let (wanted, values) = (64 << 10, numbers(100_000..120_000));
    for expected in [None, Some(20_000 * USER)] {
        let (came, questions, wasted) = read(Technology::Pjsip, &values, wanted, expected);
        assert_eq!(came.len(), 20_000);
        let least = 20_000 * USER / wanted;
        assert!(questions < least * 2, "{questions} questions, where {least} would do");
        assert!(wasted < 1 << 20, "{wasted} bytes for nothing");
    }
}

#[test]
fn names_of_any_kind_are_had() {
    let names = ["alice", "bob", "Zoë", "ß", "1001", "a1", "1-auth", "x y", "", "9", "A", "a", "_"];
    let mut values: Vec<String> = names.map(str::to_owned).to_vec();
    values.extend((0..3000).map(|number| format!("{number}.{}", ["anna", "otto", "x"][number % 3])));
    values.extend((0..300).map(|_| "thesame".to_owned()));
    values.extend((0..500).map(|number| format!("{number}00")));
    for technology in [Technology::Pjsip, Technology::Sip] {
        let (came, ..) = read(technology, &values, 16 << 10, None);
        for value in &values {
            assert!(came.contains_key(value.as_str()), "{value:?} is missing");
        }
    }
}

#[test]
fn a_caller_id_ends_within_its_brackets() {
    let values: Vec<String> = (0..2000).map(|number| format!("User {number} <{number}>")).collect();
    let (came, questions, _) = read(Technology::Sip, &values, 16 << 10, None);
    assert_eq!(came.len(), 2000);
    assert!(came.values().all(|times| *times == 1) && questions < 400, "{questions}");
}

#[test]
fn the_same_piece_comes_again_until_it_was_had() {
    let mut pieces = Pieces::new(Some(10 << 20));
    let first = pieces.next(64 << 10).unwrap();
    assert_eq!(pieces.next(64 << 10), Some(first.clone()));
    pieces.took(60 << 10);
    assert_ne!(pieces.next(64 << 10), Some(first));
}

#[test]
fn what_is_asked_for() {
    let query = |piece: Piece, technology| piece.query(technology, "x").filter.unwrap_or_default();
    let all = Piece::below(Vec::new());
    assert_eq!(query(all.clone(), Technology::Pjsip), "^type$=^endpoint$");
    assert_eq!(query(all, Technology::Sip), "");
    let some = Piece { end: vec![0, 10], from: 3, to: 5 };
    assert_eq!(query(some, Technology::Pjsip), "[aA][oO][rR][sS]=[34][0][aA]$");
    let last = Piece { end: vec![7], from: 9, to: SYMBOLS };
    let filter = query(last, Technology::Sip);
    assert_eq!(filter, "[cC][aA][lL][lL][eE][rR][iI][dD]=(^|[^012345678>])[7]>?$");
}

proptest! {
    /// Each value comes, and once, whatever the values are and however much is wanted at a time.
    #[test]
    fn everybody_comes_once(
        values in vec("[0-9]{2,6}|[a-z0-9]{0,4}|[ -~&&[^<>]]{0,4}|\\PC{0,3}", 0..200),
        wanted in 1_000_usize..100_000,
        expected in proptest::option::of(0_usize..10_000_000),
    ) {
        let unique: std::collections::BTreeSet<String> = values.into_iter().collect();
        let values: Vec<String> = unique.into_iter().collect();
        let (came, ..) = read(Technology::Pjsip, &values, wanted, expected);
        prop_assert_eq!(came.len(), values.len());
        prop_assert!(came.values().all(|times| *times == 1));
    }
}
