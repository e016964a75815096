//! Asterisk's log.

use super::{sys, text};
use crate::{engine::host::Level, words::wording::visible};

/// Writes one line. May be called from any thread: `ast_log` keeps its state per thread and locks nothing of ours.
#[track_caller]
pub(super) fn write(level: Level, message: &str) {
    let level = match level {
        Level::Error => sys::__LOG_ERROR,
        Level::Warning => sys::__LOG_WARNING,
        Level::Notice => sys::__LOG_NOTICE,
        Level::Debug => sys::__LOG_DEBUG,
    };
    // SAFETY: synch_debug() reads two flags of Asterisk.
    if level == sys::__LOG_DEBUG && unsafe { sys::synch_debug() } == 0 {
        return;
    }
    let line = std::panic::Location::caller().line();
    let message = text::to_c(&visible(message));
    // SAFETY: all texts are NUL-terminated and outlive the call; ast_log copies them; "%s\n" takes one string.
    unsafe {
        sys::ast_log(
            i32::try_from(level).unwrap_or_default(),
            c"res_synch".as_ptr(),
            i32::try_from(line).unwrap_or_default(),
            c"synch".as_ptr(),
            c"%s\n".as_ptr(),
            message.as_ptr(),
        );
    }
}
