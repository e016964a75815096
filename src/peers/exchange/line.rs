//! Our end of the connection to the broker: joining, our signs of life, and in which order things go out. Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Out, Own, said::Said};
use crate::peers::{Subject, Topic, budget::Budget, payload::SiteWord};

/// Sites that are subscribed in a second, so that a broker's answers do not come all at once.
const SUBSCRIPTIONS: u32 = 20;
/// How often we say that we are there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(60);
/// How long our own retained word may take to come back: a broker that gives none for wildcards never sends it.
const ECHO: Duration = Duration::from_secs(3);
/// How long leftovers of an earlier life are looked for.
const LEFTOVERS: Duration = Duration::from_secs(5);
/// Everything is said again no more often, however many ask.
const SAY_ALL_AGAIN: Duration = Duration::from_secs(30);
/// Between saying that we are there and saying everything, to who asks: time to subscribe to us.
const HEAR_US_FIRST: Duration = Duration::from_secs(1);
/// How often we answer a word about us that is wrong.
const CORRECT_AGAIN: Duration = Duration::from_secs(1);

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// There is none.
    Away,
    /// We have told the broker our name, and wait until it has taken it.
    Joining,
    /// We hear the others.
    Joined,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Line {
    own: Own,
    stand: Stand,
    /// What others shall know of us.
    pub(super) said: Said,
    /// What goes out before anything else.
    first: VecDeque<Out>,
    to_subscribe: VecDeque<String>,
    subscriptions: Budget,
    timers: Timers,
    /// Whether the broker gives retained messages for wildcards.
    pub(super) retains: Option<bool>,
    /// Why the broker takes nothing of us.
    pub(super) refused: Option<String>,
}

#[derive(Debug, Default)]
struct Timers {
    sign: Option<Instant>,
    echo: Option<Instant>,
    leftovers: Option<Instant>,
    say_we: Option<Instant>,
    say_all: Option<Instant>,
    said_all: Option<Instant>,
    corrected: Option<Instant>,
}

impl Line {
    pub(super) fn new(own: Own, now: Instant) -> Self {
        Self {
            own,
            stand: Stand::Away,
            said: Said::new(now),
            first: VecDeque::new(),
            to_subscribe: VecDeque::new(),
            subscriptions: Budget::new(SUBSCRIPTIONS, SUBSCRIPTIONS, now),
            timers: Timers::default(),
            retains: None,
            refused: None,
        }
    }

    /// Takes note that the broker has let us in.
    pub(super) fn connected(&mut self, now: Instant) {
        self.stand = Stand::Joining;
        self.refused = None;
        self.retains = None;
        self.first.clear();
        self.first.push_back(self.name(true));
        self.said.say_all();
        self.timers = Timers { sign: Some(now + SIGN_OF_LIFE), ..Timers::default() };
    }

    /// Takes note of what became of our name. Returns whether we hear the others from now on.
    pub(super) fn taken(&mut self, refused: Option<String>, now: Instant) -> bool {
        self.refused = refused;
        let joins = self.stand == Stand::Joining;
        if joins {
            self.stand = Stand::Joined;
            let own = Topic::all_of(&self.own.site);
            self.first.extend([Topic::all_sites(), Topic::all_asks(), own].map(Out::Subscribe));
            self.timers.echo = Some(now + ECHO);
            self.timers.leftovers = Some(now + LEFTOVERS);
        }
        joins
    }

    /// Takes note that the connection is gone. Returns `false` where there was none.
    pub(super) fn disconnected(&mut self) -> bool {
        let was_there = self.stand != Stand::Away;
        if was_there {
            self.stand = Stand::Away;
            self.timers = Timers::default();
            self.first.clear();
            self.to_subscribe.clear();
        }
        was_there
    }

    /// Wants to hear a site, in its turn.
    pub(super) fn subscribe(&mut self, site: String) {
        self.to_subscribe.push_back(site);
    }

    /// Wants to hear a site no more.
    pub(super) fn unsubscribe(&mut self, site: &str) {
        if self.stand == Stand::Joined {
            self.to_subscribe.retain(|waiting| waiting != site);
            self.first.push_back(Out::Unsubscribe(Topic::all_of(site)));
        }
    }

