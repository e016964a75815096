//! Contexts of the main into the branch's dialplan: checked, then handed to the engine with the status.

use std::{path::PathBuf, sync::Arc};

use super::{Failure, Site, reading::Reading};
use crate::{
    dialplan::{Allowed, Context, ContextChoice, LeftOutLine, Terms, Vetted, lines, vet},
    engine::host::Level,
    settings::{Dialplan, Technology, Trunk},
    site::{
        shrink::{Guarded, Names},
        users::{
            Answer, Document, Line, Section, SyncError, Tailored, kinds_in, render_sections,
            words::sets_variable,
        },
    },
    uplink::ami::Query,
    words::{conf::ConfSection, wording::counted},
};

/// What a branch that starts in an outage has of them.
const FILE: &str = "contexts.kept";
/// Where res_pjsip_config_wizard has its own.
const WIZARD: &str = "pjsip_wizard.conf";
/// What the log hears where they can't be taken from the main, and where the file can't be written.
const NOT_READ: &str = "The contexts of the main stay as they were";
const NOT_KEPT: &str = "Cannot save the contexts of the main for a restart; the next sync will retry";

impl Site<'_> {
    /// Reads and checks them. Nothing else depends on it: where it fails, the old ones stay.
    pub(super) fn sync_contexts(&mut self, reading: &mut Reading) -> Result<(), Failure> {
        let all = Arc::clone(&self.syncing.all);
        let Some(dialplan) = all.dialplan.as_ref().filter(|own| !own.contexts.chosen.is_empty()) else {
            return Ok(());
        };
        let taken = self.read_contexts(reading, dialplan).and_then(|vetted| {
            let (old, new) = (extensions(&self.status.contexts), extensions(vetted.contexts()));
            self.may_become(Guarded::Contexts, &old, &new)?;
            self.take_contexts(vetted, true);
            Ok(())
        });
        let problem = match taken {
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(failure) => failure.to_string(),
            Ok(()) => String::new(),
        };
        if problem.is_empty() {
            self.syncing.kit.log_end(NOT_READ, "The contexts are those of the main again.");
        } else {
            self.syncing.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {problem}"));
        }
        Ok(())
    }

    /// What an earlier life has left. It is checked again: the list of what may run can be another by now.
    pub(super) fn look_at_contexts(&mut self) {
        let all = Arc::clone(&self.syncing.all);
        let Some(dialplan) = all.dialplan.as_ref().filter(|own| !own.contexts.chosen.is_empty()) else {
            return;
        };
        let Ok(kept) = self.host.load_conf(&self.kept_contexts()) else { return };
        let vetted = self.vet(&[document(&kept)], dialplan);
        self.take_contexts(vetted, false);
    }

    fn read_contexts(&self, reading: &mut Reading, dialplan: &Dialplan) -> Result<Vetted, Failure> {
        let file = &dialplan.contexts.file;
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
        Ok(self.vet(&documents, dialplan))
    }

    fn vet(&self, documents: &[Document<'_>], dialplan: &Dialplan) -> Vetted {
        let contexts = &dialplan.contexts;
        let Some(choice) = choice(dialplan) else { return Vetted::default() };
        let applications: Vec<&str> = contexts.applications.iter().map(String::as_str).collect();
        let functions: Vec<&str> = contexts.functions.iter().map(String::as_str).collect();
        let names = documents.iter().flat_map(|document| &document.sections).map(|section| section.name);
        let names = names.filter_map(|name| std::str::from_utf8(name).ok());
        let others = |name: &str| Some((name.to_owned(), self.host.context_owner(name)?));
        let taken: Vec<(String, String)> = names.filter_map(others).collect();
        let fenced = self.fenced(dialplan);
        let fenced: Vec<&str> = fenced.iter().map(String::as_str).collect();
        let sections = Arc::clone(&self.status.sections);
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
    pub(super) fn fenced(&self, dialplan: &Dialplan) -> Vec<String> {
        let own = self.local_sections().into_iter().map(|(_, name)| name);
        let own = own.chain(self.by_wizard()).chain(self.of_other_driver());
        let trunks = trunks(dialplan).into_iter().flatten();
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "_.-+".contains(letter);
        let words = trunks.flat_map(|trunk| {
            let text = trunk.to_string();
            text.split(|letter| !is_name(letter)).map(str::to_owned).collect::<Vec<_>>()
        });
        own.chain(words.filter(|word| !word.is_empty())).collect()
    }

    /// What the other driver has that is not synced, where both are loaded. Users who move from one to the other are in both.
    fn of_other_driver(&self) -> Vec<String> {
        let (other, conf) = match self.syncing.settings.technology {
            Technology::Pjsip => (Technology::Sip, "sip.conf"),
            Technology::Sip => (Technology::Pjsip, "pjsip.conf"),
        };
        let sections = self.host.load_conf(&self.host.config_dir().join(conf)).unwrap_or_default();
        let names = kinds_in(&sections, other).into_iter().map(|(_, name)| name);
        names.filter(|name| !self.status.users.iter().any(|user| user.name == *name)).collect()
    }

    /// The branch's own endpoints that res_pjsip_config_wizard makes: each has the name of its section.
    fn by_wizard(&self) -> Vec<String> {
        // Most have no such file.
        let sections = self.host.load_conf(&self.host.config_dir().join(WIZARD)).unwrap_or_default();
        sections.into_iter().map(|section| section.name).collect()
    }

    fn take_contexts(&mut self, vetted: Vetted, keep: bool) {
        let left_out: Vec<String> = vetted.left_out().iter().map(ToString::to_string).collect();
        if left_out != self.status.contexts_left_out {
            if let Some(first) = left_out.first() {
                let count = counted(left_out.len() + vetted.left_out_besides(), "line");
                let text = format!(
                    "{count} of the main's contexts left out, the first: {first}. See 'synch show contexts'."
                );
                self.host.log(Level::Warning, &text);
            }
            self.status.contexts_left_out = left_out;
        }
        let blocked = |line: &LeftOutLine| Some(format!("{} in {}", line.blocks.as_ref()?, line.context));
        self.status.contexts_blocked = vetted.left_out().iter().filter_map(blocked).collect();
        let contexts = vetted.into_contexts();
        if *self.status.contexts == *contexts {
            if self.contexts_unkept {
                self.keep_contexts(&contexts);
            }
            return;
        }
        if keep {
            self.keep_contexts(&contexts);
            let count = counted(contexts.len(), "context");
            self.log(&format!("Took {count} of {}", self.syncing.access.main.host));
        }
        self.status.contexts = Arc::from(contexts);
    }

    /// For a restart. Where they can't be written, the next sync tries again.
    fn keep_contexts(&mut self, contexts: &[Context]) {
        let text = render_sections(&lines::sections(contexts), &self.syncing.access.main.host);
        let kept = self.store().and_then(|store| store.write_beside(FILE, text.as_bytes()));
        self.contexts_unkept = kept.is_err();
        self.syncing.kit.log_outcome(
            &kept,
            NOT_KEPT,
            "The contexts of the main are saved for a restart again.",
        );
    }

    fn kept_contexts(&self) -> PathBuf {
        self.versions_of(FILE)
    }
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

/// None for what is no choice, which the settings do not let through.
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
