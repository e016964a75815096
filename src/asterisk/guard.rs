//! The fence that keeps a panic out of Asterisk: one that crossed `extern "C"` would end the whole process.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use once_cell::sync::OnceCell;

use super::{log, thread};
use crate::{engine::host::Level, words::repeats::Repeats};

/// Runs what C called; a panic becomes a log line and the value that tells C of a failure.
pub(super) fn guard<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    // The hook has logged the panic already.
    panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or(on_panic)
}

/// What has panicked so far. A question to the name server can come a thousand times a second, and so can its panic.
static REPEATS: Mutex<Repeats> = Mutex::new(Repeats::new());

/// Sends the text of panics to Asterisk's log instead of stderr.
///
/// Once per image, not per load: the hook belongs to the process and the image stays mapped (`-z nodelete`).
pub(super) fn log_panics() {
    static INSTALLED: OnceCell<()> = OnceCell::new();
    INSTALLED.get_or_init(|| {
        panic::set_hook(Box::new(|info| {
            let place =
                info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
            let (thread, what) = (thread::name(), message(info.payload()));
            let text = format!("Panic{place} in thread {thread}: {what}. Please report this.");
            let line = REPEATS.lock().unwrap_or_else(PoisonError::into_inner).line(&text, Instant::now());
            if let Some(line) = line {
                log::write(Level::Error, &line);
            }
        }));
    });
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message")
}
