//! What the other parts see of the engine: the snapshot, and the dialplan made from it.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use super::Running;
use crate::{
    dialplan::{self, Plan},
    engine::turn::verdict::monitor,
    operator::status::{
        BranchStatus, Counts, DnsStatus, ExportStatus, InDialplan, Live, LoginStatus, MaintenanceStatus,
        MonitorStatus, ServiceStatus, Snapshot, SyncStatus,
    },
    settings::Settings,
    verdict::{failover::Failover, probe::Kind},
    words::{
        faults,
        state::{BranchState, LoginState, Mode, ServiceState, Target},
    },
};

impl Running {
    /// Returns the dialplan that follows from the users and the settings. Returns `None` before the users on disk are
    /// known: otherwise their extensions from before a reload would be removed and added again.
    pub(super) fn plan(&mut self) -> Option<Plan> {
        let Some(dialplan) = &self.settings.dialplan else { return Some(Plan::default()) };
        if self.settings.sync.is_some() && !self.users_known {
            return None;
        }
        let sync = &self.snapshot.sync;
        let mut contexts = dialplan::build(dialplan, &sync.users, self.settings.voicemail.is_some());
        contexts.extend(sync.contexts.iter().cloned());
        let people = self.snapshot.state.folk.people.iter();
        let people = people.map(|(number, person)| (&**number, &*person.device));
        let people = people.filter(|(number, _)| self.lamps.admit(number));
        let hints = dialplan::hints(self.snapshot.technology(), &sync.users, &sync.contexts, people);
        Some(Plan { contexts, hints })
    }

    /// Publishes the snapshot.
    pub(in crate::engine) fn publish(&mut self) {
        faults::point("engine-publish");
        self.snapshot.settings = Arc::clone(&self.settings);
        let waits = match self.failover.service() {
            ServiceState::Failover => self.failover.waits_for(&self.circumstances()),
            ServiceState::Init | ServiceState::Normal => None,
        };
        let waits_for = waits.map(|wait| wait.to_string()).unwrap_or_default();
        self.snapshot.service = ServiceStatus { waits_for, ..service_status(&self.failover, &self.settings) };
        if self.failover.move_waits() {
            let (evidence, why) = (self.failover.evidence(), self.why_move_waits());
            self.snapshot.service.reason = format!("main is Failed: {evidence}; but {why}");
        }
        self.snapshot.maintenance = self.hold.status(&*self.kit.host, self.monitor.is_starting());
        self.snapshot.monitor.has_room = self.burden.has_room(Instant::now());
        self.snapshot.history = self.history.entries();
        let before = self.kit.published.read();
        let same = Arc::ptr_eq(&before.sync, &self.snapshot.sync)
            && Arc::ptr_eq(&before.settings, &self.snapshot.settings)
            && Arc::ptr_eq(&before.state.folk.people, &self.snapshot.state.folk.people);
        let plan = if same { None } else { self.plan() };
        self.snapshot.dialplan_waits |= plan.as_ref().is_some_and(|plan| !self.roster.dials(plan));
        self.kit.published.publish(self.snapshot.clone());
        // Behind the snapshot, in which the functions of the dialplan look.
        if let Some(plan) = plan {
            self.roster.dial(plan);
        }
    }
}

/// Returns the snapshot from before anything has happened.
pub(in crate::engine) fn first_snapshot(settings: &Arc<Settings>) -> Snapshot {
    let monitor = monitor(settings, false);
    let failover = Failover::new(settings.failover.clone(), Mode::Auto, Instant::now());
    Snapshot {
        handled: 0,
        settings: Arc::clone(settings),
        monitor: MonitorStatus {
            state: monitor.verdict().state,
            reason: monitor.verdict().reason.clone(),
            last_probe: String::new(),
            last_answer_ms: None,
            has_room: true,
            ami: monitor.standing(Kind::Ami),
            sip: monitor.standing(Kind::Sip),
            sip_question: String::new(),
        },
        sync: Arc::new(SyncStatus::before_the_first(settings.sync.is_some())),
        service: service_status(&failover, settings),
        maintenance: MaintenanceStatus::default(),
        main_version: String::new(),
        branch: BranchStatus { state: BranchState::Init, reason: "not checked yet".to_owned() },
        dns: DnsStatus { state: "starting".to_owned(), counters: Arc::default() },
        login: LoginStatus { state: LoginState::Init, reason: String::new() },
        watch: "not connected yet".to_owned(),
        export: ExportStatus::default(),
        dialplan: InDialplan::NotYet,
        dialplan_waits: false,
        drill: None,
        phones: Arc::default(),
        state: Arc::default(),
        http: Arc::default(),
        examined: None,
        counts: Counts::default(),
        live: Live::default(),
        history: Arc::new([]),
        restarts: BTreeMap::new(),
    }
}

/// Returns the system that the phones are sent to.
pub(super) fn target(failover: &Failover, settings: &Settings) -> Target {
    failover.target(settings.dns.as_ref().map_or(Target::Branch, |dns| dns.default_target))
}

fn service_status(failover: &Failover, settings: &Settings) -> ServiceStatus {
    ServiceStatus {
        state: failover.service(),
        reason: failover.reason().to_owned(),
        mode: failover.mode(),
        target: target(failover, settings),
        waits_for: String::new(),
    }
}
