//! The body of the DNS thread: binds, serves, retries what could not be bound, stops.

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use parking_lot::Mutex;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{oneshot, watch},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout_at},
};

use super::{
    bind::{self, BIND_RETRY, BindError, Endpoint, Transport},
    limit::Limit,
    responder::Responder,
    shared::{Counters, ZoneCell},
    tcp, udp,
};
use crate::{
    dns::relay::{
        Relay,
        allow::{self, Allowed},
        own,
    },
    settings::{self, Allow, Prefix},
    words::faults,
};

/// What the administrator should hear of the server.
#[derive(Debug)]
pub enum Report {
    /// These sockets are served from now on.
    Listening(Vec<Endpoint>),
    /// This one is not; said once, and again when the reason changes. It is tried again.
    CannotBind(BindError),
    /// No forwarder is to be heard of.
    ForwardersSilent,
    /// One of them is again.
    ForwardersBack,
}

/// Why the server could not start at all.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The kernel gave no epoll or event descriptor.
    #[error("cannot start the DNS server: {0}; phones get no DNS answers from the branch")]
    Runtime(#[source] io::Error),
}

/// The name server. Its sockets and what is under way outlive a panic of [`Server::run`], which may be run again.
///
/// Dropped, it leaves no socket, no task and no thread.
pub struct Server {
    keeper: Keeper,
    /// Behind the sockets: dropped, it ends what they have under way.
    runtime: Runtime,
}

impl Server {
    /// With nothing bound yet.
    ///
    /// # Errors
    /// The server cannot start at all.
    pub fn new(
        settings: &settings::Dns,
        zone: &Arc<ZoneCell>,
        counters: &Arc<Counters>,
    ) -> Result<Self, ServeError> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(ServeError::Runtime)?;
        // The cache of the server before is gone.
        counters.set_entries(0);
        let relay = Arc::new(Relay::new(settings, Arc::clone(counters)));
        let own = own::networks(Vec::new());
        let allowed = Allowed::new(&settings.relay.allow, own.clone());
        let responder = Responder::new(Arc::clone(zone), Arc::clone(&relay), allowed, Arc::clone(counters));
        let keeper = Keeper {
            allow: settings.relay.allow.clone(),
            own,
            silent: relay.silent(),
            relay,
            missing: Missing::new(&settings.bind),
            sockets: Sockets::new(responder, settings.relay.rate_limit),
        };
        Ok(Self { keeper, runtime })
    }

    /// Serves until `stop` is sent or dropped. Blocks. A socket that cannot be bound is no error, but reported and tried
    /// again.
    pub fn run(&mut self, stop: oneshot::Receiver<()>, report: impl Fn(Report)) {
        self.runtime.block_on(self.keeper.run(stop, report));
    }

    /// Serves until then from what is bound already. Blocks. True: `stop` was sent or dropped.
    pub fn rest(&mut self, stop: oneshot::Receiver<()>, until: Instant) -> bool {
        self.runtime.block_on(async { timeout_at(until.into(), stop).await.is_ok() })
    }
}

/// Binds, and keeps what the answers go by as it should be.
struct Keeper {
    allow: Allow,
    /// The networks of this machine.
    own: Vec<Prefix>,
    relay: Arc<Relay>,
    silent: watch::Receiver<bool>,
    missing: Missing,
    sockets: Sockets,
}

impl Keeper {
    async fn run(&mut self, mut stop: oneshot::Receiver<()>, report: impl Fn(Report)) {
        let mut renewal = interval(allow::RENEW);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let relay = Arc::clone(&self.relay);
        let watch = relay.watch();
        tokio::pin!(watch);
        loop {
            faults::point("dns");
            let bound = self.missing.bind(&mut self.sockets, &report);
            if !bound.is_empty() {
                report(Report::Listening(bound));
            }
            tokio::select! {
                _ = &mut stop => break,
                () = sleep(BIND_RETRY), if !self.missing.0.is_empty() => {}
                () = &mut watch => {}
                Ok(()) = self.silent.changed() => {
                    let now = *self.silent.borrow_and_update();
                    report(if now { Report::ForwardersSilent } else { Report::ForwardersBack });
                }
                _ = renewal.tick() => {
                    self.own = own::networks(std::mem::take(&mut self.own));
                    self.sockets.responder.allow(Allowed::new(&self.allow, self.own.clone()));
                }
            }
        }
    }
}

/// What is being served.
struct Sockets {
    responder: Responder,
    /// The tasks of TCP.
    tasks: JoinSet<()>,
    datagrams: Vec<udp::Served>,
    limit: Arc<Mutex<Limit>>,
    connections: tcp::Connections,
}

impl Sockets {
    fn new(responder: Responder, rate_limit: u32) -> Self {
        Self {
            responder,
            tasks: JoinSet::new(),
            datagrams: Vec::new(),
            limit: Arc::new(Mutex::new(Limit::new(rate_limit, Instant::now()))),
            connections: tcp::Connections::default(),
        }
    }

    /// Binds an endpoint and serves it; the address tells the port where 0 was asked for.
    fn open(&mut self, wanted: Endpoint, only_v6: bool) -> io::Result<Endpoint> {
        let address = match wanted.transport {
            Transport::Udp => {
                let socket = bind::udp(wanted.address, only_v6)?;
                let address = socket.local_addr()?;
                let (responder, limit) = (self.responder.clone(), Arc::clone(&self.limit));
                self.datagrams.push(udp::Served::start(socket, responder, limit, Handle::current())?);
                address
            }
            Transport::Tcp => {
                let listener = bind::tcp(wanted.address, only_v6)?;
                let address = listener.local_addr()?;
                let (responder, connections) = (self.responder.clone(), Arc::clone(&self.connections));
                self.tasks.spawn(tcp::serve(listener, responder, connections));
                address
            }
        };
        Ok(Endpoint { address, ..wanted })
    }
}

/// The endpoints that are not bound, each with the reason last reported.
struct Missing(Vec<Unbound>);

struct Unbound {
    endpoint: Endpoint,
    only_v6: bool,
    reported: Option<io::ErrorKind>,
}

impl Missing {
    fn new(addresses: &[SocketAddr]) -> Self {
        let unbound = |&address: &SocketAddr| {
            // [::] takes IPv4 too, unless that is bound by itself.
            let only_v6 = addresses.iter().any(|other| other.is_ipv4() && other.port() == address.port());
            [Transport::Udp, Transport::Tcp].map(|transport| Unbound {
                endpoint: Endpoint { address, transport },
                only_v6,
                reported: None,
            })
        };
        Self(addresses.iter().flat_map(unbound).collect())
    }

    /// Tries each once. What is bound leaves the list and is returned.
    fn bind(&mut self, sockets: &mut Sockets, report: &impl Fn(Report)) -> Vec<Endpoint> {
        let mut bound = Vec::new();
        self.0.retain_mut(|unbound| match sockets.open(unbound.endpoint, unbound.only_v6) {
            Ok(endpoint) => {
                bound.push(endpoint);
                false
            }
            Err(source) => {
                if unbound.reported.replace(source.kind()) != Some(source.kind()) {
                    report(Report::CannotBind(BindError { endpoint: unbound.endpoint, source }));
                }
                true
            }
        });
        bound
    }
}

#[cfg(test)]
mod tests;
