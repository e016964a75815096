//! Lends the session to workers that have a question, for one question at a time.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::{Exports, Unanswered};
use crate::{
    engine::{
        crew::{
            bell::{Bell, Ear, bell},
            worker::{Stop, Stopped},
        },
        reach::lookup::NoWay,
    },
    uplink::ami::{Link, LinkError},
};

/// Questions that may wait at once: there is one worker of each kind.
const WAITING: usize = 16;

/// The problem where the session was lent to others, or not open, during the whole time limit of a question.
const BUSY: &str = "the session with the main was busy for too long";

/// The side of the workers that use the session. Clones belong to the same session.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Session {
    orders: Sender<Instant>,
    wishes: Sender<Wish>,
    bell: Bell,
    single: Arc<AtomicBool>,
    exports: Exports,
}

/// The side of the worker that keeps the session; its successor takes it over.
#[derive(Debug)]
pub(in crate::engine) struct Counter {
    /// Probes, each by its start time.
    pub(super) orders: Receiver<Instant>,
    /// Workers that wait for the session.
    pub(super) wishes: Receiver<Wish>,
    /// Lent links that come back.
    pub(super) returned: Receiver<Link>,
    /// Whether the main allows this one session only.
    pub(super) single: Arc<AtomicBool>,
    pub(super) exports: Exports,
    pub(super) bell: Bell,
    pub(super) ear: Ear,
    back: Sender<Link>,
}

/// A worker that waits for the session.
#[derive(Debug)]
pub(super) struct Wish {
    answer: Sender<Result<Lease, NoWay>>,
    /// When the worker stops waiting.
    pub(super) until: Instant,
}

/// The session, for one question. It goes back when this is dropped.
#[derive(Debug)]
pub(in crate::engine) struct Lease {
    link: Option<Link>,
    back: Sender<Link>,
    bell: Bell,
}

/// Why the session was not lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum NotLent {
    Stopped,
    NoWay(NoWay),
}

/// Both sides of the counter.
///
/// # Errors
/// The system has no descriptors to give.
pub(in crate::engine) fn counter() -> io::Result<(Session, Counter)> {
    let (bell, ear) = bell()?;
    let (wish, wishes) = bounded(WAITING);
    // It is one link that goes to and fro.
    let (back, returned) = bounded(WAITING);
    // Full: a probe is waiting already.
    let (order, orders) = bounded(1);
    let single = Arc::<AtomicBool>::default();
    let exports = Exports::default();
    let session = Session {
        orders: order,
        wishes: wish,
        bell: bell.clone(),
        single: Arc::clone(&single),
        exports: exports.clone(),
    };
    Ok((session, Counter { orders, wishes, returned, single, exports, back, bell, ear }))
}

impl Session {
    /// Orders a Ping, which goes before all waiting questions.
    pub(in crate::engine) fn probe(&self, asked: Instant) {
        let _ = self.orders.try_send(asked);
        self.bell.ring();
    }

    /// Returns whether the main has said that it allows only this one session.
    pub(in crate::engine) fn is_single(&self) -> bool {
        self.single.load(Ordering::Relaxed)
    }

    /// Takes note of whether the main allows only this one session. Returns whether that is new.
    pub(in crate::engine) fn set_single(&self, single: bool) -> bool {
        self.single.swap(single, Ordering::Relaxed) != single
    }

    /// Returns what is known of the main's export.
    pub(in crate::engine) const fn exports(&self) -> &Exports {
        &self.exports
    }

    /// Somebody has seen that the main exports by now: the kept session asks.
    pub(super) fn sees_export(&self) {
        self.exports.seen();
        self.bell.ring();
    }

    /// Waits until the session is open and free, and lends it. Give it back after each question: a Ping may wait. Where it
    /// waits at a main that exports, that comes on top.
    ///
    /// # Errors
    /// It is time to stop, or there is no session until the deadline; the text says why.
    pub(in crate::engine) fn lend(&self, stop: &Stop, until: Instant) -> Result<Lease, NotLent> {
        let busy = || NotLent::NoWay(NoWay::Unknown(BUSY.to_owned()));
        let (answer, answered) = bounded(1);
        let until = until + self.exports.longest();
        self.wishes.try_send(Wish { answer, until }).map_err(|_| busy())?;
        self.bell.ring();
        match stop.or_receive(&answered, until) {
            Ok(Some(lent)) => lent.map_err(NotLent::NoWay),
            Ok(None) => Err(busy()),
            Err(Stopped) if stop.requested() => Err(NotLent::Stopped),
            Err(Stopped) => Err(NotLent::NoWay(NoWay::MadeAnew)),
        }
    }
}

impl Counter {
    /// Gives the link away. It comes back by itself, even from a worker that has stopped waiting.
    pub(super) fn lend(&self, link: Link, wish: &Wish) {
        let lease = Lease { link: Some(link), back: self.back.clone(), bell: self.bell.clone() };
        let _ = wish.answer.send(Ok(lease));
    }
}

impl Wish {
    /// Tells the worker that there is no session.
    pub(super) fn deny(&self, why: NoWay) {
        let _ = self.answer.send(Err(why));
    }
}

impl Lease {
    /// Asks, and gives the session back.
    ///
    /// # Errors
    /// There is no answer. Where the session is cut off, its keeper stops, which may be for another one only: whoever asks
    /// learns by himself whether he is to stop.
    pub(in crate::engine) fn ask<T>(
        mut self,
        question: impl FnOnce(&mut Link) -> Result<T, LinkError>,
    ) -> Result<T, Unanswered> {
        // It is there until the drop.
        match self.link.as_mut().map_or(Err(LinkError::Stopped), question) {
            Err(LinkError::Stopped) => Err(NoWay::MadeAnew.into()),
            answer => Ok(answer?),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            // Closed: the worker has ended, and the connection with it.
            let _ = self.back.try_send(link);
            self.bell.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::stand_in::StandIn,
        settings::Main,
        uplink::ami::{Crypto, Hangup},
    };

    #[test]
    fn the_end_of_the_keeper_is_not_that_of_whoever_has_the_session() {
        let hangup = Hangup::new();
        let crypto: Arc<dyn Crypto> = Arc::new(StandIn::default());
        let nobody = ([127, 0, 0, 1], 9).into();
        let (session, counter) = counter().unwrap();
        let (answer, lent) = bounded(1);
        let link = Link::for_probe(nobody, &Main::example(), &hangup, crypto);
        counter.lend(link, &Wish { answer, until: Instant::now() });
        let lease = lent.recv().unwrap().unwrap();

        hangup.hang_up();
        let answer = lease.ask(|link| link.ping(Instant::now() + super::super::SOON));
        assert!(matches!(answer, Err(Unanswered::NoWay(NoWay::MadeAnew))), "{answer:?}");
        assert!(counter.returned.try_recv().is_ok());
        drop(session);
    }
}
