//! Which of the main's words can be written into a file that the branch's Asterisk reads. Pure.
//!
//! Asterisk's syntax gives meaning to `[`, `#`, `;`, `=`, `>`, `+`, `(` and the line end by their place. So names and
//! keys are of a narrow alphabet, values can't end their line, and [`Policy`](super::Policy) takes nothing but
//! [`Accepted`]: nothing gets around this file.
//!
//! A line that can't be written costs that line: a name loses its odd letters, a list its odd entries, and what is left
//! out is told. It costs the user only where he would be open, unreachable or somebody else without it.

use std::{borrow::Cow, fmt, str};

use super::{Line, Section};
use crate::{settings::Technology, words::wording::visible_octets};

/// A section name longer than this does not fit Asterisk's own buffer (80 bytes).
const MAX_NAME: usize = 79;
/// No option of res_pjsip or chan_sip has half of that.
const MAX_KEY: usize = 64;
/// Asterisk skips lines of more than 8191 bytes; the rest is room for its own idea of a line.
const MAX_LINE: usize = 8000;
/// Options that hold text for people.
const NAMES: [&str; 4] = ["callerid", "cid_name", "fullname", "description"];
/// Options that are lists, of which an entry may go.
const LISTS: [&str; 9] = [
    "allow",
    "disallow",
    "identify_by",
    "call_group",
    "pickup_group",
    "callgroup",
    "pickupgroup",
    "named_call_group",
    "named_pickup_group",
];
const ODD_WHY: &str = "letters that Asterisk's files can't hold are left out";
const SPOILT_WHY: &str = "it has characters that Asterisk's files can't hold, or is too long";
const OWN_WHY: &str = "Asterisk itself does not use it";
const FIRST_TYPE_WHY: &str = "only the first type counts";
const BOTH_TYPES_WHY: &str = "chan_sip combines all types";

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
    /// What an account is to this channel driver: the section that has its user.
    #[must_use]
    pub const fn of_account(technology: Technology) -> Self {
        match technology {
            Technology::Pjsip => Self::Endpoint,
            Technology::Sip => Self::Peer,
        }
    }

    /// Whether it is an account, of either driver.
    #[must_use]
    pub const fn is_account(self) -> bool {
        matches!(self, Self::Endpoint | Self::Peer)
    }

    /// What `type = word` makes of a section; none for the types that are never taken over.
    #[must_use]
    pub fn from_type(technology: Technology, word: &[u8]) -> Option<Self> {
        match (technology, word) {
            (Technology::Pjsip, b"endpoint") => Some(Self::Endpoint),
            (Technology::Pjsip, b"aor") => Some(Self::Aor),
            (Technology::Pjsip, b"auth") => Some(Self::Auth),
            (Technology::Sip, word) => ["friend", "peer", "user"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
                .then_some(Self::Peer),
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
    /// The name of the section.
    #[error("its name has characters that are not taken over, or is reserved, or is longer than {MAX_NAME}")]
    Name,
    /// A value that could not come back as it is, of an option without which he would be open, unreachable or somebody
    /// else.
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
    lines: Vec<Taken<'a>>,
    spoilt: Vec<Spoilt>,
}

/// An option that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<'a> {
    /// Its name.
    pub key: &'a str,
    /// What may be written.
    pub value: Cow<'a, str>,
    /// What the main says, fit for a message, and why that is not written.
    pub mended: Option<(String, &'static str)>,
}

/// A line that can't be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoilt {
    /// Its key, fit for a message.
    pub key: String,
    /// Its value, fit for a message.
    pub value: String,
    /// What is wrong.
    pub why: &'static str,
}

impl<'a> Accepted<'a> {
    /// Looks at a section as a whole and at each of its lines.
    ///
    /// # Errors
    /// With the first thing in it without which it would be something else.
    pub fn check(section: &Section<'a>, technology: Technology) -> Result<Self, Violation> {
        let kind = kind_of(section, technology)?;
        let name = plain(section.name, MAX_NAME, b"_.@+-").ok_or(Violation::Name)?;
        let reserved = SIP_RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word));
        if technology == Technology::Sip && reserved {
            return Err(Violation::Name);
        }
        let mut accepted =
            Self { kind, name, lines: Vec::with_capacity(section.lines.len()), spoilt: Vec::new() };
        let mut word = Some(type_word(section, kind));
        for line in &section.lines {
            if is_type(line) {
                accepted.take_type(line, word.take());
            } else {
                accepted.take(line)?;
            }
        }
        Ok(accepted)
    }

    /// Writes the type where it is said first.
    fn take_type(&mut self, line: &Line<'a>, word: Option<&'static str>) {
        let why = if self.kind == Kind::Peer { BOTH_TYPES_WHY } else { FIRST_TYPE_WHY };
        let said = visible_octets(line.value);
        match word {
            Some(word) => {
                let mended = (said != word).then_some((said, why));
                self.lines.push(Taken { key: "type", value: Cow::Borrowed(word), mended });
            }
            None => self.spoilt.push(Spoilt { key: "type".to_owned(), value: said, why }),
        }
    }

    fn take(&mut self, line: &Line<'a>) -> Result<(), Violation> {
        let Some(key) = plain(line.key, MAX_KEY, b"_-") else {
            let why = if line.key.starts_with(b"@") { OWN_WHY } else { SPOILT_WHY };
            let key = visible_octets(line.key.get(..MAX_KEY).unwrap_or(line.key));
            // Under an unknown name there may be a password.
            self.spoilt.push(Spoilt { key, value: "***".to_owned(), why });
            return Ok(());
        };
        let is_among = |list: &[&str]| list.iter().any(|known| key.eq_ignore_ascii_case(known));
        let said = || visible_octets(line.value);
        let mended = |value| Taken { key, value: Cow::Owned(value), mended: Some((said(), ODD_WHY)) };
        let found = match whole(key, line.value) {
            Some(value) => Some(Taken { key, value: Cow::Borrowed(value), mended: None }),
            None if is_among(&NAMES) => Some(mended(without_odd_letters(line.value))),
            None if is_among(&LISTS) => Some(mended(without_odd_entries(key, line.value))),
            None => None,
        };
        match found.filter(|taken| {
            taken.mended.is_none() || !taken.value.is_empty() && whole(key, taken.value.as_bytes()).is_some()
        }) {
            Some(taken) => self.lines.push(taken),
            None if is_essential(self.kind, key) => return Err(Violation::Value(key.to_owned())),
            None => self.spoilt.push(Spoilt { key: key.to_owned(), value: said(), why: SPOILT_WHY }),
        }
        Ok(())
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

    /// Its options, in order.
    #[must_use]
    pub fn lines(&self) -> &[Taken<'a>] {
        &self.lines
    }

    /// Its lines that can't be written.
    #[must_use]
    pub fn spoilt(&self) -> &[Spoilt] {
        &self.spoilt
    }
}

