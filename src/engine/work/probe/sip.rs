//! Asks the main's SIP port. Each probe has its own socket, so that several may be on their way, and so that an ICMP
//! error about one is not taken for another.

use std::{
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, UdpSocket},
    runtime::Builder,
    sync::{
        Notify,
        mpsc::{Receiver, Sender, channel},
    },
    task::JoinSet,
    time::{sleep, sleep_until, timeout_at},
};

use super::{after_an_end, is_own_fault, too_late};
use crate::{
    engine::{
        START_AGAIN,
        crew::{
            post::{Start, Work},
            worker::{Role, Stop, Worker},
        },
        event::{Event, Teller},
        host::Host,
        reach::lookup::Address,
    },
    settings::{self, Main, Settings, Sip, Transport},
    uplink::{
        marks::Mark,
        sip::{Request, answer, is_life},
    },
    verdict::probe::{Kind, Outcome, THIS_MACHINE},
    words::faults,
};

/// Probes that may wait for the worker, which begins each at once.
const WAITING: usize = 8;
/// Probes on their way at once, at most: at one a second, they are over long before.
const ON_THEIR_WAY: usize = 64;
/// A question is repeated after these pauses, in milliseconds, then each half second. RFC 3261 section 17.1.2.1 starts
/// with 500: its transaction has 32 s, a probe has two or three.
const REPEAT: [u64; 3] = [100, 200, 400];
const REPEAT_AT_LAST: Duration = Duration::from_millis(500);
/// More than any answer to a request of ours has.
const LONGEST_ANSWER: usize = 8192;

/// One probe, to begin now.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Ask {
    /// When it began.
    pub(in crate::engine) asked: Instant,
    /// A user of the main in whose name it can be asked.
    pub(in crate::engine) user: Option<String>,
    /// How long until it counts as unanswered; an answer that comes later, but within the timeout, still counts.
    pub(in crate::engine) patience: Duration,
    /// Whether the main is likely to be ending just now.
    pub(in crate::engine) quick: bool,
}

/// What the worker needs.
pub(in crate::engine) struct SipProbing {
    host: Arc<dyn Host>,
    sip: Sip,
    timeout: Duration,
    address: Address,
    teller: Teller,
    orders: tokio::sync::Mutex<Receiver<Ask>>,
    stop: Arc<Notify>,
}

impl Work for SipProbing {
    const THREAD: &'static str = "sip";
    const NAME: &'static str = "SIP probe";
    type Spec = (Main, settings::Probe);
    type Line = Sender<Ask>;

    fn spec(settings: &Settings) -> Option<Self::Spec> {
        settings.main.clone().filter(|_| settings.probe.sip).map(|main| (main, settings.probe))
    }

    fn start(
        (main, probe): &Self::Spec,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<(Sender<Ask>, Worker)> {
        let (to_worker, orders) = channel(WAITING);
        let probing = Self {
            host: Arc::clone(&start.kit.host),
            sip: main.sip,
            timeout: probe.timeout,
            address: start.reach()?.address(),
            teller,
            orders: tokio::sync::Mutex::new(orders),
            stop: Arc::default(),
        };
        let stop = Arc::clone(&probing.stop);
        // Kept for a body that doesn't wait yet.
        let interrupt = move || stop.notify_one();
        let worker = Worker::start(role, interrupt, move |stop| {
            while !stop.requested() {
                match Builder::new_current_thread().enable_io().enable_time().build() {
                    Ok(runtime) => return runtime.block_on(probing.run(stop)),
                    // No epoll or event descriptor: other parts of Asterisk complain, too.
                    Err(_) => stop.wait_until(Instant::now() + START_AGAIN),
                };
            }
        })?;
        Ok((to_worker, worker))
    }
}

impl SipProbing {
    async fn run(&self, stop: &Stop) {
        let mut orders = self.orders.lock().await;
        let mut probes = JoinSet::new();
        while !stop.requested() {
            faults::point("sip");
            tokio::select! {
                () = self.stop.notified() => return,
                order = orders.recv() => match order {
                    Some(ask) => self.begin(ask, &mut probes),
                    None => return,
                },
                Some(ended) = probes.join_next() => if ended.is_err() {
                    // It has told nothing of the main; the next one is asked.
                    self.teller.tell(Event::Panicked(Self::NAME));
                },
            }
        }
    }

