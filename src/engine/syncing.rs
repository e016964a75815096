//! The sync worker: main → file → reload → live users, step by step.
//!
//! - `install`: a new file into force
//! - `disk`: what is in place, and the versions
//! - `failure`: everything that can go wrong on the way

mod disk;
mod failure;
mod install;

use std::{
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::Receiver;

use self::failure::{Failure, of_file};
use super::{
    Start,
    event::{Event, Teller},
    lookup::Address,
    worker::{Role, Stop, Stopped, Worker},
};
use crate::{
    ami::{Hangup, Link},
    host::{Host, Level},
    settings::{self, Main},
    state::SyncState,
    status::{LeftOut, SyncStatus, counted},
    sync::{Answer, Content, Kind, Plan, Synced, User, compose, users_in},
};

/// Where a held version is remembered across restarts.
const HELD: &str = "held_version";

/// Bound of everything that is read from the main in one sync: 20,000 users take 2 s in a LAN.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// All answers of one sync together: twice what 20,000 users take, and what a small branch can spare.
const MAX_ANSWERS: usize = 64 << 20;

/// Users that a log line names at most.
const NAMED: usize = 20;

/// How often it is looked whether something that takes its time has happened.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// What the engine asks of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Sync now.
    Sync {
        /// Even what is held because it would take away too many users.
        carry_out_held: bool,
    },
    /// Sync as if it were due, which a held version forbids.
    Due,
    /// Put a version back and hold it.
    Rollback(u64),
}

/// What the worker needs.
pub(super) struct Syncing {
    pub(super) start: Start,
    pub(super) main: Main,
    pub(super) settings: settings::Sync,
    pub(super) address: Address,
    pub(super) orders: Receiver<Order>,
    pub(super) teller: Teller,
}

impl Syncing {
    /// Starts the worker.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(self, role: Role<'_>) -> io::Result<Worker> {
        let hangup = Hangup::new();
        let (to_cut, address) = (hangup.clone(), self.address.clone());
        let interrupt = move || {
            to_cut.hang_up();
            address.cancel();
        };
        let panicked = self.teller.panicked("sync");
        Worker::start(role, interrupt, panicked, move |stop| {
            // It only ever returns to stop.
            let Err(Stopped) = Site::new(&self, &hangup, stop).run();
        })
    }
}

/// The sync of one site, as long as its worker runs.
struct Site<'a> {
    syncing: &'a Syncing,
    host: &'a dyn Host,
    hangup: &'a Hangup,
    stop: &'a Stop,
    status: SyncStatus,
    /// What of the file the channel driver lists once it is live.
    listed: Vec<(Kind, String)>,
}

impl<'a> Site<'a> {
    fn new(syncing: &'a Syncing, hangup: &'a Hangup, stop: &'a Stop) -> Self {
        let host = &*syncing.start.host;
        let mut status = SyncStatus::before_the_first(true);
        status.held = host.recall(HELD).and_then(|text| text.parse().ok());
        Self { syncing, host, hangup, stop, status, listed: Vec::new() }
    }

    fn run(mut self) -> Result<Infallible, Stopped> {
        if let Err(failure) = self.look_at_disk() {
            self.fail(&failure);
        }
        self.tell();
        self.wait_for_boot()?;
        let mut next = Instant::now();
        loop {
            let order = self.stop.or_receive(&self.syncing.orders, next)?.unwrap_or(Order::Due);
            if !matches!(order, Order::Rollback(_)) {
                next = Instant::now() + self.syncing.settings.interval;
            }
            match self.carry_out(order) {
                Ok(()) => self.succeed(),
                Err(Failure::Stopped) => return Err(Stopped),
                Err(failure) => self.fail(&failure),
            }
            self.status.ended += 1;
            self.tell();
        }
    }

    /// A reload before all modules are loaded would only be queued by Asterisk.
    fn wait_for_boot(&self) -> Result<(), Stopped> {
        while !self.host.fully_booted() {
            self.pause()?;
        }
        Ok(())
    }

    fn carry_out(&mut self, order: Order) -> Result<(), Failure> {
        match order {
            Order::Rollback(version) => self.roll_back(version),
            Order::Sync { carry_out_held } => {
                self.hold(None);
                self.sync(if carry_out_held { self.status.held_removal } else { 0 })
            }
            Order::Due => match self.status.held {
                Some(version) => Err(Failure::Held(version)),
                None => self.sync(0),
            },
        }
    }

