//! One step: its application, and what its arguments come to. Pure.

use std::collections::BTreeSet;

use super::{
    Terms,
    assign::{Target, target, variable},
    check::{Check, Place, SYNTAX},
    dial::none_behind,
    text::{is_clean, is_variable},
};
use crate::dialplan::{
    Context, Refusal, Step,
    allow::{Form, not_missed},
    alphabet::{Alphabet, Assignment, GOSUB_ARGUMENTS, Knowledge, of_pattern},
    left_out::shown,
    substitution::{Piece, literal, parse, split, split_once},
};

/// Asterisk evaluates into buffers of 4096 bytes and cuts off what is longer.
const MAX_ARGUMENTS: usize = 2000;

impl<'t> Check<'t> {
    /// Looks over all steps for what they put into variables.
    pub fn new(terms: &Terms<'t>, fence: &'t BTreeSet<String>, contexts: &[Context]) -> Self {
        let mut assignments = Vec::new();
        for extension in contexts.iter().flat_map(|context| &context.extensions) {
            let exten = of_pattern(&extension.pattern);
            for step in &extension.steps {
                assignments_in(step, exten, &mut assignments);
            }
        }
        let knowledge = Knowledge::from(&assignments, terms.brought);
        Self { allowed: terms.allowed, fence, trunks: terms.trunks, knowledge }
    }

    /// Whether it may run.
    pub fn step(&self, step: &Step, place: Place) -> Result<(), Refusal> {
        let Step { application, arguments, .. } = step;
        if !is_clean(application) || !is_clean(arguments) {
            return Err(Refusal::Bytes);
        }
        let form = self.allowed.form(application).ok_or_else(|| Refusal::Application(shown(application)))?;
        if arguments.len() > MAX_ARGUMENTS {
            return Err(Refusal::Long(MAX_ARGUMENTS));
        }
        let pieces = parse(arguments)?;
        self.calls(&pieces, place)?;
        match form {
            Form::Plain => Ok(()),
            Form::Sounds => self.sounds(&pieces, place),
            Form::Go => self.goes(&pieces, place),
            Form::GoIf => self.goes_if(&pieces, place),
            Form::Gosub => self.calls_sub(&pieces, place),
            Form::GosubIf => self.calls_sub_if(&pieces, place),
            Form::Set => self.set(&pieces),
            Form::SetMany => self.set_many(&pieces, place),
            Form::Dial => self.dials(&pieces, place),
            Form::Queue => self.queues(&pieces, place),
            Form::Mail => self.mails(&pieces, place, "abdegpsStuUP0123456789"),
            Form::Mailbox => self.mails(&pieces, place, "abdegpStuUP0123456789"),
            Form::Read => self.reads(&pieces, place),
            Form::Background => self.plays_over(&pieces, place),
            Form::Tame => self.names(&pieces, place),
        }
    }

    /// Sounds are files of Asterisk's own, never addresses to fetch.
    pub(super) fn sounds(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        self.lacks(pieces, place, ":")?;
        let address = |piece: &Piece<'_>| matches!(piece, Piece::Text(text) if text.contains(':'));
        if pieces.iter().any(address) {
            return Err(Refusal::Option("an address".to_owned()));
        }
        // A whole path is any file of the branch, other people's messages too.
        let path = |text: &&str| {
            text.contains("..") || text.split(['&', ',']).any(|name| name.trim().starts_with('/'))
        };
        let is_path = |piece: &Piece<'_>| matches!(piece, Piece::Text(text) if path(text));
        if pieces.iter().any(is_path) { Err(Refusal::Option("a path".to_owned())) } else { Ok(()) }
    }

    /// `VoiceMail(boxes,options)` and its sister: the option `d` could go on in another context.
    fn mails(&self, pieces: &[Piece<'_>], place: Place, known: &str) -> Result<(), Refusal> {
        self.lacks(pieces, place, SYNTAX)?;
        let parts = split(pieces, ',');
        if let Some(options) = parts.get(1) {
            self.options(options, known, "agt")?;
        }
        none_behind(&parts, 2, "a third argument")
    }

    /// `Read(variable,sounds,...)`
    fn reads(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        self.lacks(pieces, place, SYNTAX)?;
        let name = split(pieces, ',').first().and_then(|name| literal(name)).ok_or(Refusal::NoName)?;
        if !is_variable(name) {
            return Err(Refusal::NoName);
        }
        variable(name)?;
        self.sounds(pieces, place)
    }

    /// `Background(sounds,options,language,context)`
    fn plays_over(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        self.lacks(pieces, place, ",()[]\"\\")?;
        self.sounds(pieces, place)?;
        match split(pieces, ',').get(3).map(Vec::as_slice) {
            None | Some([]) => Ok(()),
            Some(context) => self.within(literal(context).ok_or(Refusal::ComputedTarget)?),
        }
    }

    /// No file where a path could name one.
    fn names(&self, pieces: &[Piece<'_>], place: Place) -> Result<(), Refusal> {
        self.lacks(pieces, place, SYNTAX)?;
        let path = |piece: &Piece<'_>| matches!(piece, Piece::Text(text) if text.contains('/'));
        if pieces.iter().any(path) { Err(Refusal::Option("a path".to_owned())) } else { Ok(()) }
    }
}

/// Whether a call ends where this step was.
pub fn ends_calls(step: &Step, reason: &Refusal) -> bool {
    // What was to be set by one of these is nothing that a later step asks for.
    let only_set = matches!(reason, Refusal::Variable(_) | Refusal::Write(_));
    !only_set && !not_missed(&step.application)
}

/// What a step puts into variables, whether it may run or not.
fn assignments_in<'a>(step: &'a Step, exten: Alphabet, assignments: &mut Vec<Assignment<'a>>) {
    let Ok(pieces) = parse(&step.arguments) else { return };
    let mut put = |name: &str, value| assignments.push(Assignment { name: name.to_owned(), value, exten });
    match step.application.to_ascii_lowercase().as_str() {
        "set" => {
            if let Ok((Target::Variable(name), value)) = target(&pieces) {
                put(name, value);
            }
        }
        "mset" => {
            for (target, value) in split(&pieces, ',').iter().filter_map(|part| target(part).ok()) {
                if let Target::Variable(name) = target {
                    put(name, value);
                }
            }
        }
        "read" => {
            if let Some(name) = split(&pieces, ',').first().and_then(|name| literal(name)) {
                put(name, vec![Piece::Text("0123456789*#ABCD")]);
            }
        }
        "return" => put("GOSUB_RETVAL", pieces),
        "gosub" | "gosubif" => {
            if let Some((_, arguments)) = split_once(&pieces, '(') {
                put(GOSUB_ARGUMENTS, arguments);
            }
        }
        _ => {}
    }
}
