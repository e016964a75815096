//! `Goto`, `Gosub` and their kin: a call goes on in a context that was taken, or in one that the administrator named. Pure.

use super::check::{Check, Place};
use crate::dialplan::{
    Refusal,
    left_out::shown,
    substitution::{Piece, literal, split, split_once},
};

/// What would begin another part of a place, of a choice of places, or of arguments.
const PARTS: &str = "?:,()\"'\\";

impl Check<'_> {
    /// `[[context,]extension,]priority`
    pub fn goes(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        let parts = split(pieces, ',');
        match parts.as_slice() {
            // Fewer parts stay in the context, unless a comma in a value makes them more.
            [] | [_] | [_, _] => self.lacks(pieces, place, ",").map_err(|_| Refusal::ComputedTarget),
            [context, ..] => {
                let name = literal(context).ok_or(Refusal::ComputedTarget)?;
                self.within(name)
            }
        }
    }

    /// `condition?place:place`, either of which may be missing.
    pub fn goes_if(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        let (condition, places) = split_once(pieces, '?').ok_or(NO_PLACE)?;
        self.lacks(&condition, place, "?")?;
        self.lacks(&places, place, ":")?;
        let (first, second) = split_once(&places, ':').unwrap_or((places, Vec::new()));
        self.goes(&first, place)?;
        self.goes(&second, place)
    }

    /// `[[context,]extension,]priority[(arguments)]`
    pub fn calls_sub(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        let target = split_once(pieces, '(').map_or_else(|| pieces.to_vec(), |(target, _)| target);
        self.lacks(&target, place, "(")?;
        self.goes(&target, place)
    }

    /// `condition?place[(arguments)]:place[(arguments)]`
    pub fn calls_sub_if(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        let (condition, places) = split_once(pieces, '?').ok_or(NO_PLACE)?;
        // Asterisk looks for `?` outside of brackets and quotes, so there are none of them to differ about.
        let quoted =
            |piece: &Piece<'_>| matches!(piece, Piece::Text(text) if text.contains(['(', '"', '\\', '[']));
        if condition.iter().any(quoted) {
            return Err(NO_PLACE);
        }
        self.lacks(&condition, place, PARTS)?;
        self.lacks(&places, place, PARTS)?;
        let choices = split(&places, ':');
        if choices.len() > 2 {
            return Err(NO_PLACE);
        }
        for choice in &choices {
            let text: String =
                choice.iter().map(|piece| if let Piece::Text(text) = piece { *text } else { "" }).collect();
            // A colon inside of the brackets is no second place to Asterisk.
            if text.matches('(').count() != text.matches(')').count() || text.contains(['"', '\\']) {
                return Err(NO_PLACE);
            }
            self.calls_sub(choice, place)?;
        }
        Ok(())
    }

    /// Whether a context is among those where calls may go.
    pub fn within(&self, context: &str) -> Result<(), Refusal> {
        if self.fence.contains(context) { Ok(()) } else { Err(Refusal::Target(shown(context))) }
    }
}

/// What Asterisk could take apart differently.
const NO_PLACE: Refusal = Refusal::Line("its target is not written out plainly");
