//! What Asterisk's own words mean: yes, and the names of the option that sets a variable. Pure.

/// Options that set a channel variable, of res_pjsip and of chan_sip: all of their lines count.
const SETS_VARIABLE: [&str; 2] = ["set_var", "setvar"];

/// What Asterisk and its modules go by, in any part of a name: programs and dialplan that they run, contexts they go on in, features they
/// switch on (`MONITOR_EXEC`, `MIXMONITOR_EXEC`, `TRANSFER_CONTEXT`, `FORWARD_CONTEXT`, `GOTO_ON_BLINDXFR`, `DYNAMIC_FEATURES`,
/// `CONNECTED_LINE_CALLEE_SEND_SUB`, `SIPADDHEADER01`, `LIMIT_WARNING_FILE`, `AGISIGHUP`, `PARKINGDYNCONTEXT`, ...).
const SPECIAL: [&str; 15] = [
    "AGI", "ATTENDED", "CONTEXT", "EXEC", "FEATURE", "GOTO", "HANDLER", "HOOK", "LIMIT_", "MACRO", "MONITOR",
    "PARKING", "SEND_SUB", "SIP", "TRANSFER",
];

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

/// What Asterisk takes for no (`ast_false`).
#[must_use]
pub fn is_no(value: &str) -> bool {
    ["no", "false", "n", "f", "0", "off"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}

/// Whether Asterisk or one of its modules goes by a variable of that name.
#[must_use]
pub fn is_special(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    SPECIAL.iter().any(|part| upper.contains(part))
}
