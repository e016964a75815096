//! The way to the main for a worker that reads much: a short session of its own, or, where the main allows only one,
//! the kept session, question by question.
//!
//! A short session has a small receive buffer, so that little is on its way at once and calls and probes over SIP don't
//! wait behind it on a slow line. The kept one gets the same with the first such question. It is not made with it: a
//! connection that begins with a small buffer has no window scale, and could never be widened where the line is quick or the
//! main loses lines. It is not widened again either: what remains to be read over it is short.

use std::{sync::Arc, time::Instant};

use super::{NotLent, Session, login::told};
use crate::{
    engine::{
        crew::{kit::Kit, worker::Stop},
        event::{Event, News, Teller},
        reach::{
            Reach,
            lookup::{Address, NoWay},
        },
    },
    export::asked::{BUSY, Greeting, HELLO, NO_PART},
    settings::Main,
    uplink::ami::{Crypto, Hangup, Last, Link, LinkError, Refusal, TransportError},
};

/// What a worker needs to open it.
#[derive(Clone)]
pub(in crate::engine) struct Access {
    pub(in crate::engine) main: Main,
    pub(in crate::engine) crypto: Arc<dyn Crypto>,
    pub(in crate::engine) address: Address,
    /// `None` where no kept session is needed.
    pub(in crate::engine) session: Option<Session>,
    pub(in crate::engine) teller: Teller,
}

/// One way to the main, for several questions.
pub(in crate::engine) struct Way {
    over: Over,
    stop: Stop,
    teller: Teller,
}

