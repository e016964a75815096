//! What steps are measured by. Pure.

use std::collections::BTreeSet;

use crate::dialplan::{
    Allowed,
    alphabet::{Alphabet, Knowledge},
};

/// What separates arguments, options, devices and places; a value without them stays one word.
pub const SYNTAX: &str = ",()[]{}\"'\\|&/@^:?=$;<>`";

/// What `EXTEN` can be where a step stands.
pub type Place = Alphabet;

/// The measure; each kind of step is held against it in a file of its own.
pub struct Check<'t> {
    /// What may run.
    pub allowed: &'t Allowed,
    /// Contexts that a call stays in.
    pub fence: &'t BTreeSet<String>,
    /// Trunks that may be dialled.
    pub trunks: &'t [&'t str],
    /// What variables can be.
    pub knowledge: Knowledge,
}
