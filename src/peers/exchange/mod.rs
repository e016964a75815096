//! All that the sites tell each other, as one machine: what this Asterisk and the broker say goes in; what is to be said and
//! shown comes out. Pure: no socket, no clock, no Asterisk.
//!
//! - `terms`: what goes in and comes out
//! - `said`: what others shall know of us
//! - `lamps`: the lamps of mailboxes
//! - `showing`: in what portions Asterisk is shown what others say
//! - `view`: what people are shown of all that
//! - `folk`: who can be called, and how they are

mod folk;
mod lamps;
mod said;
mod showing;
mod terms;
mod view;

pub use folk::{Folk, Somebody};
pub use showing::CLEAR_AFTER;
pub use terms::{Fact, Move, Out, Own, Show};
pub use view::{DeviceView, SiteView, Twice, View};

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use self::{
    folk::Known,
    lamps::{Lamp, Lamps},
    said::Said,
    showing::Showing,
};
use super::{
    Agent, Count, DeviceState, Eid, Person, Presence, SiteState, Subject, Topic,
    budget::Budget,
    payload::{self, SiteWord},
    site::{MAX_DEVICES, SILENCE, Site},
    topic::is_name,
};
use crate::settings::{Taken, Technology};

/// Sites that are known at the same time.
const MAX_SITES: usize = 2_000;
/// Devices of all sites: 67 MiB in Asterisk.
const MAX_ALL_DEVICES: usize = 50_000;
/// Mailboxes, presences and members of queues of all sites, and people of all sites: as many again.
const MAX_ALL_OTHERS: usize = 50_000;
const MAX_ALL_PEOPLE: usize = 50_000;
/// Presences that Asterisk has. Each stays in its database when the site has gone, so what others may add is bounded.
const MAX_PRESENCES: usize = 10_000;
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

/// Where our own connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// There is none.
    Away,
    /// We have told the broker our name, and wait until it has taken it.
    Joining,
    /// We hear the others.
    Joined,
}

/// The machine.
#[derive(Debug)]
pub struct Exchange {
    own: Own,
    taken: Taken,
    hold: Duration,
    line: Line,
    said: Said,
    /// What goes out before anything else.
    first: VecDeque<Out>,
    to_subscribe: VecDeque<String>,
    subscriptions: Budget,
    sites: BTreeMap<String, Site>,
    devices: usize,
    lamps: Lamps,
    /// The queues of each device here.
    agents: BTreeMap<String, Agent>,
    /// Presences as Asterisk has them.
    presences: BTreeMap<String, Presence>,
    /// Who can be called here.
    own_people: Vec<Person>,
    /// What people are shown of that.
    known: Known,
    to_show: VecDeque<Show>,
    showing: Showing,
    moves: VecDeque<Move>,
    timers: Timers,
    /// Whether the broker gives retained messages for wildcards.
    retains: Option<bool>,
    /// Why the broker takes nothing of us.
    refused: Option<String>,
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
    unconfirmed: Option<Instant>,
}

impl Exchange {
    /// Makes a machine that nothing was told yet.
    #[must_use]
    pub fn new(own: Own, taken: Taken, hold: Duration, now: Instant) -> Self {
        Self {
            own,
            taken,
            hold,
            line: Line::Away,
            said: Said::new(now),
            first: VecDeque::new(),
            to_subscribe: VecDeque::new(),
            subscriptions: Budget::new(SUBSCRIPTIONS, SUBSCRIPTIONS, now),
            sites: BTreeMap::new(),
            devices: 0,
            lamps: Lamps::default(),
            agents: BTreeMap::new(),
            presences: BTreeMap::new(),
            own_people: Vec::new(),
            known: Known::default(),
            to_show: VecDeque::new(),
            showing: Showing::new(now),
            moves: VecDeque::new(),
            timers: Timers::default(),
            retains: None,
            refused: None,
        }
    }

    // What this Asterisk says.

