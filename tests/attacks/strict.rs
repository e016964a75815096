//! Reads the files that synch writes without mercy: whatever is not of our own form fails. For the attacks and the fuzz targets.

use std::sync::LazyLock;

use regex::Regex;

static SECTION: LazyLock<Regex> = LazyLock::new(|| of(r"^\[([A-Za-z0-9_.@+-]{1,79})\]$"));
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| of(r"^[A-Za-z0-9_-]{1,64} =( [^ \x00-\x1f\x7f].*)?$"));
static MAILBOX: LazyLock<Regex> = LazyLock::new(|| {
    of(
        r"^[A-Za-z0-9*#_.-]+ =( -?[A-Za-z0-9*#]*(,[^,|$`]*(,[^,$`]*(,[^,|$`]*)?)?)?(,[a-z]+=[A-Za-z0-9_/+.: |=-]*)?)?$",
    )
});
static CALL: LazyLock<Regex> = LazyLock::new(|| of(r"\$\{([^${}():]*)\("));

fn of(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is a regular expression")
}

/// Sections and their lines, `key = value`, of a file of users.
pub fn sections(name: &str, text: &str) -> Vec<(String, Vec<String>)> {
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    // A lone `\r` ends no line for Asterisk, but must not be there either.
    for line in text.split('\n').filter(|line| !line.is_empty() && !line.starts_with("; ")) {
        assert!(!line.chars().any(char::is_control) && line.len() < 8191, "{name}: {line:?}");
        if let Some(found) = SECTION.captures(line) {
            sections.push((found[1].to_owned(), Vec::new()));
        } else {
            assert!(VARIABLE.is_match(line), "{name}: {line:?}");
            let bare = line.replace("\\;", "");
            assert!(!bare.contains(';'), "{name}: {line:?}");
            sections.last_mut().expect("a line before any section").1.push(line.to_owned());
        }
    }
    sections
}

/// Sections of a file of mailboxes, each line of which is a box.
pub fn boxes(name: &str, text: &str) -> Vec<String> {
    let mut sections = Vec::new();
    for line in text.split('\n').filter(|line| !line.is_empty() && !line.starts_with("; ")) {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(section) => sections.push(section.to_owned()),
            None => assert!(MAILBOX.is_match(line), "{name}: {line:?}"),
        }
    }
    sections
}

/// Names of the functions that a text calls, found by eye: whatever stands between `${` and a bracket. Behind a colon there is
/// no name any more (parse_variable_name in Asterisk's pbx_variables.c).
pub fn called(text: &str) -> Vec<String> {
    CALL.captures_iter(text).map(|found| found[1].to_owned()).collect()
}
