//! The worker that keeps the session.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    exporting::Exporting,
    hearing::Hearing,
    lending::{Counter, Wish},
    renewal::Renewal,
    version::Asking,
    waiting::Hand,
};
use crate::{
    engine::{
        crew::{
            backoff::{Backoff, random},
            kit::Kit,
            post::{Start, Work, no_reach},
            worker::{Role, Stop, Stopped, Worker},
        },
        event::{Event, News, Teller},
        reach::{
            lookup::{Address, NoWay, cut},
            needs_session,
        },
        work::probe::too_late,
    },
    settings::{Main, Probe, Settings, Technology},
    uplink::ami::{Frame, Hangup, Last, Link, LinkError, Pulse},
    verdict::probe::{Kind, Outcome},
    words::faults,
};

/// A main that is silent for this long gets a Ping, where no probe sends one.
const SILENCE: Duration = Duration::from_secs(30);
/// Time limit of such a Ping, and of connecting.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest pause before a lost session is renewed, where no probe does so.
const AGAIN: Duration = Duration::from_secs(2);
/// Pause for an engine that has too many events to handle.
const BREATH: Duration = Duration::from_millis(10);
/// Time limit of a read when data is there.
const AT_ONCE: Duration = Duration::from_millis(1);
/// How often a waiting probe checks whether the main sends anything to the worker that has the session.
const LOOK: Duration = Duration::from_millis(50);
/// The problem while it is unclear whether another client holds the account's only login, or our last session is just
/// ending.
pub(super) const IN_USE: &str = "the main has not ended an earlier session yet";
/// The longest wait for anything.
const LONG: Duration = Duration::from_secs(60);

/// What the worker needs.
pub(in crate::engine) struct Keeping {
    pub(super) kit: Kit,
    pub(super) main: Main,
    pub(super) probe: Probe,
    /// Whether the main's events are needed.
    events: bool,
    technology: Technology,
    pub(super) address: Address,
    pub(super) teller: Teller,
    pub(super) hangup: Hangup,
    pub(super) counter: Arc<Counter>,
}

impl Work for Keeping {
    const THREAD: &'static str = "session";
    type Spec = (Main, Option<Technology>, Probe);
    type Line = ();

    fn spec(settings: &Settings) -> Option<Self::Spec> {
        let technology = settings.sync.as_ref().map(|sync| sync.technology);
        settings
            .main
            .clone()
            .filter(|_| needs_session(settings))
            .map(|main| (main, technology, settings.probe))
    }

    fn start(
        (main, technology, probe): &Self::Spec,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<((), Worker)> {
        let reach = start.reach()?;
        let keeping = Self {
            kit: start.kit.clone(),
            main: main.clone(),
            probe: *probe,
            events: probe.events || technology.is_some(),
            technology: technology.unwrap_or(Technology::Pjsip),
            address: reach.address(),
            teller,
            hangup: Hangup::new(),
            counter: reach.counter().ok_or_else(no_reach)?,
        };
        let (cut, bell) = (cut(&keeping.hangup, &keeping.address), keeping.counter.bell.clone());
        let interrupt = move || {
            cut();
            bell.ring();
        };
        let worker = Worker::start(role, interrupt, move |stop| {
            let mut body = Body::new(&keeping);
            // It only ever returns to stop.
            let Err(Stopped) = body.run(stop);
            if let Some(mut link) = body.link.take() {
                match body.is_parked() {
                    // The main hears nothing before the wait is over.
                    true => link.close(),
                    // The successor shall find the login free.
                    false => link.log_off(Instant::now() + super::SOON),
                }
            }
        })?;
        Ok(((), worker))
    }
}

impl Keeping {
    /// Makes a new session. Nothing is connected yet.
    pub(super) fn link(&self, address: SocketAddr) -> Link {
        let (main, hangup, crypto) = (&self.main, &self.hangup, self.kit.crypto());
        match self.events {
            true => Link::for_events(address, main, hangup, crypto),
            false => Link::for_probe(address, main, hangup, crypto),
        }
    }