    /// Takes what this Asterisk says of itself.
    pub fn fact(&mut self, fact: Fact) {
        match fact {
            Fact::Device(device, state) => {
                let subject = Subject::Device(device);
                let shared = self.taken.shares(&subject) && state.is_there();
                self.said.want(subject, shared.then(|| state.word().to_owned()));
            }
            Fact::Mailbox(mailbox, count) => {
                if is_name(&mailbox) {
                    self.lamps.own(&mailbox, count);
                    self.reckon(&mailbox);
                    self.share(Subject::Mailbox(mailbox), Some(count.text()));
                }
            }
            Fact::Presence(provider, presence) => {
                // What we were told by another site comes back so.
                if is_name(&provider) && self.presences.get(&provider) != Some(&presence) {
                    self.presences.insert(provider.clone(), presence.clone());
                    self.known.others_changed = true;
                    self.share(Subject::Presence(provider), Some(presence.text()));
                }
            }
            Fact::Member { device, queue, word } => {
                let agent = self.agents.entry(device.clone()).or_default();
                match word {
                    Some(word) => drop(agent.insert(queue, word)),
                    None => drop(agent.remove(&queue)),
                }
                let text = (!agent.is_empty()).then(|| payload::agent_text(agent));
                if text.is_none() {
                    self.agents.remove(&device);
                }
                self.known.others_changed = true;
                self.share(Subject::Agent(device), text);
            }
            Fact::People(mut people) => {
                // Whose device nobody may know of, of that person nobody is told.
                people.retain(|person| self.taken.devices.fits(&person.device));
                let text = (!people.is_empty()).then(|| payload::people_text(&people));
                self.share(Subject::People, text);
                self.known.people_changed |= self.own_people != people;
                self.own_people = people;
            }
        }
    }

    /// Takes all members of queues of this Asterisk: those that are missing are none any more. Why one is paused is only
    /// known of changes.
    pub fn all_members(&mut self, members: Vec<Fact>) {
        let said: BTreeSet<(&String, &String)> = members
            .iter()
            .filter_map(|fact| match fact {
                Fact::Member { device, queue, .. } => Some((device, queue)),
                _ => None,
            })
            .collect();
        let known =
            self.agents.iter().flat_map(|(device, agent)| agent.keys().map(move |queue| (device, queue)));
        let gone: Vec<Fact> = known
            .filter(|pair| !said.contains(pair))
            .map(|(device, queue)| Fact::Member { device: device.clone(), queue: queue.clone(), word: None })
            .collect();
        for fact in gone.into_iter().chain(members) {
            let is_known = match &fact {
                Fact::Member { device, queue, word: Some(word) } => {
                    let known = self.agents.get(device).and_then(|agent| agent.get(queue));
                    known.is_some_and(|known| known == word || known.starts_with(&format!("{word}: ")))
                }
                _ => false,
            };
            if !is_known {
                self.fact(fact);
            }
        }
    }

    /// Takes all devices of this Asterisk: those that are missing are none any more.
    pub fn all_devices(&mut self, devices: &BTreeMap<String, DeviceState>) {
        let known: Vec<Subject> = self.said.wanted().cloned().collect();
        for subject in known {
            if matches!(&subject, Subject::Device(device) if !devices.contains_key(device)) {
                self.said.want(subject, None);
            }
        }
        for (device, state) in devices {
            self.fact(Fact::Device(device.clone(), *state));
        }
    }

    fn share(&mut self, subject: Subject, payload: Option<String>) {
        let shared = self.taken.shares(&subject);
        self.said.want(subject, payload.filter(|_| shared));
    }

    // What the broker says.

    /// Takes note that the broker has let us in.
    pub fn connected(&mut self, now: Instant) {
        self.line = Line::Joining;
        self.refused = None;
        self.retains = None;
        self.first.clear();
        self.first.push_back(self.sign_of_life(true));
        self.said.say_all();
        self.timers = Timers { sign: Some(now + SIGN_OF_LIFE), ..Timers::default() };
    }

    /// Takes note of what became of the message that was to be acknowledged.
    pub fn said(&mut self, refused: Option<String>, now: Instant) {
        self.refused = refused;
        if self.line == Line::Joining {
            self.line = Line::Joined;
            let own = Topic::all_of(&self.own.site);
            for filter in [Topic::all_sites(), Topic::all_asks(), own] {
                self.first.push_back(Out::Subscribe(filter));
            }
            self.timers.echo = Some(now + ECHO);
            self.timers.leftovers = Some(now + LEFTOVERS);
            self.timers.unconfirmed = Some(now + self.hold);
        }
    }

