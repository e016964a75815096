use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    settings::Technology,
    site::users::{Accepted, Line, Section, policy::tests::verbatim},
};

/// Reads a file as Asterisk's loader does, as far as such a file goes: comments, `\;`, blanks at both ends.
fn load(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in text.lines() {
        let mut plain = String::new();
        for character in line.chars() {
            match character {
                ';' if plain.ends_with('\\') => {
                    plain.pop();
                    plain.push(';');
                }
                ';' => break,
                other => plain.push(other),
            }
        }
        let plain = strip(&plain);
        if let Some(name) = plain.strip_prefix('[') {
            sections.push((name.strip_suffix(']').unwrap().to_owned(), Vec::new()));
        } else if let Some((key, value)) = plain.split_once('=') {
            assert!(!value.starts_with('>') && !key.ends_with('+'));
            let line = (strip(key).to_owned(), strip(value).to_owned());
            sections.last_mut().unwrap().1.push(line);
        } else {
            assert_eq!(plain, "");
        }
    }
    sections
}

/// As `ast_strip`: octets below 33 alone are blanks, no other sign of Unicode's.
fn strip(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

fn section<'a>(name: &'a str, lines: &'a [(String, String)]) -> Section<'a> {
    let bytes = |(key, value): &'a (String, String)| Line { key: key.as_bytes(), value: value.as_bytes() };
    Section { name: name.as_bytes(), lines: lines.iter().map(bytes).collect() }
}

fn typed(word: &str, lines: &[(String, String)]) -> Vec<(String, String)> {
    [&[("type".to_owned(), word.to_owned())], lines].concat()
}

/// Every line is blank, a comment, `[name]` or `key = value`; none is a directive.
fn assert_shape(text: &str) {
    let shape = regex::Regex::new(
        r"^(|; [^\x00-\x1f]*|\[[A-Za-z0-9_.@+-]{1,79}\]|[A-Za-z0-9_-]{1,64} =( [^\x00-\x1f]+)?)$",
    )
    .unwrap();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        assert!(shape.is_match(line) && line.len() < 8191, "{line:?}");
    }
}

#[test]
fn the_file_looks_like_this() {
    let lines = ["callerid=\"A; B\" <1>", "set_var=>x", "allow=", "x=;"]
        .map(|line| line.split_once('=').unwrap())
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    let lines = typed("endpoint", &lines);
    let accepted = verbatim(&Accepted::check(&section("1001", &lines), Technology::Pjsip).unwrap());
    let expected = "; Written by res_synch from main: a.conf #exec x.
; Do not edit: the next sync replaces this file.

[1001]
type = endpoint
callerid = \"A\\; B\" <1>
set_var = >x
allow =
x = \\;
";
    let text = render(&[accepted], "main: a.conf\n #exec x");
    assert_eq!(text, expected);
    assert_shape(&text);
}

fn pairs(section: &Tailored) -> Vec<(String, String)> {
    section.written().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Text with much of what Asterisk's syntax is made of.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{0,8}".boxed(),
        1 => any::<String>().boxed(),
        4 => prop::sample::select(vec![
            ";", ";--", "--;", "\\", "\\;", "=", "=>", ">", "#exec /bin/sh", "#include x", "[x]", "](!)", "\n", "\r\n",
            "\n[x]\n", "\ntype = transport\n", "\0", " ", "\t", "+", "\u{feff}", "\u{2000}", "ä",
        ]).prop_map(str::to_owned).boxed(),
    ];
    vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn sections() -> impl Strategy<Value = Vec<(String, Vec<(String, String)>)>> {
    let key = prop_oneof!["[A-Za-z0-9_-]{1,10}", hostile()];
    let name = prop_oneof!["[A-Za-z0-9_.@+-]{1,10}", hostile()];
    vec((name, vec((key, hostile()), 0..8)), 0..6)
}

proptest! {
    #[test]
    fn what_is_accepted_comes_back_as_it_was(sections in sections()) {
        let typed: Vec<_> = sections.iter().map(|(name, lines)| (name, typed("endpoint", lines))).collect();
        let mut accepted = Vec::new();
        for (name, lines) in &typed {
            if let Ok(section) = Accepted::check(&section(name, lines), Technology::Pjsip) {
                prop_assert_eq!(section.lines().len() + section.spoilt().len(), lines.len());
                accepted.push(verbatim(&section));
            }
        }
        let text = render(&accepted, "10.0.0.254: pjsip.conf");
        assert_shape(&text);
        let expected: Vec<_> = accepted.iter().map(|section| (section.name.clone(), pairs(section))).collect();
        prop_assert_eq!(load(&text), expected);
    }

    #[test]
    fn plain_values_are_always_accepted(value in "[!-~]([ -~äöü☎]{0,40}[!-~])?") {
        let lines = typed("endpoint", &[("key".to_owned(), value.clone())]);
        let accepted = verbatim(&Accepted::check(&section("1001", &lines), Technology::Pjsip).unwrap());
        prop_assert_eq!(load(&render(&[accepted], "x"))[0].1[1].clone(), ("key".to_owned(), value));
    }
}

#[test]
fn a_file_of_ours_is_known_and_no_other() {
    assert!(is_ours(render(&[], "main").as_bytes()) && is_ours(b"") && is_ours(b"\n"));
    assert!(!is_ours(b"[1001]\ntype = endpoint\n") && !is_ours(b"; by hand\n"));
}

#[test]
fn a_file_of_ours_is_known_even_behind_the_lines_of_asterisk() {
    let generated = ";!\n;! Automatically generated configuration file\n;!\n";
    let ours = render(&[], "10.0.0.254: a.conf");
    for text in [ours.as_str(), "", "\n \n", &format!("{generated}{ours}"), generated] {
        assert!(is_ours(text.as_bytes()), "{text}");
    }
    for text in ["[1001]\n", "; mine\n", &format!("[default]\n{ours}"), &format!("{generated}[default]\n")] {
        assert!(!is_ours(text.as_bytes()), "{text}");
    }
}
