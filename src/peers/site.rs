//! One other site, from its joining to its leaving. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    budget::Budget,
    payload::{Agent, Count, DeviceState, Person, Presence},
};

/// Changes of one site in a second, and at once: what a site of 10,000 devices says when it joins.
const RATE: u32 = 200;
const BURST: u32 = 10_000;
/// The size of a change that counts as one: a long one takes as much time as several.
const UNIT: usize = 1024;
/// Words of one site about itself in a second, and at once: a sign of life a minute, and some more while its line breaks or
/// another system has its name.
const WORDS: u32 = 1;
const WORDS_AT_ONCE: u32 = 30;
/// Presences that one site may add to those that are known here.
const MAX_NEW_PRESENCES: u32 = 2_000;
/// How long nothing is taken of a site that says more.
const THROTTLE: Duration = Duration::from_secs(60);
/// Each site repeats every 60 s that it is there: after this it is not, whatever the broker keeps of it.
pub(super) const SILENCE: Duration = Duration::from_secs(150);
/// Devices of one site.
pub(super) const MAX_DEVICES: usize = 10_000;

/// Where a site stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SiteState {
    /// It is there.
    Joined,
    /// Its connection broke.
    Lost,
    /// It said good-bye.
    Left,
    /// It has given no sign of life.
    Silent,
    /// It says more than a site can have to say, and is not heard for a while.
    Throttled,
}

impl std::fmt::Display for SiteState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Joined => "Joined",
            Self::Lost => "Lost",
            Self::Left => "Left",
            Self::Silent => "Silent",
            Self::Throttled => "Throttled",
        })
    }
}

/// What is known of another site.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) state: SiteState,
    /// Since when.
    pub(super) since: Instant,
    /// When it last gave a sign of life.
    pub(super) heard: Instant,
    /// Which of its lives this is.
    pub(super) boot: String,
    pub(super) asterisk: String,
    pub(super) synch: String,
    /// When all that it said is dropped, where it is to be.
    pub(super) gone_at: Option<Instant>,
    /// Whether we hear what it says.
    pub(super) subscribed: bool,
    pub(super) devices: BTreeMap<String, DeviceState>,
    /// Devices that it has not said again since it, or we, joined anew.
    pub(super) unconfirmed: BTreeSet<String>,
    pub(super) mailboxes: BTreeMap<String, Count>,
    pub(super) presences: BTreeMap<String, Presence>,
    pub(super) agents: BTreeMap<String, Agent>,
    pub(super) people: Vec<Person>,
    /// Until when it is not heard.
    pub(super) throttled: Option<Instant>,
    budget: Budget,
    words: Budget,
    new_presences: u32,
    /// Changes in this minute, when it began, and those of the minute before.
    changes: (u32, Instant, u32),
}

impl Site {
    /// Makes one that nothing is known of.
    pub(super) fn new(state: SiteState, now: Instant) -> Self {
        Self {
            state,
            since: now,
            heard: now,
            boot: String::new(),
            asterisk: String::new(),
            synch: String::new(),
            gone_at: None,
            subscribed: false,
            devices: BTreeMap::new(),
            unconfirmed: BTreeSet::new(),
            mailboxes: BTreeMap::new(),
            presences: BTreeMap::new(),
            agents: BTreeMap::new(),
            people: Vec::new(),
            throttled: None,
            budget: Budget::new(RATE, BURST, now),
            words: Budget::new(WORDS, WORDS_AT_ONCE, now),
            new_presences: 0,
            changes: (0, now, 0),
        }
    }

    /// Takes note of where it stands. Returns where it stood, where that was elsewhere.
    pub(super) fn stands(&mut self, state: SiteState, now: Instant) -> Option<SiteState> {
        let before = std::mem::replace(&mut self.state, state);
        (before != state).then(|| {
            self.since = now;
            before
        })
    }

    /// Counts something of that size that it says. Returns `false` where it has said too much, now or before.
    pub(super) fn may_say(&mut self, size: usize, now: Instant) -> bool {
        if self.throttled.is_some() {
            return false;
        }
        self.turn_minute(now);
        self.changes.0 = self.changes.0.saturating_add(1);
        let may = self.budget.take_some(u32::try_from(1 + size / UNIT).unwrap_or(u32::MAX), now);
        if !may {
            self.throttle(now);
        }
        may
    }

