//! The sync worker: main → file → reload → live users, step by step.
//!
//! The kinds of things that are synced, each with its memory:
//! - `users`: the main's answers into the file of users, into force, or the last good one back
//! - `call_settings`: forwards and the like
//! - `mailboxes`: the users' mailboxes
//! - `contexts`: the main's own contexts
//! - `directory`: everybody on the main
//!
//! What they are made of:
//! - `part`: what each kind has to answer
//! - `common`: what all of them share
//! - `people`: who is logged in where, which users and call settings go by
//! - `shrink`: what the main has lost, held until a person has seen it
//! - `disk`: our files, their versions, and the administrator's own
//! - `reading`: what is asked of the main
//! - `exported`: the same of a main that exports
//! - `fresh`: whether something is to be read again
//! - `kept`: what is saved for a restart
//! - `maintenance`: the last sync before work on the main, and the questions behind it
//! - `ticket`: an order that is dropped where nobody waits for it any more
//! - `retry`: what failed is not begun again each time
//! - `failure`: everything that can go wrong on the way

mod call_settings;
mod common;
mod contexts;
mod directory;
mod disk;
mod exported;
mod failure;
mod fresh;
mod kept;
mod mailboxes;
mod maintenance;
mod part;
mod people;
mod reading;
mod retry;
mod shrink;
mod ticket;
mod users;

use std::{
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, bounded};

use self::{
    call_settings::CallSettings,
    common::{Common, InForce},
    contexts::Contexts,
    directory::Directory,
    failure::Failure,
    mailboxes::Mailboxes,
    part::{Part, parts},
    reading::Reading,
    users::Users,
};
pub(in crate::engine) use self::{
    contexts::trunks,
    mailboxes::can_mail,
    ticket::{Claim, Ticket},
};
use super::session::Access;
use crate::{
    engine::{
        crew::{
            backoff::{Backoff, random},
            kit::Kit,
            post::{Start, Work},
            schedule::Schedule,
            worker::{Role, Stop, Stopped, Worker},
        },
        event::Teller,
        host::Level,
        reach::lookup::cut,
        work::session::Exports,
    },
    operator::status::{SyncResult, seconds},
    settings::{self, Classes, Main, Settings, Trunk, Voicemail},
    site::shrink::Removals,
    uplink::ami::Hangup,
    words::{faults, state::SyncState},
};

// What is synced, in the order of worth: the users first. What comes later may look at what came before.
parts! {
    users: Users,
    call_settings: CallSettings,
    mailboxes: Mailboxes,
    contexts: Contexts,
    directory: Directory<'a>,
}

/// Where a held version is remembered across restarts.
const HELD: &str = "held_version";

/// Where the time of the last sync that succeeded is remembered, in seconds since 1970.
const SUCCEEDED: &str = "synced_at";

/// How soon a sync is tried again that could not take what the main exports: it tells of each change once.
const TAKE_AGAIN: Duration = Duration::from_secs(10);
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
    /// Sync once more before the main is left alone, and tell how that ended.
    Last(Ticket),
    /// Ask whether the main may have its phones back; sync then, and tell.
    Gate(Question),
}

/// Whether the main may have its phones back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Question {
    /// The order.
    pub(in crate::engine) ticket: Ticket,
    /// How its version has to begin.
    pub(in crate::engine) version: Option<String>,
}

