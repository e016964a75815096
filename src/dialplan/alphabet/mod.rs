//! Which characters a value can have when the call comes to it. Pure.
//!
//! Asterisk takes values for code in places: `$[${X}]` calls a function when X holds its name with brackets, `Goto(${X},1)` goes wherever
//! a comma in X leads. So it is worked out, over all steps that set anything, which characters can be in a variable; where
//! nobody can tell, it is any.

use std::collections::BTreeMap;

use super::substitution::{Piece, literal, split};

/// A set of characters; those beyond ASCII mean nothing to Asterisk and are left aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alphabet(u128);

impl Alphabet {
    /// No character at all.
    pub const NONE: Self = Self(0);
    /// Any.
    pub const ANY: Self = Self(u128::MAX);

    /// The characters of a text.
    pub fn of(text: &str) -> Self {
        Self(text.bytes().filter(u8::is_ascii).fold(0, |set, byte| set | (1 << byte)))
    }

    /// Either's.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether none of these is in it.
    pub fn lacks(self, text: &str) -> bool {
        self.0 & Self::of(text).0 == 0
    }

    fn word() -> Self {
        Self::of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.+")
    }
}

/// What calls set to words of Asterisk's own.
const WORDS: [&str; 16] = [
    "ANSWEREDTIME",
    "AVAILSTATUS",
    "BACKGROUNDSTATUS",
    "CALLINGPRES",
    "CALLINGTON",
    "CONFBRIDGE_RESULT",
    "DIALEDTIME",
    "DIALSTATUS",
    "EPOCH",
    "HANGUPCAUSE",
    "PLAYBACKSTATUS",
    "PRIORITY",
    "QUEUESTATUS",
    "READSTATUS",
    "UNIQUEID",
    "VMSTATUS",
];
/// How the names of variables begin that Asterisk sets to what others say: phones, other calls, names of channels.
const FOREIGN: [&str; 29] = [
    "AGENT",
    "ANI",
    "ATTENDED",
    "AVAIL",
    "BLIND",
    "BRIDGE",
    "CALL",
    "CHANNEL",
    "CID",
    "CONF",
    "CONTEXT",
    "DB_",
    "DIALEDPEER",
    "DIRECTORY",
    "DNID",
    "ENUM",
    "EXTEN",
    "FAX",
    "FORWARDER",
    "HINT",
    "INVALID_",
    "MACRO_",
    "MEMBER",
    "MESSAGE",
    "PICKUP",
    "QUEUE",
    "SIP",
    "TRANSFER",
    "VM_",
];
/// Functions whose result is a number, a hash or one of a few words.
const PLAIN_RESULTS: [&str; 23] = [
    "DB_EXISTS",
    "DEC",
    "DEVICE_STATE",
    "DIALPLAN_EXISTS",
    "EXISTS",
    "EXTENSION_STATE",
    "FIELDNUM",
    "FIELDQTY",
    "GROUP_COUNT",
    "GROUP_MATCH_COUNT",
    "HANGUPCAUSE",
    "INC",
    "ISNULL",
    "KEYPADHASH",
    "LEN",
    "MAILBOX_EXISTS",
    "MD5",
    "RAND",
    "REGEX",
    "SHA1",
    "SYNCH",
    "TIMEOUT",
    "VMCOUNT",
];
/// Functions whose result has only characters of their arguments, and perhaps these.
const PASSING_ON: [(&str, &str); 5] =
    [("IF", ""), ("IFTIME", ""), ("QUOTE", "\"\\"), ("CSV_QUOTE", "\""), ("STRFTIME", ":/ ,")];

/// What is known about variables.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// By name in lower case.
    variables: BTreeMap<String, Alphabet>,
}

/// A value that is given to a variable, and the extension in which that happens.
pub struct Assignment<'a> {
    /// Name of the variable.
    pub name: String,
    /// What it gets.
    pub value: Vec<Piece<'a>>,
    /// What `EXTEN` can be there.
    pub exten: Alphabet,
}

/// All that `Gosub` hands over is known as one variable of this name: a comma in a value moves the rest on.
pub const GOSUB_ARGUMENTS: &str = "arg#";

/// Rounds after which nobody is believed any more; each brings a character to a variable, so few are needed.
const MAX_ROUNDS: usize = 64;

