//! Connects Asterisk's threads to the engine: they read the newest snapshot or hand a command over. Nothing more may
//! happen on their small stacks.
//!
//! Reading and [`Control::send`] never wait; a call or a reload of the settings does nothing else. Only the thread of a
//! console or of a manager session waits for the answer: up to 2 s until a command is applied, up to 20 s for the doctor,
//! a drill or a maintenance.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, TrySendError};

use crate::{
    export::desk::Desk,
    operator::{doctor::Check, drill::Report, status::Snapshot},
    peers::DeviceState,
    settings::Settings,
    site::shrink::Removals,
    words::state::Mode,
};

/// What an operator, or Asterisk, can ask of the engine.
#[derive(Clone, Debug)]
pub enum Command {
    /// Sync now. A sync that is held because it would remove too many users is carried out only for `accepted`.
    Sync {
        /// The names that may go, because a person has seen that they are held.
        accepted: Arc<Removals>,
    },
    /// Put an older version back and hold it.
    Rollback(u64),
    /// Hold a service state, or let the monitor decide again.
    SetMode(Mode),
    /// The same for so many minutes; then the monitor decides again.
    HoldMode(Mode, u32),
    /// Hold the phones here for work on the main.
    StartMaintenance(Start, Reply<Result<String, String>>),
    /// Let the phones go home, where the main may have them.
    StopMaintenance {
        /// How the version of the main has to begin.
        version: Option<String>,
        /// Whether the main is not asked.
        force: bool,
        /// What came of it.
        reply: Reply<Result<String, String>>,
    },
    /// Send the phones back to a main that is Stable, without waiting for anything else.
    FailBack,
    /// Check everything that this branch needs, and say how to fix what is wrong.
    Examine(Reply<Vec<Check>>),
    /// Test what phones and calls need in an outage, without moving a phone.
    Drill(Reply<Report>),
    /// Say what each site says of a device.
    AskState(String, Reply<String>),
    /// Apply new settings.
    Configure(Arc<Settings>),
}

/// A maintenance that an operator starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// How long it lasts; `None`: as `[maintenance]` says.
    pub minutes: Option<u32>,
    /// Why, in the operator's words.
    pub reason: String,
}

/// Holds an answer that takes some time. A std lock, because a thread of Asterisk reads it.
#[derive(Debug)]
pub struct Reply<T>(Arc<Mutex<Option<T>>>);

// Derived, these would ask as much of `T`.
impl<T> Clone for Reply<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Reply<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Reply<T> {
    /// Gives the answer.
    pub fn give(&self, answer: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// Waits for the answer and takes it.
    ///
    /// # Errors
    /// When nobody is left who could answer.
    pub fn take(&mut self) -> Result<Option<T>, ControlError> {
        match Arc::get_mut(&mut self.0) {
            Some(last) => {
                let given = last.get_mut().unwrap_or_else(PoisonError::into_inner).take();
                given.map(Some).ok_or(ControlError::Abandoned)
            }
            None => Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).take()),
        }
    }
}

/// A command with its number, by which the sender sees that it was applied.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// Grows by one with each command.
    pub number: u64,
    /// What is asked.
    pub command: Command,
}

/// Why a command was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// Commands come faster than the engine takes them.
    #[error("too many commands are waiting; try again in a moment")]
    Full,
    /// The command waits in the queue, because the engine is busy.
    #[error("command accepted but not applied yet; check 'synch show status' in a moment")]
    Slow,
    /// The worker that was to answer has ended.
    #[error("a newer request has replaced this one, or synch has been stopped; see Asterisk's log")]
    Abandoned,
    /// The engine has ended.
    #[error("synch is not running; see Asterisk's log, then 'module reload res_synch.so'")]
    Gone,
}

/// How many commands may wait: more than one person types, few enough to notice a stuck engine.
pub const COMMANDS_WAITING: usize = 64;

/// How long a caller waits until its command is applied. The engine needs far less than a millisecond.
const TAKEN_IN: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How long a caller waits for the doctor, which asks the main, the DNS and a broker, each for 5 s at most, or for a drill,
/// which asks DNS and SIP.
const ANSWERED: Duration = Duration::from_secs(20);
const LOOK_FOR_REPLY: Duration = Duration::from_millis(20);

