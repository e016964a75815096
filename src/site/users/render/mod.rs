//! Sections into the text of a configuration file: the only place that writes Asterisk's syntax. Pure.

use super::Tailored;
use crate::words::{conf::ConfSection, wording::is_hidden};

/// How every file of ours begins.
const HEAD: &str = "; Written by res_synch from ";

/// Whether a text is a file of ours, or nothing at all. Asterisk puts lines of its own before ours, which begin with `;!`,
/// when somebody changes the PIN of a mailbox.
#[must_use]
pub fn is_ours(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    let first = lines.find(|line| !line.starts_with(b";!") && !line.trim_ascii().is_empty());
    first.is_none_or(|line| line.starts_with(HEAD.as_bytes()))
}

/// The file of users. `source` says where its content is from.
#[must_use]
pub fn render(sections: &[Tailored], source: &str) -> String {
    text(sections.iter().map(|section| (&*section.name, section.written())), source)
}

/// A file of other sections, such as hold only what was checked. `source` says where its content is from.
#[must_use]
pub fn render_sections(sections: &[ConfSection], source: &str) -> String {
    let sections = sections.iter().map(|section| {
        let lines = section.variables.iter().map(|variable| (&*variable.key, &*variable.value));
        (&*section.name, lines)
    });
    text(sections, source)
}

/// A whole file; equal input gives equal bytes, so there is no time in it. Names and values are such as
/// [`accept`](super::accept) lets through.
///
/// Blanks around `=` keep a value that begins with `>` from becoming `=>`; `\;` is how Asterisk writes a `;` that
/// begins no comment. Nothing else needs an escape: see `process_text_line` in its main/config.c.
fn text<'a, L>(sections: impl Iterator<Item = (&'a str, L)>, source: &str) -> String
where
    L: Iterator<Item = (&'a str, &'a str)>,
{
    let source: String = source.chars().filter(|letter| !is_hidden(*letter)).collect();
    let mut text = format!(
        "{HEAD}{source}.\n\
         ; Do not edit: the next sync replaces this file.\n"
    );
    for (name, lines) in sections {
        text.push_str("\n[");
        text.push_str(name);
        text.push_str("]\n");
        for (key, value) in lines {
            line(&mut text, key, value);
        }
    }
    text
}

fn line(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push_str(" =");
    for (part, piece) in value.split(';').enumerate() {
        text.push_str(if part > 0 {
            "\\;"
        } else if value.is_empty() {
            ""
        } else {
            " "
        });
        text.push_str(piece);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests;
