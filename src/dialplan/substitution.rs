//! What Asterisk will evaluate in a text: `${NAME}`, `${NAME(...)}`, `$[...]`. Pure.
//!
//! Asterisk evaluates from the inside out, looks for the closing bracket of its own kind alone, and knows no escape. Here
//! brackets have to match in every kind at once, so that both read a text alike; what doesn't is refused. A name that
//! is put together at run time is refused, too: `${${X}}` calls a function as soon as the value of X has a bracket in it.

use super::Refusal;

/// Deeper than anybody writes by hand; keeps the stack small.
const MAX_DEPTH: usize = 16;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Stays as it is.
    Text(&'a str),
    /// The value of a variable, and what stands behind a colon.
    Variable(&'a str, Vec<Piece<'a>>),
    /// What a function says to its arguments, and what stands behind a colon.
    Call(&'a str, Vec<Piece<'a>>, Vec<Piece<'a>>),
    /// The value of an expression.
    Expression(Vec<Piece<'a>>),
}

/// Takes a text apart.
///
/// # Errors
/// When Asterisk could read it differently, or a name in it is computed.
pub fn parse(text: &str) -> Result<Vec<Piece<'_>>, Refusal> {
    let mut reader = Reader { text, at: 0 };
    reader.pieces(Inside { end: None, braces: false, brackets: false, depth: 0 })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

/// Where a piece stands: the bracket that ends it, and the kinds that Asterisk counts around it.
#[derive(Clone, Copy)]
struct Inside {
    end: Option<u8>,
    braces: bool,
    brackets: bool,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn pieces(&mut self, inside: Inside) -> Result<Vec<Piece<'a>>, Refusal> {
        if inside.depth > MAX_DEPTH {
            return Err(Refusal::Brackets);
        }
        let mut pieces = Vec::new();
        let mut start = self.at;
        let (mut braces, mut brackets) = (0_usize, 0_usize);
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            match rest {
                [] if inside.end.is_none() => break,
                [] => return Err(Refusal::Brackets),
                [b'$', open @ (b'{' | b'['), ..] => {
                    self.text_until(start, &mut pieces);
                    self.at += 2;
                    pieces.push(self.inner(*open == b'{', inside)?);
                    start = self.at;
                    continue;
                }
                [end, ..] if Some(*end) == inside.end && braces == 0 && brackets == 0 => break,
                [b'{', ..] if inside.braces => braces += 1,
                [b'}', ..] if inside.braces => braces = braces.checked_sub(1).ok_or(Refusal::Brackets)?,
                [b'[', ..] if inside.brackets => brackets += 1,
                [b']', ..] if inside.brackets => {
                    brackets = brackets.checked_sub(1).ok_or(Refusal::Brackets)?
                }
                _ => {}
            }
            self.at += 1;
        }
        self.text_until(start, &mut pieces);
        self.at += 1;
        Ok(pieces)
    }

    fn text_until(&self, start: usize, pieces: &mut Vec<Piece<'a>>) {
        if let Some(text) = self.text.get(start..self.at).filter(|text| !text.is_empty()) {
            pieces.push(Piece::Text(text));
        }
    }

    fn inner(&mut self, variable: bool, outer: Inside) -> Result<Piece<'a>, Refusal> {
        let depth = outer.depth + 1;
        if variable {
            let inside = Inside { end: Some(b'}'), braces: true, brackets: outer.brackets, depth };
            return named(self.pieces(inside)?);
        }
        let inside = Inside { end: Some(b']'), braces: outer.braces, brackets: true, depth };
        self.pieces(inside).map(Piece::Expression)
    }
}

/// What stands in `${...}`.
fn named(pieces: Vec<Piece<'_>>) -> Result<Piece<'_>, Refusal> {
    let mut pieces = pieces.into_iter();
    let Some(Piece::Text(text)) = pieces.next() else { return Err(Refusal::Computed) };
    let end = text.bytes().position(|byte| !is_name(byte)).unwrap_or(text.len());
    let (name, behind) = text.split_at_checked(end).unwrap_or((text, ""));
    let more = pieces.collect();
    match behind.as_bytes() {
        _ if name.is_empty() => Err(Refusal::Computed),
        [] if Vec::is_empty(&more) => Ok(Piece::Variable(name, more)),
        [] => Err(Refusal::Computed),
        [b':', ..] => Ok(Piece::Variable(name, joined(behind, more))),
        [b'(', ..] => call(name, joined(behind.strip_prefix('(').unwrap_or(behind), more)),
        // A blank or the like: no function or variable has it in its name.
        _ => Err(Refusal::Computed),
    }
}

/// The arguments of a function end at its own bracket; only `:offset:length` may follow.
fn call<'a>(name: &'a str, pieces: Vec<Piece<'a>>) -> Result<Piece<'a>, Refusal> {
    let mut depth = 1_usize;
    let mut arguments = Vec::new();
    let mut pieces = pieces.into_iter();
    while let Some(piece) = pieces.next() {
        let Piece::Text(text) = piece else {
            arguments.push(piece);
            continue;
        };
        let closing = text.bytes().position(|byte| {
            depth = match byte {
                b'(' => depth + 1,
                b')' => depth - 1,
                _ => depth,
            };
            depth == 0
        });
        let Some((inner, behind)) = closing.and_then(|at| text.split_at_checked(at)) else {
            arguments.push(piece);
            continue;
        };
        arguments.extend(Some(Piece::Text(inner)).filter(|_| !inner.is_empty()));
        let behind = behind.strip_prefix(')').unwrap_or(behind);
        let rest = joined(behind, pieces.collect());
        return match rest.first() {
            None => Ok(Piece::Call(name, arguments, rest)),
            Some(Piece::Text(text)) if text.starts_with(':') => Ok(Piece::Call(name, arguments, rest)),
            Some(_) => Err(Refusal::Brackets),
        };
    }
    Err(Refusal::Brackets)
}

fn joined<'a>(text: &'a str, more: Vec<Piece<'a>>) -> Vec<Piece<'a>> {
    let text = Some(Piece::Text(text)).filter(|_| !text.is_empty());
    text.into_iter().chain(more).collect()
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Cuts at each of these characters that stands in the text itself.
pub fn split<'a>(pieces: &[Piece<'a>], separator: char) -> Vec<Vec<Piece<'a>>> {
    let mut parts = vec![Vec::new()];
    for piece in pieces {
        let Piece::Text(text) = piece else {
            if let Some(part) = parts.last_mut() {
                part.push(piece.clone());
            }
            continue;
        };
        for (number, text) in text.split(separator).enumerate() {
            if number > 0 {
                parts.push(Vec::new());
            }
            if let (false, Some(part)) = (text.is_empty(), parts.last_mut()) {
                part.push(Piece::Text(text));
            }
        }
    }
    parts
}