/// The newest snapshot. A std lock, not parking_lot: these readers are Asterisk's threads, on which parking_lot
/// would leave thread-local state behind.
#[derive(Clone, Debug)]
pub struct Published(Arc<RwLock<Arc<Snapshot>>>);

impl Published {
    /// With a first snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(snapshot))))
    }

    /// The newest snapshot.
    #[must_use]
    pub fn read(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces it.
    pub fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

/// How Asterisk is asked for what it makes of a device: out of its cache, or of the channel driver, without a wait.
#[derive(Clone)]
pub struct DeviceLook(Arc<dyn Fn(&str) -> DeviceState + Send + Sync>);

impl DeviceLook {
    /// Makes one that asks so.
    pub fn new(look: impl Fn(&str) -> DeviceState + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// Returns the state of a device.
    #[must_use]
    pub fn state(&self, device: &str) -> DeviceState {
        (self.0)(device)
    }
}

impl fmt::Debug for DeviceLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceLook")
    }
}

/// What a CLI command or an AMI action works with.
#[derive(Clone, Debug)]
pub struct Control {
    /// The states of devices.
    pub devices: DeviceLook,
    /// Where a main serves its branches.
    pub desk: Arc<Desk>,
    published: Published,
    commands: Sender<Numbered>,
    stop: Sender<()>,
    last: Arc<AtomicU64>,
}

impl Control {
    /// For the engine that publishes there and receives what is sent here.
    #[must_use]
    pub fn new(
        published: Published,
        commands: Sender<Numbered>,
        stop: Sender<()>,
        devices: DeviceLook,
        desk: Arc<Desk>,
    ) -> Self {
        Self { devices, desk, published, commands, stop, last: Arc::default() }
    }

    /// Ends all work: a way of its own, so that waiting commands can't be before it.
    pub fn stop(&self) {
        // Full: somebody said it already. Disconnected: the engine has ended.
        let _ = self.stop.try_send(());
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.published.read()
    }

    /// Hands a command over.
    ///
    /// # Errors
    /// The queue is full, or the engine has ended.
    pub fn send(&self, command: Command) -> Result<u64, ControlError> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        match self.commands.try_send(Numbered { number, command }) {
            Ok(()) => Ok(number),
            Err(TrySendError::Full(_)) => Err(ControlError::Full),
            Err(TrySendError::Disconnected(_)) => Err(ControlError::Gone),
        }
    }

    /// Hands a command over and waits until the engine has applied it, so that a script that asks for the status
    /// next sees the effect.
    ///
    /// # Errors
    /// As [`Control::send`], or the engine has not applied it in time.
    pub fn send_and_see(&self, command: Command) -> Result<Arc<Snapshot>, ControlError> {
        let number = self.send(command)?;
        let end = Instant::now() + TAKEN_IN;
        loop {
            let snapshot = self.snapshot();
            if snapshot.handled >= number {
                return Ok(snapshot);
            }
            if Instant::now() >= end {
                return Err(ControlError::Slow);
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Hands over a command that has an answer, and waits for that answer.
    ///
    /// # Errors
    /// As [`Control::send`], or the answer takes too long, or the work was ended before.
    pub fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, ControlError> {
        let mut reply = Reply::default();
        self.send(command(reply.clone()))?;
        let end = Instant::now() + ANSWERED;
        loop {
            if let Some(answer) = reply.take()? {
                return Ok(answer);
            }
            if Instant::now() >= end {
                return Err(ControlError::Slow);
            }
            thread::sleep(LOOK_FOR_REPLY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_waited_for_as_long_as_somebody_can_give_it() {
        let mut waiting = Reply::default();
        let giving = waiting.clone();
        assert_eq!(waiting.take(), Ok(None));
        giving.give("fine");
        drop(giving);
        assert_eq!(waiting.take(), Ok(Some("fine")));
        assert_eq!(waiting.take(), Err(ControlError::Abandoned));
    }
}
