//! The DNS worker: serves the zone of the present situation.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::{
    dns::{self, Counters, Endpoint, Report, Situation, Transport, Zone, ZoneCell},
    engine::{
        START_AGAIN,
        crew::{
            post::{Start, Work},
            roll::DNS,
            worker::{Role, Stop, Worker},
        },
        event::{Event, Teller},
        host::{Host, Level},
    },
    settings::{self, Settings},
};

/// The worker.
pub(in crate::engine) enum Dns {}

/// The settings whose change needs new sockets or a new relay. All others are applied by [`Work::adapt`].
pub(in crate::engine) struct Bound(settings::Dns);

impl PartialEq for Bound {
    fn eq(&self, Self(other): &Self) -> bool {
        let settings::Dns { bind, forwarders, relay, .. } = &self.0;
        *bind == other.bind && *forwarders == other.forwarders && *relay == other.relay
    }
}

impl Work for Dns {
    const THREAD: &'static str = DNS;
    type Spec = Bound;
    type Line = Serving;

    fn spec(settings: &Settings) -> Option<Bound> {
        settings.dns.clone().map(Bound)
    }

    fn start(
        Bound(settings): &Bound,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<(Serving, Worker)> {
        Serving::start(settings, start, teller, role)
    }

    fn adapt(serving: &mut Serving, settings: &Settings) {
        if let Some(settings) = &settings.dns {
            serving.configure(settings);
        }
    }
}

/// The zone that the running server answers from.
pub(in crate::engine) struct Serving {
    settings: settings::Dns,
    zone: Arc<ZoneCell>,
    situation: Situation,
    serial: u32,
}

impl Serving {
    fn start(
        settings: &settings::Dns,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<(Self, Worker)> {
        let situation = start.situation;
        let serial = serial_now();
        let zone = Arc::new(ZoneCell::new(Zone::new(settings, situation, serial)));
        let body = Arc::new(Body {
            host: Arc::clone(&start.kit.host),
            settings: settings.clone(),
            zone: Arc::clone(&zone),
            counters: Arc::clone(start.counters),
            teller,
            stop: Arc::default(),
            server: Mutex::default(),
            sockets: Mutex::default(),
        });
        let (stop, resting) = (Arc::clone(&body.stop), Arc::clone(&body));
        // The receiver is gone where the server has ended by itself.
        let interrupt = move || drop(stop.lock().take());
        let rest = move |stop: &Stop, until| resting.rest(stop, until);
        let worker = Worker::start_with_rest(role, interrupt, rest, move |stop| body.run(stop))?;
        Ok((Self { settings: settings.clone(), zone, situation, serial }, worker))
    }

    /// Answers for this situation from the next question on.
    pub(in crate::engine) fn serve(&mut self, situation: Situation) {
        if situation != self.situation {
            self.situation = situation;
            self.renew();
        }
    }

    /// Applies new settings of the zone.
    fn configure(&mut self, settings: &settings::Dns) {
        if self.settings != *settings {
            self.settings = settings.clone();
            self.renew();
        }
    }

    fn renew(&mut self) {
        self.serial = next_serial(self.serial, serial_now());
        self.zone.store(Zone::new(&self.settings, self.situation, self.serial));
    }
}

/// The serial after `last` (RFC 1035 section 3.3.13: a copy of a zone is renewed when the serial grows). The time makes it
/// grow over restarts too, as long as it is ahead.
fn next_serial(last: u32, now: u32) -> u32 {
    // RFC 1982 section 3.2: ahead is less than half of all numbers away.
    let ahead = now.wrapping_sub(last);
    if (1..1 << 31).contains(&ahead) { now } else { last.wrapping_add(1) }
}

#[expect(clippy::cast_possible_truncation, reason = "serials wrap around (RFC 1982)")]
fn serial_now() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() as u32)
}

/// What runs on the worker's thread.
struct Body {
    host: Arc<dyn Host>,
    settings: settings::Dns,
    zone: Arc<ZoneCell>,
    counters: Arc<Counters>,
    teller: Teller,
    stop: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    /// Kept over a panic: phones that ask meanwhile have their answer.
    server: Mutex<Option<dns::Server>>,
    sockets: Mutex<Sockets>,
}

impl Body {
    fn run(&self, stop: &Stop) {
        while let Err(error) = self.serve(stop) {
            let text = error.to_string();
            let (level, news) = (Level::Error, text.clone());
            self.teller.tell(Event::Dns { level, news, repeats: true, state: text, bound: Vec::new() });
            if stop.wait_until(Instant::now() + START_AGAIN) {
                return;
            }
        }
    }

    fn serve(&self, stop: &Stop) -> Result<(), dns::ServeError> {
        let Some(stopped) = self.stopped(stop) else { return Ok(()) };
        let mut server = self.server.lock();
        let running = match server.take() {
            Some(server) => server,
            None => dns::Server::new(&self.settings, &self.zone, &self.counters)?,
        };
        server.insert(running).run(stopped, |report| {
            let (level, news) = match &report {
                Report::Listening(endpoints) => (Level::Notice, self.listening(endpoints)),
                Report::CannotBind(error) => (Level::Error, error.to_string()),
                Report::ForwardersSilent => (Level::Warning, self.silence()),
                Report::ForwardersBack => (Level::Notice, "a forwarder answers again".to_owned()),
            };
            let repeats = !matches!(report, Report::Listening(_));
            let mut sockets = self.sockets.lock();
            sockets.note(report);
            let (state, bound) = (sockets.to_string(), sockets.bound());
            self.teller.tell(Event::Dns { level, news, repeats, state, bound });
        });
        Ok(())
    }

