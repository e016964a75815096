//! The worker's loop: a dumb one, around the exchange and the connection.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Sharing, TROUBLE,
    broker::{Broker, Fault, credentials},
    shown,
    surroundings::Surroundings,
    telling::Telling,
};
use crate::{
    engine::{
        crew::{
            backoff::{Backoff, random},
            worker::Stop,
        },
        host::{Host, Level},
    },
    operator::status::twin,
    peers::{
        Exchange, Out, Own, Show,
        attempts::{Attempts, End, Then},
        exchange::CLEAR_AFTER,
        mqtt::{Heard, Login, Publish},
    },
    settings::State,
    words::{faults, site::as_site},
};

/// Waits between tries to reach a broker.
const FIRST_TRY: Duration = Duration::from_secs(1);
const SLOWEST_TRY: Duration = Duration::from_secs(60);
/// After so long, a connection counts as one that works: the next one is tried soon again. A broker that lets us in and puts us
/// out at once is tried ever more seldom.
const STEADY: Duration = Duration::from_secs(10);
/// How long a broker may take to confirm our name. A busy RabbitMQ stores what it is told some seconds later.
const CONFIRM: Duration = Duration::from_secs(30);
/// How long the address of a broker is waited for.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Bound of showing that devices are gone, as an unload waits for it: some ten thousand. What is left is only cleared: a hint
/// or a queue of such a device keeps what it shows.
const TAKE_BACK: Duration = Duration::from_secs(2);
/// Bound of the good-bye.
const GOOD_BYE: Duration = Duration::from_millis(500);
/// Bound of a site's answer to who asks for everything.
const ANSWER: u64 = 3_000;

/// One run of the worker.
pub(super) struct Body<'a> {
    sharing: &'a Sharing,
    own: Own,
    exchange: Exchange,
    broker: Option<Broker>,
    attempts: Attempts,
    backoff: Backoff,
    next_try: Instant,
    /// The message whose being taken is waited for, and until when.
    awaited: Option<(u16, Instant)>,
    /// Since when the others are heard.
    joined: Option<Instant>,
    /// Why there is no connection.
    reason: Arc<str>,
    surroundings: Surroundings<'a>,
    telling: Telling<'a>,
}

impl<'a> Body<'a> {
    pub(super) fn new(sharing: &'a Sharing) -> Self {
        let now = Instant::now();
        let host = &sharing.kit.host;
        let settings = &sharing.settings;
        let own = Own {
            site: own_name(settings, &**host),
            boot: format!("{:016x}", random()),
            asterisk: first_word(&host.version()),
            synch: env!("CARGO_PKG_VERSION").to_owned(),
            technology: sharing.technology,
            answer_after: Duration::from_millis(random() % ANSWER),
        };
        Self {
            sharing,
            exchange: Exchange::new(own.clone(), settings.taken.clone(), sharing.hold.get(), now),
            broker: None,
            attempts: Attempts::new(sharing.brokers.len()),
            backoff: Backoff::new(FIRST_TRY, SLOWEST_TRY),
            next_try: now,
            awaited: None,
            joined: None,
            reason: "not tried yet".into(),
            surroundings: Surroundings::new(sharing, now),
            telling: Telling::new(sharing, &own.site),
            own,
        }
    }

    /// Runs until it is time to end, and takes back then all that it has shown and said.
    pub(super) fn run(mut self, stop: &Stop) {
        if let Some(mut left) = self.sharing.left.lock().take() {
            self.clear(&left.take_back());
        }
        self.surroundings.watch(&mut self.exchange, Instant::now());
        let mut heard = Vec::new();
        while !stop.requested() {
            faults::point("state");
            let now = Instant::now();
            self.exchange.hold(self.sharing.hold.get());
            self.surroundings.take_facts(&mut self.exchange, now);
            self.surroundings.look(&mut self.exchange, now);
            // Asterisk may have taken its time: the broker knows one of our name.
            if stop.requested() {
                break;
            }
            self.turn_broker(now, &mut heard);
            self.exchange.tick(now);
            self.say(now);
            self.show(now);
            self.telling.announce(&mut self.exchange);
            self.telling.answer(&self.exchange);
            self.telling.tell(&mut self.exchange, self.broker.as_ref(), &self.reason, now);
            let until = self.due(now);
            let (fd, flags) = match &self.broker {
                Some(broker) => (Some(broker.as_fd()), broker.flags()),
                None => (None, nix::poll::PollFlags::POLLIN),
            };
            self.sharing.hearing.ear.wait_for(fd, flags, until);
        }
        self.leave();
    }

