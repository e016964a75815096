//! What the workers tell the engine, and which of them does.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use crossbeam_channel::Sender;

use crate::{
    engine::host::Level,
    export,
    maintenance::Refusal,
    operator::{
        control::Reply,
        drill::Report,
        status::{ExportStatus, StateStatus, SyncStatus},
    },
    site::{contacts::Book, phones::Here},
    verdict::{
        probe::{Kind, Outcome},
        selfcheck::{Answer, Part},
    },
};

/// Where the phones are at the main, as last asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Contacts {
    /// By user.
    pub(super) book: Arc<Book>,
    /// Why they are not those of now; empty where they are.
    pub(super) problem: String,
    /// Seconds that the longest registration still lasts.
    pub(super) lasts: Option<u64>,
}

/// What the workers tell the engine.
#[derive(Debug)]
pub(super) enum Event {
    /// A probe ended.
    Probed {
        /// What was asked.
        kind: Kind,
        /// When it began.
        asked: Instant,
        /// How it ended.
        outcome: Outcome,
    },
    /// How a login at the main ended, where the main has looked at the account.
    Login(Result<(), String>),
    /// When the main's certificate ends, in seconds since 1970.
    Certificate(u64),
    /// What the main says of itself, or its connection does.
    Main(News),
    /// The sync is somewhere else than before.
    Synced(Arc<SyncStatus>),
    /// The DNS server has something to say.
    Dns {
        /// How much the news matters.
        level: Level,
        /// What is new.
        news: String,
        /// Whether it may come again by the minute.
        repeats: bool,
        /// What all of it amounts to.
        state: String,
        /// Where it listens, over UDP and TCP.
        bound: Vec<SocketAddr>,
    },
    /// Something begins to be read over the line to the main, or no longer is.
    Reading(bool),
    /// The main has reloaded something that is synced.
    MainReloaded,
    /// Whether the main exports, and why not.
    Exports(ExportStatus),
    /// The session waits at the main, which answers by itself until then at the latest; `None` where it does not any more.
    Waits(Option<Instant>),
    /// The main exports something else by now.
    MainChanged(Vec<export::Part>),
    /// A phone of this user has done something at the main.
    PhoneChanged(String),
    /// Where the phones are at the main.
    Contacts(Contacts),
    /// Who is registered at this branch.
    Here(Arc<Here>),
    /// Whether the main's own events are heard.
    Watch(String),
    /// The version of Asterisk that the main says that it runs; empty where it does not say.
    MainVersion(String),
    /// Calls of this site's users on the main; `None` where it does not say.
    MainCalls(Option<usize>),
    /// The last sync before a maintenance has ended.
    Prepared {
        /// The number of the order.
        number: u64,
        /// Why it has not taken over what the main has; empty where it has.
        problem: String,
        /// Whether the branch's channel driver has users of this site, or why not.
        live: Result<(), String>,
    },
    /// The main was asked whether it may have its phones back.
    Gated {
        /// The number of the order.
        number: u64,
        /// Whether it may, and what it has is in force here; or why not.
        answer: Result<(), Refusal>,
    },
    /// Contexts came into force.
    Dialplan {
        /// What is wrong with them, where something is.
        problem: Option<String>,
        /// Whether nothing else is wanted meanwhile.
        newest: bool,
    },
    /// What is shared with other sites.
    States(Arc<StateStatus>),
    /// The doctor has found so many things bad, and so many others wanting.
    Examined(usize, usize),
    /// A drill ended, and who waits for it.
    Drilled(Report, Reply<Report>),
    /// What this Asterisk answered to our own question.
    SelfChecked(Part, Answer),
    /// A worker panicked and will be run again.
    Panicked(&'static str),
}

/// What is heard of the main between two probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It closed the connection that its events come over (FIN): its process has ended, or its manager interface.
    Ended,
    /// That connection broke otherwise, as by a reset, which a firewall on the way sends, too.
    Lost,
    /// It shuts down.
    ShutsDown,
    /// It answers so to whatever it is asked.
    GoingDown,
    /// It lets us in, but has not started up yet.
    Starting,
    /// It has started up, or nothing is known of that.
    Started,
}

/// Events that wait for the engine, beyond which a worker with many more waits, too: the phones of a company change far
/// less at a time.
const CROWD: usize = 1024;

/// An event, and the worker it is from.
pub(super) type Told = (u64, Event);

/// How a worker tells the engine something.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    from: u64,
    events: Sender<Told>,
}

impl Teller {
    /// For the worker of this number.
    pub(super) fn new(from: u64, events: Sender<Told>) -> Self {
        Self { from, events }
    }

    /// Tells it. An engine that has ended hears nothing any more.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send((self.from, event));
    }

    /// Whether the engine has so much to do that whoever can wait should.
    pub(super) fn is_crowded(&self) -> bool {
        self.events.len() >= CROWD
    }

    /// Tells that something is read over the line to the main, until what this returns is dropped.
    pub(super) fn reads(&self) -> Reads<'_> {
        self.tell(Event::Reading(true));
        Reads(self)
    }
}

/// Something is read over the line to the main.
pub(super) struct Reads<'a>(&'a Teller);

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        self.0.tell(Event::Reading(false));
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn there_is_a_crowd_until_the_engine_has_heard_of_some() {
        let (events, told) = unbounded();
        let teller = Teller::new(1, events);
        for _ in 0..CROWD {
            assert!(!teller.is_crowded());
            teller.tell(Event::MainReloaded);
        }
        assert!(teller.is_crowded());
        told.recv().unwrap();
        assert!(!teller.is_crowded());
    }
}
