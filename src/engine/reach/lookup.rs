//! The address of the main where `[main] host` is a name: looked up beside the probe, never inside it.
//!
//! getaddrinfo() can be neither bounded nor interrupted, and an outage often takes DNS away as well. So a separate
//! thread asks. A worker that needs the address takes the last known one, which is kept over restarts; only the very
//! first answer is waited for. Of several addresses, the one that worked last is taken.
//! Nothing waits for that thread to end: where it is stuck, it ends by itself later. It holds only its own few values,
//! and the image stays mapped (`-z nodelete`).

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
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
    engine::host::Host,
    settings::Main,
    uplink::ami::{Hangup, LinkError},
};

/// Where the addresses of a name are kept across restarts.
const KEPT: &str = "main_addresses";
/// Addresses of one name that are tried at most; no real main has more.
const MOST: usize = 8;

/// An idle thread ends well within this.
const LINGER: Duration = Duration::from_millis(200);

/// Where the main is, as far as known.
pub(in crate::engine) struct Lookup {
    shared: Arc<Shared>,
    ask: Option<Sender<()>>,
    /// Disconnected when the thread has ended.
    ended: Receiver<Infallible>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    keeper: Arc<dyn Host>,
    host: String,
    port: u16,
    /// Where its addresses are kept across restarts.
    key: &'static str,
    known: Mutex<Known>,
    answered: Condvar,
    admission: Admission,
}

/// Why no connection can be made now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::engine) enum NoWay {
    /// The address is not known.
    #[error("{0}")]
    Unknown(String),
    /// The main has refused a login, and it is too early to try again.
    #[error("{0}")]
    TurnedAway(String),
    /// The worker that keeps the shared session has just ended it, or has failed.
    #[error("the session with the main is being renewed")]
    MadeAnew,
}

#[derive(Default)]
struct Known {
    /// The first is the one to be taken next.
    addresses: Vec<IpAddr>,
    /// The same in the order in which they are kept for a restart.
    kept: Vec<IpAddr>,
    problem: String,
    /// Counts the answers, so that whoever waits knows a new one.
    answers: u64,
}

/// Asks for the address, for one worker.
#[derive(Clone)]
pub(in crate::engine) struct Address {
    shared: Arc<Shared>,
    ask: Option<Sender<()>>,
    cancelled: Arc<AtomicBool>,
}

