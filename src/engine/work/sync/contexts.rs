//! Contexts of the main into the branch's dialplan: checked, then handed to the engine with the status.

use std::sync::Arc;

use super::{
    Failure, Wish,
    common::{Beside, Common},
    kept::Kept,
    part::Part as Kind,
    reading::Reading,
};
use crate::{
    dialplan::{Allowed, Context, ContextChoice, LeftOutLine, Terms, Vetted, lines, vet},
    engine::host::Level,
    export::Part,
    settings::{Dialplan, Technology, Trunk},
    site::{
        shrink::{Guarded, Names},
        users::{Answer, Document, Line, Section, SyncError, Tailored, kinds_in, render_sections},
    },
    uplink::ami::{Query, action::LINE_LIMIT},
    words::{conf::ConfSection, variables::sets_variable, wording::counted},
};

/// What a branch that starts in an outage has of them.
const BESIDE: Beside = Beside {
    file: "contexts.kept",
    not_kept: "Cannot save the contexts of the main for a restart; the next sync will retry",
    kept_again: "The contexts of the main are saved for a restart again.",
};
/// Where res_pjsip_config_wizard has its own.
const WIZARD: &str = "pjsip_wizard.conf";
/// What the log hears where they can't be taken from the main, and once they can.
const NOT_READ: &str = "The contexts of the main stay as they were";
const READ_AGAIN: &str = "The contexts are those of the main again.";

/// The main's contexts, as far as they may run here.
#[derive(Default)]
pub(super) struct Contexts {
    kept: Kept<Arc<[Context]>>,
}

impl<'a> Kind<'a> for Contexts {
    /// They are checked again: the list of what may run can be another by now.
    fn look_at_disk(&mut self, common: &mut Common<'a>) -> Result<(), Failure> {
        let Some(dialplan) = chosen_by(common) else { return Ok(()) };
        let Ok(kept) = common.host.load_conf(&common.versions_of(BESIDE.file)) else { return Ok(()) };
        let vetted = check(&[document(&kept)], dialplan, common);
        common.status.contexts = Arc::from(show(vetted, common));
        self.kept.found(Some(Arc::clone(&common.status.contexts)));
        Ok(())
    }

    fn sync(&mut self, reading: &mut Reading, _: Wish, common: &mut Common<'a>) -> Result<(), Failure> {
        let Some(dialplan) = chosen_by(common) else { return Ok(()) };
        let taken = read(reading, dialplan, common).and_then(|vetted| {
            let (old, new) = (extensions(&common.status.contexts), extensions(vetted.contexts()));
            common.may_become(Guarded::Contexts, &old, &new)?;
            self.take(vetted, common);
            Ok(())
        });
        common.problem(taken, NOT_READ, READ_AGAIN)?;
        Ok(())
    }
}

impl Contexts {
    fn take(&mut self, vetted: Vetted, common: &mut Common<'_>) {
        let contexts: Arc<[Context]> = Arc::from(show(vetted, common));
        let main = &common.syncing.access.main.host;
        common
            .keep(&mut self.kept, &contexts, &BESIDE, || render_sections(&lines::sections(&contexts), main));
        if common.status.contexts != contexts {
            let count = counted(contexts.len(), "context");
            common.log(&format!("Took {count} of {main}"));
            common.status.contexts = contexts;
        }
    }
}

/// The settings of the dialplan, where they choose any of the main's contexts.
fn chosen_by<'a>(common: &Common<'a>) -> Option<&'a Dialplan> {
    common.syncing.all.dialplan.as_ref().filter(|own| !own.contexts.chosen.is_empty())
}

fn read(reading: &mut Reading, dialplan: &Dialplan, common: &mut Common<'_>) -> Result<Vetted, Failure> {
    let file = &dialplan.contexts.file;
    if reading.exports() {
        let chosen = asked_for(choice(dialplan).as_ref());
        reading.takes_contexts(&chosen);
        let answer = common.exported.part(reading, Part::Contexts, &chosen)?;
        let void = |error| SyncError::Document { file: file.clone(), error };
        let document = Document::read_part(&answer.frame).map_err(void)?;
        return Ok(check(&[document], dialplan, common));
    }
    let choice = choice(dialplan);
    let queries: Vec<Query> = match choice.as_ref().and_then(ContextChoice::only_names) {
        Some(names) => names.iter().map(|name| Query::named(file, name)).collect(),
        None => vec![Query::whole(file)],
    };
    let answers = queries.iter().map(|query| reading.ask(query)).collect::<Result<Vec<Answer>, _>>()?;
    let void = |error| SyncError::Document { file: file.clone(), error };
    let documents: Vec<Document<'_>> = answers
        .iter()
        .map(|answer| Document::read_part(&answer.frame).map_err(void))
        .collect::<Result<_, _>>()?;
    Ok(check(&documents, dialplan, common))
}

/// The contexts that a main that exports is asked for; empty for all, which are chosen from here: it knows names alone, and
/// no more of them than fit into a line.
fn asked_for(choice: Option<&ContextChoice>) -> String {
    let names = choice.and_then(ContextChoice::only_names).map(|names| names.join(","));
    names.filter(|names| "Contexts: ".len() + names.len() <= LINE_LIMIT).unwrap_or_default()
}

