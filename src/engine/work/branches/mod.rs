//! Looks after the branches, on a main: where each of them is, and what of it changes by itself. It asks Asterisk alone, which
//! answers at once, and never waits for a database.
//!
//! - `call_settings`: what the users of connected sites have set
//! - `forwarding`: calls to the users of lost sites, in the main's database
//! - `phones`: where the phones of connected sites are

mod call_settings;
mod forwarding;
mod phones;

pub(in crate::engine) use forwarding::take_all_back;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};

use self::{call_settings::CallSettings, forwarding::Forwarding, phones::Phones};
use crate::{
    engine::{
        crew::{
            kit::Kit,
            post::{Start, Work},
            worker::{Role, Stop, Stopped, Worker},
        },
        event::Teller,
        host::Level,
    },
    export::{
        desk::{self, Desk, Word},
        whereabouts::{Heard, Whereabouts, judge, may_change},
    },
    settings::{Export, Settings},
    words::faults,
};

/// Words that may wait: phones come in crowds, and each of them says no more than that something has changed.
const WORDS: usize = 4096;
/// How often it is judged where each site is.
const LOOK: Duration = Duration::from_secs(1);
/// So long at a time users are forwarded: phones wait for the same thread, and 20,000 users take some.
const SLICE: Duration = Duration::from_millis(100);

/// What the worker needs.
pub(in crate::engine) struct Watching {
    kit: Kit,
    export: Export,
    words: Receiver<Word>,
}

impl Work for Watching {
    const THREAD: &'static str = "branches";
    type Spec = Export;
    type Line = Lent;

    fn spec(settings: &Settings) -> Option<Export> {
        settings.export.clone()
    }

    fn start(export: &Export, start: &Start<'_>, _: Teller, role: Role) -> io::Result<(Lent, Worker)> {
        let (to_worker, words) = bounded(WORDS);
        let watching = Self { kit: start.kit.clone(), export: export.clone(), words };
        let desk = Arc::clone(&start.kit.desk);
        let worker = Worker::start(role, || {}, move |stop| watching.work(stop))?;
        desk.watcher.set(Some(to_worker));
        Ok((Lent(desk), worker))
    }
}

impl Watching {
    fn work(&self, stop: &Stop) {
        // It only ever ends to stop.
        let _: Result<(), Stopped> = Body::new(self).run(stop);
        // Where nothing is exported any more, it tidies up. Another worker goes on with what there is, and the end of the
        // module has an end of its own.
        if !self.kit.desk.serves() {
            take_all_back(&*self.kit.host);
            self.kit.desk.set_forwarding(desk::Forwarding::default());
        }
    }
}

/// The desk, as long as somebody works at it.
pub(in crate::engine) struct Lent(Arc<Desk>);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.watcher.set(None);
    }
}

/// What runs on the worker's thread.
struct Body<'a> {
    watching: &'a Watching,
    /// When it is judged where each site is.
    judge_at: Instant,
    /// When it was told last where a site is.
    moved: BTreeMap<String, Instant>,
    phones: Phones,
    call_settings: CallSettings,
    forwarding: Forwarding,
}

impl<'a> Body<'a> {
    fn new(watching: &'a Watching) -> Self {
        Self {
            watching,
            judge_at: Instant::now(),
            moved: BTreeMap::new(),
            phones: Phones::default(),
            call_settings: CallSettings::default(),
            forwarding: Forwarding::default(),
        }
    }

    fn run(mut self, stop: &Stop) -> Result<(), Stopped> {
        loop {
            faults::point("branches-worker");
            let now = Instant::now();
            if self.desk().watcher.take_reload() {
                self.call_settings.look();
            }
            if now >= self.judge_at {
                self.judge_at = now + LOOK;
                self.judge_sites(now);
                self.forwarding.look_again();
            }
            let connected = self.connected();
            self.ask_phones(&connected, now);
            self.ask_call_settings(&connected, now);
            let due = if self.forward(stop)? { now } else { now + LOOK };
            let mut word = stop.or_receive(&self.watching.words, due)?;
            while let Some(one) = word {
                self.take(&one);
                word = self.watching.words.try_recv().ok();
            }
        }
    }

