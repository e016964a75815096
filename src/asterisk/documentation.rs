//! The XML documentation of commands, actions and functions. Where it is not installed, short texts of our own go
//! along, because Asterisk would log a warning for each name that it doesn't find.

use std::{
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use super::{sys, text};

/// Whether Asterisk has read our documentation: it does at its start, so a newer file is not known to it.
pub(super) fn is_read() -> bool {
    // SAFETY: Asterisk sets the time of its start before any module loads and never changes it.
    let start = unsafe { sys::ast_startuptime };
    let (seconds, micros) = (u64::try_from(start.tv_sec), u64::try_from(start.tv_usec));
    let start = UNIX_EPOCH
        + Duration::from_secs(seconds.unwrap_or_default())
        + Duration::from_micros(micros.unwrap_or_default());
    let written = path().metadata().and_then(|file| file.modified());
    written.is_ok_and(|written| written < start)
}

fn path() -> PathBuf {
    // SAFETY: Asterisk sets its paths before any module loads and never changes them.
    let folder = unsafe { text::from_c(sys::ast_config_AST_DATA_DIR) };
    PathBuf::from(folder).join("documentation/thirdparty/res_synch-en_US.xml")
}
