//! The zone of the phones in one service state. Pure and immutable: a state change makes a new one.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr},
};

use hickory_server::proto::rr::{
    LowerName, Name, RData, Record, RecordType,
    rdata::{A, NS, SOA},
};

use crate::{settings, state::Target};

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

/// Every record that the branch answers with while one target serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    origin: LowerName,
    names: HashMap<LowerName, RecordSets>,
    negative_soa: Record,
}

impl Zone {
    /// The zone of these settings while `target` serves.
    ///
    /// `serial` must grow with each state change (RFC 1982), so that an administrator sees it in the SOA.
    #[must_use]
    pub fn new(settings: &settings::Dns, target: Target, serial: u32) -> Self {
        let address = match target {
            Target::Main => settings.target_normal,
            Target::Branch => settings.target_failover,
        };
        let origin = Name::from(&settings.domain);
        let name_server = name_server(settings);
        let soa = soa(settings, &name_server, serial);

        let mut zone = Self {
            negative_soa: negative(settings, soa.clone()),
            origin: settings.domain.clone(),
            names: HashMap::new(),
        };
        zone.insert(soa);
        zone.insert(Record::from_rdata(origin.clone(), settings.soa.ttl, RData::NS(NS(name_server.clone()))));
        // Phones are set up with the record's name or with the bare domain: both lead to who serves.
        zone.insert(Record::from_rdata(origin, settings.record_ttl, RData::A(A(address))));
        if settings.record != settings.domain {
            let name = Name::from(&settings.record);
            zone.insert(Record::from_rdata(name, settings.record_ttl, RData::A(A(address))));
        }
        if name_server != *settings.domain {
            let own = own_address(settings);
            zone.insert(Record::from_rdata(name_server, settings.soa.ttl, RData::A(A(own))));
        }
        zone
    }

