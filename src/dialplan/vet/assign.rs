//! What is set: variables, and functions that can be set. Pure.

use super::{
    check::{Check, Place, SYNTAX},
    text::is_variable,
};
use crate::{
    dialplan::{
        Refusal,
        left_out::shown,
        substitution::{Piece, literal, split, split_once},
    },
    words::variables::is_special,
};

/// What stands before the `=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A variable, without the `_` that hand it on.
    Variable(&'a str),
    /// A function and what stands in its brackets.
    Function(&'a str, &'a str),
}

/// Name and value of `NAME=value`. The name is plain: `Set(${X}=...)` would set any function.
pub fn target<'a>(pieces: &[Piece<'a>]) -> Result<(Target<'a>, Vec<Piece<'a>>), Refusal> {
    let (name, value) = split_once(pieces, '=').ok_or(Refusal::NoName)?;
    let name = literal(&name).ok_or(Refusal::NoName)?;
    let variable = name.trim_start_matches('_');
    if is_variable(variable) {
        return Ok((Target::Variable(variable), value));
    }
    let (function, argument) =
        name.strip_suffix(')').and_then(|name| name.split_once('(')).ok_or(Refusal::NoName)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-,".contains(&byte);
    if !is_variable(function) || !argument.bytes().all(plain) {
        return Err(Refusal::NoName);
    }
    // A variable of this subroutine is a variable.
    if function.eq_ignore_ascii_case("LOCAL") {
        return Ok((Target::Variable(argument), value));
    }
    Ok((Target::Function(function, argument), value))
}

impl Check<'_> {
    /// `Set(NAME=value)`
    pub fn set(&self, pieces: &[Piece<'_>]) -> Result<(), Refusal> {
        match target(pieces)?.0 {
            Target::Variable(name) => variable(name),
            Target::Function(name, argument) if self.allowed.writes(name, argument) => Ok(()),
            Target::Function(name, argument) => Err(Refusal::Write(shown(&format!("{name}({argument})")))),
        }
    }

    /// `MSet(NAME=value,NAME=value)`: a comma in a value would begin another one.
    pub fn set_many(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        self.lacks(pieces, place, SYNTAX)?;
        split(pieces, ',').iter().try_for_each(|part| self.set(part))
    }
}

/// Whether a variable may be set.
pub fn variable(name: &str) -> Result<(), Refusal> {
    if is_special(name) || !is_variable(name) { Err(Refusal::Variable(shown(name))) } else { Ok(()) }
}
