//! Which of the main's words can be written into a file that the branch's Asterisk reads. Pure.
//!
//! Asterisk's syntax gives meaning to `[`, `#`, `;`, `=`, `>`, `+`, `(` and the line end by their place. So names and
//! keys are of a narrow alphabet, values can't end their line, and [`Policy`](super::Policy) takes nothing but
//! [`Accepted`]: nothing gets around this file.

use std::{fmt, str};

use super::{Line, Section};
use crate::settings::Technology;
use crate::wording::visible_octets;

/// A section name longer than this does not fit Asterisk's own buffer (80 bytes).
const MAX_NAME: usize = 79;
/// No option of res_pjsip or chan_sip has half of that.
const MAX_KEY: usize = 64;
/// Asterisk skips lines of more than 8191 bytes; the rest is room for its own idea of a line.
const MAX_LINE: usize = 8000;
/// Sections of sip.conf that are no peers, whatever type they claim.
const SIP_RESERVED: [&str; 2] = ["general", "authentication"];

/// What a section is, by its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// pjsip: a user.
    Endpoint,
    /// pjsip: where it can be reached.
    Aor,
    /// pjsip: how it proves who it is.
    Auth,
    /// sip: a user, as friend, peer or user.
    Peer,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Endpoint => "endpoint",
            Self::Aor => "aor",
            Self::Auth => "auth",
            Self::Peer => "peer",
        })
    }
}

impl Kind {
    /// What `type = word` makes of a section; none for the types that are never taken over.
    #[must_use]
    pub fn from_type(technology: Technology, word: &[u8]) -> Option<Self> {
        match (technology, word) {
            (Technology::Pjsip, b"endpoint") => Some(Self::Endpoint),
            (Technology::Pjsip, b"aor") => Some(Self::Aor),
            (Technology::Pjsip, b"auth") => Some(Self::Auth),
            (Technology::Sip, b"friend" | b"peer" | b"user") => Some(Self::Peer),
            _ => None,
        }
    }
}

/// What is wrong with a section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Types other than the ones that are synced.
    #[error("type '{0}' is not taken over")]
    Type(String),
    /// Not one type.
    #[error("it has no type")]
    NoType,
    /// Two types that differ.
    #[error("it has more than one type")]
    TwoTypes,
    /// The name of the section.
    #[error("its name has characters that are not taken over, or is reserved, or is longer than {MAX_NAME}")]
    Name,
    /// A key.
    #[error("its key '{0}' has characters that are not taken over, or is longer than {MAX_KEY}")]
    Key(String),
    /// A value that could not come back as it is.
    #[error(
        "the value of {0} is not UTF-8, has control characters, begins or ends with a blank, or is too long"
    )]
    Value(String),
}

/// A section that may be written. Only [`Accepted::check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    kind: Kind,
    name: &'a str,
    lines: Vec<(&'a str, &'a str)>,
}

impl<'a> Accepted<'a> {
    /// Looks at a section as a whole and at each of its lines.
    ///
    /// # Errors
    /// With the first thing in it that may not be written.
    pub fn check(section: &Section<'a>, technology: Technology) -> Result<Self, Violation> {
        let kind = kind_of(section, technology)?;
        let name = plain(section.name, MAX_NAME, b"_.@+-").ok_or(Violation::Name)?;
        let reserved = SIP_RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word));
        if technology == Technology::Sip && reserved {
            return Err(Violation::Name);
        }
        let lines = section.lines.iter().map(line).collect::<Result<_, _>>()?;
        Ok(Self { kind, name, lines })
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What stands between the brackets.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// Keys and values, in order.
    #[must_use]
    pub fn lines(&self) -> &[(&'a str, &'a str)] {
        &self.lines
    }
}

/// What a section is. All its `type` lines must agree: which one Asterisk takes differs by module.
///
/// # Errors
/// When it is nothing that is synced.
pub fn kind_of(section: &Section<'_>, technology: Technology) -> Result<Kind, Violation> {
    let mut types = section.values("type");
    let first = types.next().ok_or(Violation::NoType)?;
    if types.any(|other| other != first) {
        return Err(Violation::TwoTypes);
    }
    Kind::from_type(technology, first).ok_or_else(|| Violation::Type(visible_octets(first)))
}

fn line<'a>(line: &Line<'a>) -> Result<(&'a str, &'a str), Violation> {
    let shown = || visible_octets(line.key.get(..MAX_KEY).unwrap_or(line.key));
    let key = plain(line.key, MAX_KEY, b"_-").ok_or_else(|| Violation::Key(shown()))?;
    let value = str::from_utf8(line.value).ok().filter(|value| survives(value));
    let value = value.ok_or_else(|| Violation::Value(shown()))?;
    // Each ';' takes one byte more; " = " and the line end take four.
    let rendered = key.len() + value.len() + value.bytes().filter(|byte| *byte == b';').count() + 4;
    if rendered > MAX_LINE { Err(Violation::Value(shown())) } else { Ok((key, value)) }
}

/// Whether Asterisk's loader gives the value back as it is: it trims blanks, and a line ends where it ends.
fn survives(value: &str) -> bool {
    value.trim_matches(' ') == value && !value.chars().any(char::is_control)
}

fn plain<'a>(text: &'a [u8], longest: usize, besides: &[u8]) -> Option<&'a str> {
    let fits = (1..=longest).contains(&text.len());
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || besides.contains(byte);
    (fits && text.iter().all(known)).then(|| str::from_utf8(text).ok()).flatten()
}

#[cfg(test)]
mod tests;
