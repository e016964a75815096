//! What people are shown of the sites. Pure.

use std::time::Instant;

use super::Exchange;
use crate::peers::{DeviceState, SiteState, Subject};

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
        let site = |(name, site): (&String, &super::Site)| SiteView {
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
        for subject in self.said.wanted() {
            let [devices, mailboxes, presences, agents] = &mut shared;
            match subject {
                Subject::Device(_) => *devices += 1,
                Subject::Mailbox(_) => *mailboxes += 1,
                Subject::Presence(_) => *presences += 1,
                Subject::Agent(_) => *agents += 1,
                Subject::Site | Subject::Ask | Subject::People => {}
            }
        }
        View {
            sites: self.sites.iter().map(site).collect(),
            shared,
            taken: self.devices,
            retains: self.retains,
            refused: self.refused.clone(),
        }
    }

    /// Returns what all say of a device.
    #[must_use]
    pub fn view_of(&self, device: &str) -> DeviceView {
        let ours = self.as_ours(device);
        let said = |(name, site): (&String, &super::Site)| {
            let state = site.devices.iter().find(|(known, _)| self.as_ours(known) == ours)?.1;
            Some((name.clone(), *state))
        };
        DeviceView {
            sites: self.sites.iter().filter_map(said).collect(),
            shared: self.said.wants(&Subject::Device(device.to_owned())),
        }
    }
}
