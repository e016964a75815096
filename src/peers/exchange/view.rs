//! What people are shown of the sites. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use super::{Exchange, showing::as_ours};
use crate::{
    peers::{DeviceState, SiteState, Subject, site::Site},
    settings::Technology,
};

/// Phones at several sites that are named: whoever sees these knows what to look for.
const MAX_TWICE: usize = 20;

/// All that is known, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The other sites, by name.
    pub sites: Vec<SiteView>,
    /// What we tell others, by kind: devices, mailboxes, presences, agents.
    pub shared: [usize; 4],
    /// Devices of other sites.
    pub taken: usize,
    /// Whether the broker gives retained messages for wildcards; `None` where that is not known yet.
    pub retains: Option<bool>,
    /// Why the broker takes nothing of us.
    pub refused: Option<String>,
}

/// A phone that several sites say is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twice {
    /// Its device, under our channel driver.
    pub device: String,
    /// The sites.
    pub sites: Vec<String>,
}

/// One other site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteView {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: SiteState,
    /// For how many seconds.
    pub since: u64,
    /// Its devices that we know of.
    pub devices: usize,
    /// What it said in a minute.
    pub changes: u32,
    /// Seconds since its last sign of life.
    pub heard: u64,
    /// The version of its Asterisk.
    pub asterisk: String,
    /// The version of its module.
    pub synch: String,
}

/// What all say of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// Each site that has it, with what it says.
    pub sites: Vec<(String, DeviceState)>,
    /// Whether others are told of ours.
    pub shared: bool,
}

impl View {
    /// Returns how many sites are there.
    #[must_use]
    pub fn joined(&self) -> usize {
        self.sites.iter().filter(|site| site.state == SiteState::Joined).count()
    }
}

impl Exchange {
    /// Returns what is known now.
    #[must_use]
    pub fn view(&self, now: Instant) -> View {
        let seconds = |then: Instant| now.saturating_duration_since(then).as_secs();
        let site = |(name, site): (&String, &Site)| SiteView {
            name: name.clone(),
            state: site.state,
            since: seconds(site.since),
            devices: site.devices.len(),
            changes: site.changes_a_minute(now),
            heard: seconds(site.heard),
            asterisk: site.asterisk.clone(),
            synch: site.synch.clone(),
        };
        let mut shared = [0; 4];
        for subject in self.line.said.wanted() {
            let [devices, mailboxes, presences, agents] = &mut shared;
            match subject {
                Subject::Device(_) => *devices += 1,
                Subject::Mailbox(_) => *mailboxes += 1,
                Subject::Presence(_) => *presences += 1,
                Subject::Agent(_) => *agents += 1,
                Subject::Site | Subject::Ask | Subject::Alive | Subject::People => {}
            }
        }
        View {
            sites: self.others.sites().map(site).collect(),
            shared,
            taken: self.others.devices(),
            retains: self.line.retains,
            refused: self.line.refused.clone(),
        }
    }

    /// Returns the phones that several sites, ours among them, say are there: the first `MAX_TWICE`. Only phones: devices of
    /// other kinds may be anywhere. It looks at every device.
    #[must_use]
    pub fn twice(&self) -> Vec<Twice> {
        let ours = self.line.said.wanted().filter_map(|subject| match subject {
            Subject::Device(device) => Some((device, &self.own.site)),
            _ => None,
        });
        let theirs = self
            .others
            .sites()
            .flat_map(|(name, site)| site.devices.keys().map(move |device| (device, name)));
        let mut first: HashMap<&str, &String> = HashMap::new();
        let mut twice: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (device, site) in ours.chain(theirs) {
            let Some(phone) = phone(device) else { continue };
            match first.get(phone) {
                None => drop(first.insert(phone, site)),
                // A site that has both SIP/1001 and PJSIP/1001 is one.
                Some(first) if *first == site => {}
                Some(first) => {
                    let sites = twice.entry(phone).or_insert_with(|| vec![(*first).clone()]);
                    if sites.last() != Some(site) {
                        sites.push(site.clone());
                    }
                }
            }
        }
        let driver = self.own.technology.driver();
        let named = twice.into_iter().take(MAX_TWICE);
        named.map(|(phone, sites)| Twice { device: format!("{driver}/{phone}"), sites }).collect()
    }

    /// Returns what all say of a device.
    #[must_use]
    pub fn view_of(&self, device: &str) -> DeviceView {
        let ours = as_ours(self.own.technology, device);
        let said = |(name, site): (&String, &Site)| {
            let state = site.devices.iter().find(|(known, _)| as_ours(self.own.technology, known) == ours)?.1;
            Some((name.clone(), *state))
        };
        DeviceView {
            sites: self.others.sites().filter_map(said).collect(),
            shared: self.line.said.wants(&Subject::Device(device.to_owned())),
        }
    }
}

/// What follows the channel driver in the name of a phone's device.
fn phone(device: &str) -> Option<&str> {
    let (driver, phone) = device.split_once('/')?;
    [Technology::Pjsip, Technology::Sip].iter().any(|known| known.driver() == driver).then_some(phone)
}
