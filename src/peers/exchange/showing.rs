//! What Asterisk has to be shown of other sites, in portions that leave it room for calls: the newest of each, and no
//! history. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
    time::{Duration, Instant},
};

use super::Show;
use crate::{
    peers::{Count, DeviceState, Eid, Presence, budget::Budget},
    settings::Technology,
};

/// Changes that Asterisk is shown in a second: with hints it manages some five thousand on one core.
const RATE: u32 = 2_000;
/// The most of them after a quiet time: what a large office says when its line is back.
const BURST: u32 = 1_000;
/// The most of them at once: between two portions, what has come meanwhile is heard.
const PORTION: u32 = 200;
/// Between showing that a device is gone and taking its entry away. Hints read the state when they work the first off: at
/// once they might find the entry gone, about which they are told nothing.
pub const CLEAR_AFTER: Duration = Duration::from_millis(100);
/// Devices that wait to be shown: all that can be known, and as many that are gone again.
pub(super) const MAX_WAITING: usize = 100_000;

/// What is to be shown.
#[derive(Debug)]
pub(super) struct Showing {
    technology: Technology,
    budget: Budget,
    /// How many were shown at one moment.
    portion: (Instant, u32),
    /// The lamps of mailboxes; `None` where nobody knows of one any more.
    lamps: BTreeMap<String, Option<Count>>,
    presences: BTreeMap<String, Presence>,
    /// Devices of which Asterisk does not know the newest yet, of each site that has some.
    devices: BTreeMap<String, BTreeSet<String>>,
    waiting: usize,
    /// The site whose turn it was last: one that has much to say keeps no other waiting.
    last: String,
    /// Whether a device is next, or a lamp or a presence.
    device_next: bool,
    /// Entries to be taken away: when, the site, the device.
    clears: VecDeque<(Instant, String, String)>,
}

impl Showing {
    pub(super) fn new(technology: Technology, now: Instant) -> Self {
        Self {
            technology,
            budget: Budget::new(RATE, BURST, now),
            portion: (now, 0),
            lamps: BTreeMap::new(),
            presences: BTreeMap::new(),
            devices: BTreeMap::new(),
            waiting: 0,
            last: String::new(),
            device_next: false,
            clears: VecDeque::new(),
        }
    }

    /// Wants the messages in a mailbox shown, or that nobody knows of it.
    pub(super) fn lamp(&mut self, mailbox: &str, count: Option<Count>) {
        self.lamps.insert(mailbox.to_owned(), count);
    }

    /// Wants a person's presence shown.
    pub(super) fn presence(&mut self, provider: String, presence: Presence) {
        self.presences.insert(provider, presence);
    }

    /// Wants the state shown that a site gives a device.
    pub(super) fn device(&mut self, site: &str, device: String) {
        let devices = match self.devices.get_mut(site) {
            Some(devices) => devices,
            None => self.devices.entry(site.to_owned()).or_default(),
        };
        self.waiting += usize::from(devices.insert(device));
    }

    /// Returns whether one more device may wait.
    pub(super) const fn has_room(&self) -> bool {
        self.waiting < MAX_WAITING
    }

    /// Returns whether a device of this site waits.
    pub(super) fn waits_for(&self, site: &str) -> bool {
        self.devices.contains_key(site)
    }

    /// Returns what is to be shown next, by what each site says of a device now; `None` where there is nothing, or it is not
    /// time yet.
    pub(super) fn next(
        &mut self,
        says: impl Fn(&str, &str) -> Option<DeviceState>,
        now: Instant,
    ) -> Option<Show> {
        while self.clears.front().is_some_and(|(due, ..)| *due <= now) {
            let (_, site, device) = self.clears.pop_front()?;
            if says(&site, &device).is_none() {
                return Some(self.clear(&site, &device));
            }
        }
        if !self.waits() || !self.may(now) {
            return None;
        }
        self.device_next = !self.device_next;
        if (!self.device_next || self.waiting == 0)
            && let Some(show) = self.next_other()
        {
            return Some(show);
        }
        let Some((site, device)) = self.next_device() else { return self.next_other() };
        let state = says(&site, &device);
        let show = self.state(&site, &device, state);
        if state.is_none() {
            // UNAVAILABLE first: of an entry that is only taken away, hints and queues are told nothing.
            self.clears.push_back((now + CLEAR_AFTER, site, device));
        }
        Some(show)
    }

    /// Returns what is to be shown of a system that is told nothing more by any site: what is left, that every device is
    /// gone, and a moment later that there is nothing more to say of it.
    pub(super) fn take_back(&mut self) -> [Vec<Show>; 2] {
        let mut gone: Vec<Show> = std::iter::from_fn(|| self.next_other()).collect();
        let mut clears = Vec::new();
        for (_, site, device) in std::mem::take(&mut self.clears) {
            clears.push(self.clear(&site, &device));
        }
        while let Some((site, device)) = self.next_device() {
            gone.push(self.state(&site, &device, None));
            clears.push(self.clear(&site, &device));
        }
        [gone, clears]
    }

    /// Returns when there is something to be shown.
    pub(super) fn due(&self) -> Option<Instant> {
        let next = self.waits().then(|| self.budget.due());
        let clear = self.clears.front().map(|(due, ..)| *due);
        [next, clear].into_iter().flatten().min()
    }

    /// Returns a device as this Asterisk calls it.
    pub(super) fn as_ours(&self, device: &str) -> String {
        as_ours(self.technology, device)
    }

    fn may(&mut self, now: Instant) -> bool {
        let shown = if self.portion.0 == now { self.portion.1 } else { 0 };
        let may = shown < PORTION && self.budget.take(now);
        if may {
            self.portion = (now, shown + 1);
        }
        may
    }

    fn waits(&self) -> bool {
        self.waiting > 0 || !self.lamps.is_empty() || !self.presences.is_empty()
    }

    fn next_other(&mut self) -> Option<Show> {
        if let Some((mailbox, count)) = self.lamps.pop_first() {
            return Some(match count {
                Some(count) => Show::Lamp(mailbox, count),
                None => Show::NoLamp(mailbox),
            });
        }
        self.presences.pop_first().map(|(provider, presence)| Show::Presence(provider, presence))
    }

    fn next_device(&mut self) -> Option<(String, String)> {
        let behind = (Bound::Excluded(&*self.last), Bound::Unbounded);
        let next = self.devices.range::<str, _>(behind).next().or_else(|| self.devices.first_key_value());
        let site = next?.0.clone();
        let devices = self.devices.get_mut(&site)?;
        let device = devices.pop_first();
        if devices.is_empty() {
            self.devices.remove(&site);
        }
        self.waiting = self.waiting.saturating_sub(1);
        self.last.clone_from(&site);
        device.map(|device| (site, device))
    }

    fn state(&self, site: &str, device: &str, state: Option<DeviceState>) -> Show {
        let state = state.unwrap_or(DeviceState::Unavailable);
        Show::Device(Eid::of_site(site), as_ours(self.technology, device), state)
    }

    fn clear(&self, site: &str, device: &str) -> Show {
        Show::Clear(Eid::of_site(site), as_ours(self.technology, device))
    }
}

/// `SIP/1001` and `PJSIP/1001` are the same person.
pub(super) fn as_ours(technology: Technology, device: &str) -> String {
    let other = match technology {
        Technology::Pjsip => Technology::Sip,
        Technology::Sip => Technology::Pjsip,
    };
    match device.strip_prefix(other.driver()) {
        Some(rest) if rest.starts_with('/') => format!("{}{rest}", technology.driver()),
        _ => device.to_owned(),
    }
}
