use proptest::{collection::vec, prelude::*};

use super::*;

fn entry<'a>(number: &'a str, name: &'a str) -> Entry<'a> {
    Entry { number, name, site: "HeadOffice", public: None }
}

fn numbers(numbers: &[&str]) -> Directory {
    Directory::new(numbers.iter().map(|number| entry(number, ""))).unwrap()
}

#[test]
fn an_entry_is_found_by_its_number_alone() {
    let alice = Entry { public: Some("+49301001"), ..entry("1001", "Alice") };
    let directory = Directory::new([entry("1002", "Bob"), alice, entry("*61", "Door")]).unwrap();
    assert_eq!(directory.get("1001"), Some(alice));
    assert_eq!(directory.get("*61"), Some(entry("*61", "Door")));
    assert_eq!((directory.get("100"), directory.get("10010"), directory.get("")), (None, None, None));
    let order: Vec<&str> = directory.iter().map(|entry| entry.number).collect();
    assert_eq!(order, ["*61", "1001", "1002"]);
}

#[test]
fn the_first_of_two_equal_numbers_wins() {
    let directory = Directory::new([entry("1", "b"), entry("1", "a"), entry("0", "c")]).unwrap();
    assert_eq!(directory.get("1").unwrap().name, "b");
    assert_eq!(directory.len(), 2);
}

#[test]
fn what_is_too_long_is_cut_between_characters() {
    let long = "ä".repeat(60);
    let directory =
        Directory::new([entry("1", &long), entry(&"1".repeat(33), "x"), entry("a", "x")]).unwrap();
    assert_eq!(directory.get("1").unwrap().name, "ä".repeat(40));
    assert_eq!(directory.len(), 1);
}

#[test]
fn no_value_leaves_its_line() {
    let directory = Directory::new([entry("1", "a\tb\nc\u{2028}d")]).unwrap();
    assert_eq!(directory.get("1").unwrap().name, "abcd");
}

#[test]
fn dialling_digit_by_digit_knows_when_to_wait() {
    let directory = numbers(&["10", "1001", "2", "300"]);
    for (dialled, begins, longer) in [
        ("", true, true),
        ("1", true, true),
        ("10", true, true),
        ("100", true, true),
        ("1001", true, false),
        ("10010", false, false),
        ("2", true, false),
        ("3", true, true),
        ("4", false, false),
    ] {
        assert_eq!(directory.begins_with(dialled), begins, "{dialled}");
        assert_eq!(directory.is_longer_than(dialled), longer, "{dialled}");
    }
    assert!(!Directory::default().begins_with("") && !Directory::default().is_longer_than(""));
}

#[test]
fn a_pattern_is_looked_for_in_number_name_and_site() {
    let directory = Directory::new([entry("1001", "Alice"), entry("1002", "Bob")]).unwrap();
    let count = |pattern: &str| directory.like(&Regex::new(pattern).unwrap()).count();
    assert_eq!((count("^Ali"), count("1002"), count("^Head"), count("Carol")), (1, 1, 2, 0));
}

#[test]
fn twenty_thousand_take_a_megabyte() {
    let rows: Vec<(String, String)> =
        (100_000..120_000).map(|user| (user.to_string(), format!("Firstname Lastname {user}"))).collect();
    let directory = Directory::new(rows.iter().map(|(number, name)| entry(number, name))).unwrap();
    assert_eq!(directory.len(), 20_000);
    assert!(directory.size() < 1_200_000, "{}", directory.size());
}

#[test]
fn a_main_without_end_is_refused() {
    let numbers: Vec<String> = (0..=MAX_ENTRIES).map(|number| number.to_string()).collect();
    let all = || numbers.iter().map(|number| entry(number, ""));
    assert_eq!(Directory::new(all()), Err(TooMany));
    assert_eq!(Directory::new(all().skip(1)).unwrap().len(), MAX_ENTRIES);
}

proptest! {
    #[test]
    fn lookups_agree_with_a_plain_list(list in vec("[12]{1,4}", 0..20), dialled in "[12]{0,4}") {
        let directory = Directory::new(list.iter().map(|number| entry(number, ""))).unwrap();
        let list = || list.iter().map(String::as_str);
        prop_assert_eq!(directory.get(&dialled).is_some(), list().any(|number| number == dialled));
        prop_assert_eq!(directory.begins_with(&dialled), list().any(|number| number.starts_with(&dialled)));
        let longer = list().any(|number| number.starts_with(&dialled) && number != dialled);
        prop_assert_eq!(directory.is_longer_than(&dialled), longer);
    }
}
