//! The sync worker: main → file → reload → live users, step by step.
//!
//! - `reading`: what is asked of the main
//! - `users`: its answers into the file of users
//! - `install`: a new file into force, or the last good one back
//! - `mailboxes`: the users' mailboxes
//! - `call_settings`: forwards and the like, and who is logged in where
//! - `contexts`: the main's own contexts
//! - `directory`: everybody on the main
//! - `shrink`: what the main has lost, held until a person has seen it
//! - `disk`: what is in place, and the versions
//! - `retry`: what failed is not begun again each time
//! - `failure`: everything that can go wrong on the way

mod call_settings;
mod contexts;
mod directory;
mod disk;
mod failure;
mod install;
mod mailboxes;
mod reading;
mod retry;
mod shrink;
mod users;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    hash::RandomState,
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, bounded};

pub(in crate::engine) use self::contexts::trunks;
use self::{directory::Everybody, failure::Failure, reading::Reading, retry::Retry};
use super::session::Access;
pub(in crate::engine) use crate::engine::work::sync::mailboxes::can_mail;
use crate::{
    engine::{
        crew::{
            backoff::random,
            kit::Kit,
            post::{Start, Work},
            schedule::Schedule,
            worker::{Role, Stop, Stopped, Worker},
        },
        event::{Event, Teller},
        host::{Host, Level},
        reach::lookup::cut,
    },
    operator::status::SyncStatus,
    settings::{self, Classes, Contexts, Main, Settings, Trunk, Voicemail},
    site::{
        mailboxes::Owner,
        shrink::{Guarded, Losses, Names, Removals},
        users::{Declined, Kind},
    },
    uplink::ami::{Gauge, Hangup, Stamp},
    words::{conf::ConfSection, faults, state::SyncState},
};

/// Where a held version is remembered across restarts.
const HELD: &str = "held_version";

/// How soon a sync is tried again where the main let nobody in: nobody else may notice that it does again. Whether the main
/// is really asked then is up to `admission`.
const LOG_IN_AGAIN: Duration = Duration::from_secs(10);

/// Orders that may wait: one sync does for all who asked for it.
pub(in crate::engine) const ORDERS_WAITING: usize = 8;

/// How often it is looked whether something that takes its time has happened.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What the engine asks of the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Order {
    /// Sync now.
    Sync {
        /// What may go because a person has seen that it is held.
        accepted: Arc<Removals>,
    },
    /// Sync as if it were due, which a held version forbids.
    Due,
    /// The same before long: the main has given all its branches this reason at the same moment.
    Soon,
    /// Put a version back and hold it.
    Rollback(u64),
}

/// Why a sync is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// It is time.
    Due,
    /// Somebody asked: all is read.
    Asked,
}

/// What the worker needs.
pub(in crate::engine) struct Syncing {
    kit: Kit,
    all: Arc<Settings>,
    settings: settings::Sync,
    access: Access,
    orders: Receiver<Order>,
    teller: Teller,
}

/// All settings that the worker goes by.
#[derive(PartialEq)]
pub(in crate::engine) struct Spec {
    main: Main,
    sync: settings::Sync,
    policy: settings::Policy,
    voicemail: Option<Voicemail>,
    dialled: Option<Dialled>,
}

/// What of the dialplan comes from the main, or fences in what does.
#[derive(PartialEq)]
struct Dialled {
    context: String,
    classes: Classes,
    public_key: String,
    contexts: Contexts,
    /// The main's contexts are kept off them.
    trunks: [Option<Trunk>; 3],
}

impl Work for Syncing {
    const THREAD: &'static str = "sync";
    type Spec = Spec;
    type Line = Sender<Order>;

    fn spec(settings: &Settings) -> Option<Spec> {
        let sync = settings.sync.clone()?;
        let dialled = settings.dialplan.as_ref().map(|dialplan| Dialled {
            context: dialplan.context.clone(),
            classes: dialplan.classes.clone(),
            public_key: dialplan.public_key.clone(),
            contexts: dialplan.contexts.clone(),
            trunks: trunks(dialplan).map(Option::<&Trunk>::cloned),
        });
        let (main, policy, voicemail) =
            (settings.main.clone(), settings.policy.clone(), settings.voicemail.clone());
        Some(Spec { main, sync, policy, voicemail, dialled })
    }