    fn begin(&self, ask: Ask, probes: &mut JoinSet<()>) {
        if let Some(outcome) = too_late(ask.asked, ask.patience, Instant::now()) {
            self.teller.tell(Event::Probed { kind: Kind::Sip, asked: ask.asked, outcome });
        } else if probes.len() < ON_THEIR_WAY {
            let (sip, timeout, address) = (self.sip, self.timeout, self.address.clone());
            let host = Arc::clone(&self.host);
            let probe = Probe { host, sip, address, ask, timeout, problem: Mutex::default() };
            probes.spawn(Arc::new(probe).run(self.teller.clone()));
        }
    }
}

/// Why a question was not answered.
enum NoAnswer {
    /// As the system says.
    Failed(io::Error),
    /// A firewall says that it blocks the way.
    Rejected(io::Error),
}

impl NoAnswer {
    /// Classifies an error of waiting for a datagram. Linux reports to a socket without `IP_RECVERR` only what RFC 1122
    /// calls hard errors: a closed port and a prohibited destination (EACCES over IPv6). An unreachable host or network
    /// is not reported and looks like silence (icmp(7)).
    fn of_datagram(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EHOSTUNREACH | libc::ENETUNREACH | libc::EACCES) => Self::Rejected(error),
            _ => Self::Failed(error),
        }
    }
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Combines the outcomes of two addresses of one main: the main is away only where all of them say so.
fn better(best: Option<Outcome>, other: Outcome) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Alive(_) | Outcome::Heard(_) => 0,
        Outcome::Wrong(_) => 1,
        Outcome::Unasked(_) | Outcome::Barred(_) => 2,
        Outcome::Silent(_) => 3,
        Outcome::Rejected(_) => 4,
        Outcome::Closed(_) => 5,
    };
    match best {
        Some(best) if rank(&best) <= rank(&other) => best,
        _ => other,
    }
}

/// One probe on its way.
struct Probe {
    host: Arc<dyn Host>,
    sip: Sip,
    address: Address,
    ask: Ask,
    timeout: Duration,
    /// Why the newest attempt failed.
    problem: Mutex<Option<Outcome>>,
}

impl Probe {
    /// Reports how the probe ends. A late answer is reported after the missing one.
    async fn run(self: Arc<Self>, teller: Teller) {
        let asked = self.ask.asked;
        let tell = |outcome| teller.tell(Event::Probed { kind: Kind::Sip, asked, outcome });
        let until = |wait| tokio::time::Instant::from_std(asked + wait);
        let mut exchange = pin!(self.exchange());
        match timeout_at(until(self.ask.patience), &mut exchange).await {
            Ok(outcome) => tell(outcome),
            Err(_) => {
                let problem = self.problem.lock().take();
                tell(problem.unwrap_or_else(|| Outcome::Silent("no answer to SIP".to_owned())));
                let late = timeout_at(until(self.timeout), exchange).await;
                if let Some(outcome) = late.ok().filter(Outcome::is_alive) {
                    tell(outcome);
                }
            }
        }
    }

    /// Asks until there is an answer or a closed port. A failure that costs no time, such as an unknown address or a
    /// missing route, counts as silence only when the time is over.
    async fn exchange(self: &Arc<Self>) -> Outcome {
        loop {
            let outcome = match self.mains() {
                Err(outcome) => outcome,
                Ok(mains) => self.ask_all(mains).await,
            };
            match outcome {
                Outcome::Silent(_) | Outcome::Unasked(_) => *self.problem.lock() = Some(outcome),
                outcome => return outcome,
            }
            sleep(REPEAT_AT_LAST).await;
        }
    }

    /// Returns the addresses at which the main's SIP may be. Addresses of this machine are left out, because its own
    /// Asterisk would answer there.
    fn mains(&self) -> Result<Vec<SocketAddr>, Outcome> {
        let addresses = match self.sip.address {
            Some(address) => vec![address],
            None => self.address.all(Instant::now()).map_err(Outcome::Unasked)?,
        };
        let (own, others): (Vec<IpAddr>, Vec<IpAddr>) =
            addresses.into_iter().partition(|address| self.host.is_own_address(*address));
        if let (Some(own), true) = (own.first(), others.is_empty()) {
            return Err(Outcome::Barred(format!("{own} {THIS_MACHINE}")));
        }
        Ok(others.into_iter().map(|address| SocketAddr::new(address, self.sip.port)).collect())
    }

    /// Asks all of them at once. The first good answer ends it; where there is none, the best outcome counts.
    async fn ask_all(self: &Arc<Self>, mains: Vec<SocketAddr>) -> Outcome {
        let mut attempts = JoinSet::new();
        for main in mains {
            attempts.spawn(Arc::clone(self).ask_one(main));
        }
        let mut best = None;
        while let Some(ended) = attempts.join_next().await {
            let outcome = ended.unwrap_or_else(|error| Outcome::Unasked(error.to_string()));
            if outcome.is_alive() {
                return outcome;
            }
            best = Some(better(best, outcome));
        }
        best.unwrap_or_else(|| Outcome::Unasked("the main has no address".to_owned()))
    }

