//! The engine at work: what it owns, what each event and command does, and the snapshot that comes of it.
//!
//! - `verdict`: asks the main, and judges its answers
//! - `question`: in whose name the main is asked over SIP
//! - `export`: whether the main exports, and what has changed there
//! - `login`: whether the main accepts our login
//! - `returning`: the return of the phones to the main
//! - `maintenance`: a held mode that ends by itself, and work on the main
//! - `checking`: the self-check of the branch, for which a move may wait
//! - `served`: the service state before a restart
//! - `moving`: how many phones have moved
//! - `synced`: the result of a sync
//! - `phones`: where the phones are, of the main's contacts and of those registered here
//! - `history`: which states changed when
//! - `cautions`: warnings about the settings
//! - `drilled`: the result of a drill
//! - `page`: who may read the page and the metrics
//! - `publish`: the snapshot, and the dialplan that is made of it

pub(super) mod cautions;
mod checking;
mod configuring;
mod drilled;
mod export;
pub(super) mod history;
mod login;
mod maintenance;
mod moving;
mod page;
pub(super) mod phones;
mod publish;
mod question;
mod returning;
mod served;
mod synced;
mod verdict;

pub(super) use publish::first_snapshot;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Instant, SystemTime},
};

use crossbeam_channel::Receiver;

use self::{configuring::TakenIn, maintenance::Hold, question::Question};
use super::{
    START_AGAIN, Step,
    event::{Event, Told},
};
use crate::{
    dialplan::Lamps,
    dns::Situation,
    engine::{
        crew::{backoff::random, kit::Kit, roll::Roll},
        host::{Host, Level},
        roster::Roster,
        turn::{
            cautions::cautions,
            history::History,
            phones::Known,
            publish::target,
            verdict::{has_sip_answered, monitor, pace, sip_place},
        },
        work::{
            branches::take_all_back,
            contacts,
            sync::{ORDERS_WAITING, Order},
        },
    },
    operator::{
        control::{Command, Numbered},
        doctor::Check,
        status::{Examined, InDialplan, Snapshot},
    },
    settings::{Prefix, Settings},
    verdict::{
        failover::{Failover, ServiceChange},
        probe::{Burden, Monitor, Pace},
        selfcheck::SelfCheck,
    },
    words::{
        faults,
        state::{self, Mode, MonitorState, ServiceState, Target},
    },
};

/// Beginning of the log line for a thread that could not be started.
const NO_THREAD: &str = "A thread of synch could not be started";
/// Beginning of the log line for a dialplan that is not in force.
const DIALPLAN: &str = "Dialplan";
/// What the loop itself is called, beside its workers.
const ENGINE: &str = "engine";

/// The engine in its loop.
pub(super) struct Running {
    roster: Roster,
    kit: Kit,
    settings: Arc<Settings>,
    monitor: Monitor,
    /// Whether the main's SIP has ever answered where it is now.
    sip_answered: bool,
    question: Question,
    /// The user name of each SIP question that has no outcome yet.
    asked_as: BTreeMap<Instant, String>,
    start_again: Option<Instant>,
    taken_in: TakenIn,
    pace: Pace,
    burden: Burden,
    failover: Failover,
    hold: Hold,
    /// The service state kept for a restart, and when it was kept.
    served: Option<(ServiceState, Instant)>,
    /// Whether the sync has reported the users on disk.
    users_known: bool,
    history: History,
    phones: Known,
    /// The lamps of people at other sites.
    lamps: Lamps,
    self_check: SelfCheck,
    /// Whether it is logged that a move waits for this branch.
    told_to_wait: bool,
    /// The networks of this machine, and when they were read; `None` where nobody needs them.
    networks: Option<(Vec<Prefix>, Instant)>,
    snapshot: Snapshot,
}

impl Running {
    /// Makes the engine's state. Nothing is started yet.
    pub(super) fn new(kit: Kit, settings: Arc<Settings>, roll: Roll) -> Self {
        let (mode, hold) = Hold::recall(&*kit.host, &settings);
        kit.leave_main_alone(mode == Mode::Maintenance);
        if mode != Mode::Auto {
            let text = format!(
                "Mode is still held at {mode}, as before this start; '{}' lets the monitor decide again.",
                mode.ended_by()
            );
            kit.host.log(Level::Warning, &text);
        }
        warn(&settings, &*kit.host);
        kit.desk.set_serves(settings.export.is_some());
        if settings.export.is_none() {
            // An earlier life may have been killed, and its settings changed.
            take_all_back(&*kit.host);
        }
        let sip_answered = has_sip_answered(&settings, &*kit.host);
        let question = Question::recall(&*kit.host, &sip_place(&settings));
        let mut snapshot = (*kit.published.read()).clone();
        snapshot.drill = drilled::last(&*kit.host);
        snapshot.counts.drill = drilled::last_at(&*kit.host);
        for worker in Roster::names().chain([ENGINE]) {
            snapshot.restarts.entry(worker).or_default();
        }
        let mut running = Self {
            roster: Roster::new(roll, &settings),
            monitor: monitor(&settings, sip_answered),
            sip_answered,
            question,
            asked_as: BTreeMap::new(),
            start_again: None,
            taken_in: TakenIn::Whole,
            pace: pace(&settings),
            burden: Burden::new(&settings.probe),
            failover: Failover::new(settings.failover.clone(), mode, Instant::now()),
            hold,
            history: History::default(),
            phones: Known::default(),
            lamps: Lamps::default(),
            self_check: SelfCheck::new(Instant::now()),
            told_to_wait: false,
            kit,
            settings,
            snapshot,
            networks: None,
            served: None,
            users_known: false,
        };
        running.open_page();
        running.failover.draw(random());
        running.resume();
        running.end_without_main();
        running.count_without_sync();
        running
    }

