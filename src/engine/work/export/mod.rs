//! The export worker, on a main: reads the files of its users once for all sites together, when the main has reloaded them,
//! and puts on the desk what the branches' sessions are answered. It looks where the phones are, too: what a database has to be
//! asked for may take its time.
//!
//! - `database`: the users, where they are in a database
//! - `due`: when the files are read
//! - `phones`: where the phones of connected sites are
//! - `stamp`: whether the files are still those that were read

mod database;
mod due;
mod phones;
pub(super) mod stamp;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, bounded};

use self::{
    database::{Database, NotAsked, digest},
    due::{Do, Why, decide},
    phones::Phones,
    stamp::Stamp,
};
use crate::{
    engine::{
        crew::{
            debounce::Debounce,
            kit::Kit,
            post::{Start, Work},
            worker::{Role, Stop, Stopped, Worker},
        },
        event::Teller,
        host::{HostError, Level},
    },
    export::{
        Section,
        desk::{Desk, Led, Order},
        stock::{Files, Stock, Texts, take_stock},
    },
    settings::{Export, Settings, Sites, UserSource},
    words::faults,
};

/// The accounts of the manager interface.
const MANAGER: &str = "manager.conf";
/// What of the main is not in the users' files.
const BOXES: &str = "voicemail.conf";
const CONTEXTS: &str = "extensions.conf";
/// The write class of a site that is found in manager.conf.
const CLASS: &[u8] = b"log";

/// Orders that may wait: phones come in crowds, and each of them says no more than that something has changed.
const ORDERS: usize = 4096;
/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(1);
/// So long the texts are kept after the last branch has fetched some: others fetch after the same change.
const KEPT: Duration = Duration::from_secs(120);
/// How often the files are looked at where nobody has reloaded: app_voicemail changes its own by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Pause after a reading that failed.
const AGAIN: Duration = Duration::from_secs(30);

/// Beginning of the log line where nothing can be exported.
const NOT_READ: &str = "The export to the branches is not what the main has";

/// What the worker needs.
pub(in crate::engine) struct Exporting {
    kit: Kit,
    export: Export,
    orders: Receiver<Order>,
}

impl Work for Exporting {
    const THREAD: &'static str = "export";
    type Spec = Export;
    type Line = Led<Order>;

    fn spec(settings: &Settings) -> Option<Export> {
        settings.export.clone()
    }

    fn start(export: &Export, start: &Start<'_>, _: Teller, role: Role) -> io::Result<(Led<Order>, Worker)> {
        let (to_worker, orders) = bounded(ORDERS);
        let exporting = Self { kit: start.kit.clone(), export: export.clone(), orders };
        let worker = Worker::start(
            role,
            || {},
            move |stop| {
                // It only ever ends to stop.
                let _: Result<(), Stopped> = Body::new(&exporting).run(stop);
            },
        )?;
        Ok((start.kit.desk.reader.lead(to_worker), worker))
    }
}

/// What runs on the worker's thread.
struct Body<'a> {
    exporting: &'a Exporting,
    /// The files that were read last, besides those of the configuration folder.
    besides: BTreeSet<PathBuf>,
    /// What they were; `None` before the first reading.
    stamp: Option<Stamp>,
    reloads: Debounce,
    /// Whether somebody waits for texts.
    wanted: bool,
    /// When the files are looked at in any case.
    look_at: Instant,
    /// The users, where they are in a database.
    database: Option<Database>,
    phones: Phones,
    fetched: Instant,
    not_before: Instant,
}

impl<'a> Body<'a> {
    fn new(exporting: &'a Exporting) -> Self {
        let now = Instant::now();
        Self {
            exporting,
            besides: BTreeSet::new(),
            stamp: None,
            reloads: Debounce::default(),
            wanted: false,
            look_at: now,
            database: (exporting.export.source == UserSource::Sorcery).then(Database::default),
            phones: Phones::default(),
            fetched: now,
            not_before: now,
        }
    }

    fn run(mut self, stop: &Stop) -> Result<(), Stopped> {
        // Before that, nobody may have loaded what is asked.
        while self.database.is_some() && !self.exporting.kit.host.fully_booted() {
            if stop.wait_until(Instant::now() + LOOK) {
                return Err(Stopped);
            }
        }
        loop {
            faults::point("export-worker");
            let now = Instant::now();
            if self.desk().reader.take_reload() {
                self.reloads.note(now);
            }
            let is_due = self.stamp.is_none() || self.wanted || now >= self.look_at;
            if self.reloads.take(now) {
                self.look(stop, true)?;
                self.desk().reloaded();
            } else if (is_due || self.asks(now)) && now >= self.not_before {
                self.look_at = now + LOOK_AGAIN;
                self.look(stop, false)?;
            }
            self.forget_texts();
            self.ask_phones(now);
            let due = self.reloads.due().unwrap_or(now + LOOK);
            let mut order = stop.or_receive(&self.exporting.orders, due)?;
            while let Some(one) = order {
                self.take(&one);
                order = self.exporting.orders.try_recv().ok();
            }
        }
    }