    async fn ask_one(self: Arc<Self>, main: SocketAddr) -> Outcome {
        let at = format!("main {}:{main}", self.sip.transport);
        let silent = || Outcome::Silent(format!("{at}: no answer to SIP"));
        self.problem.lock().get_or_insert_with(silent);
        let answer = match self.sip.transport {
            Transport::Udp => self.over_udp(main).await,
            Transport::Tcp => self.over_tcp(main).await,
        };
        match answer {
            Ok(status) if !is_life(status) => {
                Outcome::Wrong(format!("{at}: it answers {status}, so it can't serve"))
            }
            Ok(_) if self.ask.user.is_some() => Outcome::Alive(self.ask.asked.elapsed()),
            Ok(_) => Outcome::Heard(self.ask.asked.elapsed()),
            Err(NoAnswer::Failed(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                Outcome::Closed(format!("{at}: the port is closed"))
            }
            Err(NoAnswer::Failed(error)) if is_own_fault(&error) => {
                Outcome::Unasked(format!("{at}: {error}"))
            }
            Err(NoAnswer::Failed(error)) => Outcome::Silent(format!("{at}: {error}")),
            Err(NoAnswer::Rejected(error)) => {
                Outcome::Rejected(format!("{at}: a firewall on the way rejects the request ({error})"))
            }
        }
    }

    fn request(&self, main: SocketAddr, own: SocketAddr) -> Request {
        // Not to be guessed by whoever would answer in the main's place.
        let token = RandomState::new().hash_one(self.ask.asked);
        Request::new(main, own, self.sip.transport, self.ask.user.as_deref(), token)
    }

    async fn over_udp(&self, main: SocketAddr) -> Result<u16, NoAnswer> {
        let any: IpAddr = match main {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        // Nothing depends on the mark.
        let _ = Mark::Probe.put_on(&SockRef::from(&socket), main);
        // Connected, it is told what ICMP says.
        socket.connect(main).await?;
        let own = socket.local_addr()?;
        let quick = self.ask.quick.then(after_an_end).into_iter().flatten();
        let mut pauses = quick.chain(REPEAT.map(Duration::from_millis));
        let mut buffer = vec![0; LONGEST_ANSWER];
        // Not the same one again: res_pjsip has some 31 queues, and a Call-ID chooses one (distributor.c). While it reloads,
        // one of them stands still, eight seconds where the main has 5,000 users.
        let mut requests = Vec::new();
        loop {
            let request = self.request(main, own);
            socket.send(request.text.as_bytes()).await?;
            requests.push(request);
            let again = Instant::now() + pauses.next().unwrap_or(REPEAT_AT_LAST);
            loop {
                tokio::select! {
                    () = sleep_until(again.into()) => break,
                    length = socket.recv(&mut buffer) => {
                        let length = length.map_err(NoAnswer::of_datagram)?;
                        let bytes = buffer.get(..length).unwrap_or_default();
                        if let Some(status) = requests.iter().find_map(|request| answer(bytes, request)) {
                            return Ok(status);
                        }
                    }
                }
            }
        }
    }

    /// Over a connection of its own, and over another one each half second: where packets are lost, one of them is soon
    /// through, while a single one may wait for seconds (RFC 6298: the first packet is sent again after one second).
    async fn over_tcp(self: &Arc<Self>, main: SocketAddr) -> Result<u16, NoAnswer> {
        let mut pauses = self.ask.quick.then(after_an_end).into_iter().flatten();
        let mut connections = JoinSet::new();
        loop {
            connections.spawn(Arc::clone(self).over_one_connection(main));
            let again = Instant::now() + pauses.next().unwrap_or(REPEAT_AT_LAST);
            loop {
                let ended = tokio::select! {
                    () = sleep_until(again.into()) => break,
                    Some(ended) = connections.join_next() => ended.map_err(io::Error::other)?,
                };
                match ended {
                    // As of a process that is ending: the next one is refused.
                    Err(error) if is_end(&error) && self.ask.quick => {}
                    Err(error) if error.kind() != ErrorKind::ConnectionRefused && !connections.is_empty() => {
                    }
                    result => return Ok(result?),
                }
            }
        }
    }

    async fn over_one_connection(self: Arc<Self>, main: SocketAddr) -> io::Result<u16> {
        let socket = if main.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        let _ = Mark::Probe.put_on(&SockRef::from(&socket), main);
        let mut stream = socket.connect(main).await?;
        let request = self.request(main, stream.local_addr()?);
        stream.write_all(request.text.as_bytes()).await?;
        let mut received = Vec::new();
        let mut buffer = [0; 1024];
        loop {
            let length = stream.read(&mut buffer).await?;
            if length == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            received.extend_from_slice(buffer.get(..length).unwrap_or_default());
            if let Some(status) = answer(&received, &request) {
                return Ok(status);
            }
            if received.len() > LONGEST_ANSWER {
                return Err(io::Error::other("the answer is not SIP"));
            }
        }
    }
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firewall_is_known_by_what_it_says_over_ipv4_and_over_ipv6() {
        let of_code = |code| NoAnswer::of_datagram(io::Error::from_raw_os_error(code));
        for code in [libc::EHOSTUNREACH, libc::ENETUNREACH, libc::EACCES] {
            assert!(matches!(of_code(code), NoAnswer::Rejected(_)), "{code}");
        }
        for code in [libc::ECONNREFUSED, libc::ENOBUFS] {
            assert!(matches!(of_code(code), NoAnswer::Failed(_)), "{code}");
        }
    }
}