    /// Returns the events of the workers.
    pub(super) fn events(&self) -> Receiver<Told> {
        self.roster.events()
    }

    /// Takes one step.
    pub(super) fn take(&mut self, step: Step) {
        faults::point("engine");
        match step {
            Step::Command(command) => self.command(command),
            Step::Told((from, event)) if self.roster.holds(from) => self.event(event),
            // Of a worker that was replaced: it speaks of other settings.
            Step::Told(_) => {}
            Step::StartWorkers => self.start_workers(),
            Step::LookAgain => {}
            Step::Probe => self.probe(false),
            Step::SelfCheck => self.check_self(),
        }
        self.leave_home();
        self.tell_of_wait();
        self.look_at_hold();
        self.come_home();
        self.keep_served();
        self.renew_networks();
    }

    /// Recovers after a panic. The step that panicked is lost, and with it perhaps an event of a worker.
    pub(super) fn recover(&mut self) {
        self.recover_hold();
        self.event(Event::Panicked(ENGINE));
        self.take_in_again();
        self.roster.tell_again();
    }

    /// Starts the workers that should run and do not.
    pub(super) fn start_workers(&mut self) {
        self.start_again = None;
        let situation = self.situation();
        match self.roster.man(&self.kit, &self.settings, situation) {
            Ok(()) => self.kit.log_end(NO_THREAD, "All threads of synch run again."),
            Err(error) => {
                let again = START_AGAIN.as_secs();
                let text = format!(
                    "{NO_THREAD}: {error}; trying again every {again} s. Check TasksMax in Asterisk's systemd \
                     unit, and ulimit -u of its user."
                );
                self.kit.log_failure(Level::Error, &text);
            }
        }
        if let Some(plan) = self.plan() {
            self.snapshot.dialplan_waits |= !self.roster.dials(&plan);
            self.roster.dial(plan);
        }
        self.snapshot.dns.counters = self.roster.counters();
        if self.settings.dns.is_none() {
            "off".clone_into(&mut self.snapshot.dns.state);
            self.snapshot.counts.listens(None, &[]);
        }
    }

    /// Returns when missing workers are started again; `None` where none is missing. The time is kept over the turns of
    /// the loop, because probes make many turns.
    pub(super) fn start_again(&mut self) -> Option<Instant> {
        if self.roster.is_complete() {
            self.start_again = None;
            return None;
        }
        Some(*self.start_again.get_or_insert_with(|| Instant::now() + START_AGAIN))
    }

