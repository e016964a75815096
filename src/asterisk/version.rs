//! Which Asterisk this is, against the one that the module was built for: [`crate::words::version`] compares.

use super::{log, sys, text};
use crate::{
    engine::host::Level,
    words::version::{BUILT_FOR, Fit, compare},
};

/// The major version of the headers, found by build.rs.
const MAJOR: &str = env!("SYNCH_ASTERISK_MAJOR");

/// Whether the module may run here. Debian's 16 and 22 carry the same sum of build options, so Asterisk's own
/// check lets a module of one into the other, though structures differ.
///
/// # Errors
/// It may not; the line says why.
pub(super) fn check() -> Result<(), String> {
    let name = name();
    match compare(MAJOR.parse().unwrap_or_default(), BUILT_FOR, &name) {
        Fit::Same => {}
        Fit::OtherMinor(built, running) => log::write(
            Level::Notice,
            &format!(
                "res_synch.so was built for Asterisk {built} and runs in {running}. That works; build it again \
                 with the next update of Asterisk (make clean; make; make install)."
            ),
        ),
        Fit::Unknown => log::write(
            Level::Warning,
            &format!(
                "This Asterisk reports its version as '{name}', which does not show its major version. \
                 res_synch.so was built for Asterisk {MAJOR} and is loaded unchecked: do not use it with another \
                 major version."
            ),
        ),
        Fit::OtherMajor(built, running) => {
            return Err(format!(
                "res_synch.so was built for Asterisk {built}, but this is Asterisk {running}, so it is not \
                 loaded. Build it against the headers of this Asterisk (make clean; make; make install), then \
                 restart Asterisk."
            ));
        }
    }
    Ok(())
}

/// The version of this Asterisk, as it calls itself.
pub(super) fn name() -> String {
    // SAFETY: ast_get_version() returns a string constant of Asterisk.
    unsafe { text::from_c(sys::ast_get_version()) }
}
