//! The worker's loop: a dumb one, around the exchange and the connection.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Question, Sharing,
    broker::{Broker, Fault, credentials},
    shown,
};
use crate::{
    dialplan::device,
    engine::{
        crew::{
            backoff::{Backoff, random},
            worker::Stop,
        },
        event::Event,
        host::{Host, Level, StatesWatch},
    },
    operator::status::{Snapshot, StateLine, StateStatus, SyncStatus, twin},
    peers::{
        DeviceState, Exchange, Fact, Out, Own, Show,
        attempts::{Attempts, End, Then},
        exchange::{CLEAR_AFTER, Move},
        mqtt::{Heard, Login, Publish},
        people,
    },
    settings::{Shared, State},
    words::{faults, site::as_site},
};

/// Waits between tries to reach a broker.
const FIRST_TRY: Duration = Duration::from_secs(1);
const SLOWEST_TRY: Duration = Duration::from_secs(60);
/// How long the address of a broker is waited for.
const LOOK_UP: Duration = Duration::from_secs(10);
/// Bound of the good-bye.
const GOOD_BYE: Duration = Duration::from_millis(500);
/// What people see is this old at most.
const LOOK: Duration = Duration::from_secs(1);
/// Bound of a site's answer to who asks for everything.
const ANSWER: u64 = 3_000;
/// How often it is looked who is in queues and who can be called here, and how soon after a phone that was not known.
const LOOK_AROUND: Duration = Duration::from_secs(60);
const NEW_PHONE: Duration = Duration::from_secs(2);
/// What the log says of our own trouble.
const TROUBLE: &str = "State sharing";

