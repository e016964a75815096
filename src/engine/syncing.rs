//! The sync worker: main → file → reload → live users, step by step, with everything that can go wrong on the way.

use std::{
    collections::HashSet,
    convert::Infallible,
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender};

use super::{
    Event, Start,
    lookup::Address,
    worker::{Stop, Stopped, Worker},
};
use crate::{
    ami::{Hangup, Link, LinkError, Refusal},
    host::{Host, HostError, Level, ReloadError},
    settings::{self, ConfSection, Main, Technology},
    state::SyncState,
    status::{LeftOut, SyncStatus, Version},
    sync::{
        self, Answer, Content, Plan, Staged, Store, StoreError, SyncError, Synced, compose, difference,
        listed_in, users_in,
    },
};

/// Where a held version is remembered across restarts.
const HELD: &str = "held_version";

/// Folder of the versions, in Asterisk's variable data.
const VERSIONS: &str = "synch";

/// Bound of everything that is read from the main in one sync: 20,000 users take 2 s in a LAN.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// chan_sip reloads in a thread of its own after it said that it is done; 1.5 s were seen.
const LIVE_TIMEOUT: Duration = Duration::from_secs(15);

/// How often it is looked whether something that takes its time has happened.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A reload is refused while another runs; those take seconds.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(10);

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
    pub(super) events: Sender<Event>,
}

/// Why a sync did not end in Synced.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    NoAddress(String),
    #[error(transparent)]
    Link(LinkError),
    #[error("{file}: {error}")]
    File { file: String, error: LinkError },
    #[error(transparent)]
    Answer(#[from] SyncError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "held: it would take away {removed} of {of} users, more than max_shrink = {max_shrink} percent; \
         'synch sync' carries it out"
    )]
    Shrink { removed: usize, of: usize, max_shrink: u8 },
    #[error("Asterisk does not read the new file as it is meant ({0}); it was not put in place")]
    Misread(String),
    #[error("the file is in place, but {0}")]
    NotReloaded(ReloadError),
    #[error("the file is in place, but {0}")]
    NoAnswer(#[from] HostError),
    #[error(
        "the file is in place, but {missing} of {of} users are not live, {first} the first: is \
         '#tryinclude {output}' in {conf}?"
    )]
    NotLive { missing: usize, of: usize, first: String, output: String, conf: &'static str },
    #[error("version {0} is held since a rollback; 'synch sync' ends that")]
    Held(u64),
    #[error("the module stops")]
    Stopped,
}

impl From<Stopped> for Failure {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        if matches!(error, LinkError::Stopped) { Self::Stopped } else { Self::Link(error) }
    }
}

/// A refused GetConfig is about its file: the main doesn't name it.
fn of_file(file: &str, error: LinkError) -> Failure {
    match error {
        LinkError::Refused { refusal: Refusal::Answer { .. }, .. } => {
            Failure::File { file: file.to_owned(), error }
        }
        error => error.into(),
    }
}

impl Syncing {
    /// Starts the worker.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(self, panicked: impl Fn() + Send + 'static) -> io::Result<Worker> {
        let hangup = Hangup::new();
        let interrupt = hangup.clone();
        Worker::start(
            "sync",
            move || interrupt.hang_up(),
            panicked,
            move |stop| {
                // It only ever returns to stop.
                let Err(Stopped) = Site::new(&self, &hangup, stop).run();
            },
        )
    }
}

/// The sync of one site, as long as its worker runs.
struct Site<'a> {
    syncing: &'a Syncing,
    host: &'a dyn Host,
    hangup: &'a Hangup,
    stop: &'a Stop,
    status: SyncStatus,
    /// Those of its users that the channel driver lists once they are live.
    listed: Vec<String>,
    /// The last sync was held because of max_shrink.
    shrink_held: bool,
    /// The users in the file have been seen live since it was last replaced.
    live: bool,
}

