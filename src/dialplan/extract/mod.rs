//! Lines of extensions.conf into contexts, as Asterisk's own loader (`pbx_config`) reads them. Pure.
//!
//! What comes out of here is as hostile as what went in: only [`vet`](super::vet()) looks at it. Bytes that are no text
//! become U+FFFD, which the check refuses where they stand, so that they move no priority. What was tried on Asterisk 22 and 16:
//! `n` goes on from the last line of the section, whatever its extension was; the first of two equal priorities stays;
//! sections of one name are one context, but each begins anew with `n`; `n+2`, `s`, `next`, `same` and `label+2` work, `N` does not.

mod entry;

use std::collections::HashMap;

use super::{
    Context, ContextChoice, Extension, Step,
    left_out::{LeftOutLine, Refusal, shown},
};
use crate::site::users::{Document, Section};
use entry::{Entry, Number};

/// Sections of extensions.conf that are no contexts.
const NO_CONTEXTS: [&str; 2] = ["general", "globals"];
/// A priority beyond this is a slip or an attack.
const MAX_PRIORITY: u32 = 100_000;
/// Steps of one extension; nobody writes so many, and each is compared with the others.
const MAX_STEPS: usize = 1000;
/// Includes of one context, and its patterns for dial tone: as many as Asterisk follows in one call.
const MAX_INCLUDES: usize = 128;

/// What the chosen sections say.
#[derive(Debug, Default)]
pub(super) struct Extracted {
    /// As they are, unchecked.
    pub contexts: Vec<Context>,
    /// Lines that Asterisk would not have taken either, and switches.
    pub left_out: Vec<LeftOutLine>,
}

/// Reads the chosen sections of all files.
pub(super) fn extract(documents: &[Document<'_>], choice: &ContextChoice) -> Extracted {
    let mut extracted = Extracted::default();
    let mut places: HashMap<String, (usize, Places)> = HashMap::new();
    for section in documents.iter().flat_map(|document| &document.sections) {
        let name = String::from_utf8_lossy(section.name).into_owned();
        let none = NO_CONTEXTS.iter().any(|word| name.eq_ignore_ascii_case(word));
        if none || !choice.chooses(&name) {
            continue;
        }
        let (place, places) = places.entry(name.clone()).or_insert_with(|| {
            extracted.contexts.push(Context { name, ..Context::default() });
            (extracted.contexts.len() - 1, Places::new())
        });
        if let Some(context) = extracted.contexts.get_mut(*place) {
            let left_out = &mut extracted.left_out;
            Reading { context, left_out, places, last: None, priority: None }.section(section);
        }
    }
    for context in &mut extracted.contexts {
        for extension in &mut context.extensions {
            extension.steps.sort_by_key(|step| step.priority);
        }
    }
    extracted
}

/// Where in a context the extension of a pattern and caller is; dashes make no difference.
type Places = HashMap<(String, Option<String>), usize>;

/// One section that is being read.
struct Reading<'r> {
    context: &'r mut Context,
    left_out: &'r mut Vec<LeftOutLine>,
    places: &'r mut Places,
    /// Last pattern with its caller, for `same`.
    last: Option<(String, Option<String>)>,
    /// Last priority, for `n`.
    priority: Option<u32>,
}

