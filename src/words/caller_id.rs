//! `callerid = "Display name" <number>`, as far as a directory needs it. Pure.

use super::{number::is_number, wording::is_hidden};

/// The display name: quotes and backslashes resolved, without control characters. Empty where there is none.
#[must_use]
pub fn name(callerid: &str) -> String {
    let name = match split(callerid) {
        Some((name, _)) => name,
        None if is_number(callerid.trim()) => "",
        None => callerid,
    };
    printable(&unquoted(name.trim())).trim().to_owned()
}

/// What can be dialled between `<` and `>`, or alone: `callerid = 1001` (`ast_callerid_parse`).
#[must_use]
pub fn number(callerid: &str) -> Option<&str> {
    let number = split(callerid).map_or(callerid, |(_, number)| number).trim();
    Some(number).filter(|number| is_number(number))
}

/// The text without what is hidden: as a name that others see on their phones. Where it is only shown,
/// [`visible`](crate::words::wording::visible) is the word.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|letter| !is_hidden(*letter)).collect()
}

fn split(callerid: &str) -> Option<(&str, &str)> {
    callerid.trim_end().strip_suffix('>')?.rsplit_once('<')
}

fn unquoted(name: &str) -> String {
    let Some(inside) = name.strip_prefix('"') else { return name.to_owned() };
    let (mut text, mut letters) = (String::new(), inside.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_in_every_form() {
        for (callerid, expected) in [
            ("Alice <1001>", "Alice"),
            ("\"Alice Smith\" <1001>", "Alice Smith"),
            (r#""Al \"Ace\" \\ Smith" <1001>"#, r#"Al "Ace" \ Smith"#),
            ("\"Alice", "Alice"),
            ("Alice", "Alice"),
            ("1001", ""),
            ("<1001>", ""),
            ("", ""),
            ("a<b <1001>", "a<b"),
            ("\"Jörg\tMüller\u{1b}[31m\u{202e}\" <1001>", "JörgMüller[31m"),
            ("  \"  x  \"  <1>", "x"),
            (r#""x\"#, "x"),
        ] {
            assert_eq!(name(callerid), expected, "{callerid:?}");
        }
    }

    #[test]
    fn only_what_can_be_dialled_is_a_number() {
        assert_eq!(number("Alice <+49301001>"), Some("+49301001"));
        assert_eq!(number("Alice < *61 > "), Some("*61"));
        assert_eq!(number(" 1001 "), Some("1001"));
        for none in ["Alice <sip:1001>", "Alice <>", "Alice", "\"1001\"", "Alice <1001", "<10 01>"] {
            assert_eq!(number(none), None, "{none}");
        }
    }
}
