//! Lines of the main's contexts that were not taken, and why, for an administrator to read. Pure.

use std::fmt;

use crate::words::wording::visible;

/// Characters of foreign text that a message shows at most.
const SHOWN: usize = 60;

/// Something of the main's dialplan that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutLine {
    /// Context it stands in, fit for a message.
    pub context: String,
    /// Which part of it, fit for a message; empty for the whole.
    pub what: String,
    /// Why.
    pub reason: Refusal,
    /// Whether a call that gets there ends, because what follows is not meant for everybody.
    pub ends_calls: bool,
    /// The extension whose first step this is, fit for a message: a call to it ends at once.
    pub blocks: Option<String>,
}

impl LeftOutLine {
    pub(super) fn new(context: &str, what: impl Into<String>, reason: Refusal) -> Self {
        Self { context: shown(context), what: what.into(), reason, ends_calls: false, blocks: None }
    }
}

impl fmt::Display for LeftOutLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "context {}", self.context)?;
        if !self.what.is_empty() {
            write!(f, ", {}", self.what)?;
        }
        write!(f, ": {}", self.reason)?;
        f.write_str(if self.ends_calls { "; calls end there" } else { "" })
    }
}

/// Why something is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its application.
    #[error("application {0} is not allowed; to allow it, add it to [dialplan] allow_applications")]
    Application(String),
    /// A function in it.
    #[error("function {0} is not allowed; to allow it, add it to [dialplan] allow_functions")]
    Function(String),
    /// A function that is set.
    #[error("setting function {0} is not allowed; to allow it, add it to [dialplan] allow_functions")]
    Write(String),
    /// A variable that is set.
    #[error("variable {0} controls Asterisk itself, so contexts of the main may not set it")]
    Variable(String),
    /// What is set has no plain name.
    #[error("the name of a variable or function has to be written out")]
    NoName,
    /// `${${X}}` and its kin: a value with a bracket in it would call a function.
    #[error("the name of a variable or function is computed, so it could call any function")]
    Computed,
    /// A value where Asterisk would take parts of it for syntax.
    #[error(
        "the value of {0} could act as code here; put it into FILTER(0-9A-Za-z,...). A variable of the main's \
         [globals] is not known here: write its value instead"
    )]
    Loose(String),
    /// A function called inside an expression.
    #[error("{0}(...) inside $[...] calls a function; write ${{{0}(...)}}")]
    CallInExpression(String),
    /// A jump to a context that is not taken.
    #[error("context {0} is not taken from the main")]
    Target(String),
    /// A jump to a context that is known only during the call.
    #[error("it computes the context to go on in")]
    ComputedTarget,
    /// An option or argument.
    #[error("{0} may run other code or leave the contexts taken from the main")]
    Option(String),
    /// Something to dial.
    #[error("contexts of the main may not dial '{0}'")]
    Device(String),
    /// Brackets that do not match.
    #[error("its brackets do not match")]
    Brackets,
    /// Bytes that no honest line has.
    #[error("it has control characters or is not UTF-8")]
    Bytes,
    /// It is too long.
    #[error("it is longer than {0} bytes")]
    Long(usize),
    /// Its name.
    #[error("its name has characters that are not allowed, or is longer than {0}")]
    Name(usize),
    /// The branch has one.
    #[error("the branch already has a context of that name, made by {0}")]
    Taken(String),
    /// It is a name of ours.
    #[error("names that begin with {0} are reserved for the branch")]
    Own(&'static str),
    /// An extension's number or pattern; without it another one would match in its place.
    #[error(
        "its pattern or its caller has characters that are not allowed, so the whole context is left out"
    )]
    Pattern,
    /// A hint.
    #[error("its hint has characters that are not allowed")]
    Hint,
    /// A switch.
    #[error("a switch gets dialplan from elsewhere, and is never taken")]
    Switch,
    /// An include that leads back to itself.
    #[error("it includes itself")]
    Loop,
    /// An include's timing, or a pattern for dial tone.
    #[error("it has characters that are not allowed")]
    Characters,
    /// A label that is not valid, or that another step of the extension has.
    #[error("its label is not valid or already in use, so the step has no label")]
    Label,
    /// A line that Asterisk would not accept.
    #[error("Asterisk would not accept it either: {0}")]
    Line(&'static str),
    /// A context so large that changing it would hold up calls.
    #[error("it has more than {0} extensions, and changing it would hold up calls")]
    Large(usize),
    /// There are more than the limit.
    #[error("the contexts of the main have more than {count} {what}, so this one is left out")]
    Many {
        /// The limit.
        count: usize,
        /// Of what.
        what: &'static str,
    },
}

/// Foreign text, fit for one line of a message.
pub(super) fn shown(text: &str) -> String {
    let mut shown = visible(&text.chars().take(SHOWN).collect::<String>());
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_what_and_why() {
        let reason = Refusal::Application("System".to_owned());
        let mut line = LeftOutLine::new("site-a", "100 priority 2", reason);
        let expected = "context site-a, 100 priority 2: application System is not allowed; \
                        to allow it, add it to [dialplan] allow_applications";
        assert_eq!(line.to_string(), expected);
        line.ends_calls = true;
        assert!(line.to_string().ends_with("allow_applications; calls end there"));
        let text = LeftOutLine::new("a", "", Refusal::CallInExpression("SHELL".to_owned())).to_string();
        assert_eq!(text, "context a: SHELL(...) inside $[...] calls a function; write ${SHELL(...)}");
    }

    #[test]
    fn foreign_text_stays_short_and_on_its_line() {
        let line = LeftOutLine::new(&"a\nb\u{202e}".repeat(100), shown("x\r\0"), Refusal::Bytes).to_string();
        assert!(!line.chars().any(char::is_control) && line.len() < 1000, "{line}");
        assert!(line.contains("x\\r\\x00") && line.contains('…') && !line.contains('\u{202e}'));
    }
}
