//! The engine at work: what it owns, what each event and command does, and the snapshot that comes of it.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::{
    Event, START_AGAIN, Start, Step,
    history::History,
    lookup::Lookup,
    probing,
    serving::Serving,
    syncing::{self, Order},
    worker::Worker,
};
use crate::{
    control::{Command, Numbered},
    failover::{Failover, ServiceChange},
    host::Level,
    probe::{Monitor, Outcome},
    settings::Settings,
    state::{Mode, MonitorState, SyncState, Target},
    status::{DnsStatus, MonitorStatus, ServiceStatus, Snapshot, SyncStatus},
};

/// Where the mode is remembered across restarts.
const MODE: &str = "mode";

/// Orders that may wait for the sync worker: one sync does for all who asked for it.
const ORDERS_WAITING: usize = 8;

/// The engine in its loop. Workers first: they end before what they use.
pub(super) struct Running {
    probing: Option<Worker>,
    syncing: Option<Worker>,
    serving: Option<Serving>,
    lookup: Option<Lookup>,
    orders: (Sender<Order>, Receiver<Order>),
    events: (Sender<Event>, Receiver<Event>),
    start: Start,
    settings: Arc<Settings>,
    monitor: Monitor,
    failover: Failover,
    history: History,
    snapshot: Snapshot,
}

impl Running {
    /// With nothing started yet.
    pub(super) fn new(start: Start, settings: Arc<Settings>) -> Self {
        let mode = start.host.recall(MODE).and_then(|word| Mode::from_word(&word)).unwrap_or(Mode::Auto);
        let snapshot = (*start.published.read()).clone();
        Self {
            probing: None,
            syncing: None,
            serving: None,
            lookup: None,
            orders: bounded(ORDERS_WAITING),
            events: unbounded(),
            monitor: Monitor::new(settings.probe, Instant::now()),
            failover: Failover::new(mode),
            history: History::default(),
            start,
            settings,
            snapshot,
        }
    }

    /// What the workers tell.
    pub(super) fn events(&self) -> Receiver<Event> {
        self.events.1.clone()
    }

