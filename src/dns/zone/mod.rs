//! The zone of the phones in one situation. Pure and immutable: whenever the situation changes, a new one is made.
//!
//! - `names`: who is called what in it
//! - `apex`: SOA and NS
//! - `locate`: NAPTR and SRV, by which phones find a system (RFC 3263)
//! - [`answer`]: a request and a zone make a reply, or the decision to relay
//! - [`ready`]: an answer as octets, to which a client's id, question and flags are added
//! - [`prepared`]: the answers of a zone, made ready once
//! - [`short_cut`]: a plain question to its ready answer; whatever is unusual goes the long way
//! - [`slips`](mod@slips): what of the zone can't be meant

pub mod answer;
mod apex;
mod locate;
mod names;
pub mod prepared;
pub mod ready;
pub mod short_cut;
pub mod slips;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordType};

use self::names::Names;
use crate::{settings, words::state::Target};

/// What the zone depends on, beside the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The system that serves.
    pub target: Target,
    /// Whether the monitor is in doubt: phones shall ask again soon.
    pub unstable: bool,
}

impl From<Target> for Situation {
    /// Nobody doubts.
    fn from(target: Target) -> Self {
        Self { target, unstable: false }
    }
}

impl Situation {
    /// For how many seconds phones may keep an answer that this situation gives.
    fn ttl(self, settings: &settings::Dns) -> u32 {
        let settled = match self.target {
            Target::Main => settings.record_ttl,
            Target::Branch => settings.failover_ttl.min(settings.record_ttl),
        };
        if self.unstable { settings.unstable_ttl.min(settled) } else { settled }
    }
}

/// The records of one name by type; empty at a name that exists only because something is below it.
pub type RecordSets = BTreeMap<RecordType, Vec<Record>>;

/// What the zone has for a name.
#[derive(Debug, PartialEq)]
pub enum Lookup<'a> {
    /// The name is not in this zone: somebody else's business.
    Outside,
    /// No such name, nor anything below it (RFC 8020).
    Unknown,
    /// The name exists, with these records: none at an empty non-terminal (RFC 8020 section 2).
    Exists(&'a RecordSets),
}

/// Every record that the branch answers with in one situation.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    origin: LowerName,
    names: HashMap<LowerName, RecordSets>,
    negative_soa: Record,
}

impl Zone {
    /// The zone of these settings in a situation: a target alone is one without doubt.
    ///
    /// `serial` must grow with each change (RFC 1982), so that an administrator sees it in the SOA.
    #[must_use]
    pub fn new(settings: &settings::Dns, situation: impl Into<Situation>, serial: u32) -> Self {
        let situation = situation.into();
        let ttl = situation.ttl(settings);
        let names = Names::of(settings);
        let soa = apex::soa(settings, &names.name_server, serial);

        let mut zone = Self {
            origin: settings.domain.clone(),
            names: HashMap::new(),
            negative_soa: apex::negative(settings, soa.clone(), ttl),
        };
        zone.insert(soa);
        zone.insert(apex::ns(settings, &names.name_server));
        if names.name_server != *settings.domain {
            zone.addresses(&names.name_server, settings.soa.ttl, &apex::own_addresses(settings));
        }
        // Phones are set up with the record's name or with the bare domain: both lead to who serves.
        for name in &names.registrars {
            zone.addresses(name, ttl, settings.addresses(situation.target));
        }
        if let Some(systems) = &names.systems {
            for target in [Target::Main, Target::Branch] {
                zone.addresses(systems.host(target), settings.record_ttl, settings.addresses(target));
            }
            for name in &names.registrars {
                let located = locate::records(settings, systems, name, situation.target);
                located.into_iter().for_each(|(name, data)| zone.insert(Record::from_rdata(name, ttl, data)));
            }
        }
        zone
    }

    /// The domain that this zone answers for.
    #[must_use]
    pub fn origin(&self) -> &LowerName {
        &self.origin
    }

    /// Every name that exists, with its records.
    pub fn names(&self) -> impl Iterator<Item = (&LowerName, &RecordSets)> {
        self.names.iter()
    }

    /// The SOA that goes with NODATA and NXDOMAIN, its TTL being that of the negative answer.
    #[must_use]
    pub fn negative_soa(&self) -> &Record {
        &self.negative_soa
    }

    /// What there is for a name.
    #[must_use]
    pub fn lookup(&self, name: &LowerName) -> Lookup<'_> {
        if !self.origin.zone_of(name) {
            return Lookup::Outside;
        }
        self.names.get(name).map_or(Lookup::Unknown, Lookup::Exists)
    }

    /// The records of one type of one name; none where there are none.
    #[must_use]
    pub fn records(&self, name: &LowerName, record_type: RecordType) -> &[Record] {
        match self.lookup(name) {
            Lookup::Exists(sets) => sets.get(&record_type).map_or(&[], Vec::as_slice),
            Lookup::Outside | Lookup::Unknown => &[],
        }
    }

    fn addresses(&mut self, name: &Name, ttl: u32, addresses: &[IpAddr]) {
        for address in addresses {
            self.insert(Record::from_rdata(name.clone(), ttl, RData::from(*address)));
        }
    }

    /// Puts a record in, and every name between its owner and the domain into existence (RFC 8020 section 2).
    fn insert(&mut self, record: Record) {
        let mut name = LowerName::from(&record.name);
        if !self.origin.zone_of(&name) {
            return;
        }
        self.names.entry(name.clone()).or_default().entry(record.record_type()).or_default().push(record);
        while name != self.origin {
            name = name.base_name();
            self.names.entry(name.clone()).or_default();
        }
    }
}

#[cfg(test)]
mod tests;
