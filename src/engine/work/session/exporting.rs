//! Whether the main exports, asked once a session; and the proof whose session it is.

use std::time::{Duration, Instant};

use super::{SILENT, SOON, keeping::Body, waiting::longest};
use crate::{
    engine::{
        crew::{
            backoff::{Backoff, random},
            worker::Stopped,
        },
        event::{Event, News},
    },
    export::{
        asked::{BUSY, Greeting, HELLO},
        proof::key,
    },
    operator::status::ExportStatus,
    settings::Main,
    uplink::ami::{Crypto, Link, LinkError, Refusal, TransportError, password},
};

/// How long it is after a proof that it did not believe: it tells its administrator each time, and bans whoever tries often.
const UNPROVED: Duration = Duration::from_secs(3600);
/// How long it is where the main was too busy to take the proof.
const LATER: Duration = Duration::from_secs(15);
/// How long the main may take over a proof: it reads its files first, where it has not yet.
const PROOF: Duration = Duration::from_secs(12);
/// How often a main is asked whether it has started up.
const STARTING: Duration = Duration::from_secs(2);
/// How often in one session a main is asked again that does not export: two minutes in all.
const BOOTS: u32 = 5;
/// The longest pause between two logins at a main that is starting. While it does, it has more events than ever, each costs
/// it time for every session that is there, and so a thousand branches would make its start three times as long.
const REST: Duration = Duration::from_secs(12);
/// A main that exported and does not know the question after so many of these, two minutes in all, is not starting any more:
/// its module is gone.
const RESTS: u32 = 14;

/// Whether the main exports over this session.
#[derive(Debug)]
pub(super) struct Exporting {
    /// When it is asked.
    due: Option<Instant>,
    not_before: Instant,
    /// Why it is not asked before then.
    why_not: String,
    /// Whether it is that it did not believe whose session this is.
    unproved: bool,
    /// What it said last in this session; `None` where it does not export.
    greeting: Option<Greeting>,
    /// How often it was asked in this session.
    asked: u32,
    /// Whether nobody was told yet whether this session hears of the main's events.
    pub(super) hears_later: bool,
    /// Whether the session before did.
    pub(super) was_on: bool,
    /// How often a main that exported before was left to start since.
    rested: u32,
    /// Until when it is left in peace.
    rests_until: Option<Instant>,
    rests: Backoff,
}

impl Exporting {
    /// Nothing is asked before the first session. `was_on`: whether the main exported to the worker before this one.
    pub(super) const fn new(now: Instant, was_on: bool) -> Self {
        Self {
            due: None,
            not_before: now,
            why_not: String::new(),
            unproved: false,
            greeting: None,
            asked: 0,
            hears_later: false,
            was_on,
            rested: 0,
            rests_until: None,
            rests: Backoff::new(REST, REST),
        }
    }

    /// A session begins.
    pub(super) fn begins(&mut self, now: Instant) {
        self.was_on |= self.greeting.take().is_some();
        (self.due, self.asked, self.rests_until) = (Some(now), 0, None);
    }

    /// The main does not know the question. Returns whether that is because it is starting, and is to be left in peace: the
    /// session before exported, this one is new, and it has not said that it has booted.
    fn starts(&mut self, booted: bool, random: u64, now: Instant) -> bool {
        if booted || !self.was_on || self.asked > 1 || self.rested >= RESTS {
            return false;
        }
        self.rested += 1;
        self.rests_until = Some(now + self.rests.wait(random));
        true
    }

    /// Returns until when a main that is starting is left in peace.
    pub(super) const fn rests_until(&self) -> Option<Instant> {
        self.rests_until
    }

    /// There is no main to be left in peace.
    pub(super) const fn fails(&mut self) {
        self.rests_until = None;
    }

