//! A fleet of branches that are nothing but their metrics: what Prometheus scrapes of each, over TLS and with a password.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::certificates::Authority;
use crate::command::words;
use crate::error::{Context, Result};
use crate::wait::{GENEROUS, until_ok};

/// What a branch says, with places for what differs.
const METRICS: &str = include_str!("../conf/monitor/metrics");

/// `monitor:monitor-secret`, as HTTP's Basic writes it.
const AUTHORIZATION: &str = "Basic bW9uaXRvcjptb25pdG9yLXNlY3JldA==";
/// The password in it.
pub const PASSWORD: &str = "monitor-secret";

/// How a branch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The main serves.
    Normal,
    /// The branch serves, for the main is away.
    Failover,
    /// The branch serves, for an operator wants it so; its name server does not listen, and a sync waits.
    Maintenance,
}

impl State {
    /// What a branch in this state says at a time, in seconds.
    pub fn metrics(self, now: u64) -> String {
        /// Three months: no certificate and no hold ends soon.
        const LATER: u64 = 90 * 86_400;
        let mark = |is: bool| if is { "1" } else { "0" };
        let maintenance = self == Self::Maintenance;
        METRICS
            .replace("@NORMAL@", mark(self == Self::Normal))
            .replace("@FAILOVER@", mark(self != Self::Normal))
            .replace("@AUTO@", mark(!maintenance))
            .replace("@MAINTENANCE@", mark(maintenance))
            .replace("@HELD@", mark(maintenance))
            .replace("@LISTENS@", mark(!maintenance))
            .replace("@NOW@", &now.to_string())
            .replace("@LATER@", &(now + LATER).to_string())
    }
}

/// One branch, until it is dropped.
pub struct Branch {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
    plain: SocketAddr,
    tls: Child,
}

impl Branch {
    /// Begins to answer at this address, with a certificate that the authority signs for it.
    pub fn start(authority: &Authority, address: Ipv4Addr, port: u16) -> Result<Self> {
        let name = format!("branch-{port}");
        authority.sign(&name, &format!("IP:{address}"), 2)?;
        let state = Arc::new(Mutex::new(State::Normal));
        let stop = Arc::new(AtomicBool::new(false));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("opening a port for metrics")?;
        let plain = listener.local_addr().context("asking for the port of the metrics")?;
        let server = {
            let (state, stop) = (Arc::clone(&state), Arc::clone(&stop));
            spawn(move || serve(&listener, &state, &stop))
        };
        let [key, certificate] = authority.files(&name);
        let tls = take_tls(SocketAddr::from((address, port)), &key, &certificate, plain)?;
        let branch = Self { address: (address, port).into(), state, stop, server: Some(server), plain, tls };
        until_ok("the branch to answer", GENEROUS, || {
            TcpStream::connect(branch.address).context("connecting to the branch").map(drop)
        })?;
        Ok(branch)
    }

    /// Where it is scraped.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says from now on that it is in this state.
    pub fn say(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        let _ = self.tls.kill();
        let _ = self.tls.wait();
        self.stop.store(true, Ordering::Relaxed);
        // It waits for a connection.
        let _ = TcpStream::connect(self.plain);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

fn take_tls(address: SocketAddr, key: &Path, certificate: &Path, plain: SocketAddr) -> Result<Child> {
    let (ip, port) = (address.ip(), address.port());
    let (key, certificate) = (key.display(), certificate.display());
    let listen =
        format!("OPENSSL-LISTEN:{port},bind={ip},cert={certificate},key={key},verify=0,fork,reuseaddr");
    let mut socat = words(&["socat", &listen, &format!("TCP:{plain}")]);
    socat.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    socat.spawn().context("starting socat")
}

fn serve(listener: &TcpListener, state: &Mutex<State>, stop: &AtomicBool) {
    for connection in listener.incoming() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(connection) = connection {
            let state = *state.lock().unwrap_or_else(PoisonError::into_inner);
            // A scrape that ends early is told by Prometheus itself.
            let _ = answer(&connection, state);
        }
    }
}

fn answer(mut connection: &TcpStream, state: State) -> std::io::Result<()> {
    /// Longer than a scrape may take.
    const LIMIT: Duration = Duration::from_secs(10);
    connection.set_read_timeout(Some(LIMIT))?;
    let mut lines = BufReader::new(connection).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut allowed = false;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        allowed |= line.split_once(": ").is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && value == AUTHORIZATION
        });
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (status, text) = match request.split_whitespace().nth(1) {
        _ if !allowed => ("401 Unauthorized", String::new()),
        Some("/synch/metrics") => ("200 OK", state.metrics(now)),
        _ => ("404 Not Found", String::new()),
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let length = text.len();
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )
}
