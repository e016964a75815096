//! Contexts as the lines of an extensions.conf, to be kept for a start without the main. Pure.

use super::{Context, Extension};
use crate::words::conf::{ConfSection, ConfVariable};

/// What stands in such a file for these contexts.
#[must_use]
pub fn sections(contexts: &[Context]) -> Vec<ConfSection> {
    let section = |context: &Context| ConfSection { name: context.name.clone(), variables: lines(context) };
    contexts.iter().map(section).collect()
}

fn lines(context: &Context) -> Vec<ConfVariable> {
    let variable = |key: &str, value: String| ConfVariable { key: key.to_owned(), value };
    let extensions = context.extensions.iter().flat_map(extension).map(|value| variable("exten", value));
    let includes = context.includes.iter().map(|name| variable("include", name.clone()));
    let ignored = context.ignored.iter().map(|pattern| variable("ignorepat", pattern.clone()));
    extensions.chain(includes).chain(ignored).collect()
}

fn extension(extension: &Extension) -> Vec<String> {
    let Extension { pattern, caller, hint, steps } = extension;
    let place = match caller {
        Some(caller) => format!("{pattern}/{caller}"),
        None => pattern.clone(),
    };
    let hint = hint.iter().map(|hint| format!("{place},hint,{hint}"));
    let steps = steps.iter().map(|step| {
        let label = step.label.as_ref().map(|label| format!("({label})")).unwrap_or_default();
        format!("{place},{}{label},{}({})", step.priority, step.application, step.arguments)
    });
    hint.chain(steps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialplan::{Allowed, ContextChoice, Terms, vet},
        site::users::{Document, Line, Section},
    };

    fn document(sections: &[ConfSection]) -> Document<'_> {
        let line = |variable: &'_ ConfVariable| Line {
            key: Box::leak(variable.key.clone().into_boxed_str()).as_bytes(),
            value: Box::leak(variable.value.clone().into_boxed_str()).as_bytes(),
        };
        let section = |section: &'_ ConfSection| Section {
            name: Box::leak(section.name.clone().into_boxed_str()).as_bytes(),
            lines: section.variables.iter().map(line).collect(),
        };
        Document { sections: sections.iter().map(section).collect() }
    }

    fn vetted(sections: &[ConfSection]) -> Vec<Context> {
        let terms = Terms {
            choice: &ContextChoice::new(&["^site"]).unwrap(),
            allowed: &Allowed::new(&[], &[]),
            also: &[],
            taken: &[],
            trunks: &[],
            brought: &[],
        };
        vet(&[document(sections)], &terms).into_contexts()
    }

    #[test]
    fn what_is_kept_comes_back_as_it_was() {
        let lines = [
            "exten=100,1(first),Answer()",
            "exten=100,n,Playback(a&b,noanswer)",
            "exten=100,hint,PJSIP/100",
            "exten=_2XX/100,1,Goto(100,first)",
            "include=site-more",
            "ignorepat=9",
        ];
        let section = |name: &str, lines: &[&str]| {
            ConfSection::new(name, lines.iter().map(|line| line.split_once('=').unwrap()))
        };
        let first = vetted(&[section("site", &lines), section("site-more", &["exten=s,1,NoOp()"])]);
        assert_eq!(first.len(), 2);
        assert_eq!(first[0].extensions.len(), 2, "{first:?}");
        assert_eq!(vetted(&sections(&first)), first);
    }
}