    /// The main wants to be asked anew.
    pub(super) const fn again(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// An administrator may have mended what was wrong with the account.
    fn is_mended(&mut self, now: Instant) {
        if std::mem::take(&mut self.unproved) {
            self.not_before = now;
            self.due = Some(now);
        }
    }

    /// Returns what the main says of its export; `None` where it does not export over this session.
    pub(super) const fn greeting(&self) -> Option<&Greeting> {
        self.greeting.as_ref()
    }

    /// Returns when it is asked next.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns when a main that does not export is asked again in this session: it lets us in before all its modules are
    /// loaded, and tells whoever may not read its events nothing of that.
    fn asks_again(&self, now: Instant) -> Option<Instant> {
        (self.asked <= BOOTS).then(|| now + STARTING * 2_u32.saturating_pow(self.asked))
    }

    fn leave_in_peace(&mut self, until: Instant, why: &str) {
        self.not_before = until;
        why.clone_into(&mut self.why_not);
    }
}

/// Why a main does not export.
#[derive(Debug)]
enum No {
    /// It says so.
    Says(String),
    /// It does not know the question.
    Unknown,
    /// It does not believe whose session this is, and ends it.
    Unproved(String),
    /// It has too much to do to be asked.
    Later,
    /// It has too much to do to take the proof.
    Busy(String),
    /// It did not answer.
    Link(LinkError),
}

impl Body<'_> {
    /// Asks, where this session has not yet: behind the probe that opened it, which is not held up by it.
    pub(super) fn ask_export(&mut self) -> Result<(), Stopped> {
        let now = Instant::now();
        if self.keeping.counter.exports.take_seen() {
            self.exporting.again(now);
        }
        if self.keeping.counter.exports.take_mended() {
            self.exporting.is_mended(now);
        }
        if !self.is_open() || self.is_parked() || self.exporting.due.is_none_or(|due| due > now) {
            return Ok(());
        }
        self.exporting.due = None;
        if now < self.exporting.not_before {
            self.exporting.due = Some(self.exporting.not_before);
            let why = self.exporting.why_not.clone();
            self.exports_not(why, false);
            return Ok(());
        }
        self.exporting.asked += 1;
        let Some(link) = self.link.as_mut() else { return Ok(()) };
        let (main, crypto) = (&self.keeping.main, self.keeping.kit.crypto());
        let (greeted, last) = (greet(link, main, &*crypto, now + SOON), link.take_last());
        match greeted {
            Ok(greeting) => self.exports(greeting, now),
            Err(No::Unknown) => {
                let booted = self.link.as_ref().is_some_and(Link::has_booted);
                match self.exporting.starts(booted, random(), now) {
                    true => self.leave_to_start(),
                    false => self.exports_not_yet(UNKNOWN.to_owned(), now),
                }
            }
            Err(No::Says(why)) => self.exports_not_yet(why, now),
            Err(No::Unproved(why)) => {
                self.exporting.leave_in_peace(now + UNPROVED, &why);
                self.exporting.unproved = true;
                self.log_in_instead()?;
            }
            Err(No::Busy(why)) => {
                self.exporting.leave_in_peace(Instant::now() + LATER, &why);
                self.log_in_instead()?;
            }
            Err(No::Later) => self.exporting.due = Some(now + LATER),
            Err(No::Link(LinkError::Stopped)) => return Err(Stopped),
            Err(No::Link(error)) if error.is_end() => self.ended(last, &error.to_string()),
            Err(No::Link(error)) if error.is_shutting_down() => self.tell_last(last),
            Err(No::Link(error)) => {
                let why = format!("the main was silent to the question: {error}");
                // One that has answered it before is busy: nothing on the way takes it for an attack.
                let pause = if self.exporting.was_on { LATER } else { SILENT };
                self.exporting.leave_in_peace(now + pause, &why);
                self.fails(&error.to_string());
            }
        }
        Ok(())
    }

    /// The main ends this session, or is not done with it: that says nothing against it, and another one is made.
    fn log_in_instead(&mut self) -> Result<(), Stopped> {
        if let Some(mut link) = self.link.take() {
            link.close();
        }
        self.log_in_alone()
    }

    /// Ends the session with a main that is starting.
    fn leave_to_start(&mut self) {
        if let Some(mut link) = self.link.take() {
            link.log_off(Instant::now() + SOON);
        }
        self.hand.ends();
        self.tell(Event::Main(News::Starting));
    }

    fn exports(&mut self, greeting: Greeting, now: Instant) {
        let keeping = self.keeping;
        let teller = &keeping.teller;
        keeping.counter.exports.turn_on(longest(greeting.wait));
        if let Some(link) = &self.link {
            link.keep_alive(greeting.wait);
        }
        (self.exporting.hears_later, self.exporting.rested, self.exporting.unproved) = (false, 0, false);
        self.hearing.exports(greeting.booted, &mut |event| teller.tell(event));
        if let Some(version) = &greeting.asterisk {
            self.version.is_known();
            teller.tell(Event::MainVersion(version.clone()));
        }
        teller.tell(Event::Exports(ExportStatus::yes()));
        self.exporting.due = (!greeting.booted).then(|| now + STARTING);
        self.exporting.greeting = Some(greeting);
    }

    fn exports_not_yet(&mut self, why: String, now: Instant) {
        self.exports_not(why, true);
        self.exporting.due = self.exporting.asks_again(now);
    }

    fn exports_not(&mut self, why: String, may_ask: bool) {
        self.exporting.greeting = None;
        self.exporting.was_on = false;
        let keeping = self.keeping;
        if std::mem::take(&mut self.exporting.rested) > 0 {
            keeping.teller.tell(Event::Main(News::Started));
        }
        keeping.counter.exports.turn_off(may_ask);
        keeping.teller.tell(Event::Exports(ExportStatus::no(why)));
        let hears = std::mem::take(&mut self.exporting.hears_later) || self.hearing.exports_no_more();
        if let Some(link) = self.link.as_ref().filter(|_| hears) {
            let tell = &mut |event| keeping.teller.tell(event);
            self.hearing.begins(link.may_read_events(), Instant::now(), tell);
        }
    }
}

