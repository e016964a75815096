//! Text that others have written, as it is shown: in logs, at the console, over AMI. Pure.
//!
//! A terminal takes some characters for orders, and others change how the rest is read: `\u{202e}` turns it around, so
//! that a line says what it does not. They are shown as what they are. Letters of every script stay as they are; what
//! only shapes an emoji or joins letters of Persian (`\u{200d}`, `\u{200c}`) is shown escaped, too, since two names that
//! look alike need not be the same.

use std::fmt::Write;

/// The text with all that is hidden in it escaped: fit for one line.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        push(&mut shown, letter);
    }
    shown
}

/// The same of several lines: the ends of lines stay.
#[must_use]
pub fn visible_lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '\n' { shown.push('\n') } else { push(&mut shown, letter) }
    }
    shown
}

/// The same of octets, which need not be text.
#[must_use]
pub fn visible_octets(octets: &[u8]) -> String {
    let mut shown = String::with_capacity(octets.len());
    for chunk in octets.utf8_chunks() {
        chunk.valid().chars().for_each(|letter| push(&mut shown, letter));
        for octet in chunk.invalid() {
            escape_octet(&mut shown, *octet);
        }
    }
    shown
}

/// Whether nothing of it shows, or it changes how others show: control characters, separators of lines, and format
/// characters (the general category Cf of Unicode 16), with the few letters and marks that are blank.
#[must_use]
pub fn is_hidden(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_control();
    }
    letter.is_control()
        || matches!(letter,
            '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            // Tags, and variation selectors that hide whole messages.
            | '\u{e0000}'..='\u{e0fff}')
}

fn push(shown: &mut String, letter: char) {
    if !is_hidden(letter) {
        shown.push(letter);
        return;
    }
    match u8::try_from(letter) {
        Ok(octet) => escape_octet(shown, octet),
        Err(_) => shown.extend(letter.escape_unicode()),
    }
}

fn escape_octet(shown: &mut String, octet: u8) {
    match octet {
        b'\n' => shown.push_str("\\n"),
        b'\r' => shown.push_str("\\r"),
        b'\t' => shown.push_str("\\t"),
        // Writing into a String can't fail.
        _ => drop(write!(shown, "\\x{octet:02x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_shown_as_what_it_is() {
        for (text, shown) in [
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{1b}[2J\u{7f}\0", "\\x1b[2J\\x7f\\x00"),
            ("\u{9b}31m", "\\x9b31m"),
            ("admin\u{202e}txt.exe", "admin\\u{202e}txt.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("a\u{200b}b\u{2060}c\u{ad}d\u{feff}", "a\\u{200b}b\\u{2060}c\\xadd\\u{feff}"),
            ("line\u{2028}para\u{2029}", "line\\u{2028}para\\u{2029}"),
            ("\u{e0001}\u{e0041}\u{e007f}\u{e0101}", "\\u{e0001}\\u{e0041}\\u{e007f}\\u{e0101}"),
            ("\u{61c}\u{180e}\u{fff9}\u{1d173}\u{3164}", "\\u{61c}\\u{180e}\\u{fff9}\\u{1d173}\\u{3164}"),
        ] {
            assert_eq!(visible(text), shown);
            assert_eq!(visible_octets(text.as_bytes()), shown);
            assert!(!shown.chars().any(is_hidden));
        }
    }

    #[test]
    fn names_of_people_stay_as_they_are() {
        for name in [
            "Zoë Ünï",
            "محمد علي",
            "דוד בן־גוריון",
            "山田 太郎",
            "Ωμέγα",
            "สมชาย",
            "प्रिया",
            "☎\u{fe0f} 🎧 👩",
            "a\\b \"c\" 'd'",
        ] {
            assert_eq!(visible(name), name);
            assert_eq!(visible_lines(name), name);
            assert_eq!(visible_octets(name.as_bytes()), name);
        }
    }

    #[test]
    fn lines_stay_lines_and_octets_that_are_no_text_are_shown() {
        assert_eq!(visible_lines("a\nb\u{202e}\r\nc\n"), "a\nb\\u{202e}\\r\nc\n");
        assert_eq!(visible_octets(b"Z\xfcrich \xff\xc3\xbc\xe2\x80"), "Z\\xfcrich \\xffü\\xe2\\x80");
    }

    #[test]
    fn what_was_shown_is_shown_alike_once_more() {
        let once = visible("a\u{202e}\n\u{e0041}");
        assert_eq!(visible(&once), once);
    }
}
