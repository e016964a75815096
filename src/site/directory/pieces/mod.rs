//! A file of the main in pieces that each fit a slow line: its users by how a value of theirs ends. Pure.
//!
//! GetConfig has no "the next hundred", only conditions on values. How numbers end is spread evenly, whatever they begin
//! with; so a piece is everybody whose value ends in one of a few characters, and one that turns out to be too long is cut by
//! the character before. How much ends where is learned on the way. Together the pieces are everybody who has the
//! value: `aors` of an endpoint, without which nobody can be called, `callerid` of a peer of chan_sip.

use crate::{settings::Technology, site::users::wizard::is_of_wizards, uplink::ami::Query};

/// What a value can end in: ten digits, 26 letters, and everything else, an empty value included.
const SYMBOLS: usize = 37;
const DIGITS: usize = 10;
const OTHER: usize = SYMBOLS - 1;
/// Characters of an end at most: a million numbers with the same one are nobody's.
const DEEPEST: usize = 8;
/// A piece may be longer than wanted by this much before it is broken off.
const SLACK: usize = 3;

/// Everybody whose value ends in one of the characters `from` to `to` (not included), with `end` behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    end: Vec<usize>,
    from: usize,
    to: usize,
}

impl Piece {
    const fn below(end: Vec<usize>) -> Self {
        Self { end, from: 0, to: SYMBOLS }
    }

    /// What to ask the main for.
    #[must_use]
    pub fn query(&self, technology: Technology, file: &str) -> Query {
        match technology {
            Technology::Pjsip if is_of_wizards(file) && self.is_all() => Query::whole(file),
            Technology::Pjsip if is_of_wizards(file) => Query::filtered(
                file,
                format!("^endpoint/[cC][aA][lL][lL][eE][rR][iI][dD]$={}>?$", self.ends(">")),
            ),
            Technology::Pjsip if self.is_all() => Query::filtered(file, "^type$=^endpoint$"),
            Technology::Pjsip => Query::filtered(file, format!("[aA][oO][rR][sS]={}$", self.ends(""))),
            Technology::Sip if self.is_all() => Query::whole(file),
            // `Alice <1001>`
            Technology::Sip => {
                let ends = self.ends(">");
                Query::filtered(file, format!("[cC][aA][lL][lL][eE][rR][iI][dD]={ends}>?$"))
            }
        }
    }

    /// As an extended regular expression of POSIX, without its `$`. Characters one by one: what is between two of them
    /// depends on the main's language. `behind` may follow, and is no end itself.
    fn ends(&self, behind: &str) -> String {
        let set = |symbols: &mut dyn Iterator<Item = usize>| symbols.map(letters).collect::<String>();
        let first = match (self.from, self.to) {
            (0, SYMBOLS) => String::new(),
            (from, SYMBOLS) => format!("(^|[^{}{behind}])", set(&mut (0..from))),
            (from, to) => format!("[{}]", set(&mut (from..to))),
        };
        let end = self.end.iter().map(|symbol| format!("[{}]", letters(*symbol)));
        first + &end.collect::<String>()
    }

    /// Whether it is the whole file.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.end.is_empty() && self.width() == SYMBOLS
    }

    const fn width(&self) -> usize {
        self.to - self.from
    }

    fn digits(&self) -> usize {
        self.to.min(DIGITS).saturating_sub(self.from)
    }

    /// The same one, by the character before. Only of a single character.
    fn cut(&self) -> Self {
        Self::below([&[self.from], self.end.as_slice()].concat())
    }

    /// Whether there are smaller ones.
    fn can_be_cut(&self) -> bool {
        self.width() > 1 || self.from != OTHER && self.end.len() < DEEPEST
    }
}

/// A symbol as it stands in a set.
fn letters(symbol: usize) -> String {
    let character = u32::try_from(symbol).ok().and_then(|symbol| char::from_digit(symbol, 36));
    character.map_or_else(String::new, |character| match character {
        '0'..='9' => character.to_string(),
        letter => format!("{letter}{}", letter.to_ascii_uppercase()),
    })
}

/// Bytes of what ends in one more character, as last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Costs {
    digit: Option<usize>,
    other: usize,
    /// Bytes so far of everybody with the end that is being read.
    sum: usize,
}

/// The pieces of a file that are still to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    /// The next one is the last.
    todo: Vec<Piece>,
    /// By how many characters are known of the end.
    costs: [Costs; DEEPEST + 1],
}