impl Reading<'_> {
    fn section(&mut self, section: &Section<'_>) {
        for line in &section.lines {
            let key = String::from_utf8_lossy(line.key).to_ascii_lowercase();
            let value = String::from_utf8_lossy(line.value);
            match key.as_str() {
                "exten" => self.exten(&value),
                "same" => self.same(&value),
                "include" if self.context.includes.iter().any(|known| *known == value) => {}
                "include" if self.context.includes.len() < MAX_INCLUDES => {
                    self.context.includes.push(value.into_owned());
                }
                "ignorepat" if self.context.ignored.len() < MAX_INCLUDES => {
                    self.context.ignored.push(value.into_owned());
                }
                "include" | "ignorepat" => {
                    let what = "includes or ignored patterns";
                    self.refuse(&key, &value, Refusal::Many { count: MAX_INCLUDES, what });
                }
                "switch" | "lswitch" | "eswitch" => self.refuse(&key, &value, Refusal::Switch),
                _ => self.refuse(&key, &value, Refusal::Line("its keyword is unknown")),
            }
        }
    }

    fn exten(&mut self, value: &str) {
        let (pattern, rest) = value.split_once(',').unwrap_or((value, ""));
        let (pattern, caller) = match pattern.split_once('/') {
            Some((pattern, caller)) => (pattern, Some(caller.trim().to_owned())),
            None => (pattern, None),
        };
        // Asterisk takes blanks out of a pattern.
        let pattern: String = pattern.chars().filter(|character| !matches!(character, ' ' | '\t')).collect();
        self.last = Some((pattern, caller));
        self.entry(rest, value);
    }

    fn same(&mut self, value: &str) {
        if self.last.is_some() {
            self.entry(value, value);
        } else {
            self.refuse("same", value, Refusal::Line("no extension comes before it"));
        }
    }

    fn entry(&mut self, text: &str, line: &str) {
        let Some((pattern, caller)) = self.last.clone() else { return };
        let entry = Entry::read(text);
        let priority = match self.number(&entry, &pattern, caller.as_ref()) {
            Ok(priority) => priority,
            Err(reason) => return self.refuse("exten", line, reason),
        };
        if pattern.is_empty() {
            return self.refuse("exten", line, Refusal::Line("it has no number or pattern"));
        }
        let place = *self.places.entry(key(&pattern, caller.as_ref())).or_insert_with(|| {
            self.context.extensions.push(Extension { pattern, caller, ..Extension::default() });
            self.context.extensions.len() - 1
        });
        let Some(extension) = self.context.extensions.get_mut(place) else { return };
        let Some(priority) = priority else {
            if extension.hint.is_some() {
                return self.refuse("exten", line, Refusal::Line("it already has a hint"));
            }
            extension.hint = Some(entry.text.trim().to_owned());
            return;
        };
        if extension.steps.len() >= MAX_STEPS {
            return self.refuse(
                "exten",
                line,
                Refusal::Many { count: MAX_STEPS, what: "steps in one extension" },
            );
        }
        if extension.steps.iter().any(|step| step.priority == priority) {
            return self.refuse("exten", line, Refusal::Line("that priority is already in use"));
        }
        let known = |label: &str| extension.steps.iter().any(|step| step.label.as_deref() == Some(label));
        let fits = |label: &&str| entry::is_label(label) && !known(label);
        let label = entry.label.filter(fits).map(str::to_owned);
        let lost = entry.label.is_some_and(|written| !written.is_empty()) && label.is_none();
        let (application, arguments) = entry.application();
        let (application, arguments) = (application.to_owned(), arguments.to_owned());
        extension.steps.push(Step { priority, label, application, arguments });
        if lost {
            self.refuse("exten", line, Refusal::Label);
        }
    }

    /// The priority; none for a hint.
    fn number(
        &mut self,
        entry: &Entry<'_>,
        pattern: &str,
        caller: Option<&String>,
    ) -> Result<Option<u32>, Refusal> {
        let base = match entry.number {
            Number::Hint => return Ok(None),
            Number::Unclosed => return Err(Refusal::Line("its label is not closed")),
            Number::Next => self.priority.map(|last| last.saturating_add(1)).ok_or(FIRST)?,
            Number::Same => self.priority.ok_or(FIRST)?,
            Number::Plain(number) => number,
            Number::Label(label) => {
                let places = [key(pattern, caller), key(pattern, None)];
                let places = places.iter().filter_map(|key| self.places.get(key));
                let extensions = places.filter_map(|place| self.context.extensions.get(*place));
                let mut steps = extensions.flat_map(|known| &known.steps);
                let step = steps.find(|step| step.label.as_deref() == Some(label));
                step.ok_or(Refusal::Line("its priority is neither a number nor a known label"))?.priority
            }
        };
        let priority = i64::from(base).saturating_add(entry.plus);
        match u32::try_from(priority) {
            Ok(priority @ 1..=MAX_PRIORITY) => {
                self.priority = Some(priority);
                Ok(Some(priority))
            }
            _ => Err(Refusal::Line("its priority is out of range")),
        }
    }

    fn refuse(&mut self, key: &str, value: &str, reason: Refusal) {
        let what = shown(&format!("{key} => {value}"));
        self.left_out.push(LeftOutLine::new(&self.context.name, what, reason));
    }
}

const FIRST: Refusal = Refusal::Line("no priority comes before it");

/// Asterisk takes `1-2` and `12` for one number.
fn key(pattern: &str, caller: Option<&String>) -> (String, Option<String>) {
    let bare = |text: &str| text.chars().filter(|character| *character != '-').collect();
    (bare(pattern), caller.map(|caller| bare(caller)))
}

#[cfg(test)]
mod tests;