    /// Takes note that the connection is gone: what others said stands for a while.
    pub fn disconnected(&mut self, now: Instant) {
        if self.line == Line::Away {
            return;
        }
        self.line = Line::Away;
        self.timers = Timers::default();
        self.first.clear();
        self.to_subscribe.clear();
        let names: Vec<String> = self.sites.keys().cloned().collect();
        for name in names {
            if let Some(site) = self.sites.get_mut(&name) {
                site.subscribed = false;
                site.unconfirmed = site.devices.keys().cloned().collect();
            }
            self.lose(&name, "the broker is away", now);
        }
    }

    /// Takes a message.
    pub fn message(&mut self, topic: &str, payload: &[u8], retained: bool, now: Instant) {
        let Some(topic) = Topic::read(topic) else { return };
        if topic.site == self.own.site {
            self.hear_of_us(topic.subject, payload, now);
        } else if topic.subject == Subject::Ask {
            let again = self.timers.said_all.map_or(now, |said| said + SAY_ALL_AGAIN);
            let answer = now.max(again) + self.own.answer_after;
            if self.timers.say_all.is_none() {
                // Who asks hears a site only once it knows of it.
                self.timers.say_we = Some(answer);
                self.timers.say_all = Some(answer + HEAR_US_FIRST);
            }
        } else if self.taken.takes_site(&topic.site) {
            match topic.subject {
                Subject::Site => self.hear_site(&topic.site, payload, retained, now),
                subject => self.hear(&topic.site, subject, payload, now),
            }
        }
    }