    fn start(
        Spec { sync, .. }: &Spec,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<(Sender<Order>, Worker)> {
        let (to_worker, orders) = bounded(ORDERS_WAITING);
        let syncing = Self {
            kit: start.kit.clone(),
            all: Arc::clone(start.settings),
            settings: sync.clone(),
            access: Access::new(start.kit, &start.settings.main, start.reach()?, teller.clone()),
            orders,
            teller,
        };
        let hangup = Hangup::new();
        let interrupt = cut(&hangup, &syncing.access.address);
        let worker = Worker::start(role, interrupt, move |stop| {
            // It only ever returns to stop.
            let Err(Stopped) = Site::new(&syncing, &hangup, stop).run();
        })?;
        Ok((to_worker, worker))
    }
}

/// The sync of one site, as long as its worker runs.
struct Site<'a> {
    syncing: &'a Syncing,
    host: &'a dyn Host,
    hangup: &'a Hangup,
    stop: &'a Stop,
    status: SyncStatus,
    /// Keys of the marks that stand for passwords where versions are compared.
    marks: RandomState,
    /// What of the file the channel driver lists once it is live.
    listed: Vec<(Kind, String)>,
    /// Sections that the channel driver would not take, as they were then.
    refused: Vec<(Kind, ConfSection)>,
    /// What the channel driver does not take of them.
    declined: Declined,
    /// The file that did not come into force, and why: it is not tried again.
    bad: Option<(String, String)>,
    /// What has gone within a day.
    losses: BTreeMap<Guarded, Losses>,
    /// What may go by the order that is carried out.
    accepted: Arc<Removals>,
    /// Numbers of users who went by it: the directory may lose them, too.
    freed: Names,
    /// Who is logged in at which account, where the main says so.
    people: BTreeMap<String, String>,
    /// Whether the main has ever said.
    people_known: bool,
    /// The context on the main of whoever names none, where it says one.
    unnamed: Option<String>,
    /// Why its database was not read in this sync; none where it was.
    no_database: Option<String>,
    /// They could not be written for a restart.
    contexts_unkept: bool,
    /// Nor could the directory.
    directory_unkept: bool,
    /// When the main had last reloaded as the last sync began, where it tells.
    stamp: Option<Stamp>,
    /// The same as the boxes were read.
    boxes_of: Option<Stamp>,
    /// When they were read.
    boxes_at: Option<Instant>,
    /// Whose.
    boxes_users: Vec<Owner>,
    /// The same as the directory was read.
    directory_of: Option<Stamp>,
    /// When it was read.
    directory_at: Option<Instant>,
    /// The reading of it that is under way.
    everybody: Option<Everybody<'a>>,
    /// What the line to the main takes.
    gauge: Gauge,
    /// When the boxes, which failed, are read again without being asked for.
    boxes_wait: Retry,
}

impl<'a> Site<'a> {
    fn new(syncing: &'a Syncing, hangup: &'a Hangup, stop: &'a Stop) -> Self {
        let host = &*syncing.kit.host;
        let mut status = SyncStatus::before_the_first(true);
        status.held = host.recall(HELD).and_then(|text| text.parse().ok());
        Self {
            syncing,
            host,
            hangup,
            stop,
            status,
            marks: RandomState::new(),
            listed: Vec::new(),
            refused: Vec::new(),
            declined: Declined::default(),
            bad: None,
            losses: BTreeMap::new(),
            accepted: Arc::default(),
            freed: Names::new(),
            people: BTreeMap::new(),
            unnamed: None,
            people_known: false,
            no_database: None,
            contexts_unkept: false,
            directory_unkept: false,
            stamp: None,
            boxes_of: None,
            boxes_at: None,
            boxes_users: Vec::new(),
            directory_of: None,
            directory_at: None,
            everybody: None,
            gauge: Gauge::default(),
            boxes_wait: Retry::new(),
        }
    }