enum Over {
    Own(Box<Link>),
    /// With a receive buffer of so many bytes, where much is read.
    Kept(Session, Option<usize>),
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::engine) enum Unanswered {
    /// The question was not sent.
    #[error(transparent)]
    NoWay(#[from] NoWay),
    /// The question was sent and not answered.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It is time to stop.
    #[error("the module is stopping")]
    Stopped,
}

impl Unanswered {
    /// Whether the answer took too long.
    pub(in crate::engine) const fn is_timed_out(&self) -> bool {
        matches!(self, Self::Link(LinkError::Transport { error: TransportError::TimedOut { .. }, .. }))
    }

    /// Whether a main that exports has too much to do just now.
    pub(in crate::engine) fn is_busy(&self) -> bool {
        let refusal = match self {
            Self::Link(LinkError::Refused { refusal: Refusal::Answer { message, .. }, .. }) => message,
            _ => return false,
        };
        refusal.starts_with(BUSY)
    }

    /// Whether a main that exports has no such part.
    pub(in crate::engine) fn is_no_such_part(&self) -> bool {
        let refusal = match self {
            Self::Link(LinkError::Refused { refusal: Refusal::Answer { message, .. }, .. }) => message,
            _ => return false,
        };
        refusal.starts_with(NO_PART)
    }

    /// Whether the main left out lines of its answer.
    pub(in crate::engine) const fn lost_lines(&self) -> bool {
        matches!(self, Self::Link(error) if error.lost_lines())
    }
}

impl From<NotLent> for Unanswered {
    fn from(error: NotLent) -> Self {
        match error {
            NotLent::Stopped => Self::Stopped,
            NotLent::NoWay(error) => Self::NoWay(error),
        }
    }
}

impl Access {
    /// Returns what a worker needs to find this main.
    pub(in crate::engine) fn new(kit: &Kit, main: &Main, reach: &Reach, teller: Teller) -> Self {
        let (address, session) = (reach.address(), reach.session());
        Self { main: main.clone(), crypto: kit.crypto(), address, session, teller }
    }

    /// For a worker that reads: waits until the kept session is there, and logs in once more where the main allows that. So
    /// one worker alone tries a password first, and a session for reading is never in the way of the kept one.
    ///
    /// # Errors
    /// There is no way until the deadline.
    pub(in crate::engine) fn to_read(
        &self,
        stop: &Stop,
        hangup: &Hangup,
        window: usize,
        deadline: Instant,
    ) -> Result<Way, Unanswered> {
        if let Some(session) = &self.session {
            drop(session.lend(stop, deadline)?);
            // A main that exports sends what has changed and no more: that needs no session of its own.
            if session.is_single() || session.exports().is_on() {
                return Ok(self.kept(session, Some(window), stop));
            }
        }
        let address = self.address.to_log_in(deadline)?;
        let mut link = Link::for_config(address, &self.main, hangup, Arc::clone(&self.crypto), window);
        let result = link.connect(deadline);
        if let Some(refusal) = self.address.note(&result) {
            self.tell(&result);
            return Err(NoWay::TurnedAway(refusal).into());
        }
        if result.is_ok() {
            self.look_for_export(&mut link);
        }
        self.choose(link, result, Some(window), stop)
    }

    /// A new connection shows whether the main exports by now: its module may have been loaded since the kept session began.
    fn look_for_export(&self, link: &mut Link) {
        let Some(session) = self.session.as_ref().filter(|session| session.exports().may_ask()) else {
            return;
        };
        if link
            .own(HELLO, &[], Instant::now() + super::SOON)
            .is_ok_and(|answer| Greeting::read(&answer).is_ok())
        {
            session.sees_export();
        }
    }

    /// For a person who wants to know whether the main accepts our login: logs in at once.
    ///
    /// # Errors
    /// It does not, or could not be reached.
    pub(in crate::engine) fn to_look(
        &self,
        stop: &Stop,
        hangup: &Hangup,
        deadline: Instant,
    ) -> Result<Way, Unanswered> {
        let address = self.address.get(deadline).map_err(NoWay::Unknown)?;
        let mut link = Link::for_events(address, &self.main, hangup, Arc::clone(&self.crypto));
        let result = link.connect(deadline);
        // What is learned is for all.
        self.address.note(&result);
        self.choose(link, result, None, stop)
    }

    /// Returns the session that was just opened, or the kept one where the main allows only that.
    fn choose(
        &self,
        link: Link,
        result: Result<(), LinkError>,
        window: Option<usize>,
        stop: &Stop,
    ) -> Result<Way, Unanswered> {
        match (result, &self.session) {
            (Err(error), Some(session)) if error.is_in_use() => {
                // It may be the session of somebody else.
                match session.lend(stop, Instant::now() + super::SOON) {
                    Ok(lease) => drop(lease),
                    Err(NotLent::Stopped) => return Err(Unanswered::Stopped),
                    Err(NotLent::NoWay(_)) => return Err(error.into()),
                }
                session.set_single(true);
                Ok(self.kept(session, window, stop))
            }
            (result, session) => {
                self.tell(&result);
                result?;
                if let Some(session) = session {
                    session.set_single(false);
                }
                Ok(self.way(Over::Own(Box::new(link)), stop))
            }
        }
    }

    fn kept(&self, session: &Session, window: Option<usize>, stop: &Stop) -> Way {
        self.way(Over::Kept(session.clone(), window), stop)
    }

    fn way(&self, over: Over, stop: &Stop) -> Way {
        Way { over, stop: stop.clone(), teller: self.teller.clone() }
    }

    fn tell(&self, result: &Result<(), LinkError>) {
        if result.as_ref().is_err_and(LinkError::is_shutting_down) {
            self.teller.tell(Event::Main(News::GoingDown));
        }
        if let Some(event) = told(result) {
            self.teller.tell(event);
        }
    }
}

impl Way {
    /// Asks one question.
    ///
    /// # Errors
    /// There is no answer until the deadline.
    pub(in crate::engine) fn ask<T>(
        &mut self,
        deadline: Instant,
        question: impl FnOnce(&mut Link) -> Result<T, LinkError>,
    ) -> Result<T, Unanswered> {
        match &mut self.over {
            Over::Own(link) => {
                let answer = question(link);
                if link.take_last() == Last::ShutsDown {
                    self.teller.tell(Event::Main(News::GoingDown));
                }
                Ok(answer?)
            }
            Over::Kept(session, window) => session.lend(&self.stop, deadline)?.ask(|link| {
                if let Some(window) = *window {
                    link.narrow(window);
                }
                question(link)
            }),
        }
    }

    /// Whether the next question needs no new connection, as far as is known.
    pub(in crate::engine) fn is_open(&self) -> bool {
        match &self.over {
            Over::Own(link) => link.is_open(),
            Over::Kept(..) => true,
        }
    }

    /// Whether the main allows no session but the kept one.
    pub(in crate::engine) const fn is_single(&self) -> bool {
        matches!(self.over, Over::Kept(..))
    }

    /// Says good-bye, where it is a session of its own.
    pub(in crate::engine) fn close(self) {
        if let Over::Own(mut link) = self.over {
            link.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        net::TcpListener,
        thread,
        time::Duration,
    };

    use socket2::SockRef;

    use super::{super::counter, *};
    use crate::engine::{crew::worker::on_a_worker, stand_in::StandIn};

    /// A link to a main that agrees to everything, on loopback.
    fn link() -> Link {
        let main = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = main.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = main.accept().unwrap();
            stream.write_all(b"Asterisk Call Manager/11.0.0\r\n").unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            for id in lines.map_while(Result::ok).filter(|line| line.starts_with("ActionID")) {
                let _ = write!(stream, "Response: Success\r\n{id}\r\nPing: Pong\r\n\r\n");
            }
        });
        let mut link =
            Link::for_probe(address, &Main::example(), &Hangup::new(), Arc::new(StandIn::default()));
        link.connect(Instant::now() + Duration::from_secs(60)).unwrap();
        link
    }

    /// The receive buffer of the kept session while a question is asked over it.
    fn buffer(window: Option<usize>) -> usize {
        let (session, counter) = counter().unwrap();
        let teller = Teller::new(1, crossbeam_channel::unbounded().0);
        let keeper = thread::spawn(move || counter.lend(link(), &counter.wishes.recv().unwrap()));
        let size = on_a_worker(move |stop| {
            let over = Over::Kept(session.clone(), window);
            let mut way = Way { over, stop: stop.clone(), teller: teller.clone() };
            let until = Instant::now() + Duration::from_secs(60);
            way.ask(until, |link| Ok(SockRef::from(&link.as_fd().unwrap()).recv_buffer_size().unwrap()))
                .unwrap()
        });
        keeper.join().unwrap();
        size
    }

    #[test]
    fn the_kept_session_has_a_small_buffer_for_whoever_reads_much_over_it() {
        let window = 4 << 10;
        // Linux doubles what it is told, for what it needs itself.
        assert!(buffer(Some(window)) <= window * 2);
        assert!(buffer(None) > window * 4);
    }
}