    fn take(&mut self, word: &Word) {
        match word {
            Word::Phone(user) => self.phones.changed(user),
            // What all have who have said something is looked at in any case; of a reload, the desk has taken note.
            Word::Wanted | Word::Reloaded => {}
        }
    }

    fn desk(&self) -> &Desk {
        &self.watching.kit.desk
    }

    /// Sends calls to users of lost sites elsewhere, or takes that back. Returns whether there is more.
    fn forward(&mut self, stop: &Stop) -> Result<bool, Stopped> {
        let end = Instant::now() + SLICE;
        loop {
            let now = Instant::now();
            let has_more = self.forwarding.step(&self.watching.kit, &self.watching.export, now);
            if !has_more || now >= end {
                return Ok(has_more);
            }
            stop.check()?;
        }
    }

    /// The sites that have said something.
    fn connected(&self) -> BTreeSet<String> {
        let desk = self.desk();
        let shown = desk.shown();
        let is_site =
            |name: &String| shown.stock.as_ref().is_some_and(|stock| stock.sites.contains_key(name));
        desk.heard_of().into_iter().filter(is_site).collect()
    }

    /// Puts where the phones of connected sites are on the desk, where that has changed.
    fn ask_phones(&mut self, connected: &BTreeSet<String>, now: Instant) {
        let Watching { kit, export, .. } = self.watching;
        let shown = kit.desk.shown();
        let Some(stock) = &shown.stock else { return };
        let others = self.phones.belong(stock, connected, now);
        let changed = self.phones.ask(&*kit.host, export.technology);
        if others || changed {
            kit.desk.change(|shown| self.phones.show(shown, &*kit.crypto()).is_ok());
        }
    }

    /// Puts what the users of connected sites have set on the desk, where that has changed.
    fn ask_call_settings(&mut self, connected: &BTreeSet<String>, now: Instant) {
        let Watching { kit, export, .. } = self.watching;
        let shown = kit.desk.shown();
        let Some(stock) = &shown.stock else { return };
        if self.call_settings.ask(&*kit.host, stock, connected, export.refresh, now) {
            kit.desk.change(|shown| self.call_settings.show(shown, &*kit.crypto()).is_ok());
        }
    }

    /// Tells where each site is, where that has changed.
    fn judge_sites(&mut self, now: Instant) {
        let desk = Arc::clone(&self.watching.kit.desk);
        let (shown, accounts, before) = (desk.shown(), desk.accounts(), desk.whereabouts());
        let mut after = BTreeMap::new();
        for site in shown.stock.iter().flat_map(|stock| stock.sites.keys()) {
            let heard = accounts.get(site).map(|account| Heard {
                waits: account.is_waiting(),
                last_word: account.last_word,
                state: &account.state,
            });
            let (state, reason) = judge(heard, self.watching.export.lost_after, now);
            let old = before.get(site).map(|(state, _)| *state).unwrap_or_default();
            if old != state && !may_change(self.moved.get(site).copied(), now) {
                after.extend(before.get(site).map(|known| (site.clone(), known.clone())));
                continue;
            }
            if old != state {
                self.moved.insert(site.clone(), now);
                let level = if state == Whereabouts::Alone { Level::Warning } else { Level::Notice };
                let text = format!("Branch {site} changed from {old} to {state}: {reason}");
                self.watching.kit.host.log(level, &text);
                let fields = [
                    ("Branch", site.as_str()),
                    ("OldState", old.word()),
                    ("NewState", state.word()),
                    ("Reason", &reason),
                ];
                self.watching.kit.host.event("SynchBranchState", &fields);
            }
            after.insert(site.clone(), (state, reason));
        }
        self.moved.retain(|site, _| after.contains_key(site));
        if after != before {
            self.desk().set_whereabouts(after);
        }
    }
}

#[cfg(test)]
mod tests;
