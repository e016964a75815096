//! Follows a call through our own contexts, as Asterisk would, up to the first `Dial`. Pure.
//!
//! It knows only what our own contexts consist of, and fails on anything else: it is not a second Asterisk.

use std::collections::HashMap;

use crate::dialplan::{Context, Extension, Step};

/// Returns the value of a dialplan function, or why it has none.
pub type Ask<'a> = &'a dyn Fn(&str, &str) -> Result<String, String>;

/// Steps after which a call counts as a loop.
const MOST_STEPS: usize = 200;
/// The deepest nesting of includes that Asterisk follows (`AST_PBX_MAX_STACK`).
const DEEPEST: usize = 128;

/// Where a call is.
struct Place<'a> {
    extension: &'a Extension,
    context: &'a str,
    number: String,
    priority: u32,
}

/// Follows a call to this number and returns the arguments of its first `Dial`.
///
/// # Errors
/// Where the call ends without a `Dial`, as a text for the administrator.
pub fn dialled(contexts: &[Context], context: &str, number: &str, ask: Ask<'_>) -> Result<String, String> {
    let mut variables = HashMap::new();
    let mut at = enter(contexts, context, number, "1")?;
    for _ in 0..MOST_STEPS {
        let Place { extension, context, number, priority } = &at;
        let Some(step) = extension.steps.iter().find(|step| step.priority == *priority) else {
            return Err(format!("the call ends in context {context} after step {}", priority - 1));
        };
        variables.insert("EXTEN".to_owned(), number.clone());
        let arguments = substitute(&step.arguments, &variables, ask)?;
        let jump = match step.application.as_str() {
            "Dial" if arguments.split(',').next().unwrap_or_default().is_empty() => {
                return Err(format!("context {context} calls nobody: Dial({})", step.arguments));
            }
            "Dial" => return Ok(arguments),
            "Set" => {
                let (name, value) = arguments.split_once('=').unwrap_or((&arguments, ""));
                variables.insert(name.to_owned(), value.to_owned());
                None
            }
            "Goto" => Some(arguments),
            "GotoIf" => branch(&arguments),
            "NoOp" | "Progress" | "Answer" => None,
            other => {
                return Err(format!(
                    "the call ends in context {context} with {other}({arguments}) and reaches nobody"
                ));
            }
        };
        at = match jump {
            None => Place { extension, context, number: number.clone(), priority: priority + 1 },
            Some(target) => go(contexts, &at, &target)?,
        };
    }
    Err(format!("the call loops in context {}", at.context))
}

/// Returns where `GotoIf` jumps to, or `None` if the call goes on. The condition in `arguments` is evaluated already.
fn branch(arguments: &str) -> Option<String> {
    let (condition, targets) = arguments.split_once('?')?;
    let (yes, no) = targets.split_once(':').unwrap_or((targets, ""));
    // pbx_checkcondition(): empty and 0 are false.
    let target = if condition.is_empty() || condition == "0" { no } else { yes };
    (!target.is_empty()).then(|| target.to_owned())
}

/// `[[context,]extension,]priority`
fn go<'a>(contexts: &'a [Context], from: &Place<'a>, target: &str) -> Result<Place<'a>, String> {
    match target.split(',').collect::<Vec<_>>().as_slice() {
        [context, number, priority] => enter(contexts, context, number, priority),
        [number, priority] => enter(contexts, from.context, number, priority),
        [priority] => {
            let step = find_step(from.extension, priority);
            let step = step.ok_or_else(|| format!("context {} has no step '{priority}'", from.context))?;
            Ok(Place { number: from.number.clone(), priority: step.priority, ..*from })
        }
        _ => Err(format!("context {} has a jump to '{target}', which is not a step", from.context)),
    }
}

fn enter<'a>(
    contexts: &'a [Context],
    context: &str,
    number: &str,
    priority: &str,
) -> Result<Place<'a>, String> {
    let nowhere = || format!("context {context} has no extension for {number}");
    let (found, extension) = find(contexts, context, number, DEEPEST).ok_or_else(nowhere)?;
    let step = find_step(extension, priority).ok_or_else(nowhere)?;
    Ok(Place { extension, context: found, number: number.to_owned(), priority: step.priority })
}

