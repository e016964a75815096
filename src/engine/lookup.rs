//! The address of the main where `[main] host` is a name: looked up beside the probe, never inside it.
//!
//! getaddrinfo() can be neither bounded nor interrupted, and DNS is just what an outage takes away. So a thread of
//! its own asks, whoever needs the address takes the last one known, and only the very first answer is waited for.
//! Nobody waits for that thread either: where it is stuck at the end, it is left to end by itself. It holds nothing
//! but its own few values, and the image stays mapped (`-z nodelete`).

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, ToSocketAddrs},
    panic::{self, AssertUnwindSafe},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::{Condvar, Mutex};

use super::admission::Admission;
use crate::{
    ami::{Hangup, LinkError},
    settings::Main,
};

/// An idle thread ends well within this.
const LINGER: Duration = Duration::from_millis(200);

/// Where the main is, as far as known.
pub(super) struct Lookup {
    shared: Arc<Shared>,
    ask: Option<Sender<()>>,
    /// Disconnected when the thread has ended.
    ended: Receiver<Infallible>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    host: String,
    port: u16,
    known: Mutex<Known>,
    answered: Condvar,
    admission: Admission,
}

/// Why no connection can be made now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoWay {
    /// The address is not known.
    #[error("{0}")]
    Unknown(String),
    /// The main has turned us away, and it is not time yet to try again.
    #[error("{0}")]
    TurnedAway(String),
}

#[derive(Default)]
struct Known {
    address: Option<SocketAddr>,
    problem: String,
    /// Counts the answers, so that whoever waits knows a new one.
    answers: u64,
}

/// Asks for the address, for one worker.
#[derive(Clone)]
pub(super) struct Address {
    shared: Arc<Shared>,
    ask: Option<Sender<()>>,
    cancelled: Arc<AtomicBool>,
}

impl Lookup {
    /// For one main. An address needs no thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(main: &Main) -> io::Result<Self> {
        let fixed = main.host.parse().ok().map(|address| SocketAddr::new(address, main.port));
        let shared = Arc::new(Shared {
            host: main.host.clone(),
            port: main.port,
            known: Mutex::new(Known { address: fixed, ..Known::default() }),
            answered: Condvar::new(),
            admission: Admission::default(),
        });
        let (running, ended) = bounded::<Infallible>(0);
        if fixed.is_some() {
            return Ok(Self { shared, ask: None, ended, thread: None });
        }
        let (ask, asked) = bounded(1);
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("synch/lookup".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                // The panic hook tells of it, and the next question is looked up all the same.
                let _ = panic::catch_unwind(AssertUnwindSafe(|| own.look_up()));
            }
            drop(running);
        })?;
        Ok(Self { shared, ask: Some(ask), ended, thread: Some(thread) })
    }

    /// Lets everybody try at once who was turned away by the main.
    pub(super) fn try_now(&self) {
        self.shared.admission.try_now();
    }

    /// For a worker that needs the address.
    pub(super) fn address(&self) -> Address {
        Address { shared: Arc::clone(&self.shared), ask: self.ask.clone(), cancelled: Arc::default() }
    }
}

impl Drop for Lookup {
    /// The workers, who hold the other ways to ask, have been told to end before.
    fn drop(&mut self) {
        self.ask = None;
        let Some(thread) = self.thread.take() else { return };
        if self.ended.recv_timeout(LINGER) == Err(RecvTimeoutError::Disconnected) {
            let _ = thread.join();
        }
    }
}

/// What ends all waits of a worker that talks to the main: for its connections, and for the address.
pub(super) fn cut(hangup: &Hangup, address: &Address) -> impl Fn() + Send + use<> {
    let (hangup, address) = (hangup.clone(), address.clone());
    move || {
        hangup.hang_up();
        address.cancel();
    }
}