impl<'a> Site<'a> {
    fn new(syncing: &'a Syncing, hangup: &'a Hangup, stop: &'a Stop) -> Self {
        let host = &*syncing.start.host;
        let mut status = SyncStatus::before_the_first(true);
        status.held = host.recall(HELD).and_then(|text| text.parse().ok());
        Self { syncing, host, hangup, stop, status, listed: Vec::new(), shrink_held: false, live: false }
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
                self.sync(carry_out_held && self.shrink_held)
            }
            Order::Due => match self.status.held {
                Some(version) => Err(Failure::Held(version)),
                None => self.sync(false),
            },
        }
    }

    fn sync(&mut self, carry_out_held: bool) -> Result<(), Failure> {
        let start = Instant::now();
        let Syncing { settings, main, .. } = self.syncing;
        let answers = self.read_main(start + READ_TIMEOUT)?;
        let synced = compose(&answers, settings.technology, &settings.filter, &main.host)?;
        drop(answers);
        self.note_left_out(&synced);
        let store = self.store()?;
        let in_place = store.read_current()?;
        let in_place = in_place.as_deref().map(|text| Content { text, users: &self.status.users });
        let users = users_in(&synced.sections, settings.technology);
        let new = Content { text: synced.text.as_bytes(), users: &users };
        let plan = Plan::decide(in_place, new, settings.max_shrink, carry_out_held);
        self.shrink_held = matches!(plan, Plan::Hold { .. });
        match plan {
            Plan::Unchanged if self.live || self.missing()?.is_empty() => self.live = true,
            Plan::Unchanged => {
                self.reload()?;
                self.wait_until_live()?;
            }
            Plan::Hold { removed, of } => {
                return Err(Failure::Shrink { removed, of, max_shrink: settings.max_shrink });
            }
            Plan::Write => {
                self.install(&store, &synced)?;
                let (users, version) = (self.status.users.len(), self.status.version.unwrap_or_default());
                let took = start.elapsed().as_secs_f32();
                self.log(&format!(
                    "Synced {users} users from {} in {took:.1} s: version {version}",
                    main.host
                ));
            }
        }
        Ok(())
    }

    /// Every file, over one connection of its own.
    fn read_main(&self, deadline: Instant) -> Result<Vec<Answer>, Failure> {
        let Syncing { main, settings, address, .. } = self.syncing;
        let address = address.get(deadline).map_err(Failure::NoAddress)?;
        let mut link = Link::for_config(address, main, self.hangup);
        let mut answers = Vec::new();
        for file in &settings.files {
            let frame = link.get_config(file, deadline).map_err(|error| of_file(file, error))?;
            answers.push(Answer { file: file.clone(), frame });
        }
        link.close();
        Ok(answers)
    }

    /// Writes what was synced as a new version, puts it in place and into force.
    fn install(&mut self, store: &Store, synced: &Synced) -> Result<(), Failure> {
        let staged = store.stage(synced.text.as_bytes())?;
        let read = self.read_staged(&staged)?;
        if let Some(difference) = difference(&synced.sections, &read) {
            return Err(Failure::Misread(difference));
        }
        let version = store.add_version(synced.text.as_bytes())?;
        self.put_in_place(store, staged, &read, version)
    }

    fn roll_back(&mut self, version: u64) -> Result<(), Failure> {
        let store = self.store()?;
        let staged = store.stage(&store.read_version(version)?)?;
        let read = self.read_staged(&staged)?;
        self.hold(Some(version));
        self.put_in_place(&store, staged, &read, version)?;
        self.log(&format!("Version {version} was put back"));
        Err(Failure::Held(version))
    }

    /// What Asterisk's own loader makes of a file: the last word before it is put in place, because a broken
    /// include drops users silently. It can't hold an `#exec`: `sync::render` alone has written it.
    fn read_staged(&self, staged: &Staged) -> Result<Vec<ConfSection>, Failure> {
        self.host.load_conf(staged.path()).map_err(|error| Failure::Misread(error.to_string()))
    }

    fn put_in_place(
        &mut self,
        store: &Store,
        staged: Staged,
        read: &[ConfSection],
        version: u64,
    ) -> Result<(), Failure> {
        // An unload between the two would leave a new file that nobody has loaded.
        let inside = self.syncing.start.gate.enter().ok_or(Failure::Stopped)?;
        self.live = false;
        staged.commit()?;
        self.take_users(read);
        self.status.version = Some(version);
        self.list_versions(store)?;
        let reloaded = self.reload_inside();
        drop(inside);
        reloaded?;
        self.wait_until_live()
    }

    fn reload(&self) -> Result<(), Failure> {
        let _inside = self.syncing.start.gate.enter().ok_or(Failure::Stopped)?;
        self.reload_inside()
    }

    /// Reloads the channel driver. Inside the gate: Asterisk's module list is locked meanwhile.
    fn reload_inside(&self) -> Result<(), Failure> {
        let end = Instant::now() + RELOAD_TIMEOUT;
        loop {
            match self.host.reload(self.driver().module) {
                Err(ReloadError::InProgress) if Instant::now() < end => self.pause()?,
                result => return result.map_err(Failure::NotReloaded),
            }
        }
    }

    /// That a reload succeeded says nothing of the users: they are looked for themselves.
    fn wait_until_live(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + LIVE_TIMEOUT;
        loop {
            let missing = self.missing()?;
            let Some(first) = missing.first() else {
                self.live = true;
                return Ok(());
            };
            if Instant::now() >= end {
                return Err(Failure::NotLive {
                    missing: missing.len(),
                    of: self.status.users.len(),
                    first: first.clone(),
                    output: self.syncing.settings.output.clone(),
                    conf: self.driver().conf,
                });
            }
            self.pause()?;
        }
    }

    /// Users in the file that the channel driver does not have.
    fn missing(&self) -> Result<Vec<String>, Failure> {
        let live: HashSet<String> =
            self.host.live_users(self.syncing.settings.technology)?.into_iter().collect();
        Ok(self.listed.iter().filter(|name| !live.contains(*name)).cloned().collect())
    }

    /// Notes who is in the file in place.
    fn take_users(&mut self, read: &[ConfSection]) {
        let technology = self.syncing.settings.technology;
        self.status.users = users_in(read, technology);
        self.listed = listed_in(read, technology);
    }

    fn driver(&self) -> Driver {
        match self.syncing.settings.technology {
            Technology::Pjsip => Driver { module: "res_pjsip.so", conf: "pjsip.conf" },
            Technology::Sip => Driver { module: "chan_sip.so", conf: "sip.conf" },
        }
    }

    fn store(&self) -> Result<Store, StoreError> {
        let settings = &self.syncing.settings;
        let output = self.host.config_dir().join(&settings.output);
        let versions = self.host.data_dir().join(VERSIONS).join(&settings.output);
        Store::new(output, versions, settings.versions)
    }

    /// What an earlier life has left: that is what the branch has, whether or not the main answers.
    fn look_at_disk(&mut self) -> Result<(), Failure> {
        let store = self.store()?;
        self.list_versions(&store)?;
        let Some(text) = store.read_current()? else { return Ok(()) };
        let output = self.host.config_dir().join(&self.syncing.settings.output);
        let read = self.host.load_conf(&output).map_err(|error| Failure::Misread(error.to_string()))?;
        self.take_users(&read);
        let same = |version: &&Version| store.read_version(version.number).is_ok_and(|kept| kept == text);
        self.status.version = self.status.versions.iter().rev().find(same).map(|version| version.number);
        Ok(())
    }

    fn list_versions(&mut self, store: &Store) -> Result<(), StoreError> {
        let known = std::mem::take(&mut self.status.versions);
        let listed = store.versions()?.into_iter().map(|kept| {
            let known = known.iter().find(|version| version.number == kept.number).cloned();
            known.unwrap_or_else(|| self.version(store, &kept))
        });
        let listed = listed.collect();
        self.status.versions = listed;
        Ok(())
    }

    fn version(&self, store: &Store, kept: &sync::Version) -> Version {
        let read = self.host.load_conf(&store.version_path(kept.number)).unwrap_or_default();
        let users = users_in(&read, self.syncing.settings.technology).len();
        Version { number: kept.number, time: self.host.local_time(kept.time), users }
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
            let count = self.status.left_out.len();
            let text =
                format!("{count} users are left out, {name} the first: {reason}. See 'synch show users'.");
            self.host.log(Level::Warning, &text);
        }
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
        let _ = self.syncing.events.send(Event::Synced(Arc::new(self.status.clone())));
    }

    fn log(&self, text: &str) {
        self.host.log(Level::Notice, text);
    }

    fn pause(&self) -> Result<(), Stopped> {
        if self.stop.wait_until(Instant::now() + LOOK_AGAIN) { Err(Stopped) } else { Ok(()) }
    }
}

/// The module that has the users, and the file that includes ours.
struct Driver {
    module: &'static str,
    conf: &'static str,
}
