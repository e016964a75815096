//! Which Asterisk this is, against the one that the module was built for.

use super::{sys, text};

/// The major version of the headers, found by build.rs.
const BUILT_FOR: &str = env!("SYNCH_ASTERISK_MAJOR");

/// Whether the module may run here. Debian's 16 and 22 carry the same sum of build options, so Asterisk's own
/// check lets a module of one into the other, though structures differ.
///
/// # Errors
/// The line that says why not.
pub(super) fn check() -> Result<(), String> {
    let number = running();
    let running = major(&number);
    if running == BUILT_FOR {
        return Ok(());
    }
    Err(format!(
        "res_synch.so was built for Asterisk {BUILT_FOR} and this is Asterisk {running}: not loaded. Build it \
         against the headers of this Asterisk (make clean; make; make install), then restart Asterisk."
    ))
}

/// The version of this Asterisk, as a number.
fn running() -> String {
    // SAFETY: ast_get_version_num() returns a string constant of Asterisk.
    unsafe { text::from_c(sys::ast_get_version_num()) }
}

/// The version of this Asterisk, as it calls itself.
pub(super) fn name() -> String {
    // SAFETY: ast_get_version() returns a string constant of Asterisk.
    unsafe { text::from_c(sys::ast_get_version()) }
}

/// `ast_get_version_num()` counts major * 10000 + minor * 100 + patch: "221001" is 22.10.1.
fn major(number: &str) -> &str {
    number
        .get(..number.len().saturating_sub(4))
        .filter(|major| !major.is_empty())
        .unwrap_or("of unknown version")
}