/// Whether a user without this option could be anybody, or nobody could reach him, or he would be somebody else.
#[must_use]
pub fn is_essential(kind: Kind, key: &str) -> bool {
    let keys: &[&str] = match kind {
        Kind::Endpoint => &["type", "aors", "auth", "allow", "context"],
        Kind::Aor => &["type", "max_contacts"],
        Kind::Auth => &["type", "auth_type", "username", "password", "md5_cred", "password_digest", "realm"],
        Kind::Peer => &["type", "secret", "md5secret", "allow", "context", "defaultuser", "username"],
    };
    keys.iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// Whether an option is a list of which an entry may go.
#[must_use]
pub fn is_list(key: &str) -> bool {
    LISTS.iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// What a section is. Of several types res_pjsip goes by the first (`res_sorcery_config`), chan_sip by all of them
/// together (`build_peer`): both tried.
///
/// # Errors
/// When it is nothing that is synced.
pub fn kind_of(section: &Section<'_>, technology: Technology) -> Result<Kind, Violation> {
    let first = section.values("type").next().ok_or(Violation::NoType)?;
    Kind::from_type(technology, first).ok_or_else(|| Violation::Type(visible_octets(first)))
}

fn is_type(line: &Line<'_>) -> bool {
    line.key.eq_ignore_ascii_case(b"type")
}

/// The one type that says what all of a section's say.
fn type_word(section: &Section<'_>, kind: Kind) -> &'static str {
    let says = |word: &[u8]| section.values("type").any(|value| value.eq_ignore_ascii_case(word));
    match kind {
        Kind::Endpoint => "endpoint",
        Kind::Aor => "aor",
        Kind::Auth => "auth",
        Kind::Peer => match (says(b"friend"), says(b"peer"), says(b"user")) {
            (false, true, false) => "peer",
            (false, false, true) => "user",
            _ => "friend",
        },
    }
}

/// A value that may be written as it is.
fn whole<'a>(key: &str, value: &'a [u8]) -> Option<&'a str> {
    let value = str::from_utf8(value).ok().filter(|value| survives(value))?;
    // Each ';' takes one byte more; " = " and the line end take four.
    let rendered = key.len() + value.len() + value.bytes().filter(|byte| *byte == b';').count() + 4;
    (rendered <= MAX_LINE).then_some(value)
}

/// Whether Asterisk's loader gives the value back as it is: it trims blanks, and a line ends where it ends.
fn survives(value: &str) -> bool {
    value.trim_matches(' ') == value && !value.chars().any(char::is_control)
}

fn without_odd_letters(value: &[u8]) -> String {
    let chunks = value.utf8_chunks().flat_map(|chunk| chunk.valid().chars());
    let kept: String = chunks.filter(|letter| !letter.is_control()).collect();
    kept.trim_matches(' ').to_owned()
}

fn without_odd_entries(key: &str, value: &[u8]) -> String {
    let entries = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let kept: Vec<&str> =
        entries.filter_map(|entry| whole(key, entry)).filter(|entry| !entry.is_empty()).collect();
    kept.join(",")
}

fn plain<'a>(text: &'a [u8], longest: usize, besides: &[u8]) -> Option<&'a str> {
    let fits = (1..=longest).contains(&text.len());
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || besides.contains(byte);
    (fits && text.iter().all(known)).then(|| str::from_utf8(text).ok()).flatten()
}

#[cfg(test)]
mod tests;