impl Pieces {
    /// All of a file of about so many bytes; none where nobody knows.
    #[must_use]
    pub fn new(expected: Option<usize>) -> Self {
        let mut costs = [Costs::default(); DEEPEST + 1];
        if let Some(first) = costs.first_mut() {
            first.digit = expected.map(|bytes| bytes / DIGITS);
        }
        Self { todo: vec![Piece::below(Vec::new())], costs }
    }

    /// The next piece, of about so many bytes if that can be; the same again until it was had. None where all were.
    pub fn next(&mut self, wanted: usize) -> Option<Piece> {
        loop {
            let top = self.todo.pop()?;
            let (digit, other) = self.costs_at(top.end.len());
            let cost = |symbol: usize| if symbol < DIGITS { digit } else { other };
            let (mut to, mut sum) = (top.from, 0_usize);
            while to < top.to && (to == top.from || sum.saturating_add(cost(to)) <= wanted) {
                sum = sum.saturating_add(cost(to));
                to += 1;
            }
            if to < top.to {
                self.todo.push(Piece { from: to, ..top.clone() });
            }
            let taken = Piece { to, ..top };
            // A little too long is better than ten questions.
            if taken.from < DIGITS
                && sum > wanted.saturating_mul(2)
                && taken.width() == 1
                && taken.can_be_cut()
            {
                self.todo.push(taken.cut());
                continue;
            }
            self.todo.push(taken.clone());
            return Some(taken);
        }
    }

    /// Bytes beyond which the next piece is better broken off, where so many were wanted.
    #[must_use]
    pub fn limit(&self, wanted: usize) -> usize {
        match self.todo.last() {
            Some(next) if next.can_be_cut() => wanted.saturating_mul(SLACK),
            _ => usize::MAX,
        }
    }

    /// Whether the next piece is the whole file, of which nobody knows how long it is.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.todo.last().is_some_and(Piece::is_all) && self.costs_at(0).0 == 0
    }

    /// The next piece was had, and had so many bytes.
    pub fn took(&mut self, bytes: usize) {
        let Some(had) = self.todo.pop() else { return };
        if let Some(costs) = self.costs.get_mut(had.end.len()) {
            costs.sum = costs.sum.saturating_add(bytes);
            match had.digits() {
                0 => costs.other = bytes / had.width().max(1),
                digits => costs.digit = Some(bytes / digits),
            }
        }
        // Where that was the last of an end, all that ends so is known.
        let left = self.todo.last().map_or(0, |next| next.end.len());
        for (known, symbol) in (left..had.end.len()).rev().zip(&had.end) {
            let sum = self.costs.get_mut(known + 1).map_or(0, |costs| std::mem::take(&mut costs.sum));
            let Some(costs) = self.costs.get_mut(known) else { continue };
            costs.sum = costs.sum.saturating_add(sum);
            if *symbol < DIGITS {
                costs.digit = Some(sum);
            } else {
                costs.other = sum;
            }
        }
    }

    /// The next piece was longer than its limit, or may well be: smaller ones take its place.
    pub fn too_long(&mut self) {
        let unknown = self.is_unknown();
        let Some(long) = self.todo.pop() else { return };
        if long.width() == 1 {
            self.todo.push(long.cut());
            return;
        }
        let middle = if unknown { 1 } else { long.from + long.width() / 2 };
        let first = Piece { to: middle, ..long.clone() };
        self.todo.push(Piece { from: middle, ..long });
        if unknown {
            // A thousandth tells how long all of it is.
            let below = first.cut();
            let second = Piece { to: 1, ..below.clone() };
            self.todo.push(Piece { from: 1, ..below });
            let below = second.cut();
            self.todo.extend([Piece { from: 1, ..below.clone() }, Piece { to: 1, ..below }]);
        } else {
            self.todo.push(first);
        }
    }

    /// What one more character costs, a digit and another: as it was here last, or a tenth of what it was before it.
    fn costs_at(&self, known: usize) -> (usize, usize) {
        let at = |known: usize| self.costs.get(known).copied().unwrap_or_default();
        let before = known.checked_sub(1).and_then(|before| at(before).digit).map(|bytes| bytes / DIGITS);
        // Ten of what is behind it, where nothing else is known yet.
        let summed = at(known + 1).digit.map(|bytes| bytes.saturating_mul(DIGITS));
        (at(known).digit.or(before).or(summed).unwrap_or(0), at(known).other)
    }
}

#[cfg(test)]
mod tests;
