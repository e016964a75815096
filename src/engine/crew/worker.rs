//! A thread of ours: named, told to stop, joined, and started again after a panic.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex as StdMutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};
use parking_lot::Mutex;

use super::{backoff::Backoff, restart::run_again};

/// A worker that panics again and again gets slower, but never gives up: what it does is why we are here.
const FIRST_RESTART: Duration = Duration::from_secs(1);
const SLOWEST_RESTART: Duration = Duration::from_secs(60);

/// How a worker learns that it has to end.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Stop(Receiver<Infallible>);

impl Stop {
    /// Waits until then. True: it is time to end.
    pub(in crate::engine) fn wait_until(&self, then: Instant) -> bool {
        matches!(self.0.recv_deadline(then), Err(RecvTimeoutError::Disconnected))
    }

    /// Waits for something to come.
    pub(in crate::engine) fn receive<T>(&self, receiver: &Receiver<T>) -> Result<T, Stopped> {
        select! {
            recv(self.0) -> _ => Err(Stopped),
            recv(receiver) -> message => message.map_err(|_| Stopped),
        }
    }

    /// Waits until then or for something to come. `Err` is the end, `Ok(None)` the time.
    pub(in crate::engine) fn or_receive<T>(
        &self,
        receiver: &Receiver<T>,
        then: Instant,
    ) -> Result<Option<T>, Stopped> {
        let left = then.saturating_duration_since(Instant::now());
        select! {
            recv(self.0) -> _ => Err(Stopped),
            recv(receiver) -> message => message.map(Some).map_err(|_| Stopped),
            default(left) => Ok(None),
        }
    }

    /// Whether it is time to end.
    pub(in crate::engine) fn requested(&self) -> bool {
        self.wait_until(Instant::now())
    }

    /// The same, for a body that leaves with `?`.
    pub(in crate::engine) fn check(&self) -> Result<(), Stopped> {
        if self.requested() { Err(Stopped) } else { Ok(()) }
    }
}

/// It is time to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Stopped;

/// A running worker; told to stop and joined when dropped.
pub(in crate::engine) struct Worker {
    id: u64,
    thread: Arc<Thread>,
}

/// The thread of a worker, for whoever ends it. With std locks: it may be a thread of Asterisk's.
pub(in crate::engine) struct Thread {
    name: String,
    running: StdMutex<Option<Running>>,
    handle: StdMutex<Option<JoinHandle<()>>>,
}

/// What a worker needs that was not told to end.
struct Running {
    stop: Sender<Infallible>,
    interrupt: Box<dyn Fn() + Send>,
}

impl Thread {
    /// Whether it is the worker of that name.
    pub(in crate::engine) fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Tells it to end, and does not wait.
    pub(in crate::engine) fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Running { stop, interrupt }) = running {
            drop(stop);
            interrupt();
        }
    }

    /// Whether it has ended. Also `true` where somebody else waits for it, or where it was left alone.
    pub(in crate::engine) fn has_ended(&self) -> bool {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if handle.as_ref().is_some_and(|handle| !handle.is_finished()) {
            return false;
        }
        // It is on its last steps: nothing of ours runs on it any more.
        join(handle.take());
        true
    }

    /// Nobody waits for it from now on. Returns its name.
    pub(in crate::engine) fn leave_alone(&self) -> String {
        drop(self.handle.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.name.clone()
    }

    fn join(&self) {
        // Not in one line: the lock would be held until it has ended.
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        join(handle);
    }
}

fn join(handle: Option<JoinHandle<()>>) {
    // A panic has been caught inside; there is nothing to learn from the result.
    let _ = handle.map(JoinHandle::join);
}

/// Who a worker is.
pub(in crate::engine) struct Role {
    /// Name of its thread, behind `synch/`.
    pub(in crate::engine) thread: &'static str,
    /// What it puts under what it tells, so that a predecessor's words are not taken for its own.
    pub(in crate::engine) id: u64,
    /// It is waited for on the new thread, never on the engine's.
    pub(in crate::engine) after: Predecessor,
    /// Told of each panic, before the body is run again.
    pub(in crate::engine) panicked: Box<dyn Fn() + Send>,
}

/// A worker that was told to end, or none. Shared, so that a successor for which the system has no thread leaves it where
/// it was, for the next try.
#[derive(Clone, Default)]
pub(in crate::engine) struct Predecessor(Arc<Mutex<Option<Worker>>>);

impl Predecessor {
    /// Of a worker that was told to end.
    pub(in crate::engine) fn new(worker: Worker) -> Self {
        Self(Arc::new(Mutex::new(Some(worker))))
    }

    fn wait(&self) {
        // Not in one line: the lock would be held until the worker has ended.
        let worker = self.0.lock().take();
        drop(worker);
    }
}