/// Cuts at the first of these characters that stands in the text itself.
pub fn split_once<'a>(pieces: &[Piece<'a>], separator: char) -> Option<(Vec<Piece<'a>>, Vec<Piece<'a>>)> {
    let found = |piece: &Piece<'a>| match piece {
        Piece::Text(text) => text.split_once(separator),
        _ => None,
    };
    let (at, (head, tail)) = pieces.iter().enumerate().find_map(|(at, piece)| Some((at, found(piece)?)))?;
    let before = pieces.iter().take(at).cloned();
    let head = before.chain(Some(Piece::Text(head)).filter(|_| !head.is_empty())).collect();
    Some((head, joined(tail, pieces.iter().skip(at + 1).cloned().collect())))
}

/// The text, where nothing in it is evaluated.
pub fn literal<'a>(pieces: &[Piece<'a>]) -> Option<&'a str> {
    match pieces {
        [] => Some(""),
        [Piece::Text(text)] => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_what_asterisk_evaluates() {
        use Piece::{Call, Expression, Text, Variable};
        assert_eq!(parse("a$b").unwrap(), [Text("a$b")]);
        assert_eq!(parse("").unwrap(), []);
        assert_eq!(parse("$${X}").unwrap(), [Text("$"), Variable("X", vec![])]);
        assert_eq!(parse("\\${X:1}").unwrap(), [Text("\\"), Variable("X", vec![Text(":1")])]);
        let call = Call("CUT", vec![Text("X,-,"), Variable("N", vec![])], vec![Text(":2")]);
        assert_eq!(parse("${CUT(X,-,${N}):2}").unwrap(), [call]);
        let nested = Call("IF", vec![Expression(vec![Text("1")]), Text("?a(b):c")], vec![]);
        assert_eq!(parse("${IF($[1]?a(b):c)}").unwrap(), [nested]);
        assert_eq!(parse("[a]{b}").unwrap(), [Text("[a]{b}")]);
        assert_eq!(parse("$[[a]]").unwrap(), [Expression(vec![Text("[a]")])]);
        // Asterisk counts brackets of the kind that it looks for the end of, and no others.
        assert_eq!(parse("$[{a]").unwrap(), [Expression(vec![Text("{a")])]);
        assert_eq!(parse("${A:[}").unwrap(), [Variable("A", vec![Text(":[")])]);
        let nested = "${A:".repeat(MAX_DEPTH) + &"}".repeat(MAX_DEPTH);
        assert!(parse(&nested).is_ok());
    }

    #[test]
    fn computed_names_are_refused() {
        for text in [
            "${${X}}",
            "${${X}(a)}",
            "${X${Y}}",
            "${X${Y}(a)}",
            "${$[1]}",
            "${}",
            "${(a)}",
            "${ X(a)}",
            "${X (a)}",
            "${X{Y}}",
            "$[${${X}}]",
            "${CUT(${${X}},a)}",
        ] {
            assert_eq!(parse(text), Err(Refusal::Computed), "{text}");
        }
    }

    #[test]
    fn brackets_that_could_be_read_differently_are_refused() {
        let deep = "${A:".repeat(40) + &"}".repeat(40);
        for text in
            ["${X", "$[1", "${A(b}", "${A(b)c}", "${A(b))}", "$[ ${A(])} ]", "${X:$[}]}", "${A:{}", &deep]
        {
            assert_eq!(parse(text), Err(Refusal::Brackets), "{text}");
        }
    }

    #[test]
    fn only_the_text_itself_is_cut() {
        let pieces = parse("a,${B(c,d)}e,").unwrap();
        let parts = split(&pieces, ',');
        assert_eq!(parts.len(), 3);
        assert_eq!((literal(&parts[0]), literal(&parts[1]), literal(&parts[2])), (Some("a"), None, Some("")));
        let (head, tail) = split_once(&pieces, ',').unwrap();
        assert_eq!((literal(&head), tail.len()), (Some("a"), 2));
        assert_eq!(split_once(&pieces, 'd'), None);
    }
}
