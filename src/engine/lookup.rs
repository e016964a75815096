//! The address of the main where `[main] host` is a name: looked up beside the probe, never inside it.
//!
//! getaddrinfo() can't be bounded and can't be interrupted, and DNS is just what an outage takes away. So a thread
//! of its own asks, whoever needs the address takes the last one known, and only the very first answer is waited
//! for.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::{Condvar, Mutex};

use super::worker::{Stop, Worker};
use crate::{gate::Gate, settings::Main};

/// Where the main is, as far as known.
pub(super) struct Lookup {
    shared: Arc<Shared>,
    ask: Sender<()>,
    _worker: Option<Worker>,
}

struct Shared {
    host: String,
    port: u16,
    known: Mutex<Known>,
    answered: Condvar,
}

#[derive(Default)]
struct Known {
    address: Option<SocketAddr>,
    problem: Option<String>,
}

/// Asks for the address; cheap to clone.
#[derive(Clone)]
pub(super) struct Address {
    shared: Arc<Shared>,
    ask: Sender<()>,
}

impl Lookup {
    /// For one main. An address needs no thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(
        main: &Main,
        gate: &Arc<Gate>,
        panicked: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let fixed = main.host.parse().ok().map(|address| SocketAddr::new(address, main.port));
        let shared = Arc::new(Shared {
            host: main.host.clone(),
            port: main.port,
            known: Mutex::new(Known { address: fixed, problem: None }),
            answered: Condvar::new(),
        });
        let (ask, asked) = bounded(1);
        let worker = if fixed.is_some() {
            None
        } else {
            let (shared, gate) = (Arc::clone(&shared), Arc::clone(gate));
            Some(Worker::start("lookup", || {}, panicked, move |stop| shared.serve(stop, &asked, &gate))?)
        };
        Ok(Self { shared, ask, _worker: worker })
    }

    /// For a worker that needs the address.
    pub(super) fn address(&self) -> Address {
        Address { shared: Arc::clone(&self.shared), ask: self.ask.clone() }
    }
}

impl Address {
    /// The address, for a connection to be made now. A name is asked for again at each call, for the next one.
    ///
    /// # Errors
    /// The name has no address, or no answer came until the deadline.
    pub(super) fn get(&self, deadline: Instant) -> Result<SocketAddr, String> {
        // Full: a look-up is waiting already. Disconnected: the address is fixed.
        let _ = self.ask.try_send(());
        let mut known = self.shared.known.lock();
        while known.address.is_none() && known.problem.is_none() {
            if self.shared.answered.wait_until(&mut known, deadline).timed_out() {
                break;
            }
        }
        known.address.ok_or_else(|| {
            let host = &self.shared.host;
            known.problem.take().unwrap_or_else(|| format!("no answer to the look-up of {host}"))
        })
    }
}

impl Shared {
    fn serve(&self, stop: &Stop, asked: &Receiver<()>, gate: &Arc<Gate>) {
        /// Only the next question or the end matter.
        const LONG: std::time::Duration = std::time::Duration::from_secs(3600);
        loop {
            match stop.or_receive(asked, Instant::now() + LONG) {
                Ok(None) => continue,
                Ok(Some(())) => {}
                Err(_) => return,
            }
            // An unload must not wait for getaddrinfo(), so it is refused meanwhile.
            let Some(_inside) = gate.enter() else { return };
            let result = (self.host.as_str(), self.port).to_socket_addrs();
            let mut known = self.known.lock();
            match result.map(|mut addresses| addresses.next()) {
                Ok(Some(address)) => *known = Known { address: Some(address), problem: None },
                Ok(None) => known.problem = Some(format!("{} has no address", self.host)),
                Err(error) => known.problem = Some(format!("{} can't be looked up: {error}", self.host)),
            }
            self.answered.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::Secret;

    fn lookup(host: &str) -> Lookup {
        let main =
            Main { host: host.to_owned(), port: 5038, username: String::new(), secret: Secret::new("") };
        Lookup::start(&main, &Arc::new(Gate::default()), || {}).unwrap()
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
    fn a_name_without_address_is_told_with_the_name() {
        // RFC 6761 section 6.4: .invalid never has an address.
        let problem = lookup("main.invalid").address().get(soon()).unwrap_err();
        assert!(problem.contains("main.invalid"), "{problem}");
    }
}
