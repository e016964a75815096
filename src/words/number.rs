//! What can be dialled. Pure.

/// Characters of a number at most: more than any telephone network takes.
pub const MAX_NUMBER: usize = 32;

/// Whether that can be dialled.
#[must_use]
pub fn is_number(text: &str) -> bool {
    (1..=MAX_NUMBER).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'*' | b'#' | b'+'))
}

/// A number without what people write into it to read it: `+49 30 1234-501`. One with brackets is left as it is, since
/// what is in them may not be dialled: `+49 (0)30`.
#[must_use]
pub fn dialled(text: &str) -> String {
    text.chars().filter(|letter| !" -./".contains(*letter)).collect()
}
