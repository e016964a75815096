//! The engine at work: what it owns, what each event and command does, and the snapshot that comes of it.
//!
//! - `returning`: the way back to the main
//! - `drilled`: what came of a drill

mod drilled;
mod returning;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use crossbeam_channel::Receiver;

use super::{
    START_AGAIN, Start, Step, contacts,
    event::{Event, News, Told},
    history::History,
    phones::Known,
    probing,
    syncing::Order,
    workers::Workers,
};
use crate::{
    control::{Command, Numbered},
    dialplan::{self, Context},
    dns::Situation,
    failover::{Failover, ServiceChange},
    host::Level,
    phones::Mark,
    probe::{Kind, Monitor, Outcome, Pace},
    settings::Settings,
    state::{Mode, MonitorState, SyncState, Target},
    status::{DnsStatus, IN_FORCE, MonitorStatus, ServiceStatus, Snapshot, SyncStatus},
};

/// Where the mode is remembered across restarts.
const MODE: &str = "mode";

/// The engine in its loop.
pub(super) struct Running {
    workers: Workers,
    start: Start,
    settings: Arc<Settings>,
    monitor: Monitor,
    pace: Pace,
    failover: Failover,
    history: History,
    phones: Known,
    snapshot: Snapshot,
}

impl Running {
    /// With nothing started yet.
    pub(super) fn new(start: Start, settings: Arc<Settings>) -> Self {
        let mode = start.host.recall(MODE).and_then(|word| Mode::from_word(&word)).unwrap_or(Mode::Auto);
        if mode != Mode::Auto {
            let text =
                format!("Mode is held at {mode} since before this start; 'synch set mode auto' ends that.");
            start.host.log(Level::Warning, &text);
        }
        let mut snapshot = (*start.published.read()).clone();
        snapshot.drill = drilled::last(&*start.host);
        Self {
            workers: Workers::new(),
            monitor: monitor(&settings),
            pace: pace(&settings),
            failover: Failover::new(settings.failover.clone(), mode, Instant::now()),
            history: History::default(),
            phones: Known::default(),
            start,
            settings,
            snapshot,
        }
    }

    /// What the workers tell.
    pub(super) fn events(&self) -> Receiver<Told> {
        self.workers.events()
    }