    /// One sync. It may take away as many users as were `accepted`, whatever max_shrink says.
    fn sync(&mut self, accepted: usize) -> Result<(), Failure> {
        let start = Instant::now();
        let Syncing { settings, main, .. } = self.syncing;
        let answers = self.read_main(start + READ_TIMEOUT)?;
        let local = self.local_sections();
        let synced = compose(&answers, settings.technology, &settings.filter, &local, &main.host)?;
        drop(answers);
        self.note_left_out(&synced);
        let store = self.store()?;
        let in_place = self.in_place(&store)?;
        let in_place = in_place.as_deref().map(|text| Content { text, users: &self.status.users });
        let users = users_in(&synced.sections, settings.technology);
        let new = Content { text: synced.text.as_bytes(), users: &users };
        let plan = Plan::decide(in_place, new, settings.max_shrink, accepted);
        let held_before = std::mem::take(&mut self.status.held_removal);
        match plan {
            // Also where it is in place and not in force: a reload that came to nothing, a file that could not be
            // read. Asterisk reads a file anew only when it is another one.
            Plan::Unchanged if !self.is_live(&synced.sections)? => self.install(&store, &synced)?,
            Plan::Unchanged => {}
            Plan::Hold { removed, of } => {
                self.status.held_removal = removed;
                if removed != held_before {
                    self.note_held(&users);
                }
                return Err(Failure::Shrink { removed, of, max_shrink: settings.max_shrink });
            }
            Plan::Write => {
                self.install(&store, &synced)?;
                let (users, version) = (self.status.users.len(), self.status.version.unwrap_or_default());
                let (users, took) = (counted(users, "user"), start.elapsed().as_secs_f32());
                self.log(&format!("Synced {users} from {} in {took:.1} s: version {version}", main.host));
            }
        }
        Ok(())
    }

    /// Every file, over one connection of its own.
    fn read_main(&self, deadline: Instant) -> Result<Vec<Answer>, Failure> {
        let Syncing { main, settings, address, .. } = self.syncing;
        let address = address.get(deadline).map_err(Failure::NoAddress)?;
        let mut link = Link::for_config(address, main, self.hangup);
        let (mut answers, mut bytes) = (Vec::new(), 0);
        for file in &settings.files {
            let frame = link.get_config(file, deadline).map_err(|error| of_file(file, error))?;
            bytes += frame.size();
            if bytes > MAX_ANSWERS {
                return Err(Failure::TooMuch);
            }
            answers.push(Answer { file: file.clone(), frame });
        }
        link.close();
        Ok(answers)
    }

    fn roll_back(&mut self, version: u64) -> Result<(), Failure> {
        let store = self.store()?;
        self.in_place(&store)?;
        self.install_version(&store, version)?;
        self.log(&format!("Version {version} was put back"));
        Err(Failure::Held(version))
    }

    fn note_left_out(&mut self, synced: &Synced) {
        let left_out: Vec<LeftOut> = synced
            .left_out
            .iter()
            .map(|user| LeftOut { name: user.name.clone(), reason: user.reason.to_string() })
            .collect();
        if left_out == self.status.left_out {
            return;
        }
        self.status.left_out = left_out;
        if let Some(LeftOut { name, reason }) = self.status.left_out.first() {
            let count = counted(self.status.left_out.len(), "user");
            let text = format!("{count} left out, {name} the first: {reason}. See 'synch show users'.");
            self.host.log(Level::Warning, &text);
        }
    }

    /// Tells who would go, before somebody carries it out.
    fn note_held(&self, staying: &[User]) {
        let goes = |user: &&User| !staying.iter().any(|other| other.name == user.name);
        let going = self.status.users.iter().filter(goes).map(|user| user.name.as_str());
        let named: Vec<&str> = going.take(NAMED).collect();
        let dots = if self.status.held_removal > named.len() { ", …" } else { "" };
        let text = format!("Held: these users would be taken away: {}{dots}", named.join(", "));
        self.host.log(Level::Warning, &text);
    }

    fn hold(&mut self, version: Option<u64>) {
        if self.status.held == version {
            return;
        }
        self.status.held = version;
        if let Err(error) = self.host.remember(HELD, version.map(|number| number.to_string()).as_deref()) {
            self.host.log(Level::Warning, &error.to_string());
        }
    }

    fn succeed(&mut self) {
        self.status.state = SyncState::Synced;
        self.status.reason = format!("the branch has the users of {}", self.syncing.main.host);
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
