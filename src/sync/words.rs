//! What Asterisk's own words mean: yes, and the names of the option that sets a variable. Pure.

/// Options that set a channel variable, of res_pjsip and of chan_sip: all of their lines count.
const SETS_VARIABLE: [&str; 2] = ["set_var", "setvar"];

/// Whether an option of that name sets a channel variable.
#[must_use]
pub fn sets_variable(key: &str) -> bool {
    SETS_VARIABLE.iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// What Asterisk takes for yes (`ast_true`).
#[must_use]
pub fn is_yes(value: &[u8]) -> bool {
    [&b"yes"[..], b"true", b"y", b"t", b"1", b"on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}
