//! Channel variables: which option sets one, and which Asterisk itself goes by. Pure.

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

/// Whether Asterisk or one of its modules goes by a variable of that name.
#[must_use]
pub fn is_special(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    SPECIAL.iter().any(|part| upper.contains(part))
}
