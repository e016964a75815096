//! All that the sites tell each other, as one machine: what this Asterisk and the broker say goes in; what is to be said and
//! shown comes out. Pure: no socket, no clock, no Asterisk.
//!
//! - `terms`: what goes in and comes out
//! - `here`: what this Asterisk says of its queues and people
//! - `line`: our end of the connection to the broker
//! - `said`: what others shall know of us
//! - `others`: the other sites
//! - `lamps`: the lamps of mailboxes
//! - `showing`: in what portions Asterisk is shown what others say
//! - `view`: what people are shown of all that
//! - `folk`: who can be called, and how they are

mod folk;
mod here;
mod lamps;
mod line;
mod others;
mod said;
mod showing;
mod terms;
mod view;

pub use folk::{Folk, Somebody};
pub use showing::CLEAR_AFTER;
pub use terms::{Fact, Move, Out, Own, Show};
pub use view::{DeviceView, SiteView, Twice, View};

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    here::Here,
    line::Line,
    others::{Hearing, Others},
};
use super::{DeviceState, Subject, Topic, payload, topic::is_name};
use crate::settings::Taken;

/// The machine.
#[derive(Debug)]
pub struct Exchange {
    own: Own,
    taken: Taken,
    here: Here,
    line: Line,
    others: Others,
    /// Whom people are shown.
    folk: Arc<Folk>,
    /// Whether somebody else can be called here than before.
    people_changed: bool,
    /// Whether presences and members of queues here are others than before.
    here_changed: bool,
}

impl Exchange {
    /// Makes a machine that nothing was told yet.
    #[must_use]
    pub fn new(own: Own, taken: Taken, hold: Duration, now: Instant) -> Self {
        Self {
            taken,
            here: Here::default(),
            line: Line::new(own.clone(), now),
            others: Others::new(hold, own.technology, now),
            folk: Arc::default(),
            people_changed: false,
            here_changed: false,
            own,
        }
    }

    /// Keeps what lost sites have said for so long from now on.
    pub const fn hold(&mut self, hold: Duration) {
        self.others.hold = hold;
    }

    // What this Asterisk says.

    /// Takes what this Asterisk says of itself.
    pub fn fact(&mut self, fact: Fact) {
        match fact {
            Fact::Device(device, state) => {
                self.share(Subject::Device(device), state.is_there().then(|| state.word().to_owned()));
            }
            Fact::Mailbox(mailbox, count) => {
                if is_name(&mailbox) {
                    self.others.own_mailbox(&mailbox, count);
                    self.share(Subject::Mailbox(mailbox), Some(count.text()));
                }
            }
            Fact::Presence(provider, presence) => {
                // What we were told by another site comes back so, and is no news.
                if is_name(&provider) && self.here.presence(&provider, &presence) {
                    self.here_changed = true;
                    self.share(Subject::Presence(provider), Some(presence.text()));
                }
            }
            Fact::Member { device, queue, word } => {
                let text = self.here.member(&device, queue, word).map(payload::agent_text);
                self.here_changed = true;
                self.share(Subject::Agent(device), text);
            }
            Fact::People(mut people) => {
                // Whose device nobody may know of, of that person nobody is told.
                people.retain(|person| self.taken.devices.fits(&person.device));
                let text = (!people.is_empty()).then(|| payload::people_text(&people));
                self.share(Subject::People, text);
                self.people_changed |= self.here.people != people;
                self.here.people = people;
            }
        }
    }

    /// Takes all members of queues of this Asterisk: those that are missing are none any more.
    pub fn all_members(&mut self, members: Vec<Fact>) {
        for fact in self.here.news_of_members(members) {
            self.fact(fact);
        }
    }

    /// Takes all devices of this Asterisk: those that are missing are none any more.
    pub fn all_devices(&mut self, devices: &BTreeMap<String, DeviceState>) {
        let known: Vec<Subject> = self.line.said.wanted().cloned().collect();
        for subject in known {
            if matches!(&subject, Subject::Device(device) if !devices.contains_key(device)) {
                self.line.said.want(subject, None);
            }
        }
        for (device, state) in devices {
            self.fact(Fact::Device(device.clone(), *state));
        }
    }

    fn share(&mut self, subject: Subject, payload: Option<String>) {
        let shared = self.taken.shares(&subject);
        self.line.said.want(subject, payload.filter(|_| shared));
    }

    // What the broker says.

    /// Takes note that the broker has let us in.
    pub fn connected(&mut self, now: Instant) {
        self.line.connected(now);
    }

