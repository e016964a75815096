//! What stands behind the pattern in an `exten` line: `priority(label)+n,Application(arguments)`. Pure.

/// One such text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What its priority counts from.
    pub number: Number<'a>,
    /// What is added to it.
    pub plus: i64,
    /// What stands in the brackets.
    pub label: Option<&'a str>,
    /// Everything behind the comma.
    pub text: &'a str,
}

/// A priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number<'a> {
    /// `hint`
    Hint,
    /// `n`
    Next,
    /// `s`
    Same,
    /// A number.
    Plain(u32),
    /// A label of the same extension.
    Label(&'a str),
    /// A bracket that nothing closes.
    Unclosed,
}

impl<'a> Entry<'a> {
    /// Takes it apart.
    pub fn read(text: &'a str) -> Self {
        let (priority, text) = text.split_once(',').unwrap_or((text, ""));
        let priority = priority.trim();
        let (priority, label) = match priority.split_once('(') {
            None => (priority, None),
            Some((priority, label)) => match label.split_once(')') {
                Some((label, _)) => (priority, Some(label)),
                None => return Self { number: Number::Unclosed, plus: 0, label: None, text },
            },
        };
        let (priority, plus) = match priority.split_once('+') {
            Some((priority, plus)) => (priority, signed(plus)),
            None => (priority, 0),
        };
        let number = match priority {
            "hint" => Number::Hint,
            "n" | "next" => Number::Next,
            "s" | "same" => Number::Same,
            other => match leading_digits(other) {
                Some(digits) => Number::Plain(digits.parse().unwrap_or(u32::MAX)),
                // `-1` is a number to Asterisk, and no priority.
                None if other.starts_with('-') => Number::Plain(0),
                None => Number::Label(other),
            },
        };
        Self { number, plus, label, text }
    }

    /// Application and arguments: these go from the first bracket to the last one. Without a bracket at the end all behind the first is
    /// taken, with a warning from Asterisk's loader.
    pub fn application(&self) -> (&'a str, &'a str) {
        let text = self.text.trim_start_matches(|character: char| character <= ' ');
        match text.split_once('(') {
            None => (text.trim_end(), ""),
            Some((application, rest)) => {
                (application, rest.rsplit_once(')').map_or(rest, |(arguments, _)| arguments))
            }
        }
    }
}

/// Whether Asterisk keeps it as a label: one that begins with a digit would be a priority.
pub fn is_label(label: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !label.is_empty()
        && label.len() <= MAX_LABEL
        && !label.starts_with(|first: char| first.is_ascii_digit())
        && label.bytes().all(known)
}

/// As long as a name of an extension may be.
const MAX_LABEL: usize = 79;

fn leading_digits(text: &str) -> Option<&str> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).filter(|digits| !digits.is_empty())
}

fn signed(text: &str) -> i64 {
    let (sign, digits) = match text.trim_start().strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.trim_start()),
    };
    sign * leading_digits(digits).map_or(0, |digits| digits.parse().unwrap_or(i64::from(u32::MAX)))
}
