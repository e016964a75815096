//! Turns the main's events into events for the engine: the main reloads, starts and stops, and phones come and go.
//! Pure.

use std::time::{Duration, Instant};

use crate::{
    engine::{
        crew::{
            backoff::{Backoff, random},
            debounce::Debounce,
        },
        event::{Event, News},
    },
    settings::Technology,
    site::contacts::user_of_event,
    uplink::ami::Frame,
    words::reload,
};

/// How long a main has at least to say that it has started, before a new login checks whether the account may read
/// events now. Only a login shows that. New rights should count soon, but each login costs the main work and log lines.
/// So the checks become rarer and rarer, until the regular renewal of the session is enough.
const RIGHTS_AGAIN: Duration = Duration::from_secs(60);

/// The value of `MainEvents` where no events are needed and none are asked for.
const OFF: &str = "off: neither [sync] nor [probe] events needs them";

/// The state of the main's events, over all sessions with it.
pub(super) struct Hearing {
    technology: Technology,
    /// Whether events are needed.
    wanted: bool,
    /// Whether no session yet could read events.
    first: bool,
    /// Whether the account could read events in the last session.
    may_read: bool,
    /// Set where the account seems unable to read events in this session: until when the main may say that it has
    /// started.
    rights_until: Option<Instant>,
    rights_waits: Backoff,
    debounce: Debounce,
    /// Whether the main exports: it tells by itself what has changed, and its events are not needed.
    exports: bool,
}

/// How the engine is told.
pub(super) type Tell<'a> = &'a mut dyn FnMut(Event);

impl Hearing {
    /// Makes the state before the first session. `renewal` is the age at which sessions are renewed.
    pub(super) fn new(technology: Technology, wanted: bool, renewal: Duration) -> Self {
        // What is drawn is half of the bound at least.
        let first = RIGHTS_AGAIN * 2;
        Self {
            technology,
            wanted,
            first: true,
            may_read: false,
            rights_until: None,
            rights_waits: Backoff::new(first, renewal.max(first)),
            debounce: Debounce::default(),
            exports: false,
        }
    }

    /// The main exports over this session.
    pub(super) fn exports(&mut self, booted: bool, tell: Tell<'_>) {
        (self.exports, self.first, self.rights_until) = (true, false, None);
        self.debounce = Debounce::default();
        tell(Event::Main(if booted { News::Started } else { News::Starting }));
        tell(Event::Watch("heard".to_owned()));
    }

    /// The main does not export. Returns whether it did.
    pub(super) const fn exports_no_more(&mut self) -> bool {
        std::mem::replace(&mut self.exports, false)
    }

    /// A session begins. `readable` says whether the account can read events in it.
    pub(super) fn begins(&mut self, readable: bool, now: Instant, tell: Tell<'_>) {
        self.exports = false;
        if !self.wanted {
            tell(Event::Main(News::Started));
            tell(Event::Watch(OFF.to_owned()));
        } else if readable {
            self.heard(now, tell);
        } else {
            if self.may_read {
                // It greets whoever may read events once it has started.
                self.rights_waits.reset();
                tell(Event::Main(News::Starting));
            }
            let missing = "not readable: the account on the main needs 'read = system'";
            tell(Event::Watch(missing.to_owned()));
            // Kept where it was looked just now.
            if self.rights_until.is_none_or(|until| until <= now) {
                self.look_again(now);
            }
        }
    }

    /// A new session follows the old one without a gap.
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

    /// There is no session, and a login has failed.
    pub(super) fn fails(&mut self, problem: &str, tell: Tell<'_>) {
        (self.rights_until, self.exports) = (None, false);
        // The probe tells of a main that is away.
        tell(Event::Main(News::Started));
        if self.wanted {
            tell(Event::Watch(format!("not heard: {problem}")));
        }
    }

    fn heard(&mut self, now: Instant, tell: Tell<'_>) {
        self.may_read = true;
        self.rights_until = None;
        self.rights_waits.reset();
        tell(Event::Main(News::Started));
        tell(Event::Watch("heard".to_owned()));
        if !std::mem::take(&mut self.first) {
            // Whatever happened before the session began was not heard.
            self.debounce.note(now);
        }
    }

    /// Takes an event of the main. Events come for the phones of the whole company; those of other sites are dropped
    /// here.
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
            // A main that exports says by itself what has changed, and of no other site.
            if !self.exports {
                self.debounce.note(now);
            }
        } else if let Some(user) = user_of_event(event, self.technology)
            && is_ours(&user)
        {
            tell(Event::PhoneChanged(user));
        }
    }

    /// When [`Self::look`] has something to do next; `None` where nothing is pending.
    pub(super) fn due(&self) -> Option<Instant> {
        self.debounce.due().into_iter().chain(self.rights_until).min()
    }

    /// Reports what is due. Returns `true` where a new login is due, because the account may have other rights by now.
    pub(super) fn look(&mut self, now: Instant, tell: Tell<'_>) -> bool {
        if self.debounce.take(now) {
            tell(Event::MainReloaded);
        }
        let over = self.rights_until.is_some_and(|until| now >= until);
        if over {
            // It has had the time to start: then it is the right to read that is gone.
            self.may_read = false;
            self.look_again(now);
            tell(Event::Main(News::Started));
        }
        over
    }

    fn look_again(&mut self, now: Instant) {
        self.rights_until = Some(now + self.rights_waits.wait(random()));
    }
}