    /// Takes one step.
    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Command(command) => self.command(command),
            Step::Told((from, event)) if self.workers.hold(from) => self.event(event),
            // Of a worker that was replaced: it speaks of other settings.
            Step::Told(_) => {}
            Step::StartWorkers => self.start_workers(),
            Step::LookAgain => {}
            Step::Probe => self.probe(false),
        }
        self.come_home();
    }

    /// When the main is asked next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.pace.due()
    }

    /// Asks the main whatever is due. `quick`: it may be ending just now.
    fn probe(&mut self, quick: bool) {
        let asked = Instant::now();
        for kind in self.pace.begin(&self.monitor, asked) {
            match kind {
                Kind::Ami => self.workers.ask_ami(asked),
                Kind::Sip => {
                    // Whom the main knows: a stranger is logged there, and may be banned.
                    let user = self.snapshot.sync.users.first().map(|user| user.name.clone());
                    self.workers.ask_sip(probing::Ask { asked, user, quick });
                }
            }
        }
    }

    /// Starts what isn't running and should be.
    pub(super) fn start_workers(&mut self) {
        let situation = self.situation();
        if let Err(error) = self.workers.start(&self.start, &self.settings, situation) {
            let again = START_AGAIN.as_secs();
            let text = format!("No thread for synch could be made: {error}; tried again in {again} s.");
            self.log(Level::Error, &text);
        }
        let contexts = self.contexts();
        self.snapshot.dialplan_waits |= !self.workers.dials(&contexts);
        self.workers.dial(contexts);
        self.snapshot.dns.counters = self.workers.counters();
        if self.settings.dns.is_none() {
            "off".clone_into(&mut self.snapshot.dns.state);
        }
    }

    /// Whether everything runs that should.
    pub(super) fn complete(&self) -> bool {
        self.workers.complete(&self.settings)
    }

    /// What a worker, or the loop, has to say.
    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Probed { kind, asked, outcome } => self.probed(kind, asked, &outcome),
            Event::Main(news) => self.heard(news),
            Event::Synced(status) => {
                let old = std::mem::replace(&mut self.snapshot.sync, status);
                let new = Arc::clone(&self.snapshot.sync);
                if old.state != new.state {
                    self.announce("Sync", old.state.word(), new.state.word(), &new.reason);
                } else if old.reason != new.reason && new.state == SyncState::Unsynced {
                    self.log(Level::Warning, &format!("Still {}: {}", new.state, new.reason));
                }
                self.show_phones();
            }
            Event::Dns { level, news, state } => {
                self.log(level, &format!("DNS: {news}"));
                self.snapshot.dns.state = state;
            }
            Event::MainReloaded => {
                self.log(Level::Debug, "The main has reloaded: a sync follows.");
                self.order(Order::Due);
            }
            Event::Watch(state) => {
                if self.snapshot.watch != state {
                    // What phones did before was not heard.
                    self.workers.ask_contacts(contacts::Ask::All);
                    self.log(Level::Debug, &format!("Events of the main: {state}"));
                    self.snapshot.watch = state;
                }
            }
            Event::PhoneChanged(user) => {
                if self.snapshot.sync.users.iter().any(|known| known.name == user) {
                    self.workers.ask_contacts(contacts::Ask::User(user));
                }
            }
            Event::Contacts(contacts) => {
                if let Some(warning) = self.phones.take_contacts(contacts) {
                    self.log(Level::Warning, &warning);
                }
                let marks = self.phones.look(Instant::now());
                self.note_move(&marks);
            }
            Event::Here(here) => {
                let marks = self.phones.take_here(here, Instant::now());
                self.note_move(&marks);
            }
            Event::Dialplan { problem, newest } => {
                self.snapshot.dialplan_waits = !newest;
                let state = problem.unwrap_or_else(|| IN_FORCE.to_owned());
                if state != IN_FORCE && state != self.snapshot.dialplan {
                    self.log(Level::Error, &format!("Dialplan: {state}"));
                }
                self.snapshot.dialplan = state;
            }
            Event::Drilled(report, reply) => self.drilled(report, &reply),
            Event::Panicked(worker) => {
                self.snapshot.restarts += 1;
                self.log(Level::Error, &format!("The {worker} worker of synch failed and is started again."));
            }
        }
    }

    fn probed(&mut self, kind: Kind, asked: Instant, outcome: &Outcome) {
        let now = Instant::now();
        let before = self.monitor.observe(kind, outcome, asked, now);
        if !matches!(outcome, Outcome::Alive(_)) {
            self.failover.probe_failed(now);
        }
        self.pace.ended(kind, outcome, &self.monitor, now);
        self.snapshot.monitor.last_probe = self.now();
        self.snapshot.monitor.last_answer_ms = match outcome {
            Outcome::Alive(took) => u64::try_from(took.as_millis()).ok(),
            _ => None,
        };
        self.judged(before);
    }

    /// What the main says of itself.
    fn heard(&mut self, news: News) {
        match news {
            News::Ended if self.settings.probe.ami => {
                self.pace.rush(Instant::now());
                self.probe(true);
            }
            News::ShutsDown if self.settings.probe.events => {
                let before = self.monitor.shut_down(Instant::now());
                self.judged(before);
            }
            News::Starting => self.monitor.set_starting(self.settings.probe.events),
            News::Started => self.monitor.set_starting(false),
            News::Ended | News::ShutsDown => {}
        }
    }

    /// The monitor has taken something in; `before` is its state before where that changed.
    fn judged(&mut self, before: Option<MonitorState>) {
        let verdict = self.monitor.verdict().clone();
        // The phones first, the telling afterwards.
        let change = before.and_then(|_| self.failover.monitor_changed(verdict.state, &verdict.reason));
        if before.is_some() {
            self.serve();
        }
        self.show_monitor();
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

    fn show_monitor(&mut self) {
        let shown = &mut self.snapshot.monitor;
        shown.state = self.monitor.verdict().state;
        shown.reason.clone_from(&self.monitor.verdict().reason);
        [shown.ami, shown.sip] = Kind::ALL.map(|kind| self.monitor.standing(kind));
    }

    fn command(&mut self, Numbered { number, command }: Numbered) {
        match command {
            Command::Sync { carry_out_held } => self.order(Order::Sync { carry_out_held }),
            Command::Rollback(version) => self.order(Order::Rollback(version)),
            Command::SetMode(mode) => self.set_mode(mode),
            Command::FailBack => self.fail_back(),
            Command::Examine(reply) => {
                if let Err(error) = self.workers.examine(&self.start, &self.settings, reply.clone()) {
                    reply.give(format!("No thread for the doctor could be made: {error}.\n"));
                }
            }
            Command::Drill(reply) => self.drill(&reply),
            Command::Configure(settings) => self.configure(settings),
        }
        self.snapshot.handled = self.snapshot.handled.max(number);
    }

    fn order(&self, order: Order) {
        if !self.workers.order(order) {
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
        self.workers.end_for(&old, &new);
        self.failover.configure(&new.failover);
        if old.main != new.main || old.probe != new.probe {
            let before = self.monitor.verdict().state;
            self.monitor = monitor(&new);
            self.pace = pace(&new);
            let after = self.monitor.verdict().state;
            self.failover.monitor_changed(after, "");
            self.show_monitor();
            self.announce("Monitor", before.word(), after.word(), "[main] or [probe] was changed");
        }
        if new.sync.is_none() {
            self.snapshot.sync = Arc::new(SyncStatus::before_the_first(false));
        }
        self.serve();
        self.start_workers();
        self.log(Level::Notice, "The new settings are in force.");
    }

    /// Lets the DNS name the system that the failover chose, for as long as that is certain.
    fn serve(&mut self) {
        self.workers.serve(self.situation());
    }

    fn situation(&self) -> Situation {
        let unstable = self.monitor.verdict().state == MonitorState::Unstable;
        Situation { target: self.target(), unstable }
    }

    fn target(&self) -> Target {
        target(&self.failover, &self.settings)
    }

    fn announce_service(&mut self, change: &ServiceChange) {
        self.announce("Service", change.old.word(), change.new.word(), &change.reason);
        let marks = self.phones.service_changed(change.new, Instant::now());
        self.note_move(&marks);
    }

    /// Tells how far the move of the phones is.
    fn note_move(&mut self, marks: &[Mark]) {
        for Mark { percent, come, all, after } in marks {
            let share = match percent {
                100 => "all",
                90 => "90 %",
                _ => "half",
            };
            let text =
                format!("{come} of {all} registered here, {:.1} s after the verdict", after.as_secs_f32());
            self.log(Level::Notice, &format!("Phones: {text}"));
            self.history.push(self.now(), "Phones", "main", share, &text);
        }
        self.show_phones();
    }

    fn show_phones(&mut self) {
        self.snapshot.phones = self.phones.status(&self.snapshot.sync.users);
    }

    /// Tells the log, the AMI and the history of a change.
    fn announce(&mut self, subject: &'static str, old: &'static str, new: &'static str, reason: &str) {
        // Whoever reads warnings only has to see an outage, and needn't see its end.
        let level = match new {
            "Failed" | "Failover" | "Unsynced" => Level::Warning,
            _ => Level::Notice,
        };
        self.log(level, &format!("{subject} state changed from {old} to {new}: {reason}"));
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

    /// What the users, the settings and the system that serves make of the dialplan.
    fn contexts(&self) -> Vec<Context> {
        let Some(dialplan) = &self.settings.dialplan else { return Vec::new() };
        let sync = &self.snapshot.sync;
        let mut contexts = dialplan::build(&dialplan::Site {
            settings: dialplan,
            technology: self.snapshot.technology(),
            users: &sync.users,
            target: self.target(),
        });
        contexts.extend(sync.contexts.iter().cloned());
        contexts
    }

    /// Lets everybody else see.
    pub(super) fn publish(&mut self) {
        self.snapshot.settings = Arc::clone(&self.settings);
        let waits = self.failover.waits_for(&self.circumstances());
        let waits_for = waits.map(|wait| wait.to_string()).unwrap_or_default();
        self.snapshot.service = ServiceStatus { waits_for, ..service_status(&self.failover, &self.settings) };
        self.snapshot.history = self.history.entries();
        let before = self.start.published.read();
        let same = before.service.target == self.snapshot.service.target
            && Arc::ptr_eq(&before.sync, &self.snapshot.sync)
            && Arc::ptr_eq(&before.settings, &self.snapshot.settings);
        let contexts = if same { None } else { Some(self.contexts()) };
        self.snapshot.dialplan_waits |=
            contexts.as_ref().is_some_and(|contexts| !self.workers.dials(contexts));
        self.start.published.publish(self.snapshot.clone());
        // Behind the snapshot, in which the functions of the dialplan look.
        if let Some(contexts) = contexts {
            self.workers.dial(contexts);
        }
    }
}

/// What can be shown before anything has happened.
pub(super) fn first_snapshot(settings: &Arc<Settings>) -> Snapshot {
    let monitor = monitor(settings);
    let failover = Failover::new(settings.failover.clone(), Mode::Auto, Instant::now());
    Snapshot {
        handled: 0,
        settings: Arc::clone(settings),
        monitor: MonitorStatus {
            state: monitor.verdict().state,
            reason: monitor.verdict().reason.clone(),
            last_probe: String::new(),
            last_answer_ms: None,
            ami: monitor.standing(Kind::Ami),
            sip: monitor.standing(Kind::Sip),
        },
        sync: Arc::new(SyncStatus::before_the_first(settings.sync.is_some())),
        service: service_status(&failover, settings),
        dns: DnsStatus { state: "starting".to_owned(), counters: Arc::default() },
        watch: "not connected yet".to_owned(),
        dialplan: "not made yet".to_owned(),
        dialplan_waits: false,
        drill: None,
        phones: Arc::default(),
        history: Arc::new([]),
        restarts: 0,
    }
}

fn monitor(settings: &Settings) -> Monitor {
    Monitor::new(settings.probe, settings.main.sip.given, Instant::now())
}

fn pace(settings: &Settings) -> Pace {
    Pace::new(&settings.probe, settings.main.sip.transport, Instant::now())
}

/// The system that the phones are sent to.
fn target(failover: &Failover, settings: &Settings) -> Target {
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