impl Worker {
    /// Starts it. `interrupt` wakes the body where it waits for something else than its [`Stop`].
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::engine) fn start(
        role: Role,
        interrupt: impl Fn() + Send + 'static,
        body: impl Fn(&Stop) + Send + 'static,
    ) -> io::Result<Self> {
        Self::start_with_rest(role, interrupt, Stop::wait_until, body)
    }

    /// The same for a body that has something to do between a panic and its next run: `rest` does it until then, and says
    /// whether it is time to end.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::engine) fn start_with_rest(
        role: Role,
        interrupt: impl Fn() + Send + 'static,
        rest: impl Fn(&Stop, Instant) -> bool + Send + 'static,
        body: impl Fn(&Stop) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = bounded(0);
        let stop = Stop(receiver);
        let Role { thread: name, id, after, panicked } = role;
        let handle = thread::Builder::new().name(format!("synch/{name}")).spawn(move || {
            after.wait();
            let rest = |until| {
                panicked();
                rest(&stop, until)
            };
            run_again(Backoff::new(FIRST_RESTART, SLOWEST_RESTART), rest, || body(&stop));
        })?;
        let running = Running { stop: sender, interrupt: Box::new(interrupt) };
        let thread = Thread {
            name: name.to_owned(),
            running: StdMutex::new(Some(running)),
            handle: StdMutex::new(Some(handle)),
        };
        Ok(Self { id, thread: Arc::new(thread) })
    }

    /// What it puts under what it tells.
    pub(in crate::engine) fn id(&self) -> u64 {
        self.id
    }

    /// Its thread.
    pub(in crate::engine) fn thread(&self) -> Arc<Thread> {
        Arc::clone(&self.thread)
    }

    /// Tells it to end, and does not wait.
    pub(in crate::engine) fn end(&self) {
        self.thread.end();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
        self.thread.join();
    }
}

#[cfg(test)]
impl Role {
    /// Makes a role for a test.
    pub(in crate::engine) fn named(thread: &'static str) -> Self {
        Self { thread, id: 1, after: Predecessor::default(), panicked: Box::new(|| {}) }
    }

    /// Returns the same, to begin when this one has ended.
    pub(in crate::engine) fn behind(self, after: Predecessor) -> Self {
        Self { after, ..self }
    }
}

/// Does this on the thread of a worker, for a test, and gives what comes of it.
#[cfg(test)]
pub(in crate::engine) fn on_a_worker<T: Send + 'static>(body: impl Fn(&Stop) -> T + Send + 'static) -> T {
    let (done, is_done) = bounded(1);
    let body = move |stop: &Stop| {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(stop)));
        // The same again after a panic: nobody waits for that any more.
        let _ = done.try_send(result);
    };
    let worker = Worker::start(Role::named("test"), || {}, body).unwrap();
    let result = is_done.recv_timeout(Duration::from_secs(60)).unwrap();
    drop(worker);
    result.unwrap()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_panicking_body_is_reported_and_run_again() {
        let (panics, runs) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (again, reported) = (Arc::clone(&runs), Arc::clone(&panics));
        let (done, is_done) = bounded(1);
        let worker = Worker::start(
            Role {
                panicked: Box::new(move || {
                    reported.fetch_add(1, Ordering::SeqCst);
                }),
                ..Role::named("test")
            },
            || {},
            move |stop| {
                if again.fetch_add(1, Ordering::SeqCst) == 0 {
                    panic!("the first time");
                }
                done.send(()).unwrap();
                stop.wait_until(Instant::now() + Duration::from_secs(3600));
            },
        );
        let worker = worker.unwrap();
        is_done.recv_timeout(Duration::from_secs(60)).unwrap();
        drop(worker);
        assert_eq!((panics.load(Ordering::SeqCst), runs.load(Ordering::SeqCst)), (1, 2));
    }

    #[test]
    fn dropping_it_interrupts_ends_and_joins_it() {
        let (wake, woken) = bounded::<()>(1);
        let ended = Arc::new(AtomicU32::new(0));
        let end = Arc::clone(&ended);
        let worker = Worker::start(
            Role::named("test"),
            move || wake.try_send(()).unwrap(),
            move |stop| {
                woken.recv().unwrap();
                assert!(stop.requested());
                end.store(1, Ordering::SeqCst);
            },
        );
        drop(worker.unwrap());
        assert_eq!(ended.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_successor_waits_for_its_predecessor_and_the_starter_does_not() {
        let (go, gone) = bounded::<()>(1);
        let first = Worker::start(
            Role::named("first"),
            || {},
            // Deaf to its stop, as in the middle of a reload.
            move |_| gone.recv().unwrap(),
        )
        .unwrap();
        first.end();
        let (started, is_started) = bounded(1);
        let second = Worker::start(
            Role::named("second").behind(Predecessor::new(first)),
            || {},
            move |stop| {
                started.send(()).unwrap();
                stop.wait_until(Instant::now() + Duration::from_secs(3600));
            },
        );
        assert!(is_started.try_recv().is_err());
        go.send(()).unwrap();
        is_started.recv_timeout(Duration::from_secs(60)).unwrap();
        drop(second);
    }
}