    fn turn_broker(&mut self, now: Instant, heard: &mut Vec<Heard>) {
        if self.broker.is_none() && now >= self.next_try {
            self.open(now);
        }
        let Some(broker) = &mut self.broker else { return };
        let was_in = broker.is_in();
        let turned = broker.turn(heard);
        if broker.is_in() && !was_in {
            self.attempts.joined(now);
            self.exchange.connected(now);
        }
        for one in heard.drain(..) {
            match one {
                Heard::Message(message) => {
                    self.exchange.message(&message.topic, &message.payload, message.retained, now);
                }
                Heard::TooLong { topic, .. } => self.exchange.too_long(&topic, now),
                Heard::Taken { id, refused } if self.awaited.is_some_and(|(awaited, _)| awaited == id) => {
                    self.awaited = None;
                    self.has_joined(refused, now);
                }
                Heard::Subscribed { refused: Some(refused), .. } => {
                    let text = format!("{TROUBLE}: the broker refuses a subscription: {}.", shown(&refused));
                    self.sharing.kit.log_failure(Level::Warning, &text);
                }
                _ => {}
            }
        }
        let confirmed = match self.awaited {
            Some((_, until)) if now >= until => Err(Fault::Unconfirmed),
            _ => Ok(()),
        };
        if let Err(fault) = turned.and(confirmed) {
            self.ended(&fault, now);
        }
    }

    fn has_joined(&mut self, refused: Option<String>, now: Instant) {
        self.joined = self.joined.or(Some(now));
        let refused = refused.map(|reason| {
            let site = &self.own.site;
            let reason = shown(&reason);
            format!("the broker does not let us write to synch/1/{site}/# ({reason}); check its access list")
        });
        match &refused {
            Some(refused) => self.sharing.kit.log_failure(Level::Warning, &format!("{TROUBLE}: {refused}.")),
            None => self.sharing.kit.log_end(TROUBLE, &format!("{TROUBLE}: works again.")),
        }
        self.exchange.said(refused, now);
    }

    fn open(&mut self, now: Instant) {
        let place = self.attempts.broker();
        let Some(lookup) = self.sharing.brokers.get(place) else { return };
        let settings = &self.sharing.settings;
        let opened = (|| {
            let address = lookup.address().get(now + LOOK_UP)?;
            let (secret, tls) = credentials(settings, &*self.sharing.kit.crypto())?;
            let (topic, payload) = self.exchange.will();
            let will =
                Publish { topic: &topic, payload: payload.as_bytes(), retained: true, acknowledged: true };
            let login = Login {
                client: &format!("synch-{}", self.own.site),
                username: settings.username.as_deref().unwrap_or(&self.own.site),
                secret: secret.as_ref().map_or("", |secret| secret.expose()),
                keepalive: u16::try_from(settings.keepalive.as_secs()).unwrap_or(u16::MAX),
                will: Some(will),
            };
            let version = self.attempts.version();
            Broker::open(address, version, tls, &login, &self.sharing.hangup)
                .map_err(|fault| fault.to_string())
        })();
        match opened {
            Ok(broker) => self.broker = broker,
            Err(problem) => self.failed(End::Failed, &problem, now),
        }
    }

    fn ended(&mut self, fault: &Fault, now: Instant) {
        self.broker = None;
        self.awaited = None;
        if self.joined.take().is_some_and(|since| now >= since + STEADY) {
            self.backoff.reset();
        }
        self.exchange.disconnected(now);
        self.failed(fault.end(), &fault.to_string(), now);
    }

    fn failed(&mut self, end: End, problem: &str, now: Instant) {
        let host = self.sharing.settings.hosts.get(self.attempts.broker()).cloned().unwrap_or_default();
        self.reason = shown(&format!("{host}: {problem}"));
        let (level, text) = match self.attempts.ended(end, now) {
            Then::AtOnce => {
                self.next_try = now;
                return;
            }
            Then::Later => {
                self.next_try = now + self.backoff.wait(random());
                (Level::Warning, format!("{TROUBLE}: {}.", self.reason))
            }
            Then::Twin(wait) => {
                self.next_try = now + wait;
                self.reason = twin(&self.own.site).into();
                let text = format!(
                    "{TROUBLE}: {}: each puts the other out of the broker. Give each system its own name: site in \
                     [state].",
                    self.reason
                );
                (Level::Error, text)
            }
        };
        self.sharing.kit.log_failure(level, &text);
    }

