//! The filter of this site in the main's own words, so that the main sends only what may belong to it. Pure.
//!
//! GetConfig takes `name="value"`: extended regular expressions of POSIX, of which the second may stand between quotes.
//! Ours are another dialect. Only what both read alike is handed over, and where they differ it is made wider, never
//! narrower: the branch looks at everything again.

use crate::{
    settings::{Filter, FilterKey},
    uplink::ami::Query,
};

/// Bytes of a filter. The main compiles it anew for each section of the file, 0.2 µs a byte; beyond this it is
/// quicker to send 20,000 aors whole.
pub const FILTER_LIMIT: usize = 240;

/// The largest count in `{m,n}`: compiling takes time and memory by it.
const MAX_COUNT: u32 = 32;

/// What GetConfig's `Filter:` has to say; none where the whole file must be read.
#[must_use]
pub fn narrow(filter: &Filter) -> Option<String> {
    let FilterKey::Variable(key) = &filter.key else { return None };
    let (key, value) = (any_case(key)?, Reader::new(filter.value.as_str()).whole()?);
    let text = format!("^{key}$=\"{value}\"");
    (text.len() <= FILTER_LIMIT && Query::filtered("", text.as_str()).fits()).then_some(text)
}

/// A key in upper or lower case, as [`Section::values`](super::Section::values) takes it.
fn any_case(key: &str) -> Option<String> {
    let mut text = String::new();
    for letter in key.chars() {
        match letter {
            'a'..='z' | 'A'..='Z' => {
                text.extend(['[', letter.to_ascii_lowercase(), letter.to_ascii_uppercase(), ']']);
            }
            '0'..='9' | '_' | '-' => text.push(letter),
            _ => return None,
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Reads our dialect and writes theirs; none at the first thing that both don't read alike.
struct Reader<'a> {
    rest: &'a [u8],
    text: String,
}

/// What a quantifier can follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Atom {
    /// `^` and `$`: nothing.
    Anchor,
    /// One character, known.
    Plain,
    /// One character of ours that may be several bytes of theirs.
    Wide,
    /// A group; whether something in it is counted.
    Group { counted: bool },
}

impl<'a> Reader<'a> {
    const fn new(pattern: &'a str) -> Self {
        Self { rest: pattern.as_bytes(), text: String::new() }
    }

    fn whole(mut self) -> Option<String> {
        self.ways()?;
        self.rest.is_empty().then_some(self.text)
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn next_if(&mut self, wanted: u8) -> bool {
        let there = self.rest.first() == Some(&wanted);
        if there {
            self.next();
        }
        there
    }

    /// `a|b|…`, none of them empty. Says whether something in it is counted.
    fn ways(&mut self) -> Option<bool> {
        let mut counted = false;
        loop {
            counted |= self.piece()?;
            while !matches!(self.rest.first(), None | Some(b'|' | b')')) {
                counted |= self.piece()?;
            }
            if !self.next_if(b'|') {
                return Some(counted);
            }
            self.text.push('|');
        }
    }

    /// One atom and how often it comes. Says whether something in it is counted.
    fn piece(&mut self) -> Option<bool> {
        let atom = self.atom()?;
        let inside = atom == Atom::Group { counted: true };
        let (optional, counted) = match self.rest.first() {
            Some(b'*') => (true, None),
            Some(b'?') => (true, Some("?".to_owned())),
            Some(b'+') => (false, None),
            Some(b'{') => {
                let (least, text) = self.count()?;
                return self.quantify(atom, least == 0, Some(text)).filter(|()| !inside).map(|()| true);
            }
            _ => {
                // One of ours may be several bytes there.
                if atom == Atom::Wide {
                    self.text.push('+');
                }
                return Some(inside);
            }
        };
        let sign = char::from(self.next()?);
        self.quantify(atom, optional, Some(counted.unwrap_or_else(|| sign.to_string()))).map(|()| inside)
    }

    /// Writes a quantifier; of what may be several bytes there, any number will do.
    fn quantify(&mut self, atom: Atom, optional: bool, text: Option<String>) -> Option<()> {
        let lazy_or_doubled = matches!(self.rest.first(), Some(b'*' | b'+' | b'?' | b'{'));
        if atom == Atom::Anchor || lazy_or_doubled {
            return None;
        }
        match (atom, optional) {
            (Atom::Wide, true) => self.text.push('*'),
            (Atom::Wide, false) => self.text.push('+'),
            _ => self.text.push_str(&text?),
        }
        Some(())
    }

    /// `{m}`, `{m,}` or `{m,n}`: its least, and its text.
    fn count(&mut self) -> Option<(u32, String)> {
        let end = self.rest.iter().position(|byte| *byte == b'}')?;
        let (count, rest) = self.rest.split_at_checked(end + 1)?;
        self.rest = rest;
        let text = std::str::from_utf8(count).ok()?;
        let inside = text.strip_prefix('{')?.strip_suffix('}')?;
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|number| plain && *number <= MAX_COUNT)
        };
        let (least, most) = match inside.split_once(',') {
            None => (number(inside)?, number(inside)?),
            Some((least, "")) => (number(least)?, MAX_COUNT),
            Some((least, most)) => (number(least)?, number(most)?),
        };
        (most > 0).then(|| (least, text.to_owned()))
    }

    fn atom(&mut self) -> Option<Atom> {
        match self.next()? {
            b'(' => {
                // No `(?…)`: a piece can't begin with a quantifier.
                self.text.push('(');
                let counted = self.ways()?;
                self.text.push(')');
                self.next_if(b')').then_some(Atom::Group { counted })
            }
            b'[' => self.class(),
            b'.' => {
                self.text.push('.');
                Some(Atom::Wide)
            }
            anchor @ (b'^' | b'$') => {
                self.text.push(char::from(anchor));
                Some(Atom::Anchor)
            }
            b'\\' | b')' | b']' | b'{' | b'}' | b'*' | b'+' | b'?' | b'|' | b'"' | b'\'' => None,
            plain @ b' '..=b'~' => {
                self.text.push(char::from(plain));
                Some(Atom::Plain)
            }
            _ => None,
        }
    }

    /// `[…]` of plain characters and of ranges that every order of characters has alike.
    fn class(&mut self) -> Option<Atom> {
        let end = self.rest.iter().position(|byte| *byte == b']')?;
        let (class, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix(b"]")?;
        let negated = class.strip_prefix(b"^");
        let members = negated.unwrap_or(class);
        let plain = |byte: &u8| {
            matches!(byte, b' '..=b'~')
                && !matches!(byte, b'[' | b'\\' | b'"' | b'\'' | b'^' | b'&' | b'~' | b'-')
        };
        let mut left = members.strip_prefix(b"-").unwrap_or(members);
        left = left.strip_suffix(b"-").unwrap_or(left);
        while let Some((first, rest)) = left.split_first() {
            left = match rest {
                // Another order of characters may have more in a range: to leave those out would be narrower.
                [b'-', last, rest @ ..] if negated.is_none() && is_range(*first, *last) => rest,
                rest if plain(first) => rest,
                _ => return None,
            };
        }
        self.text.push('[');
        self.text.push_str(std::str::from_utf8(class).ok().filter(|_| !members.is_empty())?);
        self.text.push(']');
        Some(if negated.is_some() { Atom::Wide } else { Atom::Plain })
    }
}

fn is_range(first: u8, last: u8) -> bool {
    let sorts: [fn(&u8) -> bool; 3] = [u8::is_ascii_digit, u8::is_ascii_lowercase, u8::is_ascii_uppercase];
    first <= last && sorts.iter().any(|sort| sort(&first) && sort(&last))
}

#[cfg(test)]
mod tests;
