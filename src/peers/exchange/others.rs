//! The other sites: where each stands, and what of its words still counts. Pure.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

use super::{
    Move, Show,
    lamps::{Lamp, Lamps},
    showing::Showing,
};
use crate::{
    peers::{
        Count, DeviceState, Eid, Person, Presence, SiteState, Subject,
        budget::Budget,
        payload::{self, SiteWord},
        site::{MAX_DEVICES, SILENCE, Site},
    },
    settings::{Taken, Technology},
};

/// Sites that are known at the same time.
const MAX_SITES: usize = 2_000;
/// Devices of all sites: 67 MiB in Asterisk.
const MAX_ALL_DEVICES: usize = 50_000;
/// Mailboxes, presences and members of queues of all sites, and people of all sites: as many again.
pub(super) const MAX_ALL_OTHERS: usize = 50_000;
pub(super) const MAX_ALL_PEOPLE: usize = 50_000;

/// Words of all sites about themselves in a second, and at once: those of as many as can be known, who all join anew. What
/// is beyond is heard again with the next sign of life.
const WORDS: u32 = 100;
const WORDS_AT_ONCE: u32 = 4_000;

/// What follows for our connection from what sites do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    /// This site is to be heard.
    Begin(String),
    /// This site is not to be heard any more.
    End(String),
}

/// All other sites.
#[derive(Debug)]
pub(super) struct Others {
    pub(super) hold: Duration,
    words: Budget,
    sites: BTreeMap<String, Site>,
    devices: usize,
    lamps: Lamps,
    /// What Asterisk is to be shown of them.
    pub(super) showing: Showing,
    moves: VecDeque<Move>,
    hearing: VecDeque<Hearing>,
    /// When what was not said again is dropped.
    unconfirmed: Option<Instant>,
    /// Whether somebody else can be called than before.
    pub(super) people_changed: bool,
    /// Whether members of queues are others than before.
    pub(super) agents_changed: bool,
}

impl Others {
    pub(super) fn new(hold: Duration, technology: Technology, now: Instant) -> Self {
        Self {
            hold,
            words: Budget::new(WORDS, WORDS_AT_ONCE, now),
            sites: BTreeMap::new(),
            devices: 0,
            lamps: Lamps::default(),
            showing: Showing::new(technology, now),
            moves: VecDeque::new(),
            hearing: VecDeque::new(),
            unconfirmed: None,
            people_changed: false,
            agents_changed: false,
        }
    }

    /// Returns every site, with its name.
    pub(super) fn sites(&self) -> impl Iterator<Item = (&String, &Site)> {
        self.sites.iter()
    }

    /// Returns how many devices they have.
    pub(super) const fn devices(&self) -> usize {
        self.devices
    }

    /// Returns a site that stands somewhere else than before.
    pub(super) fn next_move(&mut self) -> Option<Move> {
        self.moves.pop_front()
    }

    /// Returns what follows for our connection.
    pub(super) fn next_hearing(&mut self) -> Option<Hearing> {
        self.hearing.pop_front()
    }

    /// Takes note that we hear the others from now on: each says again what still counts.
    pub(super) fn joined(&mut self, now: Instant) {
        self.unconfirmed = Some(now + self.hold);
    }