    /// Handles an event of a worker or of the loop.
    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Probed { kind, asked, outcome } => self.probed(kind, asked, &outcome),
            Event::Login(result) => self.logged_in(result),
            Event::Certificate(end) => self.snapshot.counts.certificate_end = Some(end),
            Event::Main(news) => self.heard(news),
            Event::Synced(status) => self.synced(status),
            Event::Dns { level, news, repeats, state, bound } => {
                let text = format!("DNS: {news}");
                if repeats {
                    self.kit.log_failure(level, &text);
                } else {
                    self.log(level, &text);
                }
                self.snapshot.dns.state = state;
                self.snapshot.counts.listens(self.settings.dns.as_ref(), &bound);
            }
            Event::Reading(reads) => self.burden.reading(reads, Instant::now()),
            Event::MainReloaded => {
                self.log(Level::Debug, "The main has reloaded: a sync follows.");
                self.order(Order::Soon);
            }
            Event::Watch(state) => {
                if self.snapshot.watch != state {
                    // What phones did before was not heard.
                    self.roster.ask_contacts(contacts::Ask::All);
                    self.log(Level::Debug, &format!("Events of the main: {state}"));
                    self.snapshot.watch = state;
                }
            }
            Event::Exports(export) => self.exports(export),
            Event::Waits(until) => self.pace.answers_by_itself(until, Instant::now()),
            Event::MainChanged(parts) => self.main_changed(&parts),
            Event::MainVersion(version) => self.snapshot.main_version = version,
            Event::MainCalls(calls) => self.counted(calls),
            Event::Prepared { number, problem, live } => self.prepared(number, &problem, &live),
            Event::Gated { number, answer } => self.gated(number, answer),
            Event::PhoneChanged(user) => self.roster.ask_contacts(contacts::Ask::User(user)),
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
            Event::Dialplan { problem, newest } => self.dialled(problem, newest),
            Event::SelfChecked(part, answer) => {
                self.self_check.answered(part, answer);
                self.judge_self();
            }
            Event::States(state) => self.snapshot.state = state,
            Event::Examined(bad, warnings) => {
                self.snapshot.examined = Some(Examined { time: self.now(), bad, warnings });
            }
            Event::Drilled(report, reply) => self.drilled(report, &reply),
            Event::Panicked(worker) => {
                *self.snapshot.restarts.entry(worker).or_default() += 1;
                let text = format!("The {worker} worker of synch failed and is started again.");
                self.kit.log_failure(Level::Error, &text);
            }
        }
    }

    /// Takes note of contexts that came into force, or of why they did not.
    fn dialled(&mut self, problem: Option<String>, newest: bool) {
        self.snapshot.dialplan_waits = !newest;
        self.snapshot.dialplan = match problem {
            None => {
                self.kit.log_end(DIALPLAN, "Dialplan: in force again.");
                InDialplan::InForce
            }
            Some(problem) => {
                self.kit.log_failure(Level::Error, &format!("{DIALPLAN}: {problem}"));
                InDialplan::Wrong(problem)
            }
        };
    }

    fn command(&mut self, Numbered { number, command }: Numbered) {
        match command {
            Command::Sync { accepted } => {
                self.roster.try_now();
                self.order(Order::Sync { accepted });
            }
            Command::Rollback(version) => self.order(Order::Rollback(version)),
            Command::SetMode(mode) => self.choose_mode(mode, None),
            Command::HoldMode(mode, minutes) => self.choose_mode(mode, Some(minutes)),
            Command::StartMaintenance(start, reply) => self.start_maintenance(start, reply),
            Command::StopMaintenance { version, force, reply } => {
                self.stop_maintenance(version, force, reply);
            }
            Command::FailBack => self.fail_back(),
            Command::Examine(reply) => {
                if self.settings.main.is_some() {
                    self.self_check.look_now(Instant::now());
                    self.check_self();
                }
                if let Err(error) = self.roster.examine(&self.kit, &self.settings, reply.clone()) {
                    reply.give(vec![Check::unable(format!(
                        "the doctor's thread could not be started: {error}"
                    ))]);
                }
            }
            Command::Drill(reply) => self.drill(&reply),
            Command::AskState(device, reply) => self.roster.ask_state(device, &reply),
            Command::Configure(settings) => self.configure(settings),
        }
        self.snapshot.handled = self.snapshot.handled.max(number);
    }

    fn order(&self, order: Order) {
        if !self.roster.order(order) {
            let text = format!("Sync request dropped: one is running and {ORDERS_WAITING} are queued.");
            self.kit.log_failure(Level::Warning, &text);
        }
    }

    /// Has the DNS name the system that the failover chose, with a shorter TTL while the main is Unstable.
    fn serve(&mut self) {
        self.roster.serve(self.situation());
    }

    fn situation(&self) -> Situation {
        let unstable = self.monitor.verdict().state == MonitorState::Unstable;
        Situation { target: self.target(), unstable }
    }

    fn target(&self) -> Target {
        target(&self.failover, &self.settings)
    }

    fn announce_service(&mut self, change: &ServiceChange) {
        if change.new == ServiceState::Failover {
            // Another one each time: all branches of one main have failed over together.
            self.failover.draw(random());
        }
        self.snapshot.counts.service(change.new, SystemTime::now());
        self.announce(change.old, change.new, &change.reason);
        let marks = self.phones.service_changed(change.new, Instant::now());
        self.note_move(&marks);
    }

    /// Reports a change to the log, to AMI and to the history.
    fn announce<S: state::Announced>(&mut self, old: S, new: S, reason: &str) {
        self.announce_at(level_of(new), old, new, reason);
    }

    fn announce_at<S: state::Announced>(&mut self, level: Level, old: S, new: S, reason: &str) {
        let (subject, old, new) = (S::SUBJECT, old.word(), new.word());
        self.log(level, &format!("{subject} state changed from {old} to {new}: {reason}"));
        let fields = [("OldState", old), ("NewState", new), ("Reason", reason)];
        self.kit.host.event(&format!("Synch{subject}State"), &fields);
        self.history.push(self.now(), subject, old, new, reason);
    }

    fn log(&self, level: Level, text: &str) {
        self.kit.host.log(level, text);
    }

    fn now(&self) -> String {
        self.kit.host.local_time(SystemTime::now())
    }
}

/// Returns how much a new state matters in the log.
fn level_of<S: state::Announced>(new: S) -> Level {
    if new.is_trouble() { Level::Warning } else { Level::Notice }
}

/// Logs warnings about settings that work, but that an attacker could use.
fn warn(settings: &Settings, host: &dyn Host) {
    for caution in cautions(settings, &host.config_dir()) {
        host.log(Level::Warning, &caution);
    }
}
