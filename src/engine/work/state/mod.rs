//! The state worker: tells other sites over a broker what this Asterisk says of its devices, and shows this Asterisk what
//! they say of theirs. What is said and shown is decided in [`crate::peers`].
//!
//! - `broker`: the connection
//! - `hearing`: what this Asterisk says, from its threads to this one
//! - `surroundings`: that, and what this Asterisk has to be asked for
//! - `telling`: what people are told
//! - `site`: the worker's loop

pub(in crate::engine::work) mod broker;
mod hearing;
mod site;
mod surroundings;
mod telling;

pub(in crate::engine::work) use site::own_name;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use self::{hearing::Hearing, site::Body};
use crate::{
    engine::{
        crew::{
            bell::{Bell, bell},
            kit::Kit,
            post::{Start, Work},
            worker::{Role, Worker},
        },
        event::Teller,
        host::Host,
        reach::lookup::{Lookup, cut},
    },
    operator::control::Reply,
    peers::Exchange,
    settings::{Settings, State, Technology},
    uplink::ami::Hangup,
    words::wording::visible,
};

/// Where the addresses of brokers that have names are kept across restarts.
pub(in crate::engine::work) const KEPT: &str = "broker_addresses";

/// What the log says of our own trouble.
const TROUBLE: &str = "State sharing";

/// Questions of operators that may wait.
const QUESTIONS: usize = 8;

/// What the worker needs.
pub(in crate::engine) struct Sharing {
    kit: Kit,
    settings: State,
    hold: Hold,
    technology: Technology,
    brokers: Vec<Lookup>,
    hangup: Hangup,
    teller: Teller,
    questions: Receiver<Question>,
    /// Whoever rings wants something of the worker.
    hearing: Hearing,
    /// What a run before has shown this Asterisk, which the next one takes back.
    left: Mutex<Option<Exchange>>,
}

/// What an operator asks of the worker: all about one device.
#[derive(Debug)]
pub(in crate::engine) struct Question {
    /// Which.
    pub(in crate::engine) device: String,
    /// Who waits for the answer.
    pub(in crate::engine) reply: Reply<String>,
}

/// How the engine reaches the worker.
pub(in crate::engine) struct Line {
    questions: Sender<Question>,
    hold: Hold,
    bell: Bell,
}

/// The settings whose change needs another connection, or other subscriptions: all but `hold`, which [`Work::adapt`] applies.
pub(in crate::engine) struct Bound(State, Option<Technology>);

impl PartialEq for Bound {
    fn eq(&self, Self(other, technology): &Self) -> bool {
        let state = State { hold: other.hold, ..self.0.clone() };
        state == *other && self.1 == *technology
    }
}

/// How long what a lost site has said stands, in seconds.
#[derive(Clone)]
struct Hold(Arc<AtomicU64>);

impl Hold {
    fn new(hold: Duration) -> Self {
        Self(Arc::new(AtomicU64::new(hold.as_secs())))
    }

    fn set(&self, hold: Duration) {
        self.0.store(hold.as_secs(), Ordering::Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::Relaxed))
    }
}

impl Line {
    /// Has a question answered. Returns `false` where too many wait.
    pub(in crate::engine) fn ask(&self, question: Question) -> bool {
        let asked = self.questions.try_send(question).is_ok();
        self.bell.ring();
        asked
    }
}

impl Work for Sharing {
    const THREAD: &'static str = "state";
    type Spec = Bound;
    type Line = Line;

    fn spec(settings: &Settings) -> Option<Self::Spec> {
        let state = settings.state.clone()?;
        Some(Bound(state, settings.sync.as_ref().map(|sync| sync.technology)))
    }

    fn start(
        Bound(settings, technology): &Bound,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<(Line, Worker)> {
        let host = &start.kit.host;
        let brokers = settings.hosts.iter().map(|name| Lookup::of(name, settings.port, KEPT, host));
        let brokers = brokers.collect::<io::Result<Vec<Lookup>>>()?;
        let (bell, ear) = bell()?;
        let (to_worker, questions) = bounded(QUESTIONS);
        let hangup = Hangup::new();
        let cuts: Vec<_> = brokers.iter().map(|broker| cut(&Hangup::new(), &broker.address())).collect();
        let hold = Hold::new(settings.hold);
        let line = Line { questions: to_worker, hold: hold.clone(), bell: bell.clone() };
        let interrupt = {
            let bell = bell.clone();
            move || {
                cuts.iter().for_each(|cut| cut());
                bell.ring();
            }
        };
        let sharing = Self {
            kit: start.kit.clone(),
            settings: settings.clone(),
            hold,
            technology: technology.unwrap_or_else(|| channel_driver(&**host)),
            brokers,
            hangup,
            teller,
            questions,
            hearing: Hearing::new(bell, ear),
            left: Mutex::new(None),
        };
        let worker = Worker::start(role, interrupt, move |stop| Body::new(&sharing).run(stop))?;
        Ok((line, worker))
    }

    fn adapt(line: &mut Line, settings: &Settings) {
        if let Some(state) = &settings.state {
            line.hold.set(state.hold);
            line.bell.ring();
        }
    }
}

/// Returns the channel driver of a system that has no users of ours: chan_sip where that is the only one. The drivers are
/// loaded before this module.
fn channel_driver(host: &dyn Host) -> Technology {
    match host.has_function("SIPPEER") && !host.has_function("PJSIP_DIAL_CONTACTS") {
        true => Technology::Sip,
        false => Technology::Pjsip,
    }
}

/// As it is shown: what a broker or a site says may hold anything.
pub(in crate::engine::work) fn shown(text: &impl ToString) -> Arc<str> {
    visible(&text.to_string()).into()
}
