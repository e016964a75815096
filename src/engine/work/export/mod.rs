//! The export worker, on a main: reads the files of its users once for all sites together, when the main has reloaded them,
//! and puts on the desk what the branches' sessions are answered.
//!
//! - `phones`: where the phones of connected sites are
//! - `stamp`: whether the files are still those that were read

mod phones;
mod stamp;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use crossbeam_channel::{Receiver, bounded};

use self::{
    phones::Phones,
    stamp::{QUIET, Stamp},
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
        desk::{Desk, Order, Shown},
        stock::{Files, Stock, Texts, take_stock},
        whereabouts::{Heard, Whereabouts, judge},
    },
    settings::{Export, Settings, Sites},
    words::{conf::ConfSection, faults},
};

/// The accounts of the manager interface.
const MANAGER: &str = "manager.conf";
/// What of the main is not in the users' files.
const BOXES: &str = "voicemail.conf";
const CONTEXTS: &str = "extensions.conf";
/// The write class of a site that is found in manager.conf.
const CLASS: &str = "log";

/// Orders that may wait: phones come in crowds, and each of them says no more than that something has changed.
const ORDERS: usize = 4096;
/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(1);
/// So long the texts are kept after the last branch has fetched some: others fetch after the same change.
const KEPT: Duration = Duration::from_secs(120);
/// Pause after a reading that failed.
const AGAIN: Duration = Duration::from_secs(30);

/// So often in a row files are read that somebody writes meanwhile.
const TRIES: u32 = 5;

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
    type Line = Lent;

    fn spec(settings: &Settings) -> Option<Export> {
        settings.export.clone()
    }

    fn start(export: &Export, start: &Start<'_>, _: Teller, role: Role) -> io::Result<(Lent, Worker)> {
        let (to_worker, orders) = bounded(ORDERS);
        let exporting = Self { kit: start.kit.clone(), export: export.clone(), orders };
        let desk = Arc::clone(&start.kit.desk);
        let worker = Worker::start(
            role,
            || {},
            move |stop| {
                // It only ever ends to stop.
                let _: Result<(), Stopped> = Body::new(&exporting).run(stop);
            },
        )?;
        desk.set_worker(Some(to_worker));
        Ok((Lent(desk), worker))
    }
}

