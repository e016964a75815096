//! `[classes]`

use super::reader::Reader;
use crate::settings::{
    Class, Classes, Expression, Grants,
    classes::{NONE, OUTSIDE},
    value::{context, list},
};

/// Each key is a context of the main, or an expression for several.
pub(super) fn read_classes(section: &mut Reader<'_>) -> Option<Classes> {
    let mut lines = Some(Vec::new());
    for variable in section.rest() {
        let of = Expression::new(&variable.key).filter(|_| !variable.key.is_empty());
        match (of, grants(&variable.value)) {
            (Some(of), Some(grants)) => lines.iter_mut().for_each(|all| {
                all.push(Class { of: of.clone(), grants: grants.clone() });
            }),
            (None, _) => {
                section
                    .error(&variable.key, "is neither the name of a context of the main nor an expression");
                lines = None;
            }
            (_, None) => {
                let wanted = format_args!(
                    "wanted is {NONE}, or {OUTSIDE} and contexts of this branch, separated by commas"
                );
                section.error(format_args!("{} = {}", variable.key, variable.value), wanted);
                lines = None;
            }
        }
    }
    lines.map(Classes::new)
}

fn grants(text: &str) -> Option<Grants> {
    if text.trim() == NONE {
        return Some(Grants::default());
    }
    let mut contexts = list(text, context)?;
    let outside = contexts.iter().any(|name| name == OUTSIDE);
    contexts.retain(|name| name != OUTSIDE);
    let empty = !outside && contexts.is_empty();
    (!empty && contexts.iter().all(|name| name != NONE)).then_some(Grants { outside, contexts })
}