fn check(documents: &[Document<'_>], dialplan: &Dialplan, common: &Common<'_>) -> Vetted {
    let contexts = &dialplan.contexts;
    let Some(choice) = choice(dialplan) else { return Vetted::default() };
    let applications: Vec<&str> = contexts.applications.iter().map(String::as_str).collect();
    let functions: Vec<&str> = contexts.functions.iter().map(String::as_str).collect();
    let names = documents.iter().flat_map(|document| &document.sections).map(|section| section.name);
    let names = names.filter_map(|name| std::str::from_utf8(name).ok());
    let others = |name: &str| Some((name.to_owned(), common.host.context_owner(name)?));
    let taken: Vec<(String, String)> = names.filter_map(others).collect();
    let fenced = fenced(dialplan, common);
    let fenced: Vec<&str> = fenced.iter().map(String::as_str).collect();
    let sections = Arc::clone(&common.status.sections);
    let brought: Vec<&str> = brought(&sections).collect();
    let terms = Terms {
        choice: &choice,
        allowed: &Allowed::new(&applications, &functions),
        also: &[&dialplan.context],
        taken: &taken,
        trunks: &fenced,
        brought: &brought,
    };
    vet(documents, &terms)
}

/// What a context of the main may not dial: every endpoint or peer of the branch's own, and whatever is named in a
/// trunk.
pub(super) fn fenced(dialplan: &Dialplan, common: &Common<'_>) -> Vec<String> {
    let own = common.local_sections().into_iter().map(|(_, name)| name);
    let own = own.chain(by_wizard(common)).chain(of_other_driver(common));
    let trunks = trunks(dialplan).into_iter().flatten();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_.-+".contains(letter);
    let words = trunks.flat_map(|trunk| {
        let text = trunk.to_string();
        text.split(|letter| !is_name(letter)).map(str::to_owned).collect::<Vec<_>>()
    });
    own.chain(words.filter(|word| !word.is_empty())).collect()
}

/// What the other driver has that is not synced, where both are loaded. Users who move from one to the other are in both.
fn of_other_driver(common: &Common<'_>) -> Vec<String> {
    let (other, conf) = match common.syncing.settings.technology {
        Technology::Pjsip => (Technology::Sip, "sip.conf"),
        Technology::Sip => (Technology::Pjsip, "pjsip.conf"),
    };
    let sections = common.host.load_conf(&common.host.config_dir().join(conf)).unwrap_or_default();
    let names = kinds_in(&sections, other).into_iter().map(|(_, name)| name);
    names.filter(|name| !common.status.users.iter().any(|user| user.name == *name)).collect()
}

/// The branch's own endpoints that res_pjsip_config_wizard makes: each has the name of its section.
fn by_wizard(common: &Common<'_>) -> Vec<String> {
    // Most have no such file.
    let sections = common.host.load_conf(&common.host.config_dir().join(WIZARD)).unwrap_or_default();
    sections.into_iter().map(|section| section.name).collect()
}

/// Shows what was left out, and returns the rest.
fn show(vetted: Vetted, common: &mut Common<'_>) -> Vec<Context> {
    let left_out: Vec<String> = vetted.left_out().iter().map(ToString::to_string).collect();
    if left_out != common.status.contexts_left_out {
        if let Some(first) = left_out.first() {
            let count = counted(left_out.len() + vetted.left_out_besides(), "line");
            let text = format!(
                "{count} of the main's contexts left out, the first: {first}. See 'synch show contexts'."
            );
            common.host.log(Level::Warning, &text);
        }
        common.status.contexts_left_out = left_out;
    }
    let blocked = |line: &LeftOutLine| Some(format!("{} in {}", line.blocks.as_ref()?, line.context));
    common.status.contexts_blocked = vetted.left_out().iter().filter_map(blocked).collect();
    vetted.into_contexts()
}

/// All that calls leave the branch over.
pub(in crate::engine) const fn trunks(dialplan: &Dialplan) -> [Option<&Trunk>; 3] {
    let Dialplan { main_trunk, local_trunk, emergency_second, .. } = dialplan;
    [main_trunk.as_ref(), local_trunk.as_ref(), emergency_second.as_ref()]
}

/// Each extension, as `100@site-features`.
fn extensions(contexts: &[Context]) -> Names {
    let names = |context: &Context| -> Vec<String> {
        let of = |pattern: &str| format!("{pattern}@{}", context.name);
        context.extensions.iter().map(|extension| of(&extension.pattern)).collect()
    };
    contexts.iter().flat_map(names).collect()
}

/// The variables that users have (`set_var`, chan_sip's `setvar`), as far as they are taken.
fn brought(sections: &[Tailored]) -> impl Iterator<Item = &str> {
    let written = sections.iter().flat_map(Tailored::written);
    let sets = written.filter(|(key, _)| sets_variable(key));
    sets.filter_map(|(_, value)| value.split_once('=')).map(|(name, _)| name.trim())
}

/// `None` for what is no choice, which the settings do not let through.
fn choice(dialplan: &Dialplan) -> Option<ContextChoice> {
    let chosen: Vec<&str> = dialplan.contexts.chosen.iter().map(String::as_str).collect();
    ContextChoice::new(&chosen).ok()
}

fn document(sections: &[ConfSection]) -> Document<'_> {
    Document { sections: sections.iter().map(section).collect() }
}

fn section(section: &ConfSection) -> Section<'_> {
    let lines = section.variables.iter();
    let lines = lines.map(|variable| Line { key: variable.key.as_bytes(), value: variable.value.as_bytes() });
    Section { name: section.name.as_bytes(), lines: lines.collect() }
}