    fn take(&mut self, order: &Order) {
        match order {
            Order::Texts => self.wanted = true,
            Order::Sites => self.look_at = Instant::now(),
            Order::Fetched => self.fetched = Instant::now(),
            Order::Phone(user) => self.phones.changed(user),
            // The desk has taken note of the one, and what all have who have said something is looked at in any case.
            Order::Reloaded | Order::Phones => {}
        }
    }

    fn desk(&self) -> &Desk {
        &self.exporting.kit.desk
    }

    /// Reads the files where that is due.
    fn look(&mut self, stop: &Stop, reloaded: bool) -> Result<(), Stopped> {
        let folder = self.exporting.kit.host.config_dir();
        let asks = self.database.is_some() && (reloaded || self.asks(Instant::now()));
        let before = Stamp::take(&folder, &self.besides);
        let texts = self.wanted && self.desk().shown().texts.is_none();
        let quiet = before.quiet_for(SystemTime::now());
        let files = decide(self.stamp.as_ref(), &before, Why { reloaded, texts }, quiet);
        match files {
            Do::Nothing if !asks => {
                self.wanted = false;
                return Ok(());
            }
            Do::Wait(time) => {
                self.not_before = Instant::now() + time;
                return Ok(());
            }
            Do::Nothing | Do::Read => {}
        }
        let mut made_of = BTreeSet::new();
        let sites = self.sites(&mut made_of);
        let users = match &sites {
            Ok(sites) => self.ask_database(sites, stop)?,
            Err(problem) => Err(problem.clone()),
        };
        let is_same = matches!(users, Ok(Some((_, false)))) && self.desk().shown().problem.is_empty();
        // After a reload, what is in the files may be another, and all there is to read is little where the users are not there.
        if is_same && files == Do::Nothing {
            self.wanted = false;
            return Ok(());
        }
        let read = users.and_then(|users| self.read(users.map(|(users, _)| users), &sites?, made_of));
        if let Ok(Read { files, .. }) = &read
            && Stamp::take(&folder, files) != before
        {
            // Somebody writes them just now; or they are made of others than before, of which nothing was known.
            self.stamp = None;
            self.besides.clone_from(files);
            self.not_before = Instant::now() + LOOK;
            return Ok(());
        }
        self.exporting.kit.log_outcome(
            &read.as_ref().map(|_| ()),
            NOT_READ,
            "What the main has is exported to the branches again.",
        );
        self.put(read, before);
        // What the loader made of the files is gone by now.
        self.exporting.kit.host.give_back_memory();
        Ok(())
    }

    /// `stamp`: of the files before they were read, and after.
    fn put(&mut self, read: Result<Read, String>, stamp: Stamp) {
        match read {
            Ok(Read { stock, texts, files }) => {
                let now = SystemTime::now();
                let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let read_at = self.exporting.kit.host.local_time(now);
                self.desk().change(|shown| {
                    (shown.stock, shown.texts) = (Some(Arc::new(stock)), Some(Arc::new(texts)));
                    (shown.taken_up, shown.read_at) = (seconds.as_secs(), read_at);
                    shown.problem.clear();
                    true
                });
                // Not as they are now: somebody may have written them since.
                self.stamp = Some(stamp);
                self.besides = files;
                self.wanted = false;
                self.fetched = Instant::now();
            }
            Err(problem) => {
                self.desk().change(|shown| {
                    shown.problem = problem;
                    true
                });
                self.wanted = false;
                // What was reloaded is still to be taken up.
                self.stamp = None;
                self.not_before = Instant::now() + AGAIN;
                if let Some(database) = &mut self.database {
                    database.forget();
                    self.not_before = Instant::now() + AGAIN.min(self.exporting.export.refresh);
                }
            }
        }
    }

    /// Reads a file, and notes which ones it is made of. `None`: there is none.
    fn load(&self, name: &str, files: &mut BTreeSet<PathBuf>) -> Result<Option<Vec<Section>>, HostError> {
        let Some((sections, from)) = self.exporting.kit.host.load_octets(Path::new(name))? else {
            return Ok(None);
        };
        files.extend(from);
        Ok(Some(sections))
    }