    /// What somebody says of us: the broker, what it has kept, or another system of our name.
    fn hear_of_us(&mut self, subject: Subject, payload: &[u8], now: Instant) {
        match subject {
            Subject::Ask => {}
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
                    self.first.push_back(self.sign_of_life(true));
                }
            }
            subject if self.timers.leftovers.is_some() && !payload.is_empty() => {
                self.said.delete_unless_wanted(subject);
            }
            _ => {}
        }
    }

    fn hear_site(&mut self, name: &str, payload: &[u8], retained: bool, now: Instant) {
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
                    self.timers.unconfirmed = Some(now + self.hold);
                }
                (site.boot, site.asterisk, site.synch) = (boot, asterisk, synch);
                if !retained || site.gone_at.is_none() {
                    site.heard = now;
                }
                site.gone_at = None;
                if site.throttled.is_none() {
                    let from = site.stands(SiteState::Joined, now);
                    if !std::mem::replace(&mut site.subscribed, true) {
                        self.to_subscribe.push_back(name.to_owned());
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

    fn hear(&mut self, name: &str, subject: Subject, payload: &[u8], now: Instant) {
        let has_room = matches!(subject, Subject::Device(_)) || self.others() < MAX_ALL_OTHERS;
        let Some(site) = self.sites.get_mut(name) else { return };
        if !site.subscribed || !self.taken.takes(name, &subject) {
            return;
        }
        let was_throttled = site.throttled.is_some();
        if !site.may_say(now) {
            if !was_throttled {
                self.throttle(name, now);
            }
            return;
        }
        match subject {
            Subject::Device(device) => {
                site.unconfirmed.remove(&device);
                self.hear_device(name, device, payload::device_state(payload));
            }
            Subject::Mailbox(mailbox) => {
                match Count::read(payload).filter(|_| has_room && site.has_room()) {
                    Some(count) => drop(site.mailboxes.insert(mailbox.clone(), count)),
                    None => drop(site.mailboxes.remove(&mailbox)),
                }
                self.reckon(&mailbox);
            }
            Subject::Presence(provider) => {
                match Presence::read(payload).filter(|_| has_room && site.has_room()) {
                    Some(presence) => {
                        site.presences.insert(provider.clone(), presence.clone());
                        self.take_presence(provider, presence);
                    }
                    None => drop(site.presences.remove(&provider)),
                }
            }
            Subject::Agent(device) => {
                match payload::agent(payload).filter(|_| has_room && site.has_room()) {
                    Some(agent) => drop(site.agents.insert(device, agent)),
                    None => drop(site.agents.remove(&device)),
                }
                self.known.others_changed = true;
            }
            Subject::People => {
                site.people.clear();
                let mut people = payload::people(payload).unwrap_or_default();
                let known: usize = self.sites.values().map(|site| site.people.len()).sum();
                people.truncate(MAX_ALL_PEOPLE.saturating_sub(known));
                if let Some(site) = self.sites.get_mut(name) {
                    site.people = people;
                }
                self.known.people_changed = true;
            }
            Subject::Site | Subject::Ask => {}
        }
    }

    /// Returns how many mailboxes, presences and members of queues are known of all sites.
    fn others(&self) -> usize {
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
                let room = site.devices.len() < MAX_DEVICES && self.devices < MAX_ALL_DEVICES;
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
        site.unshown.insert(device);
    }

    /// The last change wins, wherever it was made. Our own word about it is out of date then.
    fn take_presence(&mut self, provider: String, presence: Presence) {
        let before = self.presences.get(&provider);
        if before == Some(&presence) || (before.is_none() && self.presences.len() >= MAX_PRESENCES) {
            return;
        }
        self.known.others_changed = true;
        self.presences.insert(provider.clone(), presence.clone());
        self.said.want(Subject::Presence(provider.clone()), None);
        self.to_show.push_back(Show::Presence(provider, presence));
    }

    fn reckon(&mut self, mailbox: &str) {
        let others = self.sites.values().filter_map(|site| site.mailboxes.get(mailbox)).copied();
        match self.lamps.reckon(mailbox, others) {
            Some(Lamp::Show(count)) => self.to_show.push_back(Show::Lamp(mailbox.to_owned(), count)),
            Some(Lamp::Forget) => self.to_show.push_back(Show::NoLamp(mailbox.to_owned())),
            None => {}
        }
    }

    // What becomes of sites.

    fn lose(&mut self, name: &str, reason: &'static str, now: Instant) {
        let Some(site) = self.sites.get_mut(name) else { return };
        if site.state == SiteState::Joined || site.state == SiteState::Throttled {
            let from = site.state;
            site.stands(SiteState::Lost, now);
            site.gone_at = Some(now + self.hold);
            site.throttled = None;
            self.tell(name, Some(from), SiteState::Lost, reason);
        }
    }

    /// Drops at once what a site said.
    fn part(&mut self, name: &str, to: SiteState, reason: &'static str, now: Instant) {
        let Some(site) = self.sites.get_mut(name) else { return };
        site.throttled = None;
        let from = site.stands(to, now);
        self.forget(name);
        if let Some(from) = from {
            self.tell(name, Some(from), to, reason);
        }
    }

    fn throttle(&mut self, name: &str, now: Instant) {
        let Some(site) = self.sites.get_mut(name) else { return };
        let from = site.stands(SiteState::Throttled, now);
        site.subscribed = false;
        self.first.push_back(Out::Unsubscribe(Topic::all_of(name)));
        self.tell(name, from, SiteState::Throttled, "it says more than a site can have to say");
    }

    /// Drops what a site said, and hears it no more.
    fn forget(&mut self, name: &str) {
        let Some(site) = self.sites.get_mut(name) else { return };
        site.gone_at = None;
        self.devices -= site.devices.len();
        let devices = std::mem::take(&mut site.devices);
        site.unshown.extend(devices.into_keys());
        site.unconfirmed.clear();
        site.presences.clear();
        self.known.people_changed |= !site.people.is_empty();
        self.known.others_changed |= !site.agents.is_empty();
        site.agents.clear();
        site.people.clear();
        let mailboxes = std::mem::take(&mut site.mailboxes);
        if std::mem::replace(&mut site.subscribed, false) && self.line == Line::Joined {
            self.to_subscribe.retain(|waiting| waiting != name);
            self.first.push_back(Out::Unsubscribe(Topic::all_of(name)));
        }
        for mailbox in mailboxes.keys() {
            self.reckon(mailbox);
        }
    }

    /// Drops everything that others said, as before an unload. What is to be shown then is due at once.
    pub fn forget_all(&mut self) {
        let names: Vec<String> = self.sites.keys().cloned().collect();
        for name in names {
            self.forget(&name);
        }
    }

    /// Drops everything that others said, and returns what Asterisk is to be shown of that, all at once: first that
    /// everything is gone, and a moment later that there is nothing more to say of it.
    pub fn take_back(&mut self) -> [Vec<Show>; 2] {
        self.forget_all();
        let mut gone: Vec<Show> = self.to_show.drain(..).collect();
        let mut clears = Vec::new();
        for (site, device) in self.showing.take_clears() {
            clears.push(Show::Clear(Eid::of_site(&site), self.as_ours(&device)));
        }
        for (name, site) in std::mem::take(&mut self.sites) {
            let eid = Eid::of_site(&name);
            for device in site.unshown {
                let device = self.as_ours(&device);
                gone.push(Show::Device(eid, device.clone(), DeviceState::Unavailable));
                clears.push(Show::Clear(eid, device));
            }
        }
        [gone, clears]
    }

    /// Returns `false` where so many sites are known that another one is too many.
    fn make_room(&mut self) -> bool {
        if self.sites.len() >= MAX_SITES {
            let left = |site: &Site| {
                site.state != SiteState::Joined && site.devices.is_empty() && site.unshown.is_empty()
            };
            let gone = self.sites.iter().find(|(_, site)| left(site)).map(|(name, _)| name.clone());
            return gone.is_some_and(|name| self.sites.remove(&name).is_some());
        }
        true
    }

    fn tell(&mut self, site: &str, from: Option<SiteState>, to: SiteState, reason: &'static str) {
        self.moves.push_back(Move { site: site.to_owned(), from, to, reason });
    }

    // What time does.

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        let due = |at: &mut Option<Instant>| at.take_if(|at| *at <= now).is_some();
        if due(&mut self.timers.sign) {
            self.first.push_back(self.sign_of_life(false));
            self.timers.sign = Some(now + SIGN_OF_LIFE);
        }
        if due(&mut self.timers.echo) {
            self.retains = Some(false);
            let topic = Topic::new(&self.own.site, Subject::Ask).to_string();
            self.first.push_back(Out::Say {
                topic,
                payload: String::new(),
                acknowledged: false,
                retained: false,
            });
        }
        if due(&mut self.timers.leftovers) {
            self.first.push_back(Out::Unsubscribe(Topic::all_of(&self.own.site)));
        }
        if due(&mut self.timers.say_we) {
            self.first.push_back(self.sign_of_life(false));
        }
        if due(&mut self.timers.say_all) {
            self.timers.said_all = Some(now);
            self.said.say_all();
        }
        if due(&mut self.timers.unconfirmed) {
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
        } else if site.throttled.is_some_and(|until| until <= now) {
            site.again(now);
            site.subscribed = true;
            self.to_subscribe.push_back(name.to_owned());
            self.tell(name, Some(SiteState::Throttled), SiteState::Joined, "it is heard again");
        } else if site.state == SiteState::Joined && now >= site.heard + SILENCE {
            self.part(name, SiteState::Silent, "it has given no sign of life", now);
        }
    }

    /// Devices that a site had before it, or we, joined anew, and that it has not said again.
    fn drop_unconfirmed(&mut self) {
        let names: Vec<String> = self.sites.keys().cloned().collect();
        for name in names {
            let Some(site) = self.sites.get_mut(&name) else { continue };
            for device in std::mem::take(&mut site.unconfirmed) {
                self.hear_device(&name, device, None);
            }
        }
    }

    fn sign_of_life(&self, acknowledged: bool) -> Out {
        let Own { site, boot, asterisk, synch, .. } = &self.own;
        let word = SiteWord::Joined { boot: boot.clone(), asterisk: asterisk.clone(), synch: synch.clone() };
        let topic = Topic::new(site, Subject::Site).to_string();
        Out::Say { topic, payload: word.text(), acknowledged, retained: true }
    }

    /// Returns what the broker says for us once the connection is gone: topic and payload.
    #[must_use]
    pub fn will(&self) -> (String, String) {
        (Topic::new(&self.own.site, Subject::Site).to_string(), SiteWord::Lost.text())
    }

    /// Returns the good-bye, with which all goes that we have said.
    pub fn leave(&mut self) -> Vec<Out> {
        let say = |subject: &Subject, payload: String| Out::Say {
            topic: Topic::new(&self.own.site, subject.clone()).to_string(),
            payload,
            acknowledged: false,
            retained: true,
        };
        let mut outs: Vec<Out> = self.said.wanted().map(|subject| say(subject, String::new())).collect();
        outs.push(say(&Subject::Site, SiteWord::Left.text()));
        outs
    }

    /// Returns what the broker is to be told next; `None` where there is nothing, or it is not time yet.
    pub fn next_out(&mut self, now: Instant) -> Option<Out> {
        if self.line == Line::Away {
            return None;
        }
        if let Some(out) = self.first.pop_front() {
            return Some(out);
        }
        if self.line != Line::Joined {
            return None;
        }
        // Where nothing is kept for us, nothing floods us either.
        let at_once = self.retains == Some(false);
        if !self.to_subscribe.is_empty() && (at_once || self.subscriptions.take(now)) {
            return self.to_subscribe.pop_front().map(|site| Out::Subscribe(Topic::all_of(&site)));
        }
        let (subject, payload) = self.said.next(now)?;
        let topic = Topic::new(&self.own.site, subject).to_string();
        Some(Out::Say { topic, payload, acknowledged: false, retained: true })
    }

    /// Returns what Asterisk is to be shown next; `None` where there is nothing, or it is not time yet.
    pub fn next_show(&mut self, now: Instant) -> Option<Show> {
        while let Some((site, device)) = self.showing.next_clear(now) {
            let said_again = self.sites.get(&site).is_some_and(|known| known.devices.contains_key(&device));
            if !said_again {
                let device = self.as_ours(&device);
                return Some(Show::Clear(Eid::of_site(&site), device));
            }
        }
        let unshown =
            self.sites.iter().find(|(_, site)| !site.unshown.is_empty()).map(|(name, _)| name.clone());
        if (self.to_show.is_empty() && unshown.is_none()) || !self.showing.may(now) {
            return None;
        }
        if let Some(show) = self.to_show.pop_front() {
            return Some(show);
        }
        let name = unshown?;
        let site = self.sites.get_mut(&name)?;
        let device = site.unshown.pop_first()?;
        let state = site.devices.get(&device).copied();
        if state.is_none() {
            // UNAVAILABLE first: of an entry that is only taken away, hints and queues are told nothing.
            self.showing.clear_later(&name, &device, now);
        }
        let shown = self.as_ours(&device);
        Some(Show::Device(Eid::of_site(&name), shown, state.unwrap_or(DeviceState::Unavailable)))
    }

    /// `SIP/1001` and `PJSIP/1001` are the same person.
    fn as_ours(&self, device: &str) -> String {
        let other = match self.own.technology {
            Technology::Pjsip => Technology::Sip,
            Technology::Sip => Technology::Pjsip,
        };
        match device.strip_prefix(other.driver()) {
            Some(rest) if rest.starts_with('/') => format!("{}{rest}", self.own.technology.driver()),
            _ => device.to_owned(),
        }
    }

    /// Returns a site that stands somewhere else than before.
    pub fn next_move(&mut self) -> Option<Move> {
        self.moves.pop_front()
    }

    /// Returns whether something is left to be shown.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.to_show.is_empty()
            && self.showing.clear_due().is_none()
            && self.sites.values().all(|site| site.unshown.is_empty())
    }

    /// Returns when there is something to do again, if nothing comes before.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let Timers { sign, echo, leftovers, say_we, say_all, unconfirmed, said_all: _, corrected: _ } =
            self.timers;
        let joined = self.line == Line::Joined;
        let subscription = (joined && !self.to_subscribe.is_empty()).then(|| self.subscriptions.due());
        let out = if joined { self.said.due() } else { None };
        let show = !self.to_show.is_empty() || self.sites.values().any(|site| !site.unshown.is_empty());
        let show = show.then(|| self.showing.due());
        let sites = self.sites.values().filter_map(Site::due);
        let own = [
            sign,
            echo,
            leftovers,
            say_we,
            say_all,
            unconfirmed,
            subscription,
            out,
            show,
            self.showing.clear_due(),
        ];
        own.into_iter().flatten().chain(sites).min()
    }
}

#[cfg(test)]
mod tests;