    /// Takes what somebody says of us: the broker, what it has kept, or another system of our name.
    pub(super) fn hear_of_us(&mut self, subject: Subject, payload: &[u8], now: Instant) {
        match subject {
            Subject::Ask | Subject::Alive => {}
            Subject::Site => {
                let ours = matches!(
                    SiteWord::read(payload), Some(SiteWord::Joined { boot, .. }) if boot == self.own.boot
                );
                if ours {
                    if self.timers.echo.take().is_some() {
                        self.retains = Some(true);
                    }
                } else if self.timers.corrected.is_none_or(|at| now >= at + CORRECT_AGAIN) {
                    // The will of a connection of ours that the broker has missed only now.
                    self.timers.corrected = Some(now);
                    self.first.push_back(self.name(true));
                }
            }
            subject if self.timers.leftovers.is_some() && !payload.is_empty() => {
                self.said.delete_unless_wanted(subject);
            }
            _ => {}
        }
    }

    /// Takes note that somebody asks for everything.
    pub(super) fn asked(&mut self, now: Instant) {
        let again = self.timers.said_all.map_or(now, |said| said + SAY_ALL_AGAIN);
        let answer = now.max(again) + self.own.answer_after;
        if self.timers.say_all.is_none() {
            // Who asks hears a site only once it knows of it.
            self.timers.say_we = Some(answer);
            self.timers.say_all = Some(answer + HEAR_US_FIRST);
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant) {
        let due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        if due(&mut self.timers.sign) {
            self.first.push_back(self.word(Subject::Alive));
            self.timers.sign = Some(now + SIGN_OF_LIFE);
        }
        if due(&mut self.timers.echo) {
            self.retains = Some(false);
            self.first.push_back(self.word(Subject::Ask));
        }
        if due(&mut self.timers.leftovers) {
            self.first.push_back(Out::Unsubscribe(Topic::all_of(&self.own.site)));
        }
        if due(&mut self.timers.say_we) {
            self.first.push_back(self.name(false));
        }
        if due(&mut self.timers.say_all) {
            self.timers.said_all = Some(now);
            self.said.say_all();
        }
    }

    /// Returns what the broker is to be told next; `None` where there is nothing, or it is not time yet.
    pub(super) fn next(&mut self, now: Instant) -> Option<Out> {
        if self.stand == Stand::Away {
            return None;
        }
        if let Some(out) = self.first.pop_front() {
            return Some(out);
        }
        if self.stand != Stand::Joined {
            return None;
        }
        // Where nothing is kept for us, nothing floods us either.
        let at_once = self.retains == Some(false);
        if !self.to_subscribe.is_empty() && (at_once || self.subscriptions.take(now)) {
            return self.to_subscribe.pop_front().map(|site| Out::Subscribe(Topic::all_of(&site)));
        }
        let (subject, payload) = self.said.next(now)?;
        Some(self.say(&subject, payload, false))
    }

    /// Returns when there is something to do again, if nothing comes before.
    pub(super) fn due(&self) -> Option<Instant> {
        let Timers { sign, echo, leftovers, say_we, say_all, said_all: _, corrected: _ } = self.timers;
        let joined = self.stand == Stand::Joined;
        let subscription = (joined && !self.to_subscribe.is_empty()).then(|| self.subscriptions.due());
        let out = if joined { self.said.due() } else { None };
        [sign, echo, leftovers, say_we, say_all, subscription, out].into_iter().flatten().min()
    }

    /// Returns what the broker says for us once the connection is gone: topic and payload.
    pub(super) fn will(&self) -> (String, String) {
        (Topic::new(&self.own.site, Subject::Site).to_string(), SiteWord::Lost.text())
    }

    /// Returns the good-bye, with which all goes that we have said.
    pub(super) fn leave(&self) -> Vec<Out> {
        let taken_back = self.said.wanted().map(|subject| self.say(subject, String::new(), false));
        let left = self.say(&Subject::Site, SiteWord::Left.text(), false);
        taken_back.chain([left]).collect()
    }

    /// A word that nobody hears later.
    fn word(&self, subject: Subject) -> Out {
        let topic = Topic::new(&self.own.site, subject).to_string();
        Out::Say { topic, payload: String::new(), acknowledged: false, retained: false }
    }

    /// Who we are.
    fn name(&self, acknowledged: bool) -> Out {
        let Own { boot, asterisk, synch, .. } = &self.own;
        let word = SiteWord::Joined { boot: boot.clone(), asterisk: asterisk.clone(), synch: synch.clone() };
        self.say(&Subject::Site, word.text(), acknowledged)
    }

    /// What the broker keeps for those who come later.
    fn say(&self, subject: &Subject, payload: String, acknowledged: bool) -> Out {
        let topic = Topic::new(&self.own.site, subject.clone()).to_string();
        Out::Say { topic, payload, acknowledged, retained: true }
    }
}
