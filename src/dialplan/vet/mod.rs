//! What of the main's contexts may run on this branch. Pure.
//!
//! A call must never get further than on the main. So where something is left out, its place is kept: numbers, labels and `n` stay
//! right. A step that only records or tells somebody becomes a `NoOp`. Any other becomes a `Hangup`: it may have been the one
//! that kept some callers from the step behind it. A context whose extension can't be matched as it was meant is left out whole.

mod assign;
mod calls;
mod check;
mod dial;
mod jump;
mod steps;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Allowed, Context, ContextChoice, Extension, Step,
    alphabet::of_pattern,
    choice::OWN_PREFIX,
    extract::extract,
    left_out::{LeftOutLine, Refusal, shown},
};
use crate::site::users::Document;
use check::Check;

/// Contexts that are taken at most.
pub const MAX_CONTEXTS: usize = 1000;
/// Extensions in one of them at most. Asterisk looks at all that a context has for each that is added, and no call goes on
/// meanwhile.
pub const MAX_EXTENSIONS_OF_ONE: usize = 5_000;
/// Extensions in them at most, all together.
pub const MAX_EXTENSIONS: usize = 50_000;
/// Steps in them at most, all together.
pub const MAX_STEPS: usize = 200_000;
/// Lines of a report at most; the rest is counted.
pub const MAX_REPORTED: usize = 1000;

/// What the administrator allows, and what the branch has.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    /// Contexts that are wanted.
    pub choice: &'t ContextChoice,
    /// What may run in them.
    pub allowed: &'t Allowed,
    /// Contexts of the branch that they may include and go on in.
    pub also: &'t [&'t str],
    /// Contexts that the branch has from others: name, registrar.
    pub taken: &'t [(String, String)],
    /// Endpoints and peers of the branch that they may not dial: its trunks.
    pub trunks: &'t [&'t str],
    /// Variables that users bring along (`set_var`): they can be anything.
    pub brought: &'t [&'t str],
}

/// Contexts that may be installed. Only [`vet()`] makes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vetted {
    contexts: Vec<Context>,
    left_out: Vec<LeftOutLine>,
    more: usize,
}

impl Vetted {
    /// The contexts.
    #[must_use]
    pub fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// The contexts, to be kept.
    #[must_use]
    pub fn into_contexts(self) -> Vec<Context> {
        self.contexts
    }

    /// What was not taken, as far as a report may be long.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOutLine] {
        &self.left_out
    }

    /// How much more was not taken.
    #[must_use]
    pub const fn left_out_besides(&self) -> usize {
        self.more
    }

    fn report(&mut self, line: LeftOutLine) {
        if self.left_out.len() < MAX_REPORTED {
            self.left_out.push(line);
        } else {
            self.more += 1;
        }
    }
}

/// Takes the wanted contexts out of the main's files, and of these what may run here.
#[must_use]
pub fn vet(documents: &[Document<'_>], terms: &Terms<'_>) -> Vetted {
    let mut vetted = Vetted::default();
    let extracted = extract(documents, terms.choice);
    for line in extracted.left_out {
        vetted.report(line);
    }
    let mut room = Room::default();
    let mut contexts = Vec::new();
    for context in extracted.contexts {
        match whole(&context, terms).and_then(|()| room.takes(&context)) {
            Ok(()) => contexts.push(context),
            Err((what, reason)) => vetted.report(LeftOutLine::new(&context.name, what, reason)),
        }
    }
    let fence = contexts.iter().map(|context| context.name.clone());
    let fence: BTreeSet<String> = fence.chain(terms.also.iter().map(|name| (*name).to_owned())).collect();
    let check = Check::new(terms, &fence, &contexts);
    let mut includes = Includes { fence: &fence, known: BTreeMap::new() };
    for mut context in contexts {
        includes.keep(&mut context, &mut vetted);
        ignored(&mut context, &mut vetted);
        for extension in &mut context.extensions {
            vet_extension(extension, &context.name, &check, &mut vetted);
        }
        context.extensions.retain(|extension| extension.hint.is_some() || !extension.steps.is_empty());
        vetted.contexts.push(context);
    }
    vetted
}

/// Whether a context may be taken at all.
fn whole(context: &Context, terms: &Terms<'_>) -> Result<(), (String, Refusal)> {
    let whole = |reason| Err((String::new(), reason));
    let name = context.name.as_str();
    if !text::is_context(name) {
        return whole(Refusal::Name(text::MAX_NAME));
    }
    if name.get(..OWN_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(OWN_PREFIX)) {
        return whole(Refusal::Own(OWN_PREFIX));
    }
    if let Some((_, registrar)) = terms.taken.iter().find(|(taken, _)| taken.eq_ignore_ascii_case(name)) {
        return whole(Refusal::Taken(registrar.clone()));
    }
    for Extension { pattern, caller, .. } in &context.extensions {
        let caller_fits =
            caller.as_deref().is_none_or(|caller| caller.is_empty() || text::is_pattern(caller));
        if !text::is_pattern(pattern) || !caller_fits {
            return Err((shown(pattern), Refusal::Pattern));
        }
    }
    Ok(())
}

/// How much has been taken.
#[derive(Default)]
struct Room {
    contexts: usize,
    extensions: usize,
    steps: usize,
}

impl Room {
    /// A part of a context would be another context, so it is taken whole or not at all.
    fn takes(&mut self, context: &Context) -> Result<(), (String, Refusal)> {
        if context.extensions.len() > MAX_EXTENSIONS_OF_ONE {
            return Err((String::new(), Refusal::Large(MAX_EXTENSIONS_OF_ONE)));
        }
        let steps: usize = context.extensions.iter().map(|extension| extension.steps.len()).sum();
        let contexts = self.contexts + 1;
        let (extensions, steps) = (self.extensions + context.extensions.len(), self.steps + steps);
        let limits = [
            (contexts, MAX_CONTEXTS, "contexts"),
            (extensions, MAX_EXTENSIONS, "extensions"),
            (steps, MAX_STEPS, "steps"),
        ];
        if let Some((_, count, what)) = limits.into_iter().find(|(would, count, _)| would > count) {
            return Err((String::new(), Refusal::Many { count, what }));
        }
        *self = Self { contexts, extensions, steps };
        Ok(())
    }
}

/// Who includes whom, so far.
struct Includes<'f> {
    fence: &'f BTreeSet<String>,
    known: BTreeMap<String, Vec<String>>,
}

