//! The dialplan worker: puts the newest contexts and hints into force. Asterisk may have its dialplan locked for somebody
//! else, so the engine doesn't wait for it.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::{
    dialplan::{Context, Plan},
    engine::{
        crew::{
            kit::Kit,
            post::{Start, Work},
            worker::{Role, Stop, Worker},
        },
        event::{Event, Teller},
        host::HostError,
    },
    settings::Settings,
    words::faults,
};

/// How often the worker checks that our contexts exist and hold only our extensions. Where extensions.conf has a
/// context of the same name, the next `dialplan reload` removes our extensions from it, and they are put back.
const LOOK_AROUND: Duration = Duration::from_secs(60);
/// The same while Asterisk accepts no hints: lamps are missing, and a reload of a dialplan takes seconds at most.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Beginning of the log line where Asterisk rejected a hint.
const LAMPS: &str = "Lamps";

/// What is wanted in the dialplan, and the way to tell the worker.
pub(in crate::engine) struct Dialling {
    wanted: Wanted,
    wake: Sender<()>,
}

type Wanted = Arc<Mutex<Arc<Plan>>>;

/// The worker.
pub(in crate::engine) enum Dialplan {}

impl Work for Dialplan {
    const THREAD: &'static str = "dialplan";
    /// It is always there, and told what is wanted.
    type Spec = ();
    type Line = Dialling;

    fn spec(_: &Settings) -> Option<()> {
        Some(())
    }

    fn start((): &(), start: &Start<'_>, teller: Teller, role: Role) -> io::Result<(Dialling, Worker)> {
        Dialling::start(start.kit.clone(), teller, role)
    }
}

impl Dialling {
    /// Starts the worker, with nothing wanted yet.
    fn start(kit: Kit, teller: Teller, role: Role) -> io::Result<(Self, Worker)> {
        let wanted = Wanted::default();
        let (wake, woken) = bounded(1);
        let body = Body { kit, wanted: Arc::clone(&wanted), woken, teller };
        let worker = Worker::start(role, || {}, move |stop| body.run(stop))?;
        Ok((Self { wanted, wake }, worker))
    }

    /// Returns whether this is the plan that was wanted last.
    pub(in crate::engine) fn wants(&self, plan: &Plan) -> bool {
        **self.wanted.lock() == *plan
    }

    /// Has the worker report again what is in force.
    pub(in crate::engine) fn tell_again(&self) {
        // Full: it is woken already.
        let _ = self.wake.try_send(());
    }

    /// Replaces the wanted plan.
    pub(in crate::engine) fn want(&self, plan: Plan) {
        if !self.wants(&plan) {
            *self.wanted.lock() = Arc::new(plan);
            self.tell_again();
        }
    }
}

/// What runs on the worker's thread.
struct Body {
    kit: Kit,
    wanted: Wanted,
    woken: Receiver<()>,
    teller: Teller,
}

impl Body {
    fn run(&self, stop: &Stop) {
        let (mut in_force, mut problem): (Arc<Plan>, _) = (Arc::default(), None);
        let mut woken = false;
        loop {
            faults::point("dialplan");
            let wanted = Arc::clone(&self.wanted.lock());
            let host = &*self.kit.host;
            let is_lost = |Context { name, asks_synch, .. }: &Context| {
                !host.has_context(name) || host.shares_context(name) || *asks_synch && !host.asks_synch(name)
            };
            let lost = wanted.contexts.iter().any(is_lost);
            let replace = lost || wanted.contexts != in_force.contexts;
            if replace {
                let result = host.replace_dialplan(&wanted.contexts).err().map(|error| error.to_string());
                let shared = wanted.contexts.iter().find(|context| host.shares_context(&context.name));
                let shared = shared.map(|context| {
                    let name = &context.name;
                    format!(
                        "extensions.conf also has a context {name}, and its extensions take precedence, even over \
                         112: rename that context"
                    )
                });
                problem = shared.or(result);
            }
            let lamps = self.add_hints(&wanted);
            let look = if matches!(lamps, Ok(false)) { LOOK_AGAIN } else { LOOK_AROUND };
            self.kit.log_outcome(&lamps.map(drop), LAMPS, "Lamps: all hints are in place.");
            let newest = Arc::ptr_eq(&wanted, &self.wanted.lock());
            in_force = wanted;
            // Also where other contexts were wanted for a moment, and what is in force is right again.
            if replace || woken {
                self.teller.tell(Event::Dialplan { problem: problem.clone(), newest });
            }
            match stop.or_receive(&self.woken, Instant::now() + look) {
                Ok(waker) => woken = waker.is_some(),
                Err(_) => return,
            }
        }
    }

    /// Adds missing hints. Returns whether all exist now.
    fn add_hints(&self, wanted: &Plan) -> Result<bool, HostError> {
        if !self.kit.host.lacks_hints(&wanted.hints) {
            return Ok(true);
        }
        // Closed: the module goes.
        self.kit.gate.enter().map_or(Ok(false), |_inside| self.kit.host.add_hints(&wanted.hints))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::{
        dialplan::Hint,
        engine::{event::Told, stand_in::StandIn},
        settings,
        words::conf::ConfSection,
    };

    /// A worker with nothing wanted yet, the Asterisk that it works on, and what it tells.
    fn started() -> (Arc<StandIn>, Dialling, Worker, Receiver<Told>) {
        let main = ConfSection::new("main", [("host", "192.0.2.1"), ("username", "synch"), ("secret", "x")]);
        let off = |name| ConfSection::new(name, [("enabled", "no")]);
        let settings = settings::read(&[main, off("sync"), off("dns")]).unwrap().into();
        let host = Arc::new(StandIn::default());
        let kit = host.kit(&settings);
        let (events, told) = crossbeam_channel::unbounded();
        let (dialling, worker) = Dialling::start(kit, Teller::new(1, events), Role::named("test")).unwrap();
        (host, dialling, worker, told)
    }

    fn wait_in_force(told: &Receiver<Told>) {
        loop {
            let (_, event) = told.recv_timeout(Duration::from_secs(60)).unwrap();
            if matches!(event, Event::Dialplan { problem: None, newest: true }) {
                return;
            }
        }
    }

    #[test]
    fn what_is_wanted_again_before_it_was_replaced_is_in_force() {
        let (host, dialling, worker, told) = started();
        let context = |name: &str| Context { name: name.to_owned(), ..Context::default() };
        let named = |name: &str| Plan { contexts: vec![context(name)], hints: Vec::new() };
        // Held, so that the worker is still at the first contexts when others are wanted.
        let busy = host.contexts.lock();
        dialling.want(named("normal"));
        dialling.want(named("failover"));
        dialling.want(named("normal"));
        drop(busy);
        wait_in_force(&told);
        assert_eq!(*host.contexts.lock(), named("normal").contexts);
        drop(worker);
    }

    #[test]
    fn lamps_come_when_asterisk_has_built_its_dialplan() {
        let (host, dialling, worker, told) = started();
        host.builds.store(true, Ordering::SeqCst);
        let hint = Hint { number: "1001".to_owned(), devices: "PJSIP/1001".to_owned() };
        dialling.want(Plan { contexts: Vec::new(), hints: vec![hint.clone()] });
        wait_in_force(&told);
        while host.hints.lock().is_empty() {
            std::thread::yield_now();
        }
        assert_eq!(*host.hints.lock(), [hint]);
        assert!(!host.builds.load(Ordering::SeqCst));
        drop(worker);
    }
}