    /// Counts a word that it says about itself. Returns `false` where it has said too many.
    pub(super) fn may_come_and_go(&mut self, now: Instant) -> bool {
        self.words.take(now)
    }

    /// Counts a presence that nobody here has known. Returns `false` where it has added too many.
    pub(super) const fn may_add_presence(&mut self) -> bool {
        self.new_presences = self.new_presences.saturating_add(1);
        self.new_presences <= MAX_NEW_PRESENCES
    }

    /// Is not heard for a while from now on.
    pub(super) fn throttle(&mut self, now: Instant) {
        self.throttled = Some(now + THROTTLE);
    }

    /// Returns when something becomes of it, if it says nothing before.
    pub(super) fn due(&self) -> Option<Instant> {
        let silent = (self.state == SiteState::Joined).then(|| self.heard + SILENCE);
        [self.gone_at, self.throttled, silent].into_iter().flatten().min()
    }

    /// Hears it again after it was throttled.
    pub(super) fn again(&mut self, now: Instant) {
        self.throttled = None;
        self.budget = Budget::new(RATE, BURST, now);
        self.stands(SiteState::Joined, now);
    }

    /// Returns whether it may have more mailboxes, presences and agents.
    pub(super) fn has_room(&self) -> bool {
        self.mailboxes.len() + self.presences.len() + self.agents.len() < MAX_DEVICES
    }

    /// Returns how much it said in the last whole minute, or has in this one where that is more.
    pub(super) fn changes_a_minute(&self, now: Instant) -> u32 {
        let (this, began, before) = self.changes;
        match now.saturating_duration_since(began).as_secs() {
            0..60 => this.max(before),
            60..120 => this,
            _ => 0,
        }
    }

    fn turn_minute(&mut self, now: Instant) {
        const MINUTE: Duration = Duration::from_secs(60);
        let (this, began, _) = self.changes;
        let passed = now.saturating_duration_since(began);
        if passed >= MINUTE {
            self.changes = (0, now, if passed < 2 * MINUTE { this } else { 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_says_too_much_is_not_heard() {
        let start = Instant::now();
        let mut site = Site::new(SiteState::Joined, start);
        assert_eq!((0..20_000).filter(|_| site.may_say(9, start)).count(), 10_000);
        assert_eq!(site.throttled, Some(start + THROTTLE));
        assert!(!site.may_say(9, start + THROTTLE));
        assert_eq!(site.changes_a_minute(start), 10_001);
        let mut site = Site::new(SiteState::Joined, start);
        assert_eq!((0..100).filter(|_| site.may_say(256 * 1024, start)).count(), 38);
    }

    #[test]
    fn a_site_may_come_and_go_now_and_then() {
        let start = Instant::now();
        let mut site = Site::new(SiteState::Joined, start);
        assert_eq!((0..100).filter(|_| site.may_come_and_go(start)).count(), 30);
        let minute = start + Duration::from_secs(60);
        assert_eq!((0..100).filter(|_| site.may_come_and_go(minute)).count(), 30);
        assert_eq!((0..3_000).filter(|_| site.may_add_presence()).count(), 2_000);
    }

    #[test]
    fn changes_are_those_of_a_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut site = Site::new(SiteState::Joined, start);
        assert!(site.may_say(9, start) && site.may_say(9, at(1)) && site.may_say(9, at(70)));
        assert_eq!(
            [site.changes_a_minute(at(71)), site.changes_a_minute(at(131)), site.changes_a_minute(at(500))],
            [2, 1, 0]
        );
    }

    #[test]
    fn only_another_state_is_news() {
        let start = Instant::now();
        let mut site = Site::new(SiteState::Joined, start);
        assert_eq!(site.stands(SiteState::Joined, start), None);
        assert_eq!(site.stands(SiteState::Lost, start + SILENCE), Some(SiteState::Joined));
        assert_eq!(site.since, start + SILENCE);
    }
}
