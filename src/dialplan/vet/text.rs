//! Texts that stand in the dialplan as they are: names, patterns, hints, times. Pure.

/// Asterisk's own buffers for contexts and extensions have 80 bytes.
pub const MAX_NAME: usize = 79;
/// A hint longer than this names more devices than anybody watches.
const MAX_HINT: usize = 1000;

/// Whether it may be the name of a context.
pub fn is_context(text: &str) -> bool {
    consists(text, MAX_NAME, b"_-.")
}

/// Whether it may be what is dialled, or a pattern of it, or a caller's.
pub fn is_pattern(text: &str) -> bool {
    consists(text, MAX_NAME, b"_-.!*#+[]")
}

/// Whether it may be a hint: devices and presence states. Asterisk evaluates `$` in it, so there is none.
pub fn is_hint(text: &str) -> bool {
    consists(text, MAX_HINT, b"_-./:&@,*#+ ")
}

/// Whether it may be when an include counts: hours, days of the week and of the month, months.
pub fn is_timing(text: &str) -> bool {
    text.is_empty() || consists(text, MAX_NAME, b":,*&-/_ ")
}

/// Whether a name may stand for a variable in its own place.
pub fn is_variable(text: &str) -> bool {
    consists(text, MAX_NAME, b"_")
}

/// Whether nothing in a step's text can confuse anybody. U+FFFD is what no text became.
pub fn is_clean(text: &str) -> bool {
    !text.chars().any(|character| character.is_control() || character == '\u{fffd}')
}

fn consists(text: &str, longest: usize, besides: &[u8]) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || besides.contains(&byte);
    (1..=longest).contains(&text.len()) && text.bytes().all(known)
}
