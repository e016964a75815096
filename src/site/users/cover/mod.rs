//! One short regular expression that matches many names: so that the main sends what belongs to them and little else.
//! Pure.
//!
//! Names that go on alike share what follows: `[0-9]{3}` where 1,000 numbers differ in three digits. Where the
//! expression gets too long it looks at fewer characters of each name, and any may follow.

use std::collections::BTreeMap;

/// Characters that a name here is made of. In a regular expression they mean themselves, or do between brackets.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'@' | b'+' | b'-')
}

/// Longer names are not covered: no account has one, and each character is a step of recursion.
const MAX_NAME: usize = 79;

/// Whether the expression would match that name: who can't be covered has to be asked for alone.
#[must_use]
pub fn can_cover(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain)
}

/// An extended regular expression of POSIX, of at most `limit` bytes, that matches every name that
/// [can be covered](can_cover), from its first character to its last. None where there is none, or where the limit
/// leaves nothing to tell names apart by.
#[must_use]
pub fn cover<'a>(names: impl IntoIterator<Item = &'a str>, limit: usize) -> Option<String> {
    let mut names: Vec<&[u8]> = names.into_iter().filter(|name| can_cover(name)).map(str::as_bytes).collect();
    names.sort_unstable();
    names.dedup();
    let longest = names.iter().map(|name| name.len()).max()?;
    let texts = (1..=longest).rev().map(|depth| text(&tails(&names, 0, depth)));
    texts.into_iter().find(|text| text.len() <= limit)
}

/// One step of an expression.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Atom {
    /// One of these characters, in order.
    One(Vec<u8>),
    /// One of these ways, or none of them.
    Group { ways: Vec<Vec<Atom>>, optional: bool },
    /// Whatever follows.
    Rest,
}

/// What follows in the names, which are sorted and equal up to `at`. Nothing behind `depth` is looked at.
fn tails(names: &[&[u8]], at: usize, depth: usize) -> Vec<Atom> {
    let longer = names.partition_point(|name| name.len() <= at);
    let (ended, going_on) = names.split_at_checked(longer).unwrap_or_default();
    if going_on.is_empty() {
        return Vec::new();
    }
    if at == depth {
        return vec![Atom::Rest];
    }
    // Characters that go on alike are one step.
    let mut ways: BTreeMap<Vec<Atom>, Vec<u8>> = BTreeMap::new();
    for same in going_on.chunk_by(|one, other| one.get(at) == other.get(at)) {
        let byte = same.first().and_then(|name| name.get(at)).copied();
        ways.entry(tails(same, at + 1, depth)).or_default().extend(byte);
    }
    let ways = ways.into_iter().map(|(tail, bytes)| [vec![Atom::One(bytes)], tail].concat()).collect();
    join(ways, !ended.is_empty())
}

/// One of several ways, with the end that they share behind them.
fn join(mut ways: Vec<Vec<Atom>>, optional: bool) -> Vec<Atom> {
    if let ([way], false) = (ways.as_mut_slice(), optional) {
        return std::mem::take(way);
    }
    let shared = if optional { Vec::new() } else { shared_end(&ways) };
    for way in &mut ways {
        way.truncate(way.len() - shared.len());
    }
    let skips = ways.iter().any(Vec::is_empty);
    ways.retain(|way| !way.is_empty());
    [vec![Atom::Group { ways, optional: optional || skips }], shared].concat()
}

fn shared_end(ways: &[Vec<Atom>]) -> Vec<Atom> {
    let Some((first, others)) = ways.split_first() else { return Vec::new() };
    let same = |other: &Vec<Atom>| {
        first.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
    };
    let length = others.iter().map(same).min().unwrap_or(0);
    first.get(first.len() - length..).unwrap_or_default().to_vec()
}

fn text(atoms: &[Atom]) -> String {
    let mut text = String::new();
    for run in atoms.chunk_by(|one, other| one == other) {
        let Some(atom) = run.first() else { continue };
        let (one, counted) = (atom.text(), format!("{{{}}}", run.len()));
        if one.len() * (run.len() - 1) > counted.len() {
            text += &(one + &counted);
        } else {
            text += &one.repeat(run.len());
        }
    }
    text
}

impl Atom {
    fn text(&self) -> String {
        match self {
            Self::Rest => ".*".to_owned(),
            Self::One(bytes) => class(bytes),
            Self::Group { ways, optional } => {
                let mark = if *optional { "?" } else { "" };
                match ways.as_slice() {
                    [way] if matches!(way.as_slice(), [Self::One(_)]) => text(way) + mark,
                    ways => {
                        let ways: Vec<String> = ways.iter().map(|way| text(way)).collect();
                        format!("({}){mark}", ways.join("|"))
                    }
                }
            }
        }
    }
}

/// One of these characters. Only digits, capitals and small letters make ranges, each among themselves: that holds in
/// every order that a main may sort by.
fn class(bytes: &[u8]) -> String {
    if let [byte] = bytes {
        let literal = char::from(*byte);
        return if matches!(byte, b'.' | b'+') { format!("[{literal}]") } else { literal.to_string() };
    }
    let follows =
        |one: &u8, next: &u8| one.is_ascii_alphanumeric() && next.is_ascii_alphanumeric() && one + 1 == *next;
    let mut text = "[".to_owned();
    let dash = bytes.contains(&b'-');
    let others: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'-').collect();
    for run in others.chunk_by(follows) {
        match run {
            [first, _, .., last] => text.extend([char::from(*first), '-', char::from(*last)]),
            few => text.extend(few.iter().copied().map(char::from)),
        }
    }
    // At the end it is a character like any other.
    text.push_str(if dash { "-]" } else { "]" });
    text
}

#[cfg(test)]
mod tests;