/// Returns whether an event reports a reload of something that is synced.
fn matters(event: &Frame) -> bool {
    if event.get("Event") != Some(b"Reload") {
        return false;
    }
    let module = String::from_utf8_lossy(event.get("Module").unwrap_or_default());
    reload::matters(&reload::plain(&module))
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
        Hearing::new(Technology::Pjsip, true, RENEWAL)
    }

    const RENEWAL: Duration = Duration::from_secs(3600);

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
        let then = hearing.due().unwrap();
        assert!((RIGHTS_AGAIN..=RIGHTS_AGAIN * 2).contains(&(then - now)));
        assert_eq!(told(|tell| assert!(!hearing.look(now, tell))), [""; 0]);
        assert_eq!(told(|tell| assert!(hearing.look(then, tell))), ["Main(Started)"]);
        let again = told(|tell| hearing.begins(false, then, tell));
        assert_eq!(again.len(), 1, "the right is gone, and it is not starting: {again:?}");
    }

    /// When it logs in anew to see whether the account may read, each with the next renewal refused or not.
    fn logins(hearing: &mut Hearing, now: Instant, all: Duration, is_let_in: bool) -> Vec<Duration> {
        let mut logins = Vec::new();
        while let Some(due) = hearing.due().filter(|due| *due < now + all) {
            assert!(hearing.look(due, &mut |_| {}));
            if is_let_in {
                hearing.goes_on(false, due, &mut |_| {});
            }
            logins.push(due - now);
        }
        logins
    }

    #[test]
    fn an_account_that_may_not_read_logs_in_ever_more_seldom_until_it_may() {
        let day = Duration::from_secs(24 * 3600);
        for is_let_in in [true, false] {
            let (mut hearing, now) = (hearing(), Instant::now());
            hearing.begins(false, now, &mut |_| {});
            let logins = logins(&mut hearing, now, day, is_let_in);
            // Several within the first minutes, then no more than the session is renewed anyway.
            assert!(logins[0] <= RIGHTS_AGAIN * 2, "{logins:?}");
            assert!(
                logins.iter().filter(|login| **login < Duration::from_secs(900)).count() >= 2,
                "{logins:?}"
            );
            assert!((24..60).contains(&logins.len()), "{logins:?}");
            assert!(
                logins.windows(2).rev().take(10).all(|pair| pair[1] - pair[0] >= RENEWAL / 2),
                "{logins:?}"
            );
        }
    }

    #[test]
    fn a_main_that_is_starting_is_given_as_long_whatever_was_before() {
        let (mut hearing, now) = (hearing(), Instant::now());
        hearing.begins(false, now, &mut |_| {});
        logins(&mut hearing, now, RENEWAL * 4, true);
        let then = now + RENEWAL * 4;
        // Somebody has given the right, and then the main restarts.
        hearing.goes_on(true, then, &mut |_| {});
        hearing.fails("x", &mut |_| {});
        hearing.debounce = Debounce::default();
        for _ in 0..3 {
            let told = told(|tell| hearing.begins(false, then, tell));
            assert_eq!(told.first().map(String::as_str), Some("Main(Starting)"));
            assert!(hearing.due().unwrap() <= then + RIGHTS_AGAIN * 2);
            hearing.fails("x", &mut |_| {});
        }
    }

    #[test]
    fn a_main_that_exports_is_heard_whoever_may_read_and_its_events_start_nothing() {
        let (mut hearing, now) = (hearing(), Instant::now());
        assert_eq!(told(|tell| hearing.exports(true, tell)), HEARD);
        let reload = event("Event: Reload\nModule: All\nStatus: 0\n");
        assert_eq!(told(|tell| hearing.takes(&reload, |_| true, now, tell)), [""; 0]);
        assert_eq!(hearing.due(), None);
        let shutdown = event("Event: Shutdown\nShutdown: Cleanly\n");
        assert_eq!(told(|tell| hearing.takes(&shutdown, |_| true, now, tell)), ["Main(ShutsDown)"]);
        assert!(hearing.exports_no_more() && !hearing.exports_no_more());
        let starting = told(|tell| hearing.exports(false, tell));
        assert_eq!(starting.first().map(String::as_str), Some("Main(Starting)"));
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
        let mut hearing = Hearing::new(Technology::Pjsip, false, RENEWAL);
        let begins = told(|tell| hearing.begins(false, Instant::now(), tell));
        assert!(begins.iter().any(|told| told.contains("off: ")), "{begins:?}");
        assert_eq!(hearing.due(), None);
        assert_eq!(told(|tell| hearing.fails("x", tell)), ["Main(Started)"]);
    }
}
