//! What has happened since the module was loaded: how often, how long it took, and when. For the metrics.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{settings::Dns, words::state::ServiceState};

/// Returns a time as monitoring wants it: seconds since 1970.
#[must_use]
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What has happened. `None` is what is not known, or has not happened. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// When the service state changed last.
    pub service_changed: Option<u64>,
    /// How often the branch took over.
    pub to_failover: u64,
    /// How often the main did.
    pub to_normal: u64,
    /// The probes over AMI.
    pub ami: Probes,
    /// The probes over SIP.
    pub sip: Probes,
    /// How the syncs ended.
    pub syncs: Syncs,
    /// How long after its verdict the last move had brought half, most and all of the phones, by the share in percent.
    pub moved: [(usize, Option<Duration>); 3],
    /// When the main's certificate for AMI ends.
    pub certificate_end: Option<u64>,
    /// Whether the name server listens, by address.
    pub listening: Arc<[(SocketAddr, bool)]>,
    /// The last drill.
    pub drill: Option<Drilled>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            service_changed: None,
            to_failover: 0,
            to_normal: 0,
            ami: Probes::default(),
            sip: Probes::default(),
            syncs: Syncs::default(),
            // A share that nothing stands for would be timed for nobody: phones also come where the branch served before.
            moved: Self::SHARES.map(|percent| (percent, None)),
            certificate_end: None,
            listening: Arc::default(),
            drill: None,
        }
    }
}

impl Counts {
    /// The shares of the phones whose coming is timed, in percent.
    const SHARES: [usize; 3] = [50, 90, 100];

    /// Counts a change of the service state.
    pub fn service(&mut self, new: ServiceState, now: SystemTime) {
        self.service_changed = Some(seconds(now));
        match new {
            ServiceState::Failover => {
                self.to_failover += 1;
                self.moved = Self::SHARES.map(|percent| (percent, None));
            }
            ServiceState::Normal => self.to_normal += 1,
            ServiceState::Init => {}
        }
    }

    /// Notes that a share of the phones has come.
    pub fn came(&mut self, percent: usize, after: Duration) {
        for (share, took) in &mut self.moved {
            if *share == percent {
                *took = Some(after);
            }
        }
    }

    /// Notes whether the name server listens at each address that it shall. One that the settings name twice is one: a
    /// series that stands twice makes Prometheus refuse all of them.
    pub fn listens(&mut self, dns: Option<&Dns>, bound: &[SocketAddr]) {
        let wanted: BTreeSet<_> = dns.iter().flat_map(|dns| &dns.bind).collect();
        self.listening = wanted.into_iter().map(|address| (*address, bound.contains(address))).collect();
    }

    /// Forgets how long the last main took to answer.
    pub fn asks_another(&mut self) {
        self.ami.took = None;
        self.sip.took = None;
    }
}

/// The probes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    /// Those that the main answered as it should.
    pub answered: u64,
    /// The others.
    pub failed: u64,
    /// How long the last answer took.
    pub took: Option<Duration>,
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncResult {
    /// What is in force is other than before.
    Changed,
    /// It is as before.
    #[default]
    Unchanged,
    /// It failed.
    Failed,
    /// It waits for a person.
    Held,
}

/// How the syncs ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    /// Those that have changed what is in force.
    pub changed: u64,
    /// Those after which all was as before.
    pub unchanged: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that wait for a person.
    pub held: u64,
}

impl Syncs {
    /// Counts one.
    pub fn count(&mut self, result: SyncResult) {
        *match result {
            SyncResult::Changed => &mut self.changed,
            SyncResult::Unchanged => &mut self.unchanged,
            SyncResult::Failed => &mut self.failed,
            SyncResult::Held => &mut self.held,
        } += 1;
    }
}

/// A drill, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drilled {
    /// When it ended.
    pub at: u64,
    /// How long each stage took; none of one before this start.
    pub stages: Arc<[(String, Duration)]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_outage_times_its_own_move() {
        let mut counts = Counts::default();
        let now = UNIX_EPOCH + Duration::from_secs(7);
        counts.service(ServiceState::Failover, now);
        counts.came(50, Duration::from_secs(21));
        assert_eq!(counts.moved, [(50, Some(Duration::from_secs(21))), (90, None), (100, None)]);
        // The phones' way home is not timed: the last move is shown until the next one.
        counts.service(ServiceState::Normal, now);
        assert_eq!(counts.moved[0].1, Some(Duration::from_secs(21)));
        counts.service(ServiceState::Failover, now);
        assert_eq!(counts.moved[0].1, None);
        assert_eq!((counts.to_failover, counts.to_normal, counts.service_changed), (2, 1, Some(7)));
    }

    #[test]
    fn phones_that_come_are_timed_before_any_change_too() {
        let mut counts = Counts::default();
        counts.came(50, Duration::from_secs(21));
        assert_eq!(counts.moved, [(50, Some(Duration::from_secs(21))), (90, None), (100, None)]);
    }

    #[test]
    fn an_address_that_is_named_twice_is_shown_once() {
        let address = "192.0.2.1:53".parse().unwrap();
        let settings = crate::operator::status::tests::busy().settings;
        let dns = Dns { bind: vec![address, address], ..settings.dns.clone().unwrap() };
        let mut counts = Counts::default();
        counts.listens(Some(&dns), &[address]);
        assert_eq!(*counts.listening, [(address, true)]);
    }

    #[test]
    fn the_answer_of_another_main_says_nothing_of_this_one() {
        let took = Some(Duration::from_millis(2));
        let mut counts = Counts {
            ami: Probes { answered: 3, failed: 1, took },
            sip: Probes { took, ..Probes::default() },
            ..Counts::default()
        };
        counts.asks_another();
        assert_eq!((counts.ami, counts.sip.took), (Probes { answered: 3, failed: 1, took: None }, None));
    }

    #[test]
    fn each_sync_is_counted_once() {
        let mut syncs = Syncs::default();
        for result in [SyncResult::Changed, SyncResult::Unchanged, SyncResult::Failed, SyncResult::Held] {
            syncs.count(result);
        }
        syncs.count(SyncResult::Unchanged);
        assert_eq!(syncs, Syncs { changed: 1, unchanged: 2, failed: 1, held: 1 });
    }
}