impl Includes<'_> {
    fn keep(&mut self, context: &mut Context, vetted: &mut Vetted) {
        for include in std::mem::take(&mut context.includes) {
            let (name, timing) = include.split_once(',').unwrap_or((&include, ""));
            let reason = if !self.fence.contains(name) {
                Refusal::Target(shown(name))
            } else if !text::is_timing(timing) {
                Refusal::Characters
            } else if self.leads(name, &context.name) {
                Refusal::Loop
            } else {
                self.known.entry(context.name.clone()).or_default().push(name.to_owned());
                context.includes.push(include);
                continue;
            };
            let what = format!("include => {}", shown(&include));
            vetted.report(LeftOutLine::new(&context.name, what, reason));
        }
    }

    /// Whether one leads to the other: Asterisk goes round in such a circle until its stack is full, at every call.
    fn leads(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(name) = open.pop() {
            if name == to {
                return true;
            }
            if seen.insert(name) {
                open.extend(self.known.get(name).into_iter().flatten().map(String::as_str));
            }
        }
        false
    }
}

fn ignored(context: &mut Context, vetted: &mut Vetted) {
    for pattern in std::mem::take(&mut context.ignored) {
        if text::is_pattern(&pattern) {
            context.ignored.push(pattern);
        } else {
            let what = format!("ignorepat => {}", shown(&pattern));
            vetted.report(LeftOutLine::new(&context.name, what, Refusal::Characters));
        }
    }
}

fn vet_extension(extension: &mut Extension, context: &str, check: &Check<'_>, vetted: &mut Vetted) {
    let caller = extension.caller.as_ref().map(|caller| format!("/{caller}")).unwrap_or_default();
    let who = format!("{}{caller}", extension.pattern);
    if extension.hint.as_deref().is_some_and(|hint| !text::is_hint(hint)) {
        let hint = extension.hint.take().unwrap_or_default();
        let what = format!("{who} hint {}", shown(&hint));
        vetted.report(LeftOutLine::new(context, what, Refusal::Hint));
    }
    let exten = of_pattern(&extension.pattern);
    for step in &mut extension.steps {
        if let Err(reason) = check.step(step, exten) {
            let what = format!("{who} priority {}", step.priority);
            let mut line = LeftOutLine::new(context, what, reason);
            line.ends_calls = steps::ends_calls(step, &line.reason);
            line.blocks = (line.ends_calls && step.priority == 1).then(|| shown(&who));
            *step = in_place_of(step, line.ends_calls);
            vetted.report(line);
        }
    }
}

/// What stands where a step was left out. Nothing of its text remains.
fn in_place_of(step: &Step, ends_calls: bool) -> Step {
    let (application, arguments) = if ends_calls { ("Hangup", "") } else { ("NoOp", "left out by synch") };
    let (application, arguments) = (application.to_owned(), arguments.to_owned());
    Step { priority: step.priority, label: step.label.clone(), application, arguments }
}

#[cfg(test)]
mod tests;