fn find_step<'a>(extension: &'a Extension, name: &str) -> Option<&'a Step> {
    let is_it = |step: &&Step| step.label.as_deref() == Some(name) || step.priority.to_string() == name;
    extension.steps.iter().find(is_it)
}

/// Finds the extension of a number: first in the context itself, plain ones before patterns, then in its includes, in order.
fn find<'a>(
    contexts: &'a [Context],
    name: &str,
    number: &str,
    depth: usize,
) -> Option<(&'a str, &'a Extension)> {
    let context = contexts.iter().find(|context| context.name == name)?;
    let own = || context.extensions.iter().filter(|extension| !extension.steps.is_empty());
    let plain = own().find(|extension| extension.pattern == number);
    let found = plain.or_else(|| own().find(|extension| matches(&extension.pattern, number)));
    match found {
        Some(extension) => Some((&context.name, extension)),
        None if depth == 0 => None,
        None => context.includes.iter().find_map(|include| find(contexts, include, number, depth - 1)),
    }
}

/// Returns whether a pattern such as `_[1-5]XZN.` matches a number.
fn matches(pattern: &str, number: &str) -> bool {
    let Some(mut pattern) = pattern.strip_prefix('_') else { return false };
    let mut digits = number.chars();
    while let Some(first) = pattern.chars().next() {
        let mut rest = pattern.get(first.len_utf8()..).unwrap_or_default();
        let digit = digits.next();
        let takes = match (first, digit) {
            ('!', _) => return true,
            ('.', digit) => return digit.is_some(),
            (_, None) => false,
            ('X', Some(digit)) => digit.is_ascii_digit(),
            ('Z', Some(digit)) => ('1'..='9').contains(&digit),
            ('N', Some(digit)) => ('2'..='9').contains(&digit),
            ('[', Some(digit)) => {
                let Some((set, behind)) = rest.split_once(']') else { return false };
                rest = behind;
                in_set(set, digit)
            }
            (letter, Some(digit)) => letter == digit,
        };
        if !takes {
            return false;
        }
        pattern = rest;
    }
    digits.next().is_none()
}

/// Whether `0-9*#` has this digit.
fn in_set(set: &str, digit: char) -> bool {
    let mut letters = set.chars();
    while let Some(from) = letters.next() {
        let mut range = letters.clone();
        let to = match (range.next(), range.next()) {
            (Some('-'), Some(to)) => {
                letters = range;
                to
            }
            _ => from,
        };
        if (from..=to).contains(&digit) {
            return true;
        }
    }
    false
}

/// Returns a text with its `${…}` and `$[…]` evaluated, the inner ones first.
fn substitute(text: &str, variables: &HashMap<String, String>, ask: Ask<'_>) -> Result<String, String> {
    let Some((before, rest)) = text.split_once('$') else { return Ok(text.to_owned()) };
    let (inner, behind) = match rest.chars().next() {
        Some('{') => enclosed(rest, '{', '}'),
        Some('[') => enclosed(rest, '[', ']'),
        _ => None,
    }
    .ok_or_else(|| format!("'{text}' can't be evaluated"))?;
    let inner = substitute(inner, variables, ask)?;
    let value = if rest.starts_with('[') {
        expression(&inner)?
    } else if let Some((function, argument)) = inner.strip_suffix(')').and_then(|call| call.split_once('(')) {
        ask(function, argument)?
    } else {
        variables.get(&inner).cloned().unwrap_or_default()
    };
    Ok(format!("{before}{value}{}", substitute(behind, variables, ask)?))
}

/// Splits a text that begins with a bracket: what is inside the brackets, and what follows them.
fn enclosed(text: &str, open: char, close: char) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        if letter == open {
            depth += 1;
        } else if letter == close {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some((text.get(open.len_utf8()..at)?, text.get(at + close.len_utf8()..)?));
            }
        }
    }
    None
}

/// `"one" = "other"` and `"one" != "other"`, the only expressions of ours.
fn expression(text: &str) -> Result<String, String> {
    let equal = text.split_once(" = ").map(|(one, other)| one.trim() == other.trim());
    let different = || text.split_once(" != ").map(|(one, other)| one.trim() != other.trim());
    let holds = equal.or_else(different).ok_or_else(|| format!("$[{text}] can't be evaluated"))?;
    Ok(u8::from(holds).to_string())
}

#[cfg(test)]
mod tests;
