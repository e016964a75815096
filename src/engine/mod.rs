//! The engine: one loop on the supervisor thread that owns every worker, turns what they find into decisions and
//! the decisions into actions, and publishes the snapshot that everybody else reads.
//!
//! - `event`: what the workers tell
//! - `running`: what each event and command does
//! - `workers`, `worker`: the threads that the settings ask for, and one of them
//! - `lookup`: the address of the main
//! - `probing`, `watching`, `syncing`, `serving`, `dialling`, `contacts`, `presence`: the bodies of the workers
//! - `phones`: what comes of the last two
//! - `examining`, `drilling`: the doctor, who looks once and answers, and the drill, which walks once and answers
//! - `debounce`: many reloads of the main into one sync
//! - `cautions`: what an administrator should know of the settings
//! - `history`: what changed when

mod cautions;
mod contacts;
mod debounce;
mod dialling;
mod drilling;
mod event;
mod examining;
mod history;
mod lookup;
mod phones;
mod presence;
mod probing;
mod running;
mod serving;
mod syncing;
mod watching;
mod worker;
mod workers;

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::Duration,
};

use crossbeam_channel::{Receiver, after, at, bounded, never, select};

use self::{
    event::{Event, Told},
    running::{Running, first_snapshot},
};
use crate::{
    ami::Crypto,
    control::{COMMANDS_WAITING, Control, Numbered, Published},
    gate::Gate,
    host::Host,
    settings::Settings,
};

/// How soon a worker that could not be started, for want of a thread, is tried again.
const START_AGAIN: Duration = Duration::from_secs(5);

/// The engine before its loop runs, so that commands can wait and the snapshot can be read from the start.
#[derive(Debug)]
pub struct Engine {
    start: Start,
    settings: Arc<Settings>,
    commands: Receiver<Numbered>,
    stop: Receiver<()>,
}

/// What every worker is started with.
#[derive(Clone)]
struct Start {
    host: Arc<dyn Host>,
    gate: Arc<Gate>,
    published: Published,
}

impl Start {
    /// What a login to the main needs of Asterisk.
    fn crypto(&self) -> Arc<dyn Crypto> {
        Arc::clone(&self.host) as Arc<dyn Crypto>
    }
}

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// Makes the engine and the way to it.
#[must_use]
pub fn prepare(host: Arc<dyn Host>, settings: Arc<Settings>, gate: Arc<Gate>) -> (Control, Engine) {
    let (to_engine, commands) = bounded(COMMANDS_WAITING);
    let (to_stop, stop) = bounded(1);
    let published = Published::new(first_snapshot(&settings));
    let control = Control::new(published.clone(), to_engine, to_stop);
    (control, Engine { start: Start { host, gate, published }, settings, commands, stop })
}

impl Engine {
    /// Works until it is told to stop; then every worker has ended.
    pub fn run(self) {
        let Engine { start, settings, commands, stop } = self;
        let mut running = Running::new(start, settings);
        running.start_workers();
        running.publish();
        let events = running.events();
        loop {
            let try_again = running.start_again().map_or_else(never, at);
            let look_again = running.look_again().map_or_else(never, after);
            let due = running.due().map_or_else(never, at);
            let step = select! {
                recv(stop) -> _ => return,
                recv(commands) -> command => command.map(Step::Command),
                recv(events) -> told => told.map(Step::Told),
                recv(try_again) -> _ => Ok(Step::StartWorkers),
                recv(look_again) -> _ => Ok(Step::LookAgain),
                recv(due) -> _ => Ok(Step::Probe),
            };
            let Ok(step) = step else { return };
            // A step that panics is a bug of ours; the workers, and the DNS above all, go on.
            if panic::catch_unwind(AssertUnwindSafe(|| running.take(step))).is_err() {
                running.event(Event::Panicked("engine"));
            }
            running.publish();
        }
    }
}

/// What the loop has to do next.
enum Step {
    Command(Numbered),
    Told(Told),
    StartWorkers,
    /// Time has passed, for which a return waits.
    LookAgain,
    Probe,
}

#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