/// Asks what the main says of its export, and proves whose session this is.
fn greet(link: &mut Link, main: &Main, crypto: &dyn Crypto, deadline: Instant) -> Result<Greeting, No> {
    let answer =
        link.own(HELLO, &[], deadline).map_err(|error| match error {
            LinkError::Refused { refusal: Refusal::Answer { message, .. }, .. } => {
                if message.starts_with(BUSY) { No::Later } else { meaning(&message) }
            }
            error => No::Link(error),
        })?;
    let greeting = Greeting::read(&answer).map_err(No::Says)?;
    let (site, secret) = (&main.username, password(&main.password));
    let secret = secret.map_err(|error| No::Says(error.to_string()))?;
    let key =
        key(crypto, secret.expose(), &greeting.nonce, site).map_err(|error| No::Says(error.to_string()))?;
    let proof = [("Site", site.clone()), ("Key", key.to_string())];
    // It takes its time where it says no.
    match link.own(HELLO, &proof, Instant::now() + PROOF) {
        Ok(_) => Ok(greeting),
        Err(LinkError::Refused { refusal: Refusal::Answer { message, .. }, .. })
            if message.starts_with(BUSY) =>
        {
            Err(No::Busy(format!("the main says: {message}")))
        }
        Err(LinkError::Refused { refusal: Refusal::Answer { message, .. }, .. }) => {
            Err(No::Unproved(unproved(&message)))
        }
        // It may have ended the session before we have read why.
        Err(error) if error.is_end() => Err(No::Unproved(unproved(&error.to_string()))),
        Err(error @ LinkError::Transport { error: TransportError::TimedOut { .. }, .. }) => {
            Err(No::Busy(error.to_string()))
        }
        Err(error) => Err(No::Link(error)),
    }
}

/// Why a main does not export that does not know the question.
const UNKNOWN: &str = "the main has not loaded synch, or has no [export]";

/// Returns what a refusal of the question means (`process_message` of Asterisk's `manager.c`).
fn meaning(message: &str) -> No {
    if message.contains("Invalid/unknown command") {
        No::Unknown
    } else if message.contains("Permission denied") {
        No::Says("the account on the main has no 'write = log'".to_owned())
    } else {
        No::Says(format!("the main says: {message}"))
    }
}

fn unproved(message: &str) -> String {
    format!(
        "the main does not believe whose session this is ({message}): the account has to be a site there ([export] sites), \
         and a secret is needed, no other proof"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        assert!(matches!(meaning("Invalid/unknown command: SynchHello."), No::Unknown));
        assert!(matches!(meaning("Permission denied"), No::Says(why) if why.contains("write = log")));
        assert!(matches!(meaning("other"), No::Says(why) if why.contains("other")));
    }

    /// A session begins, and the main does not know the question.
    fn unknown(exporting: &mut Exporting, now: Instant) -> bool {
        exporting.begins(now);
        exporting.asked += 1;
        exporting.starts(false, 0, now)
    }

    #[test]
    fn a_main_that_exported_is_left_to_start_but_not_for_ever() {
        let now = Instant::now();
        let mut exporting = Exporting::new(now, false);
        assert!(!unknown(&mut exporting, now), "nobody knows that it ever exported");
        exporting.was_on = true;
        assert!(unknown(&mut exporting, now));
        assert_eq!(exporting.rests_until(), Some(now + REST / 2));
        exporting.asked += 1;
        assert!(!exporting.starts(false, 0, now), "not within a session: the module went");
        exporting.begins(now);
        exporting.asked += 1;
        assert!(!exporting.starts(true, 0, now), "it has booted: the module is gone");
        // However often the way there fails meanwhile.
        let rests = (1..RESTS).filter(|_| {
            exporting.fails();
            unknown(&mut exporting, now)
        });
        assert_eq!(rests.count(), RESTS as usize - 1);
        assert!(!unknown(&mut exporting, now));
    }

    #[test]
    fn a_session_asks_anew_and_remembers_what_the_one_before_was() {
        let now = Instant::now();
        let mut exporting = Exporting::new(now, false);
        assert_eq!(exporting.due(), None);
        exporting.begins(now);
        assert!(exporting.due() == Some(now) && !exporting.was_on);
        exporting.greeting = Greeting::read(&crate::uplink::ami::Frame::new(
            format!("Response: Success\r\nProtocol: 1\r\nNonce: {}\r\n\r\n", "0".repeat(32)).into_bytes(),
        ))
        .ok();
        assert!(exporting.greeting().is_some());
        exporting.begins(now);
        assert!(exporting.greeting().is_none() && exporting.was_on);
    }
}