/// The desk, as long as somebody works at it.
pub(in crate::engine) struct Lent(Arc<Desk>);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.set_worker(None);
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
    /// Whether somebody believes to be a site who is none.
    looks: bool,
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
            looks: false,
            phones: Phones::default(),
            fetched: now,
            not_before: now,
        }
    }

    fn run(mut self, stop: &Stop) -> Result<(), Stopped> {
        loop {
            faults::point("export-worker");
            let now = Instant::now();
            if self.reloads.take(now) {
                self.look(stop, true)?;
                self.desk().reloaded();
            } else if (self.stamp.is_none() || self.wanted || self.looks) && now >= self.not_before {
                self.looks = false;
                self.look(stop, false)?;
            }
            self.forget_texts();
            self.judge_sites(now);
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
            Order::Sites => self.looks = true,
            Order::Fetched => self.fetched = Instant::now(),
            Order::Reloaded => self.reloads.note(Instant::now()),
            Order::Phone(user) => self.phones.changed(user),
            // The phones of all who have said something are asked about.
            Order::Live => {}
        }
    }

    fn desk(&self) -> &Desk {
        &self.exporting.kit.desk
    }

    /// Reads the files where they are not those that were read. `reloaded`: the main has taken them up already, so nobody
    /// has left them half written.
    fn look(&mut self, stop: &Stop, mut reloaded: bool) -> Result<(), Stopped> {
        let folder = self.exporting.kit.host.config_dir();
        for _ in 0..TRIES {
            let before = Stamp::take(&folder, &self.besides);
            let is_same = self.stamp.as_ref() == Some(&before);
            if is_same && (!self.wanted || self.desk().shown().texts.is_some()) {
                self.wanted = false;
                return Ok(());
            }
            let quiet = before.quiet_for(SystemTime::now()).unwrap_or(QUIET);
            if !is_same && !reloaded && quiet < QUIET {
                self.wait(stop, QUIET - quiet)?;
                continue;
            }
            let read = self.read();
            if let Ok(Read { files, .. }) = &read {
                if *files != self.besides && Stamp::take(&folder, files) != before {
                    // Made of other files than before, of which nothing was known as they were read.
                    self.besides.clone_from(files);
                    continue;
                }
                if Stamp::take(&folder, files) != before {
                    // Somebody writes them just now.
                    reloaded = false;
                    continue;
                }
            }
            self.exporting.kit.log_outcome(
                &read.as_ref().map(|_| ()),
                NOT_READ,
                "What the main has is exported to the branches again.",
            );
            self.put(read, before);
            // What the loader made of the files is gone by now.
            self.exporting.kit.host.give_back_memory();
            return Ok(());
        }
        self.not_before = Instant::now() + LOOK;
        Ok(())
    }

    /// `stamp`: of the files before they were read, and after.
    fn put(&mut self, read: Result<Read, String>, stamp: Stamp) {
        let desk = self.desk();
        let before = desk.shown();
        match read {
            Ok(Read { stock, texts, files }) => {
                let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                desk.show(Shown {
                    stock: Some(Arc::new(stock)),
                    texts: Some(Arc::new(texts)),
                    live: before.live.clone(),
                    taken_up: seconds.as_secs(),
                    problem: String::new(),
                });
                // Not as they are now: somebody may have written them since.
                self.stamp = Some(stamp);
                self.besides = files;
                self.wanted = false;
                self.fetched = Instant::now();
            }
            Err(problem) => {
                desk.show(Shown { problem, ..(*before).clone() });
                self.wanted = false;
                self.not_before = Instant::now() + AGAIN;
            }
        }
    }

    /// Reads all files, and sorts what is in them by site.
    fn read(&self) -> Result<Read, String> {
        let host = &self.exporting.kit.host;
        let export = &self.exporting.export;
        let mut files = BTreeSet::new();
        let mut load = |name: &str| -> Result<Option<Vec<Section>>, HostError> {
            let Some((sections, from)) = host.load_octets(Path::new(name))? else { return Ok(None) };
            files.extend(from);
            Ok(Some(sections))
        };
        let mut users = Vec::new();
        for name in &export.files {
            let sections = load(name).map_err(|error| error.to_string())?;
            users.extend(sections.ok_or_else(|| format!("{name} is missing; [export] files names it"))?);
        }
        // Without one of these, the branches ask for it in the way of old.
        let mut other = |name: &str| match load(name) {
            Ok(sections) => sections,
            Err(error) => {
                self.exporting.kit.log_failure(Level::Warning, &format!("{NOT_READ}: {error}"));
                None
            }
        };
        let (boxes, contexts) = (other(BOXES), other(CONTEXTS));
        let sites = self.sites()?;
        let read = Files { users, boxes, contexts };
        let (stock, texts) = take_stock(&*self.exporting.kit.crypto(), read, export, &sites)
            .map_err(|error| error.to_string())?;
        Ok(Read { stock, texts, files })
    }

    /// Returns the names of the sites.
    fn sites(&self) -> Result<BTreeSet<String>, String> {
        match &self.exporting.export.sites {
            Sites::Named(names) => Ok(names.clone()),
            Sites::Manager => {
                let host = &self.exporting.kit.host;
                let sections = host.load_conf(&host.config_dir().join(MANAGER));
                let sections = sections.map_err(|error| error.to_string())?;
                Ok(sections
                    .iter()
                    .filter(|section| is_site(section))
                    .map(|section| section.name.clone())
                    .collect())
            }
        }
    }

    /// Lets go of the texts that nobody has fetched for a while.
    fn forget_texts(&self) {
        let shown = self.desk().shown();
        if shown.texts.is_some() && self.fetched.elapsed() > KEPT {
            self.desk().show(Shown { texts: None, ..(*shown).clone() });
            // The last that has them: else they are still there.
            drop(shown);
            self.exporting.kit.host.give_back_memory();
        }
    }

    /// Puts where the phones of connected sites are on the desk, where that has changed.
    fn ask_phones(&mut self, now: Instant) {
        let desk = &self.exporting.kit.desk;
        let shown = desk.shown();
        let Some(stock) = &shown.stock else { return };
        self.phones.belong(
            stock,
            desk.accounts().into_keys().filter(|site| stock.sites.contains_key(site)).collect(),
            now,
        );
        let changed = self.phones.ask(&*self.exporting.kit.host, self.exporting.export.technology);
        let mut next = (*shown).clone();
        let known = self.phones.show(&mut next, &*self.exporting.kit.crypto());
        if known.is_ok() && (changed || next.live.len() != shown.live.len()) {
            desk.show(next);
        }
    }

    /// Tells where each site is, where that has changed.
    fn judge_sites(&self, now: Instant) {
        let desk = self.desk();
        let (shown, accounts, before) = (desk.shown(), desk.accounts(), desk.whereabouts());
        let mut after = BTreeMap::new();
        for site in shown.stock.iter().flat_map(|stock| stock.sites.keys()) {
            let heard = accounts.get(site).map(|account| Heard {
                waits: account.is_waiting(),
                last_word: account.last_word,
                state: &account.state,
            });
            let (state, reason) = judge(heard, self.exporting.export.lost_after, now);
            let old = before.get(site).map(|(state, _)| *state).unwrap_or_default();
            if old != state {
                let level = if state == Whereabouts::Alone { Level::Warning } else { Level::Notice };
                let text = format!("Branch {site} changed from {old} to {state}: {reason}");
                self.exporting.kit.host.log(level, &text);
                let fields = [
                    ("Branch", site.as_str()),
                    ("OldState", old.word()),
                    ("NewState", state.word()),
                    ("Reason", &reason),
                ];
                self.exporting.kit.host.event("SynchBranchState", &fields);
            }
            after.insert(site.clone(), (state, reason));
        }
        if after != before {
            desk.set_whereabouts(after);
        }
    }

    fn wait(&self, stop: &Stop, time: Duration) -> Result<(), Stopped> {
        if stop.wait_until(Instant::now() + time) { Err(Stopped) } else { Ok(()) }
    }
}

/// What was read, and the files that it is from.
struct Read {
    stock: Stock,
    texts: Texts,
    files: BTreeSet<PathBuf>,
}

/// Whether an account of manager.conf is that of a site: its write class is log alone.
fn is_site(section: &ConfSection) -> bool {
    let write = section.variables.iter().rfind(|line| line.key == "write");
    let classes = write.map(|line| line.value.split(',').map(str::trim).collect::<Vec<_>>());
    section.name != "general" && classes.is_some_and(|classes| classes == [CLASS])
}

#[cfg(test)]
mod tests;