/// One run of the worker.
pub(super) struct Body<'a> {
    sharing: &'a Sharing,
    own: Own,
    exchange: Exchange,
    broker: Option<Broker>,
    attempts: Attempts,
    backoff: Backoff,
    next_try: Instant,
    /// When to look again who is in queues and who can be called here.
    next_look: Instant,
    /// Whether this Asterisk had loaded all its modules then.
    booted: bool,
    /// The users that there were then.
    users: Arc<SyncStatus>,
    /// The phones that this Asterisk has told of.
    phones: BTreeSet<String>,
    /// The message whose being taken is waited for.
    awaited: Option<u16>,
    /// Why there is no connection.
    reason: Arc<str>,
    /// What people were told last, and when.
    told: (StateStatus, Option<Instant>),
    _watch: Option<Box<dyn StatesWatch>>,
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
            exchange: Exchange::new(own.clone(), settings.taken.clone(), settings.hold, now),
            own,
            broker: None,
            attempts: Attempts::new(sharing.brokers.len()),
            backoff: Backoff::new(FIRST_TRY, SLOWEST_TRY),
            next_try: now,
            next_look: now,
            booted: false,
            users: Arc::clone(&sharing.kit.published.read().sync),
            phones: BTreeSet::new(),
            awaited: None,
            reason: "not tried yet".into(),
            told: (StateStatus::default(), None),
            _watch: None,
        }
    }

    /// Runs until it is time to end, and takes back then all that it has shown and said.
    pub(super) fn run(mut self, stop: &Stop) {
        if let Some(mut left) = self.sharing.left.lock().take() {
            self.clear(&left.take_back());
        }
        self.watch();
        let mut heard = Vec::new();
        while !stop.requested() {
            faults::point("state");
            let now = Instant::now();
            self.take_facts();
            self.look_around(now);
            self.turn_broker(now, &mut heard);
            self.exchange.tick(now);
            self.say(now);
            self.show(now);
            self.announce();
            self.answer();
            self.tell(now);
            let until = self.due();
            let (fd, flags) = match &self.broker {
                Some(broker) => (Some(broker.as_fd()), broker.flags()),
                None => (None, nix::poll::PollFlags::POLLIN),
            };
            self.sharing.hearing.ear.wait_for(fd, flags, until);
        }
        self.leave();
    }

    /// Begins to hear this Asterisk, and asks it for all it has.
    fn watch(&mut self) {
        let host = &self.sharing.kit.host;
        let kinds: Vec<Shared> = self.sharing.settings.taken.share.iter().copied().collect();
        match host.watch_states(&kinds, self.sharing.hearing.hears()) {
            Ok(watch) => self._watch = Some(watch),
            Err(error) => self.sharing.kit.log_failure(Level::Error, &format!("{TROUBLE}: {error}.")),
        }
        self.ask_all();
    }

    fn ask_all(&mut self) {
        let host = &self.sharing.kit.host;
        let mut devices = BTreeMap::new();
        host.tell_states(Shared::Device, &mut |fact| {
            if let Fact::Device(device, state) = fact {
                devices.insert(device, state);
            }
        });
        self.exchange.all_devices(&devices);
        for kind in [Shared::Mailbox, Shared::Presence] {
            let mut facts = Vec::new();
            host.tell_states(kind, &mut |fact| facts.push(fact));
            for fact in facts {
                self.exchange.fact(fact);
            }
        }
        self.next_look = Instant::now();
    }

    fn shares(&self, kind: Shared) -> bool {
        self.sharing.settings.taken.share.contains(&kind)
    }

    /// Looks who is a member of queues, and who can be called here. Asterisk tells of neither by itself: not of members who
    /// are named in queues.conf, nor of the caller id of a phone.
    fn look_around(&mut self, now: Instant) {
        let kit = &self.sharing.kit;
        let snapshot = kit.published.read();
        let booted = self.booted || kit.host.fully_booted();
        let is_news = !Arc::ptr_eq(&self.users, &snapshot.sync) || booted != self.booted;
        if now < self.next_look && !is_news {
            return;
        }
        self.next_look = now + LOOK_AROUND;
        (self.booted, self.users) = (booted, Arc::clone(&snapshot.sync));
        if self.shares(Shared::Agent) {
            let mut members = Vec::new();
            self.sharing.kit.host.tell_states(Shared::Agent, &mut |fact| members.push(fact));
            self.exchange.all_members(members);
        }
        if self.shares(Shared::People) {
            self.look_at_people(&snapshot);
        }
    }

    /// The synced users; without a sync, the phones that Asterisk has.
    fn look_at_people(&mut self, snapshot: &Snapshot) {
        let kit = &self.sharing.kit;
        let people = if snapshot.settings.sync.is_some() {
            let technology = snapshot.technology();
            people::of_users(snapshot.sync.users.iter().filter_map(|user| {
                Some((user.number.as_deref()?, &*user.callerid, device(technology, &user.name)))
            }))
        } else {
            let mut phones = Vec::new();
            kit.host.tell_states(Shared::Device, &mut |fact| match fact {
                Fact::Device(device, _) if people::phone(&device).is_some() => phones.push(device),
                _ => {}
            });
            let callerids = kit.host.caller_ids(&phones);
            people::of_devices(callerids.iter().map(|(device, callerid)| (&**device, &**callerid)))
        };
        self.exchange.fact(Fact::People(people));
    }

    fn take_facts(&mut self) {
        let now = Instant::now();
        for fact in self.sharing.hearing.facts() {
            if let Fact::Device(device, _) = &fact
                && people::phone(device).is_some()
                && self.phones.insert(device.clone())
            {
                // A reload makes many at once.
                self.next_look = self.next_look.min(now + NEW_PHONE);
            }
            self.exchange.fact(fact);
        }
        if self.sharing.hearing.take_missed() {
            self.ask_all();
        }
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
                Heard::Taken { id, refused } if self.awaited == Some(id) => {
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
        if let Err(fault) = turned {
            self.ended(&fault, now);
        }
    }

    fn has_joined(&mut self, refused: Option<String>, now: Instant) {
        self.backoff.reset();
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
                        self.awaited = id.or(self.awaited);
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

    fn announce(&mut self) {
        while let Some(Move { site, from, to, reason }) = self.exchange.next_move() {
            let old = from.map_or_else(String::new, |state| state.to_string());
            let kit = &self.sharing.kit;
            kit.host.log(Level::Notice, &format!("Site {site} is {to}: {reason}."));
            let new = to.to_string();
            let fields = [("Site", &*site), ("OldState", &old), ("NewState", &new), ("Reason", reason)];
            kit.host.event("SynchSiteState", &fields);
            // People who are told of it look at the list now.
            self.told.1 = None;
        }
    }

    /// Answers what operators ask about devices.
    fn answer(&self) {
        for Question { device, reply } in self.sharing.questions.try_iter() {
            let view = self.exchange.view_of(&device);
            let sum = self.sharing.kit.host.device_state(&device);
            let mut text = String::new();
            let own = self.own_state(&device);
            let shared = if view.shared { "shared" } else { "not shared" };
            let _ = writeln!(text, "{:<20} {:<12} {shared}", self.own.site, own);
            for (site, state) in &view.sites {
                let _ = writeln!(text, "{site:<20} {}", state.word());
            }
            let _ = writeln!(text, "{:<20} {}", "All together", sum.word());
            reply.give(text);
        }
    }

    fn own_state(&self, device: &str) -> &'static str {
        let mut own = None;
        self.sharing.kit.host.tell_states(Shared::Device, &mut |fact| match fact {
            Fact::Device(known, state) if known == device => own = Some(state),
            _ => {}
        });
        own.map_or("-", DeviceState::word)
    }

    /// Tells the engine what people are shown: at each change of the connection, else once a second.
    fn tell(&mut self, now: Instant) {
        let (line, reason) = match &self.broker {
            Some(broker) if broker.is_in() => (StateLine::Joined, Arc::from("")),
            _ => (StateLine::Away, Arc::clone(&self.reason)),
        };
        let (before, at) = &self.told;
        if before.line == line && before.reason == reason && at.is_some_and(|at| now < at + LOOK) {
            return;
        }
        let view = self.exchange.view(now);
        let reason = view.refused.as_ref().map_or(reason, shown);
        let broker = self.broker.as_ref().filter(|broker| broker.is_in());
        let status = StateStatus {
            line,
            reason,
            site: self.own.site.as_str().into(),
            broker: broker.map(|broker| broker.address.to_string()).unwrap_or_default().into(),
            version: broker.map(|broker| broker.version.to_string()).unwrap_or_default().into(),
            view,
            folk: self.exchange.folk(),
        };
        if *before != status {
            self.sharing.teller.tell(Event::States(Arc::new(status.clone())));
        }
        self.told = (status, Some(now));
    }

    fn due(&self) -> Instant {
        let broker = self.broker.as_ref().map_or(self.next_try, Broker::due);
        let look = self.told.1.map_or_else(Instant::now, |at| at + LOOK);
        // What people are shown is looked at once a second, and with it who can be called.
        self.exchange.due().map_or(broker, |due| due.min(broker)).min(look)
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
        let back = self.exchange.take_back();
        self.clear(&back);
    }

    /// Takes back all that this Asterisk was shown, as fast as it takes it.
    fn clear(&self, [gone, clears]: &[Vec<Show>; 2]) {
        gone.iter().for_each(|show| self.show_one(show));
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
