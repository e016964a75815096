//! What is exported, as text: sections as headers of an answer in GetConfig's own form, and digests over them. Pure.

use super::{Digest, NoHash, Short};
use crate::uplink::ami::Crypto;

/// What the headers of sections begin with.
const HEADERS: [&[u8]; 2] = [b"Category-", b"Line-"];
/// What a digest over an answer covers besides: what is said of a group.
const GROUP: &[u8] = b"Group";

/// A section as Asterisk's loader gives it: includes and templates are resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// What stands between the brackets.
    pub name: Vec<u8>,
    /// Its lines, `key=value`, each with a line feed behind it.
    lines: Vec<u8>,
}

impl Section {
    /// Makes one without a line.
    #[must_use]
    pub fn new(name: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), lines: Vec::new() }
    }

    /// Adds a line. A value of a file has no line feed; one of another source loses what is behind it.
    pub fn push(&mut self, key: &[u8], value: &[u8]) {
        let first =
            |text: &[u8]| text.split(|octet| matches!(octet, b'\r' | b'\n')).next().map(<[u8]>::to_vec);
        self.lines.extend(first(key).unwrap_or_default());
        self.lines.push(b'=');
        self.lines.extend(first(value).unwrap_or_default());
        self.lines.push(b'\n');
    }

    /// Returns its lines, `key=value`.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.lines
            .split_inclusive(|octet| *octet == b'\n')
            .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
    }

    /// Returns keys and values, in order.
    pub fn pairs(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        self.lines().filter_map(|line| {
            let equals = line.iter().position(|octet| *octet == b'=')?;
            let (key, value) = line.split_at_checked(equals)?;
            Some((key, value.strip_prefix(b"=")?))
        })
    }

    /// Returns the values of a key, in upper or lower case, in order.
    pub fn values<'s>(&'s self, key: &'s str) -> impl DoubleEndedIterator<Item = &'s [u8]> {
        self.pairs().filter(|(name, _)| name.eq_ignore_ascii_case(key.as_bytes())).map(|(_, value)| value)
    }

    /// Returns how many octets it holds.
    #[must_use]
    pub fn size(&self) -> usize {
        self.name.len() + self.lines.len()
    }
}

/// Returns the digest over the sections of one thing, such as a user's endpoint, aor and auth.
///
/// # Errors
/// Asterisk has no SHA-256.
pub fn digest<'s>(
    crypto: &dyn Crypto,
    sections: impl IntoIterator<Item = &'s Section>,
) -> Result<Short, NoHash> {
    let mut text = Vec::new();
    for Section { name, lines } in sections {
        text.push(b'[');
        text.extend(name);
        text.extend(b"]\n");
        text.extend(lines);
    }
    Ok(Digest::of(crypto, &text)?.short())
}

/// Returns the digest over a whole part: over the names of its things and their digests, in order.
///
/// # Errors
/// As [`digest`].
pub fn part_digest<'n>(
    crypto: &dyn Crypto,
    things: impl IntoIterator<Item = (&'n [u8], Short)>,
) -> Result<Digest, NoHash> {
    let mut text = Vec::new();
    for (name, digest) in things {
        text.extend(name);
        text.extend(format!(" {digest}\n").into_bytes());
    }
    Digest::of(crypto, &text)
}

/// The sections of an answer, as its headers.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    headers: Vec<u8>,
    sections: usize,
}

impl Answer {
    /// Adds a section.
    pub fn push(&mut self, section: &Section) {
        let number = self.sections;
        self.sections += 1;
        self.header(format!("Category-{number:06}"), &section.name);
        for (line, text) in section.lines().enumerate() {
            self.header(format!("Line-{number:06}-{line:06}"), text);
        }
    }

    fn header(&mut self, name: String, value: &[u8]) {
        self.headers.extend(name.into_bytes());
        self.headers.extend(b": ");
        self.headers.extend(value);
        self.headers.extend(b"\r\n");
    }

    /// Returns the headers of the sections, as they are sent.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// Returns the digest over them, which is the last header of the answer.
    ///
    /// # Errors
    /// As [`digest`].
    pub fn digest(&self, crypto: &dyn Crypto) -> Result<Digest, NoHash> {
        Digest::of(crypto, &self.headers)
    }
}