    fn say(&mut self, now: Instant) {
        while let Some(broker) = self.broker.as_mut().filter(|broker| broker.has_room()) {
            let Some(out) = self.exchange.next_out(now) else { return };
            let octets = match out {
                Out::Say { topic, payload, acknowledged, retained } => {
                    let message =
                        Publish { topic: &topic, payload: payload.as_bytes(), retained, acknowledged };
                    broker.session().publish(&message).map(|(octets, id)| {
                        // The wait is that for the first of several: a newer one does not begin it anew.
                        let until = self.awaited.map_or(now + CONFIRM, |(_, until)| until);
                        self.awaited = id.map(|id| (id, until)).or(self.awaited);
                        octets
                    })
                }
                Out::Subscribe(filter) => broker.session().subscribe(&filter).map(|(octets, _)| octets),
                Out::Unsubscribe(filter) => broker.session().unsubscribe(&filter),
            };
            // What is no topic is not said; the exchange makes none.
            let Ok(octets) = octets else { continue };
            if let Err(fault) = broker.say(&octets) {
                self.ended(&fault, now);
            }
        }
    }

    fn show(&mut self, now: Instant) {
        while let Some(show) = self.exchange.next_show(now) {
            self.show_one(&show);
        }
    }

    fn show_one(&self, show: &Show) {
        if let Err(error) = self.sharing.kit.host.show_state(show) {
            self.sharing.kit.log_failure(Level::Warning, &format!("{TROUBLE}: {error}."));
        }
    }

    fn due(&self, now: Instant) -> Instant {
        let broker = self.broker.as_ref().map_or(self.next_try, Broker::due);
        let broker = self.awaited.map_or(broker, |(_, until)| broker.min(until));
        let exchange = self.exchange.due().map_or(broker, |due| due.min(broker));
        // What people are shown is looked at once a second, and with it who can be called.
        exchange.min(self.telling.due(now))
    }

    /// Says good-bye, and takes back what this Asterisk was shown.
    fn leave(&mut self) {
        let until = Instant::now() + GOOD_BYE;
        if let Some(mut broker) = self.broker.take().filter(Broker::is_in) {
            let mut said = Ok(());
            for out in self.exchange.leave() {
                if let Out::Say { topic, payload, retained, .. } = out {
                    let message =
                        Publish { topic: &topic, payload: payload.as_bytes(), retained, acknowledged: false };
                    said = match broker.session().publish(&message) {
                        Ok((octets, _)) => said.and_then(|()| broker.say(&octets)),
                        Err(_) => said,
                    };
                }
            }
            if said.is_ok() {
                broker.leave(&self.sharing.hearing.ear, until, || true);
            }
        }
        // Nobody needs to be told of what is taken back.
        self.surroundings.unwatch();
        let back = self.exchange.take_back();
        self.clear(&back);
    }

    /// Takes back all that this Asterisk was shown, as fast as it takes it.
    fn clear(&self, [gone, clears]: &[Vec<Show>; 2]) {
        let until = Instant::now() + TAKE_BACK;
        gone.iter().take_while(|_| Instant::now() < until).for_each(|show| self.show_one(show));
        if !clears.is_empty() {
            std::thread::sleep(CLEAR_AFTER);
        }
        clears.iter().for_each(|show| self.show_one(show));
    }
}

impl Drop for Body<'_> {
    /// After a panic: the next run takes back what this one has shown.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let empty = Exchange::new(
                self.own.clone(),
                self.sharing.settings.taken.clone(),
                Duration::ZERO,
                Instant::now(),
            );
            *self.sharing.left.lock() = Some(std::mem::replace(&mut self.exchange, empty));
        }
    }
}

/// Returns the name under which this system shares its states.
pub(in crate::engine::work) fn own_name(settings: &State, host: &dyn Host) -> String {
    settings.site.clone().unwrap_or_else(|| as_site(&host.system_name()))
}

/// The version without what its packager adds, and without a space, which would end it on the wire: `22.10.1`.
fn first_word(text: &str) -> String {
    let version = text.split([' ', '~', '+']).next().filter(|version| !version.is_empty());
    version.unwrap_or("unknown").to_owned()
}