impl Lookup {
    /// Starts the look-up for one main. Where `[main] host` is an address, no thread is needed.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::engine) fn start(main: &Main, keeper: &Arc<dyn Host>) -> io::Result<Self> {
        Self::of(&main.host, main.port, KEPT, keeper)
    }

    /// For a host that is not the main, whose addresses are kept across restarts under another key.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(in crate::engine) fn of(
        host: &str,
        port: u16,
        key: &'static str,
        keeper: &Arc<dyn Host>,
    ) -> io::Result<Self> {
        let fixed: Option<IpAddr> = host.parse().ok();
        let kept = if fixed.is_some() { Vec::new() } else { recall(&**keeper, key, host) };
        let addresses = fixed.map_or_else(|| kept.clone(), |address| vec![address]);
        let shared = Arc::new(Shared {
            keeper: Arc::clone(keeper),
            host: host.to_owned(),
            port,
            key,
            known: Mutex::new(Known { addresses, kept, ..Known::default() }),
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

    /// Lets every worker try a login again at once.
    pub(in crate::engine) fn try_now(&self) {
        self.shared.admission.try_now();
    }

    /// For a worker that needs the address.
    pub(in crate::engine) fn address(&self) -> Address {
        Address { shared: Arc::clone(&self.shared), ask: self.ask.clone(), cancelled: Arc::default() }
    }
}

impl Drop for Lookup {
    /// The workers, which hold the other senders, have been told to end before.
    fn drop(&mut self) {
        self.ask = None;
        let Some(thread) = self.thread.take() else { return };
        if self.ended.recv_timeout(LINGER) == Err(RecvTimeoutError::Disconnected) {
            let _ = thread.join();
        }
    }
}

/// Returns a function that ends all waits of a worker that talks to the main: for connections, and for the address.
pub(in crate::engine) fn cut(hangup: &Hangup, address: &Address) -> impl Fn() + Send + use<> {
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
    pub(in crate::engine) fn get(&self, deadline: Instant) -> Result<SocketAddr, String> {
        let first = self.all(deadline)?.into_iter().next();
        let first = first.ok_or_else(|| format!("{} has no address", self.shared.host))?;
        Ok(SocketAddr::new(first, self.shared.port))
    }

    /// Returns all addresses of the main, for a probe that asks each of them.
    ///
    /// # Errors
    /// As [`Address::get`].
    pub(in crate::engine) fn all(&self, deadline: Instant) -> Result<Vec<IpAddr>, String> {
        let mut known = self.shared.known.lock();
        let seen = known.answers;
        if let Some(ask) = &self.ask {
            // Full: a question is waiting already.
            let _ = ask.try_send(());
        }
        let host = &self.shared.host;
        loop {
            if !known.addresses.is_empty() {
                return Ok(known.addresses.clone());
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

    /// Returns the address for a connection to log in over. [`Address::note`] is told how the login ended.
    ///
    /// # Errors
    /// As [`Address::get`], or the main has refused a login a moment ago.
    pub(in crate::engine) fn to_log_in(&self, deadline: Instant) -> Result<SocketAddr, NoWay> {
        let address = self.get(deadline).map_err(NoWay::Unknown)?;
        self.shared.admission.ask().map(|()| address).map_err(NoWay::TurnedAway)
    }

    /// Takes note of how a login ended: after an address that did not answer, the next one is taken. Returns the text
    /// of a refusal, which says when the next attempt follows.
    pub(in crate::engine) fn note<T>(&self, result: &Result<T, LinkError>) -> Option<String> {
        if let Err(LinkError::Transport { address, .. }) = result {
            self.shared.known.lock().turn_from(address.ip());
        }
        self.shared.admission.note(result)
    }

    /// Ends every [`Address::get`] of this worker, now and from now on.
    pub(in crate::engine) fn cancel(&self) {
        let _known = self.shared.known.lock();
        self.cancelled.store(true, Ordering::Relaxed);
        self.shared.answered.notify_all();
    }
}

impl Known {
    /// Takes another one next, where this is the one that was taken.
    fn turn_from(&mut self, failed: IpAddr) {
        if self.addresses.first() == Some(&failed) {
            self.addresses.rotate_left(1);
        }
    }

    /// Takes what a look-up has found. The address in use stays the first while it is among them.
    fn take(&mut self, found: Vec<IpAddr>) {
        let used = self.addresses.first().copied().filter(|used| found.contains(used));
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in used.into_iter().chain(found) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(MOST);
        self.addresses = addresses;
    }

    /// Returns the addresses to keep for a restart; `None` where they are kept already.
    fn news(&mut self) -> Option<Vec<IpAddr>> {
        if self.kept == self.addresses {
            return None;
        }
        self.kept.clone_from(&self.addresses);
        Some(self.kept.clone())
    }
}

impl Shared {
    fn look_up(&self) {
        let result = (self.host.as_str(), self.port).to_socket_addrs();
        let mut known = self.known.lock();
        match result.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>()) {
            Ok(found) if found.is_empty() => known.problem = format!("{} has no address", self.host),
            Ok(found) => known.take(found),
            Err(error) => known.problem = format!("{} can't be looked up: {error}", self.host),
        }
        known.answers += 1;
        self.answered.notify_all();
        let kept = known.news();
        drop(known);
        if let Some(kept) = kept {
            // Without a database, a restart looks it up again.
            let _ = self.keeper.remember(self.key, Some(&memo(&self.host, &kept)));
        }
    }
}

/// As it is remembered: `main.example.com 10.0.0.254 10.0.1.254`.
fn memo(host: &str, addresses: &[IpAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    format!("{host} {}", addresses.join(" "))
}

/// What is remembered of that name.
fn recall(keeper: &dyn Host, key: &str, host: &str) -> Vec<IpAddr> {
    let Some(memo) = keeper.recall(key) else { return Vec::new() };
    let mut words = memo.split(' ');
    if words.next() != Some(host) {
        return Vec::new();
    }
    words.filter_map(|word| word.parse().ok()).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::stand_in::StandIn, uplink::ami::TransportError};

    fn lookup(host: &str) -> Lookup {
        let main = Main { host: host.to_owned(), ..Main::example() };
        let keeper: Arc<dyn Host> = Arc::new(StandIn::default());
        Lookup::start(&main, &keeper).unwrap()
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
            keeper: Arc::new(StandIn::default()),
            host: "x".to_owned(),
            port: 1,
            key: KEPT,
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

    /// A main with that name, as a start with this database knows it.
    fn known_as(host: &str, keeper: &Arc<dyn Host>) -> (Lookup, Address) {
        let main = Main { host: host.to_owned(), ..Main::example() };
        let lookup = Lookup::start(&main, keeper).unwrap();
        let address = lookup.address();
        (lookup, address)
    }

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_name_that_is_gone_has_the_addresses_of_before_the_restart() {
        let keeper: Arc<dyn Host> = Arc::new(StandIn::default());
        keeper.remember(KEPT, Some("main.invalid 192.0.2.1 2001:db8::1")).unwrap();
        let (_lookup, address) = known_as("main.invalid", &keeper);
        assert_eq!(address.all(soon()), Ok(ips(&["192.0.2.1", "2001:db8::1"])));
        // Another main is another one.
        let (_lookup, address) = known_as("other.invalid", &keeper);
        assert!(address.all(soon()).is_err());
        // What is found is kept.
        let (_lookup, address) = known_as("localhost", &keeper);
        address.get(soon()).unwrap();
        while !keeper.recall(KEPT).is_some_and(|memo| memo.starts_with("localhost ")) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn behind_an_address_that_does_not_answer_the_next_one_is_taken() {
        let keeper: Arc<dyn Host> = Arc::new(StandIn::default());
        keeper.remember(KEPT, Some("main.invalid 192.0.2.1 192.0.2.2")).unwrap();
        let (_lookup, address) = known_as("main.invalid", &keeper);
        let first = address.get(soon()).unwrap();
        let dead = |address| {
            let error = TransportError::TimedOut { awaited: "the TCP connection" };
            Err::<(), _>(LinkError::Transport { address, error })
        };
        address.note(&dead(first));
        let second = address.get(soon()).unwrap();
        assert_eq!((first.ip(), second.ip()), (ips(&["192.0.2.1"])[0], ips(&["192.0.2.2"])[0]));
        // Another worker that has met the same dead address turns nobody back to it.
        address.note(&dead(first));
        assert_eq!(address.get(soon()).unwrap(), second);
        address.note(&dead(second));
        assert_eq!(address.get(soon()).unwrap(), first);
    }

    #[test]
    fn a_look_up_leaves_the_address_in_use_where_it_is() {
        let mut known = Known { addresses: ips(&["192.0.2.2"]), ..Known::default() };
        known.take(ips(&["192.0.2.1", "192.0.2.2", "192.0.2.1"]));
        assert_eq!(known.addresses, ips(&["192.0.2.2", "192.0.2.1"]));
        known.take(ips(&["192.0.2.3"]));
        assert_eq!(known.addresses, ips(&["192.0.2.3"]));
    }
}