/// Returns the digest over the sections or groups of an answer, of its headers as they were received: to be held against the
/// one that was sent behind them.
///
/// # Errors
/// As [`digest`].
pub fn received_digest<'h>(
    crypto: &dyn Crypto,
    headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>,
) -> Result<Digest, NoHash> {
    let mut text = Vec::new();
    for (name, value) in headers {
        if name == GROUP || HEADERS.iter().any(|begin| name.starts_with(begin)) {
            for part in [name, b": ", value, b"\r\n"] {
                text.extend(part);
            }
        }
    }
    Digest::of(crypto, &text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::stand_in::Hashing;

    fn section(name: &str, lines: &[(&str, &str)]) -> Section {
        let mut section = Section::new(name);
        lines.iter().for_each(|(key, value)| section.push(key.as_bytes(), value.as_bytes()));
        section
    }

    fn alice() -> [Section; 2] {
        [
            section("1001", &[("type", "endpoint"), ("set_var", "A=B"), ("set_var", "C=")]),
            section("1001", &[("type", "aor")]),
        ]
    }

    #[test]
    fn sections_are_said_as_getconfig_says_them() {
        let mut answer = Answer::default();
        alice().iter().for_each(|section| answer.push(section));
        let said = "Category-000000: 1001\r\nLine-000000-000000: type=endpoint\r\n\
             Line-000000-000001: set_var=A=B\r\nLine-000000-000002: set_var=C=\r\n\
             Category-000001: 1001\r\nLine-000001-000000: type=aor\r\n";
        assert_eq!(String::from_utf8_lossy(answer.headers()), said);
    }

    #[test]
    fn an_answer_is_void_where_a_line_is_missing_or_another_one() {
        let mut answer = Answer::default();
        alice().iter().for_each(|section| answer.push(section));
        let sent = answer.digest(&Hashing).unwrap();
        let text = String::from_utf8(answer.headers().to_vec()).unwrap();
        let mut headers: Vec<(&[u8], &[u8])> = vec![(b"Response", b"Success"), (b"Digest", b"x")];
        headers.extend(text.lines().map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.as_bytes(), value.as_bytes())
        }));
        headers.push((b"AnswerDigest", b"y"));
        let received = |headers: &[(&'static [u8], &[u8])]| -> Digest {
            received_digest(&Hashing, headers.iter().copied()).unwrap()
        };
        let headers: Vec<(&'static [u8], Vec<u8>)> =
            headers.iter().map(|(name, value)| (&*name.to_vec().leak(), value.to_vec())).collect();
        let borrowed: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        assert_eq!(received(&borrowed), sent);
        for at in 2..borrowed.len() - 1 {
            let mut torn = borrowed.clone();
            torn.remove(at);
            assert_ne!(received(&torn), sent);
            let mut other = borrowed.clone();
            other[at].1 = b"other";
            assert_ne!(received(&other), sent);
        }
    }

    #[test]
    fn a_thing_has_another_digest_with_each_change_of_its_sections() {
        let of = |sections: &[Section]| digest(&Hashing, sections).unwrap();
        let same = of(&alice());
        assert_eq!(of(&alice()), same);
        let mut other = alice();
        other[1].push(b"max_contacts", b"1");
        assert_ne!(of(&other), same);
        assert_ne!(of(&alice()[..1]), same);
        let [endpoint, aor] = alice();
        assert_ne!(of(&[aor, endpoint]), same);
        let part = |things: &[(&str, Short)]| {
            part_digest(&Hashing, things.iter().map(|(name, short)| (name.as_bytes(), *short))).unwrap()
        };
        let other = of(&other);
        assert_ne!(part(&[("1001", same)]), part(&[("1002", same)]));
        assert_ne!(part(&[("1001", same)]), part(&[("1001", other)]));
        assert_ne!(part(&[("1001", same), ("1002", other)]), part(&[("1002", other), ("1001", same)]));
    }

    #[test]
    fn values_of_a_key_are_found_in_any_case_and_a_line_is_one() {
        let mut section = section("a", &[("Allow", "ulaw"), ("allow", "alaw"), ("context", "x")]);
        let found = |section: &Section, key| -> Vec<String> {
            section.values(key).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
        };
        assert_eq!(found(&section, "allow"), ["ulaw", "alaw"]);
        section.push(b"evil", b"1\r\nAction: Logoff");
        assert_eq!(found(&section, "evil"), ["1"]);
        assert_eq!(section.lines().count(), 4);
    }
}
