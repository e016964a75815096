//! The session in the main's hand: it waits there until something changes, and costs the main nothing at its events. That it
//! ends in time is the probe.

use std::time::{Duration, Instant};

use super::keeping::Body;
use crate::{
    engine::{
        crew::{
            backoff::random,
            worker::{Stop, Stopped},
        },
        event::{Event, News},
    },
    export::{
        Part,
        asked::{BUSY, WAIT, Waited, Waiting},
    },
    operator::status::Snapshot,
    uplink::ami::{Last, LinkError, Refusal},
    verdict::probe::Outcome,
    words::{
        faults,
        state::{Mode, MonitorState, ServiceState},
    },
};

/// A wait is drawn by so much shorter or longer, this part of it: branches that were once in step would be for ever.
const SPREAD: u32 = 5;
/// The least time from the beginning of one wait to the next: a main that ends each at once is not beset.
const BREATH: Duration = Duration::from_secs(1);
/// How long the session is kept free for whoever takes what has changed, or has asked something.
const TAKES: Duration = Duration::from_secs(10);
/// The same behind a question, for the next one.
const ASKS_ON: Duration = Duration::from_secs(1);
/// How long a main is not made to wait that was too busy for it, or that goes.
const LATER: Duration = Duration::from_secs(30);
/// How often it is looked whether it may wait.
const LOOK: Duration = Duration::from_secs(1);
/// How late a wait may end where no probe says it.
const LATE: Duration = Duration::from_secs(10);

/// Whether the session waits at the main.
#[derive(Debug)]
pub(super) struct Hand {
    parked: Option<Parked>,
    not_before: Instant,
    /// Until when whoever has asked something may ask more.
    asks_until: Instant,
    /// What has changed and was not taken yet.
    changed: Vec<Part>,
    /// When a probe was last ordered.
    ordered: Instant,
}

#[derive(Debug)]
struct Parked {
    began: Instant,
    /// When the main ends it.
    due: Instant,
    /// What it was told of.
    parts: Vec<Part>,
}

impl Hand {
    pub(super) const fn new(now: Instant) -> Self {
        Self { parked: None, not_before: now, asks_until: now, changed: Vec::new(), ordered: now }
    }

    /// A probe was ordered.
    pub(super) const fn ordered(&mut self, now: Instant) {
        self.ordered = now;
    }

    /// Somebody has asked a question over the session.
    pub(super) fn asked(&mut self, now: Instant) {
        self.asks_until = now + ASKS_ON;
    }

    /// There is no session any more.
    pub(super) fn ends(&mut self) {
        self.parked = None;
        self.changed.clear();
    }
}

/// Returns the longest that a wait of this length is drawn, and a moment for its answer.
pub(super) fn longest(wait: Duration) -> Duration {
    wait + wait / SPREAD + BREATH
}

/// Draws the seconds of a wait: a fifth more or less.
fn draw(wait: Duration, random: u64) -> u64 {
    let (least, span) = (wait - wait / SPREAD, wait / SPREAD * 2);
    let part = span.as_millis() * u128::from(random) / u128::from(u64::MAX);
    let drawn = least.as_millis() + part;
    // Rounded: AMI's clocks count seconds.
    u64::try_from((drawn + 500) / 1000).unwrap_or(1).max(1)
}

/// Returns what the branch says of itself.
pub(in crate::engine) fn state(snapshot: &Snapshot) -> &'static str {
    match (snapshot.service.mode, snapshot.service.state) {
        (Mode::Maintenance, _) => "Maintenance",
        (_, ServiceState::Failover) => "Failover",
        (_, ServiceState::Normal) => "Normal",
        (_, ServiceState::Init) => "Init",
    }
}

