//! Waiting: for a condition, never for a time.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Long enough for anything that happens by itself within seconds, on a machine that does much else.
pub const GENEROUS: Duration = Duration::from_secs(60);

/// Long enough for a phone that sent its REGISTER just before the name server changed its answer: it waits 32 s for the
/// dead server, and then up to 90 s before it tries again.
pub const PHONES_RETRY: Duration = Duration::from_secs(180);

const PAUSE: Duration = Duration::from_millis(50);

/// Waits until `condition` holds. Fails with `what` was waited for.
pub fn until(what: &str, bound: Duration, mut condition: impl FnMut() -> bool) -> Result {
    until_ok(what, bound, || if condition() { Ok(()) } else { Err(Error::new("not so")) })
}

/// Waits until `attempt` succeeds and returns its value. Fails with `what` was waited for and the last error.
pub fn until_ok<T>(what: &str, bound: Duration, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(last) if start.elapsed() >= bound => {
                return Err(Error::new(format!("waited {bound:?} for {what}; last: {last}")));
            }
            Err(_) => sleep(PAUSE),
        }
    }
}

/// Waits until `look` sees what `accept` takes, and returns it. Fails with the value last seen.
pub fn until_value(
    what: &str,
    bound: Duration,
    mut look: impl FnMut() -> Result<String>,
    accept: impl Fn(&str) -> bool,
) -> Result<String> {
    until_ok(what, bound, || {
        let value = look()?;
        if accept(&value) { Ok(value) } else { Err(Error::new(format!("saw\n{value}"))) }
    })
}