    /// Waits after a panic while the bound sockets go on answering. Returns `true` where it is time to end.
    fn rest(&self, stop: &Stop, until: Instant) -> bool {
        let Some(stopped) = self.stopped(stop) else { return true };
        match &mut *self.server.lock() {
            Some(server) => server.rest(stopped, until),
            None => stop.wait_until(until),
        }
    }

    /// Makes the signal that tells the server to end; `None` where it is time to end already.
    fn stopped(&self, stop: &Stop) -> Option<oneshot::Receiver<()>> {
        let (sender, receiver) = oneshot::channel();
        *self.stop.lock() = Some(sender);
        (!stop.requested()).then_some(receiver)
    }

    /// Returns the log line for sockets that are bound, some of them perhaps for a time when their address is here.
    fn listening(&self, endpoints: &[Endpoint]) -> String {
        let is_away = |endpoint: &&Endpoint| !self.host.is_own_address(endpoint.address.ip());
        let away: Vec<&Endpoint> = endpoints.iter().filter(is_away).collect();
        let text = format!("listening on {}", list(endpoints));
        if away.is_empty() {
            return text;
        }
        format!("{text}; no interface of this machine has the address of {} now", list(&away))
    }

    /// Returns the log line for forwarders that do not answer.
    fn silence(&self) -> String {
        format!(
            "no forwarder answers ({}): names outside {} get an older answer from the cache, or SERVFAIL; trying \
             again every few seconds. The phones' own name is not affected",
            list(&self.settings.forwarders),
            self.settings.domain
        )
    }
}

/// The state of every wanted socket, as far as it is known.
#[derive(Default)]
struct Sockets {
    bound: Vec<Endpoint>,
    /// With the reason.
    missing: Vec<(Endpoint, String)>,
    forwarders_silent: bool,
}

impl Sockets {
    fn note(&mut self, report: Report) {
        match report {
            Report::Listening(endpoints) => {
                self.missing.retain(|(missing, _)| !endpoints.contains(missing));
                self.bound.extend(endpoints);
            }
            Report::CannotBind(error) => {
                self.missing.retain(|(missing, _)| *missing != error.endpoint);
                self.missing.push((error.endpoint, error.to_string()));
            }
            Report::ForwardersSilent => self.forwarders_silent = true,
            Report::ForwardersBack => self.forwarders_silent = false,
        }
    }
}

impl Sockets {
    /// Returns the addresses at which both kinds of sockets are bound.
    fn bound(&self) -> Vec<SocketAddr> {
        let is_bound = |address, transport| self.bound.contains(&Endpoint { address, transport });
        let udp = self.bound.iter().filter(|endpoint| endpoint.transport == Transport::Udp);
        udp.map(|endpoint| endpoint.address).filter(|address| is_bound(*address, Transport::Tcp)).collect()
    }
}

impl fmt::Display for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (_, reason) in &self.missing {
            write!(f, "{separator}{reason}")?;
            separator = "; ";
        }
        if !self.bound.is_empty() {
            write!(f, "{separator}listening on {}", list(&self.bound))?;
            separator = "; ";
        }
        if self.forwarders_silent {
            write!(f, "{separator}no forwarder answers")?;
        }
        Ok(())
    }
}

fn list(endpoints: &[impl fmt::Display]) -> String {
    endpoints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dns::BindError;

    proptest! {
        #[test]
        fn rfc1982_s3_2_the_serial_grows_with_each_change_whatever_the_clock_says(last: u32, now: u32) {
            let grown = next_serial(last, now).wrapping_sub(last);
            prop_assert!((1..1 << 31).contains(&grown));
        }
    }

    #[test]
    fn rfc1035_s3_3_13_changes_within_a_second_have_serials_of_their_own() {
        assert_eq!(next_serial(1_700_000_000, 1_700_000_000), 1_700_000_001);
        // After a restart the clock is ahead again.
        assert_eq!(next_serial(1_700_000_001, 1_700_000_060), 1_700_000_060);
        assert_eq!(next_serial(u32::MAX, 5), 5);
    }

    #[test]
    fn the_state_tells_of_every_socket_whatever_came_last() {
        let endpoint = |transport| Endpoint { address: "192.0.2.1:53".parse().unwrap(), transport };
        let (udp, tcp) = (endpoint(Transport::Udp), endpoint(Transport::Tcp));
        let mut sockets = Sockets::default();
        let source = io::ErrorKind::AddrInUse.into();
        sockets.note(Report::CannotBind(BindError { endpoint: udp, source }));
        sockets.note(Report::Listening(vec![tcp]));
        let text = sockets.to_string();
        assert!(text.starts_with("cannot listen on 192.0.2.1:53 (UDP)"), "{text}");
        assert!(text.ends_with("listening on 192.0.2.1:53 (TCP)"), "{text}");
        assert_eq!(sockets.bound(), []);
        sockets.note(Report::Listening(vec![udp]));
        assert_eq!(sockets.bound(), [udp.address]);
        assert_eq!(sockets.to_string(), "listening on 192.0.2.1:53 (TCP), 192.0.2.1:53 (UDP)");
    }
}