impl Body<'_> {
    /// Returns whether the session waits at the main.
    pub(super) const fn is_parked(&self) -> bool {
        self.hand.parked.is_some()
    }

    /// Returns when there is something to do: the wait is late, or one may begin.
    pub(super) fn wait_due(&self, now: Instant) -> Option<Instant> {
        match &self.hand.parked {
            Some(parked) => Some(parked.due + self.patience()),
            None => {
                let next = self.next_wait()?;
                Some(if next > now { next } else { now + LOOK })
            }
        }
    }

    /// How late a wait may end.
    const fn patience(&self) -> Duration {
        if self.keeping.probe.ami { self.keeping.probe.timeout } else { LATE }
    }

    /// When the next wait may begin; `None` where the main does not export.
    fn next_wait(&self) -> Option<Instant> {
        let greeting = self.exporting.greeting().filter(|greeting| greeting.booted)?;
        let probe = &self.keeping.probe;
        // Probes that follow one another closely want their answers at once.
        let quiet = (probe.fast_interval * 3 / 2).min(probe.interval / 2).min(greeting.wait);
        let quiet = if probe.ami { self.hand.ordered + quiet } else { self.hand.ordered };
        let changed = &self.hand.changed;
        let is_taken = !changed.is_empty() && self.keeping.counter.exports.has_all(changed);
        let next = quiet.max(self.hand.asks_until);
        Some(if is_taken { next } else { next.max(self.hand.not_before) })
    }

    /// What the main is to wait for.
    fn waiting(&self, seconds: u64, snapshot: &Snapshot) -> Waiting {
        let (digests, contexts) = match seconds {
            // It is asked whether it is there, and no more.
            0 => Default::default(),
            _ => self.keeping.counter.exports.digests(),
        };
        Waiting { seconds, digests, contexts, state: state(snapshot), calls: false }
    }

    /// Has the main wait, where it exports and nothing else is to be asked.
    pub(super) fn park(&mut self, stop: &Stop) -> Result<(), Stopped> {
        let now = Instant::now();
        if self.is_parked()
            || !self.is_open()
            || self.is_wanted()
            || self.next_wait().is_none_or(|next| next > now)
        {
            return Ok(());
        }
        let keeping = self.keeping;
        let snapshot = keeping.kit.published.read();
        let is_calm = snapshot.monitor.state == MonitorState::Stable && !keeping.kit.leaves_main_alone();
        let Some(greeting) = self.exporting.greeting().filter(|_| is_calm) else { return Ok(()) };
        let seconds = draw(greeting.wait, random());
        if self.renewal.is_due(now) {
            return self.renew(stop);
        }
        faults::point("wait");
        let waiting = self.waiting(seconds, &snapshot);
        let Some(link) = self.link.as_mut() else { return Ok(()) };
        let (begun, last) = (link.begin_own(WAIT, &waiting.headers(), now + super::SOON), link.take_last());
        match begun {
            Ok(()) => {
                let due = now + Duration::from_secs(seconds);
                let parts = waiting.digests.into_keys().collect();
                self.hand.parked = Some(Parked { began: now, due, parts });
                self.hand.changed.clear();
                self.tell(Event::Waits(Some(due + self.patience())));
                Ok(())
            }
            Err(error) => self.wait_failed(&error, last),
        }
    }

    /// Looks whether a wait has ended, or is late. Returns whether there may be more to read.
    pub(super) fn look_at_wait(&mut self, until: Instant) -> Result<bool, Stopped> {
        let Some(link) = self.link.as_mut() else {
            self.hand.ends();
            return Ok(false);
        };
        let waited = link.answered(until);
        let last = link.take_last();
        let mut events = Vec::new();
        // Whoever may read events is told of them when a wait has ended.
        while let Ok(Some(event)) = link.next_event(Instant::now()) {
            events.push(event);
        }
        events.iter().for_each(|event| self.takes(event));
        match waited {
            Ok(Some(answer)) => {
                self.wait_ended(&Waited::read(&answer));
                Ok(true)
            }
            Ok(None) => {
                let patience = self.patience();
                let late = self.hand.parked.as_ref().map(|parked| parked.due);
                if let Some(due) = late.filter(|due| Instant::now() >= *due + patience) {
                    self.is_late(due);
                }
                Ok(false)
            }
            Err(error) => self.wait_failed(&error, last).map(|()| false),
        }
    }

    fn wait_ended(&mut self, waited: &Waited) {
        let now = Instant::now();
        let Some(Parked { began, due, parts }) = self.hand.parked.take() else { return };
        self.tell(Event::Waits(None));
        self.probed(now, Outcome::Alive(now.saturating_duration_since(due)));
        self.hand.not_before = began + BREATH;
        match waited {
            Waited::Time => {}
            Waited::Changed(changed) => {
                let changed: Vec<Part> =
                    changed.iter().copied().filter(|part| parts.contains(part)).collect();
                if changed.is_empty() {
                    return;
                }
                self.keeping.counter.exports.forget(&changed);
                self.hand.not_before = now + TAKES;
                self.hand.changed.clone_from(&changed);
                self.tell(Event::MainChanged(changed));
            }
            Waited::Shutdown => {
                self.hand.not_before = now + LATER;
                self.tell(Event::Main(News::ShutsDown));
            }
            Waited::Unload => self.exporting.again(now),
        }
    }

    /// A main that does not end a wait is one that does not answer.
    fn is_late(&mut self, due: Instant) {
        let problem = "the main has not ended a wait in time";
        if let Some(mut link) = self.link.take() {
            link.close();
        }
        self.fails(problem);
        self.tell(Event::Waits(None));
        self.probed(due, Outcome::Silent(problem.to_owned()));
    }

    fn wait_failed(&mut self, error: &LinkError, last: Last) -> Result<(), Stopped> {
        let now = Instant::now();
        let was_parked = self.hand.parked.take().is_some();
        match error {
            LinkError::Stopped => return Err(Stopped),
            LinkError::Refused { refusal: Refusal::Answer { message, .. }, .. } => {
                self.is_refused(message);
                if was_parked {
                    self.probed(now, Outcome::Alive(Duration::ZERO));
                }
            }
            error if error.is_end() => self.ended(last, &error.to_string()),
            error if error.is_shutting_down() => {
                self.hand.not_before = now + LATER;
                self.tell_last(last);
            }
            error => {
                self.fails(&error.to_string());
                self.probed(now, Outcome::Silent(error.to_string()));
            }
        }
        self.tell(Event::Waits(None));
        Ok(())
    }

    /// It says no to a wait: it is busy, or its module was unloaded or loaded anew meanwhile.
    fn is_refused(&mut self, message: &str) {
        let now = Instant::now();
        let is_busy = message.starts_with(BUSY);
        self.hand.not_before = now + if is_busy { LATER } else { BREATH };
        if !is_busy {
            self.exporting.again(now);
        }
    }

    /// A probe is due while the main waits: something has happened that it may explain. A new connection tells at once, and the
    /// old one can't be asked. Returns whether that can be done.
    pub(super) fn break_off_wait(&mut self) -> bool {
        if self.keeping.counter.single.load(std::sync::atomic::Ordering::Relaxed) {
            return false;
        }
        self.hand.parked = None;
        // The main finds out when the wait ends there: until then it counts as a session of this account.
        self.hand.not_before = Instant::now() + self.keeping.counter.exports.longest();
        if let Some(mut link) = self.link.take() {
            link.close();
        }
        true
    }

    /// Asks whether the main is there, in the words of a main that exports: it hears how the branch is.
    pub(super) fn ask_in_its_words(&mut self, deadline: Instant) -> Result<(), LinkError> {
        let waiting = self.waiting(0, &self.keeping.kit.published.read());
        let Some(link) = self.link.as_mut() else { return Err(LinkError::Stopped) };
        match link.own(WAIT, &waiting.headers(), deadline) {
            Err(LinkError::Refused { refusal: Refusal::Answer { message, .. }, .. }) => {
                // It answers: that is what was asked.
                self.is_refused(&message);
                Ok(())
            }
            asked => asked.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_drawn_a_fifth_shorter_or_longer() {
        for (wait, least, most) in [(25, 20, 30), (5, 4, 6), (1, 1, 1)] {
            let wait = Duration::from_secs(wait);
            assert_eq!((draw(wait, 0), draw(wait, u64::MAX)), (least, most));
            assert!((least..=most).contains(&draw(wait, random())));
            assert!(longest(wait) >= Duration::from_secs(most));
        }
    }

    #[test]
    fn the_branch_says_how_it_is() {
        let mut snapshot = crate::operator::status::tests::snapshot();
        for (mode, service, word) in [
            (Mode::Auto, ServiceState::Init, "Init"),
            (Mode::Auto, ServiceState::Normal, "Normal"),
            (Mode::Failover, ServiceState::Failover, "Failover"),
            (Mode::Maintenance, ServiceState::Failover, "Maintenance"),
        ] {
            (snapshot.service.mode, snapshot.service.state) = (mode, service);
            assert_eq!(state(&snapshot), word);
        }
    }
}