    /// Reads the users' files.
    fn users(&self, files: &mut BTreeSet<PathBuf>) -> Result<Vec<Section>, String> {
        let mut users = Vec::new();
        for name in &self.exporting.export.files {
            let sections = self.load(name, files).map_err(|error| error.to_string())?;
            users.extend(sections.ok_or_else(|| format!("{name} is missing; [export] files names it"))?);
        }
        Ok(users)
    }

    /// Returns whether it is time to ask a database.
    fn asks(&self, now: Instant) -> bool {
        self.database.as_ref().is_some_and(|database| database.is_due(now))
    }

    /// Asks the database for the users of these sites. Returns them, and whether they are others than before; `None` where they
    /// are in files.
    fn ask_database(
        &mut self,
        sites: &BTreeSet<String>,
        stop: &Stop,
    ) -> Result<Result<Option<Asked>, String>, Stopped> {
        let Exporting { kit, export, .. } = self.exporting;
        let Some(database) = &mut self.database else { return Ok(Ok(None)) };
        kit.desk.asks(true);
        let asked = database.ask(&*kit.host, export, sites, stop);
        kit.desk.asks(false);
        database.asked(export.refresh);
        let users = match asked {
            Ok(users) => users,
            Err(NotAsked::Stopped) => return Err(Stopped),
            Err(NotAsked::Failed(problem)) => return Ok(Err(problem)),
        };
        Ok(digest(&*kit.host, &users).map(|digest| Some((users, database.differs(digest)))))
    }

    /// Reads all files, and sorts what is in them by site. `users`: those of a database; `files`: those that the sites are of.
    fn read(
        &self,
        users: Option<Vec<Section>>,
        sites: &BTreeSet<String>,
        mut files: BTreeSet<PathBuf>,
    ) -> Result<Read, String> {
        let export = &self.exporting.export;
        let users = match users {
            Some(users) => users,
            None => self.users(&mut files)?,
        };
        // Without one of these, the branches ask for it in the way of old.
        let mut other = |name: &str| match self.load(name, &mut files) {
            Ok(sections) => sections,
            Err(error) => {
                self.exporting.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {error}"));
                None
            }
        };
        let (boxes, contexts) = (other(BOXES), other(CONTEXTS));
        let read = Files { users, boxes, contexts };
        let (stock, texts) = take_stock(&*self.exporting.kit.crypto(), read, export, sites)
            .map_err(|error| error.to_string())?;
        Ok(Read { stock, texts, files })
    }

    /// Returns the names of the sites.
    fn sites(&self, files: &mut BTreeSet<PathBuf>) -> Result<BTreeSet<String>, String> {
        match &self.exporting.export.sites {
            Sites::Named(names) => Ok(names.clone()),
            Sites::Manager => {
                let sections = self.load(MANAGER, files).map_err(|error| error.to_string())?;
                let sites = sections.iter().flatten().filter(|section| is_site(section));
                let names = sites.filter_map(|section| std::str::from_utf8(&section.name).ok());
                Ok(names.map(str::to_owned).collect())
            }
        }
    }

    /// Puts where the phones of connected sites are on the desk, where that has changed.
    fn ask_phones(&mut self, now: Instant) {
        let Exporting { kit, export, .. } = self.exporting;
        let Some(stock) = kit.desk.shown().stock.clone() else { return };
        let others = self.phones.belong(&stock, &kit.desk.connected(), now);
        let changed = self.phones.ask(&*kit.host, export.technology);
        if others || changed {
            kit.desk.change(|shown| self.phones.show(shown, &*kit.crypto()).is_ok());
        }
    }

    /// Lets go of the texts that nobody has fetched for a while.
    fn forget_texts(&self) {
        if self.fetched.elapsed() > KEPT && self.desk().shown().texts.is_some() {
            self.desk().change(|shown| shown.texts.take().is_some());
            self.exporting.kit.host.give_back_memory();
        }
    }
}

/// The users of a database, and whether they are others than before.
type Asked = (Vec<Section>, bool);

/// What was read, and the files that it is from.
struct Read {
    stock: Stock,
    texts: Texts,
    files: BTreeSet<PathBuf>,
}

/// Whether an account of manager.conf is that of a site: its write class is log alone.
fn is_site(section: &Section) -> bool {
    let write = section.values("write").next_back().unwrap_or_default();
    let classes: Vec<&[u8]> = write.split(|octet| *octet == b',').map(<[u8]>::trim_ascii).collect();
    section.name != b"general" && classes == [CLASS]
}

#[cfg(test)]
pub(super) mod tests;
