//! Something that is done again and again beside all acts, until it is told to finish.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use lab::{Error, Result};

/// It runs on a thread of its own, and makes a `T`.
pub struct Beside<T> {
    finish: Sender<()>,
    thread: JoinHandle<Result<T>>,
}

impl<T: Default + Send + 'static> Beside<T> {
    /// Does it now, and again after such a pause each time, until something fails.
    pub fn start(pause: Duration, mut act: impl FnMut(&mut T) -> Result + Send + 'static) -> Self {
        let (finish, finished) = channel();
        let thread = spawn(move || {
            let mut made = T::default();
            loop {
                act(&mut made)?;
                if finished.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return Ok(made);
                }
            }
        });
        Self { finish, thread }
    }

    /// Waits for the last time, and says what came of it.
    pub fn finish(self) -> Result<T> {
        // Where it has ended already, because something has failed, it says so below.
        let _ = self.finish.send(());
        self.thread.join().unwrap_or_else(|_| Err(Error::new("what is done beside the acts panicked")))
    }
}