    fn is_ours(&self, user: &str) -> bool {
        self.kit.published.read().sync.users.iter().any(|known| known.name == user)
    }
}

/// A probe that waits for the session to come back.
struct Waiting {
    asked: Instant,
    /// How often data had come over it by then.
    beats: u64,
}

/// What runs on the worker's thread.
pub(super) struct Body<'a> {
    pub(super) keeping: &'a Keeping,
    /// `None` before the first login, and while the session is lent.
    pub(super) link: Option<Link>,
    /// Shows what comes over the lent session; `None` where it is not lent.
    lent: Option<Pulse>,
    waiting: Option<Waiting>,
    wishes: VecDeque<Wish>,
    pub(super) hearing: Hearing,
    pub(super) renewal: Renewal,
    /// Whether the main exports over this session.
    pub(super) exporting: Exporting,
    /// Whether the session waits there.
    pub(super) hand: Hand,
    /// Whether the main is still to be asked which version it runs.
    pub(super) version: Asking,
    /// Whether the main has ended the session and was not asked since.
    pub(super) just_ended: bool,
    /// Whether we have ended a good session and no login has succeeded since.
    pub(super) gave_up: bool,
    /// How often in a row the main has said that the account is in use.
    pub(super) in_use: u32,
    /// When the next login or Ping is due, where no probe makes it.
    alone_at: Instant,
    again: Backoff,
}

impl<'a> Body<'a> {
    fn new(keeping: &'a Keeping) -> Self {
        let now = Instant::now();
        Self {
            keeping,
            link: None,
            lent: None,
            waiting: None,
            wishes: VecDeque::new(),
            hearing: Hearing::new(keeping.technology, keeping.events, keeping.main.session_renewal),
            renewal: Renewal::new(keeping.main.session_renewal, now),
            exporting: Exporting::new(now, keeping.counter.exports.is_on()),
            hand: Hand::new(now),
            version: Asking::new(now),
            just_ended: false,
            gave_up: false,
            in_use: 0,
            alone_at: now,
            again: Backoff::new(AGAIN, AGAIN),
        }
    }

    fn run(&mut self, stop: &Stop) -> Result<Infallible, Stopped> {
        // Whether something has come, and whether more of it is here already.
        let (mut came, mut more) = (false, false);
        loop {
            stop.check()?;
            self.take_back();
            // Before any question that waits.
            if let Ok(asked) = self.keeping.counter.orders.try_recv() {
                faults::point("session");
                self.ordered(stop, asked)?;
            }
            self.look_at_waiting(stop)?;
            if self.lent.is_none() {
                more = self.hear(came)?;
                self.look(stop)?;
            }
            self.serve();
            came = !(more && self.is_open()) && self.wait();
        }
    }

    /// Returns whether the session is open and not lent.
    pub(super) fn is_open(&self) -> bool {
        self.link.as_ref().is_some_and(Link::is_open)
    }

    /// Returns whether somebody wants the session: a probe, or a question.
    pub(super) fn is_wanted(&self) -> bool {
        self.lent.is_some() || self.waiting.is_some() || !self.wishes.is_empty()
    }

    /// A probe is due.
    fn ordered(&mut self, stop: &Stop, asked: Instant) -> Result<(), Stopped> {
        self.hand.ordered(Instant::now());
        if self.is_parked() && !self.break_off_wait() {
            // That the wait ends is the answer, or that it does not.
            return Ok(());
        }
        if let Some(outcome) = too_late(asked, self.keeping.probe.timeout, Instant::now()) {
            self.probed(asked, outcome);
        } else if let Some(pulse) = &self.lent {
            self.waiting = Some(Waiting { asked, beats: pulse.beats() });
        } else {
            let outcome = self.ask(stop, asked)?;
            let alive = outcome.is_alive();
            self.probed(asked, outcome);
            // The next probe is far now, and the main is well.
            if alive && self.is_open() && self.renewal.is_due(Instant::now()) {
                self.renew(stop)?;
            }
        }
        Ok(())
    }

    /// Ends the waiting probe where it can: a main that answers the question of another worker is as alive as one that
    /// sends a Pong, because answers come one by one.
    fn look_at_waiting(&mut self, stop: &Stop) -> Result<(), Stopped> {
        let Some(Waiting { asked, beats }) = self.waiting else { return Ok(()) };
        let timeout = self.keeping.probe.timeout;
        let outcome = match &self.lent {
            Some(pulse) if pulse.beats() != beats => Outcome::Alive(asked.elapsed()),
            Some(_) if asked.elapsed() < timeout => return Ok(()),
            Some(_) => Outcome::Silent("the main has not answered an earlier question".to_owned()),
            None if self
                .link
                .as_ref()
                .is_some_and(|link| link.is_open() && link.pulse().beats() != beats) =>
            {
                Outcome::Alive(asked.elapsed())
            }
            None => self.ask(stop, asked)?,
        };
        self.waiting = None;
        self.probed(asked, outcome);
        Ok(())
    }

