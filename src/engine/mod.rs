//! The engine: one loop on the supervisor thread that owns every worker, turns what they find into decisions and
//! the decisions into actions, and publishes the snapshot that everybody else reads.
//!
//! - `event`: what the workers tell
//! - `turn`: what each event and command does: verdict, return, moves, snapshot
//! - `roster`: the workers that the settings ask for
//! - `work`: the bodies of the workers, one file or folder each
//! - `reach`: the way to the main that they share: its address, and whether it lets us in
//! - `crew`: how workers live: threads, ends, waits after a panic
//! - [`host`]: what the engine asks of the Asterisk that it runs in
//! - [`gate`]: keeps an unload from waiting for our reload of another module

mod crew;
mod event;
pub mod gate;
pub mod host;
mod reach;
mod roster;
mod turn;
mod work;

use std::{sync::Arc, time::Duration};

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError, after, at, bounded, never, select};

use self::event::Told;
pub use crate::engine::crew::ending::{Ended, Ending, left_alone};
use crate::{
    engine::{
        crew::{backoff::Backoff, ending::Life, kit::Kit, restart::run_again, roll::Roll},
        gate::Gate,
        host::{Host, Level},
        turn::{Running, first_snapshot},
        work::branches::take_all_back,
    },
    export::desk::Desk,
    operator::{
        control::{COMMANDS_WAITING, Control, DeviceLook, Numbered, Published},
        status::Live,
    },
    settings::Settings,
    uplink::ami::Crypto,
};

/// How soon a worker that could not be started, for want of a thread, is tried again.
const START_AGAIN: Duration = Duration::from_secs(5);

/// How long the loop rests after a panic. It goes on at once, for it decides where phones go; but what panics at each turn
/// shall not take a whole processor.
const FIRST_REST: Duration = Duration::from_millis(20);
const LONGEST_REST: Duration = Duration::from_secs(2);

/// The engine before its loop runs, so that commands can wait and the snapshot can be read from the start.
pub struct Engine {
    kit: Kit,
    settings: Arc<Settings>,
    commands: Receiver<Numbered>,
    stop: Receiver<()>,
    roll: Roll,
    life: Life,
}

/// Makes the engine and the way to it.
#[must_use]
pub fn prepare(host: Arc<dyn Host>, settings: Arc<Settings>, gate: Arc<Gate>) -> (Control, Engine) {
    let (to_engine, commands) = bounded(COMMANDS_WAITING);
    let (to_stop, stop) = bounded(1);
    #[cfg(feature = "faults")]
    crate::words::faults::listen(&host.data_dir());
    let mut first = first_snapshot(&settings);
    let counted = Arc::clone(&host);
    let desk = Arc::new(Desk::new(Arc::clone(&host) as Arc<dyn Crypto>));
    first.live = Live::new(&host.version(), move || counted.channels()).with_desk(&desk);
    let published = Published::new(first);
    let asked = Arc::clone(&host);
    let devices = DeviceLook::new(move |device| asked.device_state(device));
    let kit = Kit::new(host, gate, published.clone(), desk);
    let control = Control::new(published, to_engine, to_stop, devices, Arc::clone(&kit.desk));
    let (roll, life) = (Roll::default(), Life::default());
    (control, Engine { kit, settings, commands, stop, roll, life })
}

impl Engine {
    /// How it is ended from another thread.
    #[must_use]
    pub fn ending(&self, control: &Control) -> Ending {
        Ending { control: control.clone(), roll: self.roll.clone(), life: self.life.clone() }
    }

    /// Works until it is told to stop; then every worker has ended, or was left alone and named in the log. Does `last`
    /// then.
    pub fn run(self, last: impl FnOnce()) {
        let Engine { kit, settings, commands, stop, roll, life } = self;
        let host = Arc::clone(&kit.host);
        let mut running = None;
        let rest = |until| !matches!(stop.recv_deadline(until), Err(RecvTimeoutError::Timeout));
        // A turn that panics is a bug of ours; the workers, and the DNS above all, go on meanwhile.
        run_again(Backoff::new(FIRST_REST, LONGEST_REST), rest, || {
            let is_new = running.is_none();
            let running =
                running.get_or_insert_with(|| Running::new(kit.clone(), Arc::clone(&settings), roll.clone()));
            if is_new {
                running.start_workers();
            } else {
                running.recover();
            }
            running.publish();
            turn(running, &commands, &stop);
        });
        // The queue outlives us, and who waits for the answer to a command in it would wait in vain.
        while commands.try_recv().is_ok() {}
        drop(commands);
        for name in roll.end() {
            host.log(Level::Warning, &left_alone(&name));
        }
        drop(running);
        // A main that is being stopped comes back, and its lost branches may still be lost then.
        if !life.is_left_alone() && !host.shuts_down() {
            take_all_back(&*host);
        }
        life.end(last);
    }
}

/// Takes step after step, until it is told to stop.
fn turn(running: &mut Running, commands: &Receiver<Numbered>, stop: &Receiver<()>) {
    let events = running.events();
    loop {
        // A choice among several that can be taken is made at random.
        if !matches!(stop.try_recv(), Err(TryRecvError::Empty)) {
            return;
        }
        let try_again = running.start_again().map_or_else(never, at);
        let look_again = running.look_again().map_or_else(never, after);
        let due = running.due().map_or_else(never, at);
        let self_check = running.self_check_due().map_or_else(never, at);
        let step = select! {
            recv(stop) -> _ => return,
            recv(commands) -> command => command.map(Step::Command),
            recv(events) -> told => told.map(Step::Told),
            recv(try_again) -> _ => Ok(Step::StartWorkers),
            recv(look_again) -> _ => Ok(Step::LookAgain),
            recv(due) -> _ => Ok(Step::Probe),
            recv(self_check) -> _ => Ok(Step::SelfCheck),
        };
        let Ok(step) = step else { return };
        running.take(step);
        running.publish();
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
    /// The branch looks at itself.
    SelfCheck,
}

#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