    fn run(mut self) -> Result<Infallible, Stopped> {
        if let Err(failure) = self.look_at_disk() {
            self.fail(&failure);
        }
        self.tell();
        self.wait_for_boot()?;
        let settings::Sync { interval, spread, .. } = self.syncing.settings;
        let mut schedule = Schedule::new(interval, spread, Instant::now());
        loop {
            let next = schedule.due();
            let wake = self.piece_due().map_or(next, |piece| piece.min(next));
            let order = match self.stop.or_receive(&self.syncing.orders, wake)? {
                Some(order) if self.puts_off(&order, &mut schedule, Instant::now()) => continue,
                Some(order) => order,
                None if Instant::now() >= next => Order::Due,
                None => {
                    self.read_piece()?;
                    continue;
                }
            };
            faults::point("sync");
            if !matches!(order, Order::Rollback(_)) {
                schedule.begins(Instant::now(), random());
            }
            let asked = matches!(order, Order::Sync { .. });
            let before = self.gauge.whole_window();
            let synced = self.carry_out(order);
            let widens = self.gauge.whole_window() > before;
            let in_sync = synced.is_ok();
            match synced {
                Ok(()) => self.succeed(),
                Err(Failure::Stopped) => return Err(Stopped),
                Err(failure) => {
                    // Lines that were lost may come over a wider window, which is tried a few times.
                    if failure.is_turned_away() || failure.has_lost_lines() && widens {
                        schedule.no_later_than(Instant::now() + LOG_IN_AGAIN);
                    }
                    self.fail(&failure);
                }
            }
            self.status.ended += 1;
            self.tell();
            // The users first: this takes its time.
            if in_sync {
                self.begin_directory(asked);
            }
        }
    }

    /// Whether this waits for the branch's own time: not where somebody asked, nor where no earlier sync has left what the
    /// branch can live on.
    fn puts_off(&self, order: &Order, schedule: &mut Schedule, now: Instant) -> bool {
        let waits = *order == Order::Soon && !self.status.users.is_empty();
        if waits {
            schedule.has_reason(now, random());
        }
        waits
    }

    /// A reload before all modules are loaded would only be queued by Asterisk.
    fn wait_for_boot(&self) -> Result<(), Stopped> {
        while !self.host.fully_booted() {
            self.pause()?;
        }
        Ok(())
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Failure> {
        self.accepted = Arc::default();
        self.freed.clear();
        match order {
            Order::Rollback(version) => self.roll_back(version),
            Order::Sync { accepted } => {
                self.accepted = accepted;
                self.hold(None);
                self.bad = None;
                self.sync(Wish::Asked)
            }
            Order::Due | Order::Soon => match self.status.held {
                Some(version) => Err(Failure::Held(version)),
                None => self.sync(Wish::Due),
            },
        }
    }

    /// One sync. What comes with the users is not worth as much as they are: where it fails, they are synced all the same.
    fn sync(&mut self, wish: Wish) -> Result<(), Failure> {
        // One session at a time, where the main allows no more; and one answer at a time on the line.
        if let Some(everybody) = &mut self.everybody {
            everybody.hang_up();
        }
        let mut reading = self.reading()?;
        self.stamp.clone_from(&reading.stamp);
        let synced = self.sync_over(&mut reading, wish);
        reading.tell(&mut self.gauge);
        synced?;
        reading.close();
        Ok(())
    }

    fn sync_over(&mut self, reading: &mut Reading, wish: Wish) -> Result<(), Failure> {
        let users = self.sync_users(reading);
        // A removal that is held says nothing against what people have set.
        if matches!(users, Ok(()) | Err(Failure::Shrink { .. })) {
            self.sync_call_settings(reading)?;
        }
        users?;
        self.sync_boxes(reading, wish)?;
        self.sync_contexts(reading)
    }

    fn roll_back(&mut self, version: u64) -> Result<(), Failure> {
        let store = self.store()?;
        self.in_place(&store)?;
        self.install_version(&store, version)?;
        self.log(&format!("Version {version} was put back"));
        Err(Failure::Held(version))
    }

    fn hold(&mut self, version: Option<u64>) {
        if self.status.held == version {
            return;
        }
        self.status.held = version;
        if let Err(error) = self.host.remember(HELD, version.map(|number| number.to_string()).as_deref()) {
            self.syncing.kit.log_failure(Level::Warning, &error.to_string());
        }
    }

    fn succeed(&mut self) {
        self.status.state = SyncState::Synced;
        self.status.reason = format!("the branch has the users of {}", self.syncing.access.main.host);
        self.status.last_sync = self.host.local_time(SystemTime::now());
    }

    fn fail(&mut self, failure: &Failure) {
        self.status.state = SyncState::Unsynced;
        self.status.reason = failure.to_string();
    }

    fn tell(&self) {
        self.syncing.teller.tell(Event::Synced(Arc::new(self.status.clone())));
    }

    fn log(&self, text: &str) {
        self.host.log(Level::Notice, text);
    }

    fn pause(&self) -> Result<(), Stopped> {
        if self.stop.wait_until(Instant::now() + LOOK_AGAIN) { Err(Stopped) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