    pub(super) fn probed(&self, asked: Instant, outcome: Outcome) {
        if self.keeping.probe.ami {
            self.tell(Event::Probed { kind: Kind::Ami, asked, outcome });
        }
    }

    /// Takes the lent session back.
    fn take_back(&mut self) {
        while let Ok(mut link) = self.keeping.counter.returned.try_recv() {
            let was_lent = self.lent.take().is_some();
            if !was_lent {
                // It was lent before a panic of ours.
                link.close();
                continue;
            }
            self.hand.asked(Instant::now());
            let (last, open) = (link.take_last(), link.is_open());
            self.link = Some(link);
            match last {
                Last::Ended | Last::Lost => self.ended(last, "the main ended the connection"),
                Last::ShutsDown => self.tell_last(last),
                Last::Nothing if !open => self.fails("the main did not answer a question"),
                Last::Nothing => {}
            }
        }
    }

    /// The session has ended, and we did not end it.
    pub(super) fn ended(&mut self, how: Last, problem: &str) {
        // First of all: every millisecond counts where the main has died.
        self.tell_last(how);
        self.just_ended = true;
        self.fails(problem);
    }

    /// Reports what an operation has shown of the main. Only an orderly close is certainly the main's own act.
    pub(super) fn tell_last(&self, last: Last) {
        let news = match last {
            Last::Nothing => return,
            Last::Ended => News::Ended,
            Last::Lost => News::Lost,
            Last::ShutsDown => News::GoingDown,
        };
        self.tell(Event::Main(news));
    }

    /// There is no session.
    pub(super) fn fails(&mut self, problem: &str) {
        self.hand.ends();
        self.exporting.fails();
        let teller = &self.keeping.teller;
        if self.version.ends() {
            teller.tell(Event::MainVersion(String::new()));
        }
        self.hearing.fails(problem, &mut |event| teller.tell(event));
        self.alone_at = Instant::now() + self.again.wait(random());
    }

    /// Reads one event of the main, so that a main with many events can still be asked. Returns whether there may be
    /// more.
    fn hear(&mut self, came: bool) -> Result<bool, Stopped> {
        let (keeping, now) = (self.keeping, Instant::now());
        if keeping.teller.is_crowded() {
            return Ok(false);
        }
        if self.is_parked() {
            return self.look_at_wait(if came { now + AT_ONCE } else { now });
        }
        let Some(link) = self.link.as_mut().filter(|link| link.is_open()) else { return Ok(false) };
        match link.next_event(if came { now + AT_ONCE } else { now }) {
            Ok(None) => {}
            Ok(Some(event)) => {
                faults::point("events");
                self.takes(&event);
                return Ok(true);
            }
            Err(LinkError::Stopped) => return Err(Stopped),
            Err(error) => {
                let (last, text) = (link.take_last(), error.to_string());
                if error.is_end() {
                    self.ended(last, &text);
                } else {
                    self.fails(&text);
                }
            }
        }
        Ok(false)
    }

    /// Handles one event.
    pub(super) fn takes(&mut self, event: &Frame) {
        let keeping = self.keeping;
        let tell = &mut |event| keeping.teller.tell(event);
        self.hearing.takes(event, |user| keeping.is_ours(user), Instant::now(), tell);
        if !keeping.probe.ami {
            self.alone_at = Instant::now() + SILENCE;
        }
    }