    /// Takes note of what became of the message that was to be acknowledged.
    pub fn said(&mut self, refused: Option<String>, now: Instant) {
        if self.line.taken(refused, now) {
            self.others.joined(now);
        }
    }

    /// Takes note that the connection is gone: what others said stands for a while.
    pub fn disconnected(&mut self, now: Instant) {
        if self.line.disconnected() {
            self.others.disconnected(now);
        }
    }

    /// Takes a message.
    pub fn message(&mut self, topic: &str, payload: &[u8], retained: bool, now: Instant) {
        let Some(site) = Topic::site_of(topic) else { return };
        let subject = Topic::read(topic).map(|topic| topic.subject);
        match subject {
            Some(subject) if site == self.own.site => self.line.hear_of_us(subject, payload, now),
            Some(Subject::Ask) => self.line.asked(now),
            Some(Subject::Site) if self.taken.takes_site(&site) => {
                self.others.hear_site(&site, payload, retained, now);
            }
            // What nobody takes counts as well: it is heard all the same.
            subject if self.others.hears(&site, topic.len() + payload.len(), now) => {
                if !retained {
                    self.others.lives(&site, now);
                }
                if let Some(subject) = subject.filter(|subject| self.taken.takes(&site, subject)) {
                    self.hear(&site, subject, payload);
                }
            }
            _ => {}
        }
        self.follow();
    }

    /// Takes note of a message that is longer than we take.
    pub fn too_long(&mut self, topic: &str, now: Instant) {
        if let Some(site) = Topic::site_of(topic) {
            self.others.too_long(&site, now);
            self.follow();
        }
    }

    fn hear(&mut self, site: &str, subject: Subject, payload: &[u8]) {
        let Some((provider, presence)) = self.others.hear(site, subject, payload, &self.taken) else {
            return;
        };
        if !self.here.presences.contains_key(&provider) && !self.others.may_add_presence(site) {
            return;
        }
        if self.here.presence_from_elsewhere(&provider, &presence) {
            self.here_changed = true;
            // The last change wins, wherever it was made. Our own word about it is out of date then.
            self.line.said.want(Subject::Presence(provider.clone()), None);
            self.others.showing.presence(provider, presence);
        }
    }

    /// Hears those who are there, and nobody else.
    fn follow(&mut self) {
        while let Some(hearing) = self.others.next_hearing() {
            match hearing {
                Hearing::Begin(site) => self.line.subscribe(site),
                Hearing::End(site) => self.line.unsubscribe(&site),
            }
        }
    }

    // What time does, and what comes out.

    /// Does what is due.
    pub fn tick(&mut self, now: Instant) {
        self.line.tick(now);
        self.others.tick(now);
        self.follow();
    }

    /// Returns when there is something to do again, if nothing comes before.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        [self.line.due(), self.others.due()].into_iter().flatten().min()
    }

    /// Returns what the broker is to be told next; `None` where there is nothing, or it is not time yet.
    pub fn next_out(&mut self, now: Instant) -> Option<Out> {
        self.line.next(now)
    }

    /// Returns what Asterisk is to be shown next; `None` where there is nothing, or it is not time yet.
    pub fn next_show(&mut self, now: Instant) -> Option<Show> {
        self.others.next_show(now)
    }

    /// Returns a site that stands somewhere else than before.
    pub fn next_move(&mut self) -> Option<Move> {
        self.others.next_move()
    }

    /// Returns what the broker says for us once the connection is gone: topic and payload.
    #[must_use]
    pub fn will(&self) -> (String, String) {
        self.line.will()
    }

    /// Returns the good-bye, with which all goes that we have said.
    #[must_use]
    pub fn leave(&self) -> Vec<Out> {
        self.line.leave()
    }

    /// Drops everything that others said, and returns what Asterisk is to be shown of that, all at once: first that
    /// everything is gone, and after [`CLEAR_AFTER`] that there is nothing more to say of it.
    /// What shows that somebody talks comes first, each site in its turn.
    pub fn take_back(&mut self) -> [Vec<Show>; 2] {
        let lit = self.others.lit();
        self.others.forget_all();
        let [mut gone, clears] = self.others.showing.take_back();
        gone.sort_by_key(
            |show| matches!(show, Show::Device(eid, device, _) if !lit.contains(&(*eid, device.clone()))),
        );
        [gone, clears]
    }
}

#[cfg(test)]
mod tests;