impl Knowledge {
    /// Works out what the variables can hold when these assignments run in any order, any number of times. Those that
    /// were `brought` can be anything.
    pub fn from(assignments: &[Assignment<'_>], brought: &[&str]) -> Self {
        let names = assignments.iter().map(|assignment| (key(&assignment.name), Alphabet::NONE));
        let brought = brought.iter().map(|name| (key(name), Alphabet::ANY));
        let mut knowledge = Self { variables: names.chain(brought).collect() };
        for _ in 0..MAX_ROUNDS {
            let mut changed = false;
            for Assignment { name, value, exten } in assignments {
                let value = knowledge.value(value, *exten);
                let known = knowledge.variables.entry(key(name)).or_insert(Alphabet::NONE);
                changed |= known.and(value) != *known;
                *known = known.and(value);
            }
            if !changed {
                return knowledge;
            }
        }
        Self::default()
    }

    /// The characters of what a text comes to.
    pub fn value(&self, pieces: &[Piece<'_>], exten: Alphabet) -> Alphabet {
        let of = |piece: &Piece<'_>| match piece {
            Piece::Text(text) => Alphabet::of(text),
            Piece::Variable(name, _) => self.variable(name, exten),
            Piece::Call(name, arguments, _) => self.result(name, arguments, exten),
            Piece::Expression(inner) => self.expression(inner, exten),
        };
        pieces.iter().map(of).fold(Alphabet::NONE, Alphabet::and)
    }

    fn variable(&self, name: &str, exten: Alphabet) -> Alphabet {
        if name == "EXTEN" {
            return exten;
        }
        let assigned = self.variables.get(&key(name)).copied();
        let upper = name.to_ascii_uppercase();
        if WORDS.contains(&name) {
            return Alphabet::word().and(assigned.unwrap_or(Alphabet::NONE));
        }
        match assigned {
            Some(known) if !FOREIGN.iter().any(|prefix| upper.starts_with(prefix)) => known,
            _ => Alphabet::ANY,
        }
    }

    fn result(&self, name: &str, arguments: &[Piece<'_>], exten: Alphabet) -> Alphabet {
        let upper = name.to_ascii_uppercase();
        if PLAIN_RESULTS.contains(&upper.as_str()) {
            return Alphabet::word().and(Alphabet::of(" "));
        }
        if let Some((_, more)) = PASSING_ON.iter().find(|(name, _)| *name == upper) {
            // A backslash in an argument could stand for any character.
            let value = self.value(arguments, exten);
            let kept = if value.lacks("\\") { value } else { Alphabet::ANY };
            return kept.and(Alphabet::of(more)).and(Alphabet::word());
        }
        match upper.as_str() {
            "TOUPPER" | "TOLOWER" => match self.value(arguments, exten) {
                value if value.lacks("\\") => value.and(Alphabet::word()),
                _ => Alphabet::ANY,
            },
            "SHIFT" | "POP" => first_name(arguments).map_or(Alphabet::ANY, |name| self.variable(name, exten)),
            "CUT" => self.cut(arguments, exten),
            "FILTER" => filtered(arguments),
            // Its type `c` gives any character.
            "MATH" if arguments.last().is_some_and(ends_in_number_type) => Alphabet::word(),
            _ => Alphabet::ANY,
        }
    }

    fn cut(&self, arguments: &[Piece<'_>], exten: Alphabet) -> Alphabet {
        let plain = literal(arguments).filter(|text| !text.contains('\\'));
        let name = first_name(arguments);
        match (plain, name) {
            (Some(text), Some(name)) => self.variable(name, exten).and(Alphabet::of(text)),
            _ => Alphabet::ANY,
        }
    }

    /// A number, or one of the operands: what stands outside of quotes is a word or an operator.
    fn expression(&self, pieces: &[Piece<'_>], exten: Alphabet) -> Alphabet {
        let mut result = Alphabet::word();
        let (mut texts, mut words) = (Alphabet::NONE, Alphabet::NONE);
        let mut quoted = false;
        for piece in pieces {
            let Piece::Text(text) = piece else {
                result = result.and(self.value(std::slice::from_ref(piece), exten));
                continue;
            };
            texts = texts.and(Alphabet::of(text));
            for byte in text.chars() {
                quoted ^= byte == '"';
                if (quoted && byte != '"') || !"()=<>!&|+-*/%?:~ \"".contains(byte) {
                    words = words.and(Alphabet::of(byte.encode_utf8(&mut [0; 4])));
                }
            }
        }
        // A quote in a value turns inside and outside around; a backslash may take a quote's meaning away.
        if result.lacks("\"") && texts.and(result).lacks("\\") && !quoted {
            result.and(words)
        } else {
            result.and(texts)
        }
    }
}

/// What `EXTEN` can be in an extension.
pub fn of_pattern(pattern: &str) -> Alphabet {
    let Some(pattern) = pattern.strip_prefix('_') else { return Alphabet::of(pattern) };
    let mut set = Alphabet::NONE;
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        match character {
            'X' | 'x' | 'Z' | 'z' | 'N' | 'n' => {
                set = set.and(Alphabet::of("0123456789Xxzn").and(Alphabet::of("ZN")))
            }
            '.' | '!' => return Alphabet::ANY,
            '[' => {
                let inner: String = rest.by_ref().take_while(|character| *character != ']').collect();
                match ranges(&inner) {
                    Some(inner) => set = set.and(inner),
                    None => return Alphabet::ANY,
                }
            }
            other => set = set.and(Alphabet::of(other.encode_utf8(&mut [0; 4]))),
        }
    }
    set
}

/// Letters and digits, and ranges of them.
fn ranges(text: &str) -> Option<Alphabet> {
    let bytes = text.as_bytes();
    let mut set = Alphabet::NONE;
    let mut at = 0;
    while let Some(first) = bytes.get(at).copied() {
        let range = bytes.get(at + 1) == Some(&b'-');
        let last = if range { bytes.get(at + 2).copied()? } else { first };
        let both = first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric()
            || !range && b"*#_".contains(&first);
        if !both || last < first {
            return None;
        }
        for byte in first..=last {
            set.0 |= 1 << byte;
        }
        at += if range { 3 } else { 1 };
    }
    Some(set)
}

fn filtered(arguments: &[Piece<'_>]) -> Alphabet {
    let parts = split(arguments, ',');
    let allowed = parts.first().filter(|_| parts.len() > 1).and_then(|part| literal(part));
    allowed.and_then(ranges).unwrap_or(Alphabet::ANY)
}

fn first_name<'a>(arguments: &[Piece<'a>]) -> Option<&'a str> {
    split(arguments, ',').first().and_then(|part| literal(part))
}

fn ends_in_number_type(piece: &Piece<'_>) -> bool {
    matches!(piece, Piece::Text(text) if text.ends_with(",i") || text.ends_with(",int"))
}

fn key(name: &str) -> String {
    let name = name.trim_start_matches('_').to_ascii_lowercase();
    let argument = name
        .strip_prefix("arg")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
    if argument { GOSUB_ARGUMENTS.to_owned() } else { name }
}

#[cfg(test)]
mod tests;
