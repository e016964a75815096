//! The watch worker: hears from the main itself that it has reloaded, so that a change is here in seconds, and that it
//! starts, shuts down or ends the connection, which the probe would find out later.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use super::{
    Start,
    backoff::{Backoff, random},
    debounce::Debounce,
    event::{Event, News, Teller},
    lookup::{Address, cut},
    worker::{Role, Stop, Stopped, Worker},
};
use crate::{
    ami::{Frame, Hangup, Link, LinkError},
    contacts::user_of_event,
    faults,
    settings::{Main, Settings, Technology},
};

/// A main that says nothing for this long is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(30);
/// Bound of one such question, and of connecting.
const ANSWER: Duration = Duration::from_secs(10);
/// How soon a lost connection is made anew, at the latest.
const AGAIN: Duration = Duration::from_secs(2);
/// How long the engine is left alone that has too much to do.
const BREATH: Duration = Duration::from_millis(10);
/// How soon it is looked whether the account may read events now.
const RIGHTS_AGAIN: Duration = Duration::from_secs(60);

/// Modules whose reload may change what is synced, without their ending; `All` is `core reload`.
const MODULES: [&str; 8] = [
    "all",
    "res_pjsip",
    "chan_sip",
    "chan_pjsip",
    "app_voicemail",
    "pbx_config",
    "res_pjsip_config_wizard",
    "extconfig",
];

/// What the worker needs.
pub(super) struct Watching {
    start: Start,
    main: Main,
    technology: Technology,
    address: Address,
    teller: Teller,
    hangup: Hangup,
}

/// What is known from the connections before.
struct Memory {
    /// There was none.
    first: bool,
    /// The account may read events.
    may_read: bool,
}

impl Watching {
    /// For the main of these settings.
    pub(super) fn new(start: &Start, settings: &Settings, address: Address, teller: Teller) -> Self {
        let technology = settings.sync.as_ref().map_or(Technology::Pjsip, |sync| sync.technology);
        let (start, main) = (start.clone(), settings.main.clone());
        Self { start, main, technology, address, teller, hangup: Hangup::new() }
    }

    /// Starts the worker.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(self, role: Role<'_>) -> io::Result<Worker> {
        let interrupt = cut(&self.hangup, &self.address);
        let panicked = self.teller.panicked("watch");
        Worker::start(role, interrupt, panicked, move |stop| {
            // It only ever returns to stop.
            let Err(Stopped) = self.run(stop);
        })
    }

    fn run(&self, stop: &Stop) -> Result<Infallible, Stopped> {
        let mut memory = Memory { first: true, may_read: false };
        // Drawn anew each time: all branches of a main that has restarted lost their connections together.
        let mut again = Backoff::new(AGAIN, AGAIN);
        loop {
            match self.address.to_log_in(Instant::now() + ANSWER) {
                Err(problem) => self.tell(format!("not heard: {problem}")),
                Ok(address) => match self.listen(address, &mut memory) {
                    Err(LinkError::Stopped) => return Err(Stopped),
                    // The probe tells of a main that is away.
                    Err(error) => {
                        self.news(News::Started);
                        self.tell(format!("not heard: {error}"));
                    }
                    Ok(()) => {}
                },
            }
            if stop.wait_until(Instant::now() + again.wait(random())) {
                return Err(Stopped);
            }
        }
    }

    /// Over one connection, as long as it lasts and the account may read events.
    fn listen(&self, address: SocketAddr, memory: &mut Memory) -> Result<(), LinkError> {
        let mut link = Link::for_events(address, &self.main, &self.hangup, self.start.crypto());
        let greeted = link.ping(Instant::now() + ANSWER);
        if let Some(refusal) = self.address.note(&greeted) {
            self.news(News::Started);
            self.tell(format!("not heard: {refusal}"));
            return Ok(());
        }
        greeted?;
        let result = self.hear(&mut link, memory);
        // First of all: every millisecond counts where the main has died.
        if result.as_ref().is_err_and(LinkError::is_closed_by_main) {
            self.news(News::Ended);
        } else if result.as_ref().is_err_and(LinkError::is_end) {
            self.news(News::Lost);
        }
        result
    }

    fn hear(&self, link: &mut Link, memory: &mut Memory) -> Result<(), LinkError> {
        if !link.may_read_events() {
            if memory.may_read {
                // It greets whoever may read events once it has started.
                self.news(News::Starting);
            }
            self.tell("not readable: 'read = system' of the account on the main is missing".to_owned());
            // Or the main is still starting, and tells when it is done.
            let Some(frame) = link.next_event(Instant::now() + RIGHTS_AGAIN)? else {
                // It has had the time to start: then it is the right to read that is gone.
                memory.may_read = false;
                self.news(News::Started);
                link.close();
                return Ok(());
            };
            self.judge(&frame);
        }
        memory.may_read = true;
        self.news(News::Started);
        self.tell("heard".to_owned());
        let mut debounce = Debounce::default();
        if !std::mem::take(&mut memory.first) {
            // Whatever happened before the connection was made was not heard.
            debounce.note(Instant::now());
        }
        let mut silent_until = Instant::now() + SILENCE;
        loop {
            // A main that floods us is held back by TCP: what it says is not kept here.
            while self.teller.is_crowded() && !self.hangup.is_stopped() {
                thread::sleep(BREATH);
            }
            let deadline = debounce.due().map_or(silent_until, |due| due.min(silent_until));
            if let Some(frame) = link.next_event(deadline)? {
                faults::point("watch");
                self.judge(&frame);
                silent_until = Instant::now() + SILENCE;
                if matters(&frame) {
                    debounce.note(Instant::now());
                } else if let Some(user) = user_of_event(&frame, self.technology)
                    && self.is_ours(&user)
                {
                    self.teller.tell(Event::PhoneChanged(user));
                }
            }
            if debounce.take(Instant::now()) {
                self.teller.tell(Event::MainReloaded);
            }
            if Instant::now() >= silent_until {
                link.ping(Instant::now() + ANSWER)?;
                silent_until = Instant::now() + SILENCE;
            }
        }
    }

    /// The phones of a whole company are heard here: those of other sites are not the engine's business.
    fn is_ours(&self, user: &str) -> bool {
        self.start.published.read().sync.users.iter().any(|known| known.name == user)
    }

    /// Tells of an event that is about the main itself.
    fn judge(&self, event: &Frame) {
        match event.get("Event") {
            Some(b"Shutdown") => self.news(News::ShutsDown),
            Some(b"FullyBooted") => self.news(News::Started),
            _ => {}
        }
    }

    fn news(&self, news: News) {
        self.teller.tell(Event::Main(news));
    }

    fn tell(&self, state: String) {
        self.teller.tell(Event::Watch(state));
    }
}

/// Whether an event tells of something that is synced.
fn matters(event: &Frame) -> bool {
    if event.get("Event") != Some(b"Reload") {
        return false;
    }
    let module = String::from_utf8_lossy(event.get("Module").unwrap_or_default()).to_ascii_lowercase();
    MODULES.contains(&module.strip_suffix(".so").unwrap_or(&module))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_of_the_logger_does_not_matter() {
        let event = |text: &str| Frame::new(text.replace('\n', "\r\n").into_bytes());
        for (module, expected) in
            [("All", true), ("res_pjsip.so", true), ("chan_sip", true), ("logger", false)]
        {
            assert_eq!(matters(&event(&format!("Event: Reload\nModule: {module}\nStatus: 0\n"))), expected);
        }
        assert!(!matters(&event("Event: FullyBooted\nModule: All\n")));
    }
}
