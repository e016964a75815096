//! Reloads of the branch's own dialplan, with the hints of a big office, beside everything else: whoever takes Asterisk's
//! locks in another order than they do stops it.

use std::time::Duration;

use lab::Error;
use lab::ami::Ami;

use crate::beside::Beside;

/// The hints of some hundred phones, their lamps and their night switches.
pub const HINTS: usize = 1_500;
/// From the end of one reload to the next: each takes the better part of a second with so many hints.
const PAUSE: Duration = Duration::from_secs(2);

/// Starts to reload over that session, and to count.
pub fn start(mut session: Ami) -> Beside<u64> {
    Beside::start(PAUSE, move |done| {
        *done += 1;
        let reload = session.action("Command", &[("Command", "dialplan reload")]);
        reload.map(drop).map_err(|error| Error::new(format!("dialplan reload {done}: {error}")))
    })
}