impl Address {
    /// The address, for a connection to be made now. A name is asked for again at each call, for the next one.
    ///
    /// # Errors
    /// The name has no address, no answer came until the deadline, or [`Address::cancel`] was called.
    pub(super) fn get(&self, deadline: Instant) -> Result<SocketAddr, String> {
        let mut known = self.shared.known.lock();
        let seen = known.answers;
        if let Some(ask) = &self.ask {
            // Full: a question is waiting already.
            let _ = ask.try_send(());
        }
        let host = &self.shared.host;
        loop {
            if let Some(address) = known.address {
                return Ok(address);
            }
            if known.answers > seen {
                return Err(known.problem.clone());
            }
            let cancelled = self.cancelled.load(Ordering::Relaxed);
            if cancelled || self.shared.answered.wait_until(&mut known, deadline).timed_out() {
                return Err(format!("no answer to the look-up of {host}"));
            }
        }
    }

    /// The same for a connection to log in over. What came of it is told to [`Address::note`].
    ///
    /// # Errors
    /// As [`Address::get`], or the main has turned us away a moment ago.
    pub(super) fn to_log_in(&self, deadline: Instant) -> Result<SocketAddr, NoWay> {
        let address = self.get(deadline).map_err(NoWay::Unknown)?;
        self.shared.admission.ask().map(|()| address).map_err(NoWay::TurnedAway)
    }

    /// Takes note of how a login ended. The text of a refusal, which says when it is tried again.
    pub(super) fn note<T>(&self, result: &Result<T, LinkError>) -> Option<String> {
        self.shared.admission.note(result)
    }

    /// The same address, for another worker: it is cancelled by itself.
    pub(super) fn for_another(&self) -> Self {
        Self { cancelled: Arc::default(), ..self.clone() }
    }

    /// Ends every [`Address::get`] of this worker, now and from now on.
    pub(super) fn cancel(&self) {
        let _known = self.shared.known.lock();
        self.cancelled.store(true, Ordering::Relaxed);
        self.shared.answered.notify_all();
    }
}

impl Shared {
    fn look_up(&self) {
        let result = (self.host.as_str(), self.port).to_socket_addrs();
        let mut known = self.known.lock();
        match result.map(|mut addresses| addresses.next()) {
            Ok(Some(address)) => known.address = Some(address),
            Ok(None) => known.problem = format!("{} has no address", self.host),
            Err(error) => known.problem = format!("{} can't be looked up: {error}", self.host),
        }
        known.answers += 1;
        self.answered.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(host: &str) -> Lookup {
        let main = Main { host: host.to_owned(), ..Main::example() };
        Lookup::start(&main).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn an_address_is_known_at_once() {
        assert_eq!(lookup("192.0.2.1").address().get(Instant::now()), Ok("192.0.2.1:5038".parse().unwrap()));
    }

    #[test]
    fn a_name_is_looked_up() {
        assert!(lookup("localhost").address().get(soon()).unwrap().ip().is_loopback());
    }

    #[test]
    fn a_name_without_address_is_told_with_the_name_to_everybody_who_waits() {
        // RFC 6761 section 6.4: .invalid never has an address.
        let lookup = lookup("main.invalid");
        thread::scope(|scope| {
            for _ in 0..2 {
                let address = lookup.address();
                scope.spawn(move || assert!(address.get(soon()).unwrap_err().contains("main.invalid")));
            }
        });
    }

    #[test]
    fn a_wait_for_an_answer_that_does_not_come_can_be_cancelled() {
        // Nobody answers, as with a resolver that is silent.
        let (ask, _asked) = bounded(1);
        let shared = Shared {
            host: "x".to_owned(),
            port: 1,
            known: Mutex::default(),
            answered: Condvar::new(),
            admission: Admission::default(),
        };
        let address = Address { shared: Arc::new(shared), ask: Some(ask), cancelled: Arc::default() };
        let waiting = address.clone();
        let waiter = thread::spawn(move || waiting.get(Instant::now() + Duration::from_secs(3600)));
        address.cancel();
        assert!(waiter.join().unwrap().is_err());
    }
}
