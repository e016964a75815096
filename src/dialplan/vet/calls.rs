//! Functions that a text calls when Asterisk evaluates it. Pure.

use super::{
    check::{Check, Place},
    text::is_variable,
};
use crate::dialplan::{
    Refusal,
    allow::takes_name,
    left_out::shown,
    substitution::{Piece, literal, split},
};

/// What an expression itself can work out; every other `NAME(...)` in it calls a function of the dialplan.
const MATHEMATICS: [&str; 21] = [
    "ABS",
    "ACOS",
    "ASIN",
    "ATAN",
    "ATAN2",
    "CEIL",
    "COS",
    "EXP",
    "EXP10",
    "EXP2",
    "FLOOR",
    "LOG",
    "LOG10",
    "LOG2",
    "POW",
    "REMAINDER",
    "RINT",
    "ROUND",
    "SIN",
    "SQRT",
    "TAN",
];
/// What stands before a bracket that only groups.
const OPERATORS: &str = "(=<>!&|+-*/%?:~,";

impl Check<'_> {
    /// Every function that is called, however deep.
    pub fn calls(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Variable(_, rest) => self.calls(rest, place)?,
                Piece::Call(name, arguments, rest) => {
                    if !self.allowed.reads(name) {
                        return Err(Refusal::Function(shown(name)));
                    }
                    let first = || split(arguments, ',').first().and_then(|part| literal(part));
                    if takes_name(name) && !first().is_some_and(is_variable) {
                        return Err(Refusal::NoName);
                    }
                    self.calls(arguments, place)?;
                    self.calls(rest, place)?;
                }
                Piece::Expression(inner) => {
                    self.calls(inner, place)?;
                    self.lacks(inner, place, "(")?;
                    grouping(inner)?;
                }
            }
        }
        Ok(())
    }

    /// Whether no value in a text can have one of these characters.
    pub fn lacks(&self, pieces: &[Piece<'_>], place: Place, characters: &str) -> Result<(), Refusal> {
        let values = pieces.iter().filter(|piece| !matches!(piece, Piece::Text(_)));
        for piece in values {
            if !self.knowledge.value(std::slice::from_ref(piece), place).lacks(characters) {
                return Err(Refusal::Loose(match piece {
                    Piece::Variable(name, _) | Piece::Call(name, ..) => shown(name),
                    Piece::Text(_) | Piece::Expression(_) => "an expression".to_owned(),
                }));
            }
        }
        Ok(())
    }
}

/// Every bracket of an expression has to group, or to belong to one of its own functions.
fn grouping(pieces: &[Piece<'_>]) -> Result<(), Refusal> {
    let mut before = None;
    for (number, piece) in pieces.iter().enumerate() {
        let Piece::Text(text) = piece else {
            before = Some('}');
            continue;
        };
        for (at, character) in text.char_indices() {
            if character == '(' && !before.is_none_or(|before| OPERATORS.contains(before)) {
                let name = name_before(text.get(..at).unwrap_or_default());
                // A value that stands right before the name would be a part of it.
                let whole = name.len() < at || number == 0;
                if !whole || !MATHEMATICS.contains(&name) {
                    return Err(Refusal::CallInExpression(shown(name)));
                }
            }
            if character != ' ' {
                before = Some(character);
            }
        }
    }
    Ok(())
}

fn name_before(text: &str) -> &str {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let start = text.trim_end_matches(word).len();
    text.get(start..).unwrap_or_default()
}