    /// Does what is due without a probe or a question.
    fn look(&mut self, stop: &Stop) -> Result<(), Stopped> {
        let (keeping, now) = (self.keeping, Instant::now());
        if self.hearing.look(now, &mut |event| keeping.teller.tell(event)) {
            self.renewal.hurry(now);
        }
        self.ask_export()?;
        self.ask_version()?;
        self.take_wishes();
        self.park(stop)?;
        if self.is_parked() {
            return Ok(());
        }
        if !self.is_open() {
            if self.login_due().is_some_and(|due| now >= due) {
                self.log_in_alone()?;
            }
            return Ok(());
        }
        if keeping.probe.ami {
            return Ok(());
        }
        if now >= self.alone_at {
            self.alone_at = now + SILENCE;
            let (pong, last) = self.link.as_mut().map_or((Ok(()), Last::Nothing), |link| {
                let pong = link.ping(now + ANSWER);
                (pong, link.take_last())
            });
            match pong {
                Ok(()) => {}
                Err(LinkError::Stopped) => return Err(Stopped),
                Err(error) if error.is_end() => self.ended(last, &error.to_string()),
                Err(error) if error.is_shutting_down() => self.tell_last(last),
                Err(error) => self.fails(&error.to_string()),
            }
        }
        if self.is_open() && self.renewal.is_due(now) {
            self.renew(stop)?;
        }
        Ok(())
    }

    /// Returns when a login is due that no probe makes: where there are no probes, and at the end of the rest of a main that is
    /// starting, because the next one may be far.
    fn login_due(&self) -> Option<Instant> {
        self.exporting.rests_until().or_else(|| (!self.keeping.probe.ami).then_some(self.alone_at))
    }

    pub(super) fn log_in_alone(&mut self) -> Result<(), Stopped> {
        let not_in = match self.log_in(Instant::now() + ANSWER) {
            Ok(()) => {
                self.alone_at = Instant::now() + SILENCE;
                return Ok(());
            }
            Err(not_in) => not_in,
        };
        if not_in.is_stopped() {
            return Err(Stopped);
        }
        match self.is_passing(&not_in) {
            true => self.fails(IN_USE),
            false => self.refuse(&not_in.into_no_way()),
        }
        Ok(())
    }

    /// Tells everybody who waits for the session that there is none.
    pub(super) fn refuse(&mut self, why: &NoWay) {
        self.take_wishes();
        self.wishes.drain(..).for_each(|wish| wish.deny(why.clone()));
        self.fails(&why.to_string());
    }

    fn take_wishes(&mut self) {
        self.wishes.extend(self.keeping.counter.wishes.try_iter());
        let now = Instant::now();
        self.wishes.retain(|wish| wish.until > now);
    }

    /// Lends the session to the worker that has waited longest.
    fn serve(&mut self) {
        self.take_wishes();
        // Over a session that is not proved yet, a main that exports answers nothing.
        let is_asked = self.exporting.due().is_some_and(|due| due <= Instant::now());
        let is_unproved = self.exporting.greeting().is_none() && self.keeping.counter.exports.is_on();
        if self.waiting.is_some() || !self.is_open() || self.is_parked() || is_asked || is_unproved {
            return;
        }
        if let Some(wish) = self.wishes.pop_front()
            && let Some(link) = self.link.take()
        {
            self.lent = Some(link.pulse().clone());
            self.keeping.counter.lend(link, &wish);
        }
    }

    /// Waits for the next thing to do. Returns whether something has come from the main.
    fn wait(&self) -> bool {
        let (keeping, now) = (self.keeping, Instant::now());
        let mut until = now + LONG;
        let crowded = keeping.teller.is_crowded();
        if crowded {
            until = now + BREATH;
        }
        if self.waiting.is_some() {
            until = until.min(now + LOOK);
        }
        if self.lent.is_none() {
            until = until.min(self.hearing.due().unwrap_or(until));
            if self.is_open() {
                // While the session waits at the main, nothing is asked.
                let asked = self.exporting.due().filter(|_| !self.is_parked());
                until = self.wait_due(now).into_iter().chain(asked).fold(until, Instant::min);
                if !keeping.probe.ami && !self.is_parked() {
                    until = until.min(self.alone_at).min(self.renewal.at());
                }
            } else if !self.is_parked() {
                until = until.min(self.login_due().unwrap_or(until));
            }
        }
        let connection = self.link.as_ref().and_then(Link::as_fd).filter(|_| !crowded);
        keeping.counter.ear.wait(connection, until)
    }

    pub(super) fn tell(&self, event: Event) {
        self.keeping.teller.tell(event);
    }

    /// Takes note of whether the main allows only this one session.
    pub(super) fn set_single(&self, single: bool) {
        self.keeping.counter.single.store(single, std::sync::atomic::Ordering::Relaxed);
    }
}
