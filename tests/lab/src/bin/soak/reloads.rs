//! Reloads of the branch's own dialplan, with the hints of a big office, beside everything else: whoever takes Asterisk's
//! locks in another order than they do stops it.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use lab::ami::Ami;
use lab::{Error, Result};

/// The hints of some hundred phones, their lamps and their night switches.
pub const HINTS: usize = 1_500;
/// From the end of one reload to the next: each takes the better part of a second with so many hints.
const PAUSE: Duration = Duration::from_secs(2);

/// Reloads until it is told to finish.
pub struct Reloads {
    finish: Sender<()>,
    thread: JoinHandle<Result<u64>>,
}

impl Reloads {
    /// Starts to reload over that session.
    pub fn start(mut session: Ami) -> Self {
        let (finish, finished) = channel();
        let thread = spawn(move || {
            let mut done = 0;
            loop {
                let reload = session.action("Command", &[("Command", "dialplan reload")]);
                reload.map_err(|error| Error::new(format!("dialplan reload {}: {error}", done + 1)))?;
                done += 1;
                if finished.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                    return Ok(done);
                }
            }
        });
        Self { finish, thread }
    }

    /// Waits for the last one, and says how many there were.
    pub fn finish(self) -> Result<u64> {
        // Where it has ended already, because a reload has failed, it says so below.
        let _ = self.finish.send(());
        self.thread.join().unwrap_or_else(|_| Err(Error::new("who reloads the dialplan panicked")))
    }
}
