use proptest::prelude::*;
use regex::bytes::Regex;

use super::*;

fn of(key: &str, value: &str) -> Option<String> {
    let key = match key {
        "categoryname" => FilterKey::CategoryName,
        key => FilterKey::Variable(key.to_owned()),
    };
    narrow(&Filter { key, value: Regex::new(value).unwrap() })
}

/// What becomes of a regular expression alone.
fn value(pattern: &str) -> Option<String> {
    Regex::new(pattern).unwrap();
    Reader::new(pattern).whole()
}

#[test]
fn the_usual_filter_is_handed_over() {
    let key = "^[aA][cC][cC][oO][uU][nN][tT][cC][oO][dD][eE]$";
    assert_eq!(of("accountcode", "^HeadOffice$").unwrap(), format!("{key}=\"^HeadOffice$\""));
    assert_eq!(of("X_1-y", "a").as_deref(), Some("^[xX]_1-[yY]$=\"a\""));
}

#[test]
fn what_both_read_alike_stays_as_it_is() {
    for same in [
        "^(Head|Branch)Office$",
        "a,b=c d",
        "a{2}",
        "a{1,2}b",
        "(ab){3,}",
        "x*y+z?",
        "[a-z0-9_]+",
        "[-a]",
        "[a-]",
        "[.$()*+?{|,=]",
        "a|^b$|c",
        "((a|b)c)*",
        "<100>",
        "#/;:@!%&~`",
        ".*",
        "^.+$",
    ] {
        assert_eq!(value(same).as_deref(), Some(same));
    }
}

#[test]
fn what_may_be_several_bytes_there_gets_room() {
    for (ours, theirs) in [
        ("^Head.Office$", "^Head.+Office$"),
        ("^.{3}$", "^.+$"),
        (".{0,2}", ".*"),
        (".?", ".*"),
        ("[^@]", "[^@]+"),
        ("[^@]*", "[^@]*"),
        ("[^@]{2}x", "[^@]+x"),
    ] {
        assert_eq!(value(ours).as_deref(), Some(theirs), "{ours}");
    }
}

#[test]
fn for_anything_else_the_whole_file_is_read() {
    for other in [
        r"a\d",
        r"\.",
        "(?i)a",
        "(?:a)",
        "(?P<n>a)",
        "a*?",
        "a+?",
        "a??",
        "a**",
        "a{2}?",
        "a{33}",
        "a{0}",
        "(a{3}){3}",
        "((a{3})b)*c{2}(x{2}|y){2}",
        "(a|)",
        "|a",
        "",
        "()",
        "[[:alpha:]]",
        "[a&&b]",
        "[]a]",
        "[^a-z]",
        "[+--]",
        "[ä]",
        "[a^]",
        "ä",
        "a\"b",
        "a'b",
        "[\"]",
        "^*",
        "$?",
        "a\tb",
        "]",
        "}",
        "[a-c-e]",
    ] {
        assert_eq!(value(other), None, "{other}");
    }
    assert_eq!(of("categoryname", "^1"), None);
    assert_eq!(of("a.b", "x"), None);
    assert_eq!(of("accountcode", &"x".repeat(FILTER_LIMIT)), None);
}

/// A value's match in the main's dialect, as far as the two are alike: what [`Reader`] writes is all of it.
fn theirs(pattern: &str, value: &str) -> bool {
    // The main may take bytes for characters: each of ours beyond ASCII becomes two that it knows nothing of.
    let bytes: String =
        value.chars().map(|c| if c.is_ascii() { c.to_string() } else { "\u{80}\u{81}".into() }).collect();
    [value, &bytes].iter().all(|value| regex::Regex::new(&format!("(?s){pattern}")).unwrap().is_match(value))
}

proptest! {
    #[test]
    fn it_is_never_narrower_than_ours(
        pattern in "(\\^)?([ab.]|\\[ab\\]|\\[\\^a\\]|\\(a\\|b\\)|\\(\\.b\\)|\\.\\{2\\}|b\\{1,2\\}){1,4}[*+?]?(\\$)?",
        value in "[abä]{0,6}",
    ) {
        let Ok(ours) = Regex::new(&pattern) else { return Ok(()) };
        if let Some(text) = super::Reader::new(&pattern).whole() && ours.is_match(value.as_bytes()) {
            prop_assert!(theirs(&text, &value), "{} as {} on {}", pattern, text, value);
        }
    }

    #[test]
    fn no_pattern_breaks_out_of_its_quotes(pattern in "[ -~]{0,12}") {
        if Regex::new(&pattern).is_ok() && let Some(text) = super::Reader::new(&pattern).whole() {
            prop_assert!(!text.contains(['"', '\'', '\\']) && !text.is_empty());
            prop_assert!(regex::Regex::new(&text).is_ok(), "{}", text);
        }
    }
}
