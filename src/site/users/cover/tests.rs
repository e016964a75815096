use proptest::{collection::vec, prelude::*};
use regex::Regex;

use super::*;

fn numbers(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(|number| number.to_string()).collect()
}

fn covered(names: &[String], limit: usize) -> Option<String> {
    cover(names.iter().map(String::as_str), limit)
}

fn whole(cover: &str) -> Regex {
    Regex::new(&format!("^{cover}$")).unwrap()
}

fn matches(cover: &str, name: &str) -> bool {
    whole(cover).is_match(name)
}

#[test]
fn a_thousand_numbers_in_a_row_are_short_and_exact() {
    assert_eq!(covered(&numbers(100_000..101_000), 200).as_deref(), Some("100[0-9]{3}"));
    let text = covered(&numbers(100_980..101_980), 200).unwrap();
    let whole = whole(&text);
    let hits = (90_000..110_000).filter(|number| whole.is_match(&number.to_string())).count();
    assert_eq!(hits, 1000, "{text}");
    assert!(text.len() < 50, "{text}");
}

#[test]
fn shared_ends_are_written_once() {
    let names = numbers((100..200).chain(2000..2100));
    assert_eq!(covered(&names, 200).as_deref(), Some("(20|1)[0-9]{2}"));
    assert_eq!(covered(&numbers([1, 10, 11]), 200).as_deref(), Some("1[01]?"));
}

#[test]
fn what_has_a_meaning_loses_it() {
    let names = ["a.b".to_owned(), "a+b".to_owned(), "a-b".to_owned(), "c.d".to_owned()];
    let text = covered(&names, 200).unwrap();
    assert_eq!(text, "(a[+.-]b|c[.]d)");
    assert!(!matches(&text, "axb") && !matches(&text, "cxd"));
}

#[test]
fn a_scattered_crowd_is_cut_to_fit() {
    let names = numbers((0..400).map(|number| 100_000 + number * 37 % 10_000));
    let text = covered(&names, 60).unwrap();
    assert!(text.len() <= 60 && text.ends_with(".*"), "{text}");
    let whole = whole(&text);
    assert!(names.iter().all(|name| whole.is_match(name)), "{text}");
    assert!(!matches(&text, "200000"), "{text}");
}

#[test]
fn names_that_cannot_be_covered_are_passed_over() {
    assert_eq!(covered(&["a b".to_owned(), "ä".to_owned(), String::new(), "x".repeat(80)], 200), None);
    assert_eq!(covered(&["a\"b".to_owned(), "ab".to_owned()], 200).as_deref(), Some("ab"));
    assert_eq!(covered(&[], 200), None);
    assert_eq!(covered(&numbers(0..3), 2), None, "no room");
}

proptest! {
    #[test]
    fn every_name_is_matched_within_the_bound(
        names in vec("[a-cA-C0-3_.@+-]{1,6}|1[0-9]{5}", 1..60), limit in 0..300_usize
    ) {
        if let Some(text) = covered(&names, limit) {
            prop_assert!(text.len() <= limit);
            let whole = whole(&text);
            for name in &names {
                prop_assert!(whole.is_match(name), "{} in {}", name, text);
            }
        }
    }

    #[test]
    fn with_room_nothing_else_is_matched(
        names in vec("[ab.+-]{1,4}", 1..20), other in "[ab.+-]{1,5}"
    ) {
        let text = covered(&names, usize::MAX).unwrap();
        prop_assert_eq!(matches(&text, &other), names.contains(&other), "{} in {}", other, text);
    }
}
