//! What the main tells by itself, into what the engine is told: it reloads, starts and stops, and phones come and go.
//! Pure.

use std::time::{Duration, Instant};

use crate::{
    ami::Frame,
    contacts::user_of_event,
    engine::{
        debounce::Debounce,
        event::{Event, News},
    },
    settings::Technology,
};

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

/// What `MainEvents` says where nobody has a use for them, and none are asked for.
const OFF: &str = "off: neither [sync] nor [probe] events needs them";

/// What is known of the main's events, over all sessions with it.
pub(super) struct Hearing {
    technology: Technology,
    /// Whether anybody listens.
    wanted: bool,
    /// There was no session yet whose events could be read.
    first: bool,
    /// The account could read events in the last session.
    may_read: bool,
    /// In this session it can't, as it seems: how long the main is given to say that it has started.
    rights_until: Option<Instant>,
    debounce: Debounce,
}

/// Where it is told.
pub(super) type Tell<'a> = &'a mut dyn FnMut(Event);

impl Hearing {
    /// Nothing has been heard yet.
    pub(super) fn new(technology: Technology, wanted: bool) -> Self {
        let debounce = Debounce::default();
        Self { technology, wanted, first: true, may_read: false, rights_until: None, debounce }
    }

    /// A session begins, in which the account can read events or not.
    pub(super) fn begins(&mut self, readable: bool, now: Instant, tell: Tell<'_>) {
        if !self.wanted {
            tell(Event::Main(News::Started));
            tell(Event::Watch(OFF.to_owned()));
        } else if readable {
            self.heard(now, tell);
        } else {
            if self.may_read {
                // It greets whoever may read events once it has started.
                tell(Event::Main(News::Starting));
            }
            let missing = "not readable: 'read = system' of the account on the main is missing";
            tell(Event::Watch(missing.to_owned()));
            self.rights_until = Some(now + RIGHTS_AGAIN);
        }
    }

    /// The same account in a new session that follows the one before without a gap.
    pub(super) fn goes_on(&mut self, readable: bool, now: Instant, tell: Tell<'_>) {
        match (self.wanted, self.rights_until, readable) {
            (true, None, true) => {}
            _ => {
                // It has not been away, so it is not starting: a right that is missing now was taken away.
                self.may_read &= readable;
                self.begins(readable, now, tell);
            }
        }
    }

    /// There is no session, and none could be made.
    pub(super) fn fails(&mut self, problem: &str, tell: Tell<'_>) {
        self.rights_until = None;
        // The probe tells of a main that is away.
        tell(Event::Main(News::Started));
        if self.wanted {
            tell(Event::Watch(format!("not heard: {problem}")));
        }
    }

    fn heard(&mut self, now: Instant, tell: Tell<'_>) {
        self.may_read = true;
        self.rights_until = None;
        tell(Event::Main(News::Started));
        tell(Event::Watch("heard".to_owned()));
        if !std::mem::take(&mut self.first) {
            // Whatever happened before the session began was not heard.
            self.debounce.note(now);
        }
    }

    /// The main has told this. Phones of a whole company are heard here: those of other sites are not the engine's
    /// business.
    pub(super) fn takes(
        &mut self,
        event: &Frame,
        is_ours: impl Fn(&str) -> bool,
        now: Instant,
        tell: Tell<'_>,
    ) {
        match event.get("Event") {
            Some(b"Shutdown") => tell(Event::Main(News::ShutsDown)),
            Some(b"FullyBooted") => tell(Event::Main(News::Started)),
            _ => {}
        }
        if self.rights_until.is_some() {
            // It was still starting, and tells that it is done.
            self.heard(now, tell);
        }
        if matters(event) {
            self.debounce.note(now);
        } else if let Some(user) = user_of_event(event, self.technology)
            && is_ours(&user)
        {
            tell(Event::PhoneChanged(user));
        }
    }

    /// When [`Self::look`] has something to do; none where there is nothing to come.
    pub(super) fn due(&self) -> Option<Instant> {
        self.debounce.due().into_iter().chain(self.rights_until).min()
    }