    /// The domain that this zone answers for.
    #[must_use]
    pub fn origin(&self) -> &LowerName {
        &self.origin
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

/// The name of this DNS server. Not the record's: that leads to the main in normal service.
fn name_server(settings: &settings::Dns) -> Name {
    ["ns", "dns"]
        .iter()
        .filter_map(|label| settings.domain.prepend_label(*label).ok())
        .find(|name| LowerName::from(name) != settings.record)
        .unwrap_or_else(|| Name::from(&settings.domain))
}

/// Where this DNS server is reached: the first address it is bound to, or else the branch.
fn own_address(settings: &settings::Dns) -> Ipv4Addr {
    let bound = settings.bind.iter().find_map(|bind| match bind.ip() {
        IpAddr::V4(address) if !address.is_unspecified() => Some(address),
        _ => None,
    });
    bound.unwrap_or(settings.target_failover)
}

fn soa(settings: &settings::Dns, name_server: &Name, serial: u32) -> Record {
    let origin = Name::from(&settings.domain);
    // A domain so long that no label fits before it has no mailbox of its own.
    let mailbox = origin.prepend_label("hostmaster").unwrap_or_else(|_| origin.clone());
    // RFC 2181 section 8: times are 31 bits wide.
    let seconds = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let times = settings.soa;
    let data = SOA::new(
        name_server.clone(),
        mailbox,
        serial,
        seconds(times.refresh),
        seconds(times.retry),
        seconds(times.expire),
        times.minimum,
    );
    Record::from_rdata(origin, times.ttl, RData::SOA(data))
}

/// RFC 2308 section 5: a negative answer lives as long as the smaller of MINIMUM and the SOA's own TTL. Not longer
/// than the record either, or a phone that once heard "no" would learn of a state change later than the others.
fn negative(settings: &settings::Dns, mut soa: Record) -> Record {
    soa.ttl = settings.soa.minimum.min(settings.soa.ttl).min(settings.record_ttl);
    soa
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::{name, settings};

    fn address(zone: &Zone, owner: &str) -> Vec<Ipv4Addr> {
        let records = zone.records(&name(owner).into(), RecordType::A);
        records.iter().filter_map(|record| record.data.ip_addr()?.to_string().parse().ok()).collect()
    }

    #[test]
    fn the_record_and_the_bare_domain_lead_to_who_serves() {
        let settings = settings();
        for (target, expected) in
            [(Target::Main, settings.target_normal), (Target::Branch, settings.target_failover)]
        {
            let zone = Zone::new(&settings, target, 1);
            assert_eq!(address(&zone, "sip.voice.example.com."), [expected]);
            assert_eq!(address(&zone, "voice.example.com."), [expected]);
        }
    }

    #[test]
    fn the_name_server_has_an_address_that_no_state_change_moves() {
        let settings = settings();
        for target in [Target::Main, Target::Branch] {
            let zone = Zone::new(&settings, target, 1);
            let ns = zone.records(zone.origin(), RecordType::NS);
            assert_eq!(ns[0].data, RData::NS(NS(name("ns.voice.example.com."))));
            assert_eq!(address(&zone, "ns.voice.example.com."), [Ipv4Addr::LOCALHOST]);
        }
    }

    #[test]
    fn a_server_bound_to_every_address_is_at_the_branch() {
        for bind in ["0.0.0.0:53", "[::]:53", "[2001:db8::1]:53"] {
            let mut settings = settings();
            settings.bind = vec![bind.parse().unwrap()];
            let zone = Zone::new(&settings, Target::Main, 1);
            assert_eq!(address(&zone, "ns.voice.example.com."), [settings.target_failover], "{bind}");
        }
    }

    #[test]
    fn a_record_named_ns_leaves_the_name_server_another_name() {
        let mut settings = settings();
        settings.record = name("ns.voice.example.com.").into();
        let zone = Zone::new(&settings, Target::Main, 1);
        assert_eq!(address(&zone, "ns.voice.example.com."), [settings.target_normal]);
        assert_eq!(address(&zone, "dns.voice.example.com."), [Ipv4Addr::LOCALHOST]);
    }

    #[test]
    fn a_record_may_be_the_domain_itself() {
        let mut settings = settings();
        settings.record = settings.domain.clone();
        let zone = Zone::new(&settings, Target::Branch, 1);
        assert_eq!(address(&zone, "voice.example.com."), [settings.target_failover]);
        assert_eq!(zone.lookup(&name("sip.voice.example.com.").into()), Lookup::Unknown);
    }

    #[test]
    fn rfc8020_s2_names_above_a_record_exist_without_records() {
        let mut settings = settings();
        settings.record = name("sip.a.b.voice.example.com.").into();
        let zone = Zone::new(&settings, Target::Main, 1);
        for between in ["a.b.voice.example.com.", "b.voice.example.com."] {
            assert_eq!(zone.lookup(&name(between).into()), Lookup::Exists(&RecordSets::new()));
        }
        assert_eq!(zone.lookup(&name("c.voice.example.com.").into()), Lookup::Unknown);
        assert_eq!(zone.lookup(&name("example.com.").into()), Lookup::Outside);
    }

    #[test]
    fn rfc2308_s5_negative_ttl_is_the_smallest_of_minimum_soa_and_record() {
        for (minimum, ttl, record, expected) in [(30, 300, 60, 30), (300, 20, 60, 20), (300, 300, 5, 5)] {
            let mut settings = settings();
            (settings.soa.minimum, settings.soa.ttl, settings.record_ttl) = (minimum, ttl, record);
            let zone = Zone::new(&settings, Target::Main, 1);
            assert_eq!(zone.negative_soa().ttl, expected);
            assert_eq!(zone.records(zone.origin(), RecordType::SOA)[0].ttl, ttl);
        }
    }

    #[test]
    fn the_serial_is_the_one_given() {
        let zone = Zone::new(&settings(), Target::Main, 4_000_000_000);
        let RData::SOA(soa) = &zone.negative_soa().data else { panic!("not a SOA") };
        assert_eq!(soa.serial, 4_000_000_000);
    }

    #[test]
    fn a_domain_with_no_room_for_a_label_still_makes_a_zone() {
        let mut settings = settings();
        let label = "x".repeat(63);
        let long = format!("{label}.{label}.{label}.{}.", "x".repeat(61));
        settings.domain = name(&long).into();
        settings.record = settings.domain.clone();
        let zone = Zone::new(&settings, Target::Main, 1);
        assert_eq!(address(&zone, &long), [settings.target_normal]);
        assert_eq!(zone.records(zone.origin(), RecordType::NS).len(), 1);
    }
}