impl Order {
    /// Whether it waits while nothing is read from the main.
    const fn is_put_off(&self) -> bool {
        matches!(self, Self::Sync { .. } | Self::Due | Self::Soon)
    }
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
    contexts: settings::Contexts,
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
            (settings.main.clone()?, settings.policy.clone(), settings.voicemail.clone());
        Some(Spec { main, sync, policy, voicemail, dialled })
    }

    fn start(
        Spec { main, sync, .. }: &Spec,
        start: &Start<'_>,
        teller: Teller,
        role: Role,
    ) -> io::Result<(Sender<Order>, Worker)> {
        let (to_worker, orders) = bounded(ORDERS_WAITING);
        let syncing = Self {
            kit: start.kit.clone(),
            all: Arc::clone(start.settings),
            settings: sync.clone(),
            access: Access::new(start.kit, main, start.reach()?, teller.clone()),
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
    common: Common<'a>,
    parts: Parts<'a>,
    /// What was in force when the last sync ended.
    concluded: Option<InForce>,
    /// Waits until a sync is tried again that could not take all that the main exports.
    again: Backoff,
}

impl<'a> Site<'a> {
    fn new(syncing: &'a Syncing, hangup: &'a Hangup, stop: &'a Stop) -> Self {
        Self {
            common: Common::new(syncing, hangup, stop),
            parts: Parts::default(),
            concluded: None,
            again: Backoff::new(TAKE_AGAIN, syncing.settings.interval.max(TAKE_AGAIN)),
        }
    }

    fn run(mut self) -> Result<Infallible, Stopped> {
        if let Err(failure) = self.look_at_disk() {
            self.fail(&failure);
        }
        self.concluded = Some(self.common.in_force());
        self.common.tell();
        self.wait_for_boot()?;
        let Syncing { orders, settings, .. } = self.common.syncing;
        let mut schedule = Schedule::new(settings.interval, settings.spread, Instant::now());
        loop {
            let next = schedule.due();
            let order = match self.common.stop.or_receive(orders, self.wake(next))? {
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
            if order.is_put_off() && self.common.syncing.kit.leaves_main_alone() {
                self.put_off(&order);
                continue;
            }
            let order = match order {
                Order::Last(ticket) => {
                    self.prepare(&ticket)?;
                    continue;
                }
                Order::Gate(question) => {
                    self.pass_gate(&question)?;
                    continue;
                }
                order => order,
            };
            let wish = if matches!(order, Order::Sync { .. }) { Wish::Asked } else { Wish::Due };
            let before = self.common.gauge.whole_window();
            let synced = self.carry_out(order);
            let widens = self.common.gauge.whole_window() > before;
            let in_sync = synced.is_ok();
            let exports = self.common.exports();
            exports.filter(|_| in_sync).inspect(|exports| exports.synced());
            if exports.is_some_and(Exports::awaits) {
                schedule.no_later_than(Instant::now() + self.again.wait(random()));
            } else {
                self.again.reset();
            }
            if let Err(failure) = &synced
                // Lines that were lost may come over a wider window, which is tried a few times.
                && (failure.is_turned_away() || failure.has_lost_lines() && widens)
            {
                schedule.no_later_than(Instant::now() + LOG_IN_AGAIN);
            }
            self.conclude(&synced)?;
            if in_sync {
                for part in self.parts.all() {
                    part.begin(wish, &mut self.common);
                }
            }
        }
    }

    /// Shows how a sync has ended.
    fn conclude(&mut self, synced: &Result<(), Failure>) -> Result<(), Stopped> {
        match synced {
            Ok(()) => self.succeed(),
            Err(Failure::Stopped) => return Err(Stopped),
            Err(failure) => self.fail(failure),
        }
        let in_force = self.common.in_force();
        let is_new = self.concluded.as_ref() != Some(&in_force);
        self.common.status.result = match synced {
            Ok(()) if is_new => SyncResult::Changed,
            Ok(()) => SyncResult::Unchanged,
            Err(failure) if failure.waits_for_a_person() => SyncResult::Held,
            Err(_) => SyncResult::Failed,
        };
        self.concluded = Some(in_force);
        self.common.status.ended += 1;
        self.common.tell();
        Ok(())
    }

    /// Shows what an earlier life has left. The first failure is that of the sync; the others look all the same.
    fn look_at_disk(&mut self) -> Result<(), Failure> {
        self.common.read_losses();
        let mut looked = Ok(());
        for part in self.parts.all() {
            looked = looked.and(part.look_at_disk(&mut self.common));
        }
        looked
    }

    /// When there is something to do: a sync, or a piece of what is read between syncs.
    fn wake(&mut self, next: Instant) -> Instant {
        if self.common.syncing.kit.leaves_main_alone() {
            return next;
        }
        let pieces = self.parts.all().filter_map(|part| part.piece_due());
        pieces.fold(next, Instant::min)
    }

    /// Reads a piece that is due.
    fn read_piece(&mut self) -> Result<(), Stopped> {
        let now = Instant::now();
        let is_due = |part: &&mut dyn Part<'a>| part.piece_due().is_some_and(|due| due <= now);
        match self.parts.all().find(is_due) {
            Some(part) => part.read_piece(&mut self.common),
            None => Ok(()),
        }
    }

    /// Whether this waits for the branch's own time: not where somebody asked, nor where no earlier sync has left what the
    /// branch can live on.
    fn puts_off(&self, order: &Order, schedule: &mut Schedule, now: Instant) -> bool {
        let waits = *order == Order::Soon && !self.common.status.users.is_empty();
        if waits {
            schedule.has_reason(now, random());
        }
        waits
    }

    /// A reload before all modules are loaded would only be queued by Asterisk.
    fn wait_for_boot(&self) -> Result<(), Stopped> {
        while !self.common.host.fully_booted() {
            self.common.pause()?;
        }
        Ok(())
    }

    /// Carries an order out when the main may be asked again, by the sync that is due then.
    fn put_off(&mut self, order: &Order) {
        if matches!(order, Order::Sync { .. }) {
            // Whoever asked for it wants no version held any more, and a bad one tried again.
            self.common.hold(None);
            self.parts.users.forget_bad();
        }
        self.leave_main_alone();
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Failure> {
        self.common.lost.accept(Arc::default());
        match order {
            Order::Rollback(version) => self.roll_back(version),
            Order::Sync { accepted } => {
                self.common.lost.accept(accepted);
                self.common.hold(None);
                self.parts.users.forget_bad();
                self.sync(Wish::Asked, None)
            }
            Order::Due | Order::Soon => self.unless_held(Wish::Due, None),
            Order::Last(ticket) | Order::Gate(Question { ticket, .. }) => {
                self.unless_held(Wish::Asked, Some(&ticket))
            }
        }
    }

    /// Syncs, unless an operator holds a version.
    fn unless_held(&mut self, wish: Wish, ticket: Option<&Ticket>) -> Result<(), Failure> {
        match self.common.status.held {
            Some(version) => Err(Failure::Held(version)),
            None => self.sync(wish, ticket),
        }
    }

    fn sync(&mut self, wish: Wish, ticket: Option<&Ticket>) -> Result<(), Failure> {
        self.hang_up();
        let mut reading = Reading::open(&self.common, ticket)?;
        self.common.stamp.clone_from(&reading.stamp);
        let synced = self.sync_over(&mut reading, wish);
        reading.tell(&mut self.common.gauge);
        synced?;
        reading.close();
        Ok(())
    }

    fn hang_up(&mut self) {
        // One session at a time, where the main allows no more; and one answer at a time on the line.
        for part in self.parts.all() {
            part.hang_up();
        }
    }

    fn sync_over(&mut self, reading: &mut Reading, wish: Wish) -> Result<(), Failure> {
        let mut synced = Ok(());
        for part in self.parts.all() {
            if synced.as_ref().is_err_and(|failure| !part.is_synced_after(failure)) {
                continue;
            }
            reading.is_wanted()?;
            match part.sync(reading, wish, &mut self.common) {
                Err(Failure::Stopped) => return Err(Failure::Stopped),
                outcome => synced = synced.and(outcome),
            }
        }
        synced
    }

    fn roll_back(&mut self, version: u64) -> Result<(), Failure> {
        self.parts.users.roll_back(version, &mut self.common)?;
        self.common.log(&format!("Version {version} was put back"));
        Err(Failure::Held(version))
    }

    fn succeed(&mut self) {
        let Common { syncing, host, status, .. } = &mut self.common;
        status.state = SyncState::Synced;
        status.reason = format!("the branch has the users of {}", syncing.access.main.host);
        let now = SystemTime::now();
        status.last_sync = host.local_time(now);
        let at = seconds(now);
        status.succeeded = Some(at);
        if let Err(error) = host.remember(SUCCEEDED, Some(&at.to_string())) {
            host.log(Level::Debug, &format!("The time of the sync is not saved: {error}."));
        }
    }

    fn fail(&mut self, failure: &Failure) {
        self.common.status.state = SyncState::Unsynced;
        self.common.status.reason = failure.to_string();
    }
}

#[cfg(test)]
mod tests;