    /// Tells what is due. True: it is time to log in anew, for an account that may have other rights by now.
    pub(super) fn look(&mut self, now: Instant, tell: Tell<'_>) -> bool {
        if self.debounce.take(now) {
            tell(Event::MainReloaded);
        }
        let over = self.rights_until.is_some_and(|until| now >= until);
        if over {
            // It has had the time to start: then it is the right to read that is gone.
            self.may_read = false;
            self.rights_until = Some(now + RIGHTS_AGAIN);
            tell(Event::Main(News::Started));
        }
        over
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

    fn event(text: &str) -> Frame {
        Frame::new(text.replace('\n', "\r\n").into_bytes())
    }

    /// What is told while this is done.
    fn told(act: impl FnOnce(Tell<'_>)) -> Vec<String> {
        let mut told = Vec::new();
        act(&mut |event| told.push(format!("{event:?}")));
        told
    }

    fn hearing() -> Hearing {
        Hearing::new(Technology::Pjsip, true)
    }

    const HEARD: [&str; 2] = ["Main(Started)", "Watch(\"heard\")"];

    #[test]
    fn a_reload_of_the_logger_does_not_matter() {
        for (module, expected) in
            [("All", true), ("res_pjsip.so", true), ("chan_sip", true), ("logger", false)]
        {
            assert_eq!(matters(&event(&format!("Event: Reload\nModule: {module}\nStatus: 0\n"))), expected);
        }
        assert!(!matters(&event("Event: FullyBooted\nModule: All\n")));
    }

    #[test]
    fn what_was_missed_between_two_sessions_is_synced_and_a_first_or_a_renewed_one_misses_nothing() {
        let (mut hearing, now) = (hearing(), Instant::now());
        assert_eq!(told(|tell| hearing.begins(true, now, tell)), HEARD);
        assert_eq!(hearing.due(), None);
        assert_eq!(told(|tell| hearing.goes_on(true, now, tell)), [""; 0]);
        assert_eq!(hearing.due(), None);
        assert_eq!(told(|tell| hearing.begins(true, now, tell)), HEARD);
        let due = hearing.due().unwrap();
        assert_eq!(told(|tell| assert!(!hearing.look(due, tell))), ["MainReloaded"]);
        assert_eq!(hearing.due(), None);
    }

    #[test]
    fn a_main_without_a_greeting_is_starting_until_it_says_so_or_has_had_the_time() {
        let (mut hearing, now) = (hearing(), Instant::now());
        // An account that never could is none of a main that is starting.
        let first = told(|tell| hearing.begins(false, now, tell));
        assert!(matches!(first.as_slice(), [told] if told.contains("not readable")), "{first:?}");
        hearing.begins(true, now, &mut |_| {});
        let starting = told(|tell| hearing.begins(false, now, tell));
        assert_eq!(starting.first().map(String::as_str), Some("Main(Starting)"));
        let booted = event("Event: FullyBooted\nStatus: Fully Booted\n");
        let heard = told(|tell| hearing.takes(&booted, |_| true, now, tell));
        assert_eq!(heard, ["Main(Started)", "Main(Started)", "Watch(\"heard\")"]);

        hearing.begins(false, now, &mut |_| {});
        hearing.debounce = Debounce::default();
        assert_eq!(hearing.due(), Some(now + RIGHTS_AGAIN));
        assert_eq!(told(|tell| assert!(!hearing.look(now, tell))), [""; 0]);
        let then = now + RIGHTS_AGAIN;
        assert_eq!(told(|tell| assert!(hearing.look(then, tell))), ["Main(Started)"]);
        let again = told(|tell| hearing.begins(false, then, tell));
        assert_eq!(again.len(), 1, "the right is gone, and it is not starting: {again:?}");
    }

    #[test]
    fn phones_of_other_sites_are_nobodys_business() {
        let (mut hearing, now) = (hearing(), Instant::now());
        let of = |user: &str| {
            event(&format!(
                "Event: ContactStatus\nAOR: {user}\nEndpointName: {user}\nContactStatus: Created\n"
            ))
        };
        let mut takes = |user| told(|tell| hearing.takes(&of(user), |known| known == "1001", now, tell));
        assert_eq!(takes("1001"), ["PhoneChanged(\"1001\")"]);
        assert_eq!(takes("2001"), [""; 0]);
    }

    #[test]
    fn where_nobody_listens_nothing_is_missing() {
        let mut hearing = Hearing::new(Technology::Pjsip, false);
        let begins = told(|tell| hearing.begins(false, Instant::now(), tell));
        assert!(begins.iter().any(|told| told.contains("off: ")), "{begins:?}");
        assert_eq!(hearing.due(), None);
        assert_eq!(told(|tell| hearing.fails("x", tell)), ["Main(Started)"]);
    }
}