    /// Takes one step.
    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Command(command) => self.command(command),
            Step::Event(event) => self.event(event),
            Step::StartWorkers => self.start_workers(),
        }
    }

    /// Starts what isn't running and should be.
    pub(super) fn start_workers(&mut self) {
        let result = self.try_start_workers();
        if let Err(error) = result {
            let again = START_AGAIN.as_secs();
            self.log(
                Level::Error,
                &format!("No thread for synch could be made: {error}; tried again in {again} s."),
            );
        }
    }

    fn try_start_workers(&mut self) -> std::io::Result<()> {
        // DNS first: phones that ask while the rest starts shall have an answer.
        if let (None, Some(dns)) = (&self.serving, &self.settings.dns) {
            let target = self.failover.target(dns.default_target);
            let serving = Serving::start(dns, target, &self.events.0, self.panicked("dns"))?;
            self.snapshot.dns.counters = Arc::clone(serving.counters());
            self.serving = Some(serving);
        } else if self.settings.dns.is_none() {
            "off".clone_into(&mut self.snapshot.dns.state);
        }
        if self.lookup.is_none() {
            self.lookup =
                Some(Lookup::start(&self.settings.main, &self.start.gate, self.panicked("lookup"))?);
        }
        let Some(lookup) = &self.lookup else { return Ok(()) };
        if self.probing.is_none() {
            let probing = probing::Probing::new(&self.settings, lookup.address(), self.events.0.clone());
            self.probing = Some(probing.start(self.panicked("probe"))?);
        }
        if let (None, Some(sync)) = (&self.syncing, &self.settings.sync) {
            let syncing = syncing::Syncing {
                start: self.start.clone(),
                main: self.settings.main.clone(),
                settings: sync.clone(),
                address: lookup.address(),
                orders: self.orders.1.clone(),
                events: self.events.0.clone(),
            };
            self.syncing = Some(syncing.start(self.panicked("sync"))?);
        }
        Ok(())
    }

    /// Whether everything runs that should.
    pub(super) fn complete(&self) -> bool {
        self.lookup.is_some()
            && self.probing.is_some()
            && self.syncing.is_some() == self.settings.sync.is_some()
            && self.serving.is_some() == self.settings.dns.is_some()
    }

    fn panicked(&self, worker: &'static str) -> impl Fn() + Send + 'static {
        let events = self.events.0.clone();
        move || {
            let _ = events.send(Event::Panicked(worker));
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Probed(outcome) => self.probed(&outcome),
            Event::Synced(status) => {
                let old = std::mem::replace(&mut self.snapshot.sync, status);
                let new = Arc::clone(&self.snapshot.sync);
                if old.state != new.state {
                    self.announce("Sync", old.state.word(), new.state.word(), &new.reason);
                } else if old.reason != new.reason && new.state == SyncState::Unsynced {
                    self.log(Level::Warning, &format!("Still {}: {}", new.state, new.reason));
                }
            }
            Event::Dns(level, state) => {
                self.log(level, &format!("DNS: {state}"));
                self.snapshot.dns.state = state;
            }
            Event::Panicked(worker) => {
                self.snapshot.restarts += 1;
                self.log(Level::Error, &format!("The {worker} worker of synch failed and is started again."));
            }
        }
    }

    fn probed(&mut self, outcome: &Outcome) {
        let before = self.monitor.observe(outcome, Instant::now());
        let verdict = self.monitor.verdict().clone();
        // The phones first, the telling afterwards.
        let change = before.and_then(|_| self.failover.monitor_changed(verdict.state, &verdict.reason));
        if change.is_some() {
            self.serve();
        }
        self.snapshot.monitor = MonitorStatus {
            state: verdict.state,
            reason: verdict.reason.clone(),
            last_probe: self.now(),
            last_answer_ms: match outcome {
                Outcome::Alive(took) => Some(took.as_millis()),
                _ => None,
            },
        };
        match before {
            Some(before) => self.announce("Monitor", before.word(), verdict.state.word(), &verdict.reason),
            None => self.log(Level::Debug, &format!("probe: {}", verdict.reason)),
        }
        if let Some(change) = change {
            self.announce_service(&change);
        }
        let back = before.is_some() && verdict.state == MonitorState::Stable;
        if back && self.snapshot.sync.state == SyncState::Unsynced {
            // No need to wait for the next turn.
            self.order(Order::Due);
        }
    }

    fn command(&mut self, Numbered { number, command }: Numbered) {
        match command {
            Command::Sync { carry_out_held } => self.order(Order::Sync { carry_out_held }),
            Command::Rollback(version) => self.order(Order::Rollback(version)),
            Command::SetMode(mode) => self.set_mode(mode),
            Command::Configure(settings) => self.configure(settings),
        }
        self.snapshot.handled = self.snapshot.handled.max(number);
    }

    fn order(&self, order: Order) {
        if self.orders.0.try_send(order).is_err() {
            self.log(Level::Warning, "A sync takes its time and others wait already: this one is dropped.");
        }
    }

    fn set_mode(&mut self, mode: Mode) {
        let before = self.failover.mode();
        let change = self.failover.set_mode(mode);
        if change.is_some() {
            self.serve();
        }
        if let Err(error) = self.start.host.remember(MODE, Some(mode.word())) {
            self.log(Level::Warning, &format!("Mode {mode} is in force, but {error}."));
        }
        if before != mode {
            self.history.push(self.now(), "Mode", before.word(), mode.word(), "set by an operator");
            self.log(Level::Notice, &format!("Mode changed from {before} to {mode}: set by an operator"));
        }
        if let Some(change) = change {
            self.announce_service(&change);
        }
    }

    /// Starts anew what the new settings are about; the rest goes on undisturbed.
    fn configure(&mut self, settings: Arc<Settings>) {
        let old = std::mem::replace(&mut self.settings, settings);
        let new = Arc::clone(&self.settings);
        if old == new {
            self.log(Level::Notice, "The settings are unchanged.");
            return;
        }
        let main = old.main != new.main;
        if main || old.probe != new.probe {
            self.probing = None;
            let before = self.monitor.verdict().state;
            self.monitor = Monitor::new(new.probe, Instant::now());
            let after = self.monitor.verdict().state;
            self.failover.monitor_changed(after, "");
            self.snapshot.monitor.state = after;
            self.announce("Monitor", before.word(), after.word(), "[main] or [probe] was changed");
        }
        if main || old.sync != new.sync {
            self.syncing = None;
        }
        if new.sync.is_none() {
            self.snapshot.sync = Arc::new(SyncStatus::before_the_first(false));
        }
        if main {
            self.lookup = None;
        }
        match (&new.dns, &mut self.serving) {
            (Some(dns), Some(serving)) if !serving.needs_restart(dns) => serving.configure(dns),
            _ if old.dns == new.dns => {}
            _ => self.serving = None,
        }
        self.serve();
        self.start_workers();
        self.log(Level::Notice, "The new settings are in force.");
    }

    /// Lets the DNS name the system that the failover chose.
    fn serve(&mut self) {
        if let (Some(serving), Some(dns)) = (&mut self.serving, &self.settings.dns) {
            serving.serve(self.failover.target(dns.default_target));
        }
    }

    fn announce_service(&mut self, change: &ServiceChange) {
        self.announce("Service", change.old.word(), change.new.word(), &change.reason);
    }

    /// Tells the log, the AMI and the history of a change.
    fn announce(&mut self, subject: &'static str, old: &'static str, new: &'static str, reason: &str) {
        self.log(Level::Notice, &format!("{subject} state changed from {old} to {new}: {reason}"));
        let fields = [("OldState", old), ("NewState", new), ("Reason", reason)];
        self.start.host.event(&format!("Synch{subject}State"), &fields);
        self.history.push(self.now(), subject, old, new, reason);
    }

    fn log(&self, level: Level, text: &str) {
        self.start.host.log(level, text);
    }

    fn now(&self) -> String {
        self.start.host.local_time(SystemTime::now())
    }

    pub(super) fn publish(&mut self) {
        self.snapshot.settings = Arc::clone(&self.settings);
        self.snapshot.service = service_status(&self.failover, &self.settings);
        self.snapshot.history = self.history.entries();
        self.start.published.publish(self.snapshot.clone());
    }
}

/// What can be shown before anything has happened.
pub(super) fn first_snapshot(settings: &Arc<Settings>) -> Snapshot {
    let monitor = Monitor::new(settings.probe, Instant::now());
    let failover = Failover::new(Mode::Auto);
    Snapshot {
        handled: 0,
        settings: Arc::clone(settings),
        monitor: MonitorStatus {
            state: monitor.verdict().state,
            reason: monitor.verdict().reason.clone(),
            last_probe: String::new(),
            last_answer_ms: None,
        },
        sync: Arc::new(SyncStatus::before_the_first(settings.sync.is_some())),
        service: service_status(&failover, settings),
        dns: DnsStatus { state: "starting".to_owned(), counters: Arc::default() },
        history: Arc::new([]),
        restarts: 0,
    }
}

fn service_status(failover: &Failover, settings: &Settings) -> ServiceStatus {
    let default = settings.dns.as_ref().map_or(Target::Branch, |dns| dns.default_target);
    ServiceStatus {
        state: failover.service(),
        reason: failover.reason().to_owned(),
        mode: failover.mode(),
        target: failover.target(default),
    }
}
