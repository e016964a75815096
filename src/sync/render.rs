//! Sections into the text of a configuration file: the only place that writes Asterisk's syntax. Pure.

use super::Accepted;

/// How every file of ours begins.
const HEAD: &str = "; Written by res_synch from ";

/// Whether a text is a file of ours, or nothing at all.
#[must_use]
pub fn is_ours(text: &[u8]) -> bool {
    text.trim_ascii().is_empty() || text.starts_with(HEAD.as_bytes())
}

/// The whole file. `source` says where its content is from; equal input gives equal bytes, so there is no time in it.
///
/// Blanks around `=` keep a value that begins with `>` from becoming `=>`; `\;` is how Asterisk writes a `;` that
/// begins no comment. Nothing else needs an escape: see `process_text_line` in its main/config.c.
#[must_use]
pub fn render(sections: &[Accepted<'_>], source: &str) -> String {
    let source: String = source.chars().filter(|character| !character.is_control()).collect();
    let mut text = format!(
        "{HEAD}{source}.\n\
         ; Do not edit: the next sync replaces this file.\n"
    );
    for section in sections {
        text.push_str("\n[");
        text.push_str(section.name());
        text.push_str("]\n");
        for (key, value) in section.lines() {
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
    }
    text
}

#[cfg(test)]
mod tests;
