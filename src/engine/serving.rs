//! The DNS worker: serves the zone that the failover chose.

use std::{
    fmt::Write,
    io,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crossbeam_channel::Sender;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    Event, START_AGAIN,
    worker::{Stop, Worker},
};
use crate::{
    dns::{self, Counters, Report, Zone, ZoneCell},
    host::Level,
    settings::Dns,
    state::Target,
};

/// The running server, and the zone that it answers from.
pub(super) struct Serving {
    _worker: Worker,
    settings: Dns,
    zone: Arc<ZoneCell>,
    counters: Arc<Counters>,
    target: Target,
    serial: u32,
}

impl Serving {
    /// Starts it.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(
        settings: &Dns,
        target: Target,
        events: &Sender<Event>,
        panicked: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let serial = serial_now();
        let zone = Arc::new(ZoneCell::new(Zone::new(settings, target, serial)));
        let counters = Arc::<Counters>::default();
        let body = Body {
            settings: settings.clone(),
            zone: Arc::clone(&zone),
            counters: Arc::clone(&counters),
            events: events.clone(),
            stop: Arc::default(),
        };
        let stop = Arc::clone(&body.stop);
        // The receiver is gone where the server has ended by itself.
        let interrupt = move || drop(stop.lock().take());
        let worker = Worker::start("dns", interrupt, panicked, move |stop| body.run(stop))?;
        Ok(Self { _worker: worker, settings: settings.clone(), zone, counters, target, serial })
    }

    /// What it has answered.
    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Lets the zone name this system from the next question on.
    pub(super) fn serve(&mut self, target: Target) {
        if target != self.target {
            self.target = target;
            self.renew();
        }
    }

    /// Whether other settings need other sockets or another relay.
    pub(super) fn needs_restart(&self, settings: &Dns) -> bool {
        self.settings.bind != settings.bind || self.settings.forwarders != settings.forwarders
    }

    /// Takes other settings of the zone.
    pub(super) fn configure(&mut self, settings: &Dns) {
        if self.settings != *settings {
            self.settings = settings.clone();
            self.renew();
        }
    }

    fn renew(&mut self) {
        // RFC 1035 section 3.3.13: a copy of a zone is renewed when the serial grows. Time makes it grow over
        // restarts, too.
        self.serial = self.serial.wrapping_add(1).max(serial_now());
        self.zone.store(Zone::new(&self.settings, self.target, self.serial));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "serials wrap around (RFC 1982)")]
fn serial_now() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() as u32)
}

/// What runs on the worker's thread.
struct Body {
    settings: Dns,
    zone: Arc<ZoneCell>,
    counters: Arc<Counters>,
    events: Sender<Event>,
    stop: Arc<Mutex<Option<oneshot::Sender<()>>>>,
}

impl Body {
    fn run(&self, stop: &Stop) {
        while let Err(error) = self.serve(stop) {
            self.tell(Level::Error, error.to_string());
            if stop.wait_until(Instant::now() + START_AGAIN) {
                return;
            }
        }
    }

    fn serve(&self, stop: &Stop) -> Result<(), dns::ServeError> {
        let (sender, receiver) = oneshot::channel();
        *self.stop.lock() = Some(sender);
        if stop.requested() {
            return Ok(());
        }
        dns::serve(&self.settings, &self.zone, &self.counters, receiver, |report| match report {
            Report::Listening(endpoints) => self.tell(Level::Notice, listening(&endpoints)),
            Report::CannotBind(error) => self.tell(Level::Error, error.to_string()),
        })
    }

    fn tell(&self, level: Level, text: String) {
        let _ = self.events.send(Event::Dns(level, text));
    }
}

fn listening(endpoints: &[dns::Endpoint]) -> String {
    let mut text = "listening on ".to_owned();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{endpoint}");
    }
    text
}