    /// Takes note that no site can be heard: what they said stands for a while.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.unconfirmed = None;
        for name in self.names() {
            if let Some(site) = self.sites.get_mut(&name) {
                site.subscribed = false;
                site.unconfirmed = site.devices.keys().cloned().collect();
            }
            self.lose(&name, "the broker is away", now);
        }
        self.hearing.clear();
    }

    /// Takes a count of this Asterisk's own.
    pub(super) fn own_mailbox(&mut self, mailbox: &str, count: Count) {
        self.lamps.own(mailbox, count);
        self.reckon(mailbox);
    }

    /// Takes what a site says of itself.
    pub(super) fn hear_site(&mut self, name: &str, payload: &[u8], retained: bool, now: Instant) {
        if !self.words.take(now) {
            return;
        }
        if let Some(site) = self.sites.get_mut(name)
            && !site.may_come_and_go(now)
        {
            if site.throttled.is_none() {
                self.throttle(name, "it comes and goes too often", now);
            }
            return;
        }
        match SiteWord::read(payload) {
            Some(SiteWord::Joined { boot, asterisk, synch }) => {
                if !self.sites.contains_key(name) && !self.make_room() {
                    return;
                }
                let site =
                    self.sites.entry(name.to_owned()).or_insert_with(|| Site::new(SiteState::Left, now));
                let known = !site.boot.is_empty();
                if known && site.boot != boot {
                    site.unconfirmed = site.devices.keys().cloned().collect();
                    self.unconfirmed = Some(now + self.hold);
                }
                (site.boot, site.asterisk, site.synch) = (boot, asterisk, synch);
                if !retained || site.gone_at.is_none() {
                    site.heard = now;
                }
                site.gone_at = None;
                if site.throttled.is_some() {
                    // Who goes and comes back does not get out of it.
                    if let Some(from) = site.stands(SiteState::Throttled, now) {
                        self.tell(name, Some(from), SiteState::Throttled, "it is back, and not heard yet");
                    }
                } else {
                    let from = site.stands(SiteState::Joined, now);
                    let was_heard = std::mem::replace(&mut site.subscribed, true);
                    if !was_heard || from == Some(SiteState::Silent) {
                        self.hear_anew(name, was_heard);
                    }
                    if let Some(from) = from {
                        self.tell(name, known.then_some(from), SiteState::Joined, "it has joined");
                    }
                }
            }
            Some(SiteWord::Lost) => self.lose(name, "its connection to the broker broke", now),
            Some(SiteWord::Left) => self.part(name, SiteState::Left, "it said good-bye", now),
            None if payload.is_empty() => self.part(name, SiteState::Left, "it has taken back all", now),
            None => {}
        }
    }

    /// Counts something of that size that a site says, whatever it is. Returns `false` where it is not heard.
    pub(super) fn hears(&mut self, name: &str, size: usize, now: Instant) -> bool {
        let Some(site) = self.sites.get_mut(name).filter(|site| site.subscribed) else { return false };
        let may = site.may_say(size, now);
        if !may {
            self.throttle(name, "it says more than a site can have to say", now);
        }
        may
    }

    /// Takes note that a site says something that is longer than we take.
    pub(super) fn too_long(&mut self, name: &str, now: Instant) {
        if self.sites.get(name).is_some_and(|site| site.subscribed) {
            self.throttle(name, "it says something that is too long", now);
        }
    }

    /// Takes note that a site lives.
    pub(super) fn lives(&mut self, name: &str, now: Instant) {
        let Some(site) = self.sites.get_mut(name).filter(|site| site.subscribed) else { return };
        site.heard = now;
        if site.state == SiteState::Silent {
            let from = site.stands(SiteState::Joined, now);
            self.hear_anew(name, true);
            self.tell(name, from, SiteState::Joined, "it gives signs of life again");
        }
    }

    /// The broker says again what it has kept of a site to who asks for it, and to nobody else.
    fn hear_anew(&mut self, name: &str, is_heard: bool) {
        if is_heard {
            self.hearing.push_back(Hearing::End(name.to_owned()));
        }
        self.hearing.push_back(Hearing::Begin(name.to_owned()));
    }

    /// Takes what a site says of something that it has, as far as that is its own. Returns a presence that it has heard of.
    pub(super) fn hear(
        &mut self,
        name: &str,
        subject: Subject,
        payload: &[u8],
        taken: &Taken,
    ) -> Option<(String, Presence)> {
        let has_room = matches!(subject, Subject::Device(_)) || self.words() < MAX_ALL_OTHERS;
        let site = self.sites.get_mut(name).filter(|site| site.state != SiteState::Silent)?;
        let has_room = has_room && site.has_room();
        match subject {
            Subject::Device(device) => {
                site.unconfirmed.remove(&device);
                self.hear_device(name, device, payload::device_state(payload));
            }
            Subject::Mailbox(mailbox) => {
                match Count::read(payload).filter(|_| has_room) {
                    Some(count) => drop(site.mailboxes.insert(mailbox.clone(), count)),
                    None => drop(site.mailboxes.remove(&mailbox)),
                }
                self.reckon(&mailbox);
            }
            Subject::Presence(provider) => match Presence::read(payload).filter(|_| has_room) {
                Some(presence) => {
                    site.presences.insert(provider.clone(), presence.clone());
                    return Some((provider, presence));
                }
                None => drop(site.presences.remove(&provider)),
            },
            Subject::Agent(device) => {
                match payload::agent(payload).filter(|_| has_room) {
                    Some(agent) => drop(site.agents.insert(device, agent)),
                    None => drop(site.agents.remove(&device)),
                }
                self.agents_changed = true;
            }
            Subject::People => {
                let mut people = payload::people(payload).unwrap_or_default();
                people.retain(|person| taken.takes_person(name, person));
                self.hear_people(name, people);
            }
            Subject::Site | Subject::Ask | Subject::Alive => {}
        }
        None
    }

    /// Returns how many mailboxes, presences and members of queues are known of all sites.
    pub(super) fn words(&self) -> usize {
        let of = |site: &Site| site.mailboxes.len() + site.presences.len() + site.agents.len();
        self.sites.values().map(of).sum()
    }

    fn hear_device(&mut self, name: &str, device: String, state: Option<DeviceState>) {
        let Some(site) = self.sites.get_mut(name) else { return };
        let before = site.devices.get(&device).copied();
        if before == state {
            return;
        }
        match state {
            Some(state) => {
                let room = site.devices.len() < MAX_DEVICES
                    && self.devices < MAX_ALL_DEVICES
                    && self.showing.has_room();
                if before.is_none() && !room {
                    return;
                }
                site.devices.insert(device.clone(), state);
                self.devices += usize::from(before.is_none());
            }
            None => {
                site.devices.remove(&device);
                self.devices -= 1;
            }
        }
        self.showing.device(name, device);
    }

    fn hear_people(&mut self, name: &str, mut people: Vec<Person>) {
        let others = self.sites.iter().filter(|(known, _)| *known != name);
        let known: usize = others.map(|(_, site)| site.people.len()).sum();
        people.truncate(MAX_ALL_PEOPLE.saturating_sub(known));
        if let Some(site) = self.sites.get_mut(name) {
            site.people = people;
        }
        self.people_changed = true;
    }

    fn reckon(&mut self, mailbox: &str) {
        let others = self.sites.values().filter_map(|site| site.mailboxes.get(mailbox)).copied();
        match self.lamps.reckon(mailbox, others) {
            Some(Lamp::Show(count)) => self.showing.lamp(mailbox, Some(count)),
            Some(Lamp::Forget) => self.showing.lamp(mailbox, None),
            None => {}
        }
    }

    fn lose(&mut self, name: &str, reason: &'static str, now: Instant) {
        let Some(site) = self.sites.get_mut(name) else { return };
        if site.state == SiteState::Joined || site.state == SiteState::Throttled {
            let from = site.state;
            site.stands(SiteState::Lost, now);
            site.gone_at = Some(now + self.hold);
            self.tell(name, Some(from), SiteState::Lost, reason);
        }
    }

    /// Drops at once what a site said.
    fn part(&mut self, name: &str, to: SiteState, reason: &'static str, now: Instant) {
        let Some(site) = self.sites.get_mut(name) else { return };
        let from = site.stands(to, now);
        self.drop_words(name);
        // Of a silent one, a sign of life is still waited for.
        if to != SiteState::Silent {
            self.hear_no_more(name);
        }
        if let Some(from) = from {
            self.tell(name, Some(from), to, reason);
        }
    }

    /// Hears a site no more for a while. What it has said stands, unless it is gone.
    fn throttle(&mut self, name: &str, reason: &'static str, now: Instant) {
        let Some(site) = self.sites.get_mut(name) else { return };
        site.throttle(now);
        if std::mem::replace(&mut site.subscribed, false) {
            self.hearing.push_back(Hearing::End(name.to_owned()));
        }
        if site.state == SiteState::Joined {
            site.stands(SiteState::Throttled, now);
            self.tell(name, Some(SiteState::Joined), SiteState::Throttled, reason);
        }
    }

    /// Drops what a site said, and hears it no more.
    fn forget(&mut self, name: &str) {
        self.drop_words(name);
        self.hear_no_more(name);
    }

    fn hear_no_more(&mut self, name: &str) {
        let Some(site) = self.sites.get_mut(name) else { return };
        if std::mem::replace(&mut site.subscribed, false) {
            self.hearing.push_back(Hearing::End(name.to_owned()));
        }
    }

    fn drop_words(&mut self, name: &str) {
        let Some(site) = self.sites.get_mut(name) else { return };
        site.gone_at = None;
        self.devices -= site.devices.len();
        for device in std::mem::take(&mut site.devices).into_keys() {
            self.showing.device(name, device);
        }
        site.unconfirmed.clear();
        site.presences.clear();
        self.people_changed |= !site.people.is_empty();
        self.agents_changed |= !site.agents.is_empty();
        site.agents.clear();
        site.people.clear();
        let mailboxes = std::mem::take(&mut site.mailboxes);
        for mailbox in mailboxes.keys() {
            self.reckon(mailbox);
        }
    }

    /// Returns the devices that are more than idle, as Asterisk knows them.
    pub(super) fn lit(&self) -> HashSet<(Eid, String)> {
        let of = |(name, site): (&String, &Site)| {
            let eid = Eid::of_site(name);
            let lit = site.devices.iter().filter(|(_, state)| **state > DeviceState::NotInUse);
            lit.map(|(device, _)| (eid, self.showing.as_ours(device))).collect::<Vec<_>>()
        };
        self.sites.iter().flat_map(of).collect()
    }

    /// Drops every site.
    pub(super) fn forget_all(&mut self) {
        // One by one, each mailbox of each site would be looked for at all the others.
        let mailboxes: Vec<_> =
            self.sites.values_mut().map(|site| std::mem::take(&mut site.mailboxes)).collect();
        for name in self.names() {
            self.forget(&name);
        }
        self.sites.clear();
        for mailbox in mailboxes.iter().flat_map(BTreeMap::keys) {
            self.reckon(mailbox);
        }
        self.hearing.clear();
    }

    /// Devices that a site had before it, or we, joined anew, and that it has not said again.
    fn drop_unconfirmed(&mut self) {
        for name in self.names() {
            let Some(site) = self.sites.get_mut(&name) else { continue };
            for device in std::mem::take(&mut site.unconfirmed) {
                self.hear_device(&name, device, None);
            }
        }
    }

    /// Returns `false` where so many sites are known that another one is too many.
    fn make_room(&mut self) -> bool {
        if self.sites.len() < MAX_SITES {
            return true;
        }
        let gone = self.sites.iter().find(|(name, site)| {
            site.state != SiteState::Joined && site.devices.is_empty() && !self.showing.waits_for(name)
        });
        let gone = gone.map(|(name, _)| name.clone());
        gone.is_some_and(|name| self.sites.remove(&name).is_some())
    }

    fn names(&self) -> Vec<String> {
        self.sites.keys().cloned().collect()
    }

    fn tell(&mut self, site: &str, from: Option<SiteState>, to: SiteState, reason: &'static str) {
        self.moves.push_back(Move { site: site.to_owned(), from, to, reason });
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.unconfirmed.take_if(|at| *at <= now).is_some() {
            self.drop_unconfirmed();
        }
        let due = self.sites.iter().filter(|(_, site)| site.due().is_some_and(|due| due <= now));
        let due: Vec<String> = due.map(|(name, _)| name.clone()).collect();
        for name in due {
            self.tick_site(&name, now);
        }
    }

    fn tick_site(&mut self, name: &str, now: Instant) {
        let Some(site) = self.sites.get_mut(name) else { return };
        if site.gone_at.is_some_and(|at| at <= now) {
            self.forget(name);
        } else if site.throttled.is_some_and(|until| until <= now) && site.state != SiteState::Throttled {
            site.throttled = None;
        } else if site.throttled.is_some_and(|until| until <= now) {
            site.again(now);
            site.subscribed = true;
            self.hearing.push_back(Hearing::Begin(name.to_owned()));
            self.tell(name, Some(SiteState::Throttled), SiteState::Joined, "it is heard again");
        } else if site.state == SiteState::Joined && now >= site.heard + SILENCE {
            self.part(name, SiteState::Silent, "it has given no sign of life", now);
        }
    }

    /// Returns whether a site may add a presence to those that are known here.
    pub(super) fn may_add_presence(&mut self, name: &str) -> bool {
        self.sites.get_mut(name).is_some_and(Site::may_add_presence)
    }

    /// Returns when there is something to do again, if nothing comes before.
    pub(super) fn due(&self) -> Option<Instant> {
        let sites = self.sites.values().filter_map(Site::due).min();
        [sites, self.unconfirmed, self.showing.due()].into_iter().flatten().min()
    }

    /// Returns what Asterisk is to be shown next; `None` where there is nothing, or it is not time yet.
    pub(super) fn next_show(&mut self, now: Instant) -> Option<Show> {
        let sites = &self.sites;
        self.showing.next(|site, device| sites.get(site)?.devices.get(device).copied(), now)
    }
}
