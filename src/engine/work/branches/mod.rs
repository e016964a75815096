//! Looks after the branches, on a main: where each of them is, what their users have set, and where calls to a lost one go. It
//! never asks a user's endpoint, so it never waits for the database that one may be in.
//!
//! - `call_settings`: what the users of connected sites have set
//! - `forwarding`: calls to the users of lost sites, in Asterisk's own database

mod call_settings;
mod forwarding;

pub(in crate::engine) use forwarding::take_all_back;

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};

use self::{call_settings::CallSettings, forwarding::Forwarding};
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
        desk::{self, Desk, Led},
        whereabouts::{Heard, Whereabouts, judge, may_change},
    },
    settings::{Export, Settings},
    words::faults,
};

/// How often it is judged where each site is.
const LOOK: Duration = Duration::from_secs(1);
/// So long at a time users are forwarded: 20,000 of them take some.
const SLICE: Duration = Duration::from_millis(100);
/// So long after a change Asterisk has written it to the file of its database (`main/db.c`, a second).
const WRITTEN: Duration = Duration::from_secs(2);

/// What the worker needs.
pub(in crate::engine) struct Watching {
    kit: Kit,
    export: Export,
    /// Wakes it.
    wakes: Receiver<()>,
}

impl Work for Watching {
    const THREAD: &'static str = "branches";
    type Spec = Export;
    type Line = Led<()>;

    fn spec(settings: &Settings) -> Option<Export> {
        settings.export.clone()
    }

    fn start(export: &Export, start: &Start<'_>, _: Teller, role: Role) -> io::Result<(Led<()>, Worker)> {
        let (to_worker, wakes) = bounded(1);
        let watching = Self { kit: start.kit.clone(), export: export.clone(), wakes };
        let worker = Worker::start(role, || {}, move |stop| watching.work(stop))?;
        Ok((start.kit.desk.watcher.lead(to_worker), worker))
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

/// What runs on the worker's thread.
struct Body<'a> {
    watching: &'a Watching,
    /// When it is judged where each site is.
    judge_at: Instant,
    /// When it was told last where a site is.
    moved: BTreeMap<String, Instant>,
    call_settings: CallSettings,
    /// When it is looked once more what a reload has changed.
    look_at: Option<Instant>,
    forwarding: Forwarding,
}

impl<'a> Body<'a> {
    fn new(watching: &'a Watching) -> Self {
        Self {
            watching,
            judge_at: Instant::now(),
            moved: BTreeMap::new(),
            call_settings: CallSettings::default(),
            look_at: None,
            forwarding: Forwarding::default(),
        }
    }

    fn run(mut self, stop: &Stop) -> Result<(), Stopped> {
        loop {
            faults::point("branches-worker");
            let now = Instant::now();
            if self.desk().watcher.take_reload() {
                self.look_at.get_or_insert(now + WRITTEN);
                self.call_settings.look();
            }
            if self.look_at.take_if(|at| *at <= now).is_some() {
                self.call_settings.look();
            }
            if now >= self.judge_at {
                self.judge_at = now + LOOK;
                self.judge_sites(now);
                self.forwarding.look_again();
            }
            self.ask_call_settings(now);
            let due = if self.forward(stop)? { now } else { now + LOOK };
            stop.or_receive(&self.watching.wakes, due)?;
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

    /// Puts what the users of connected sites have set on the desk, where that has changed.
    fn ask_call_settings(&mut self, now: Instant) {
        let Watching { kit, export, .. } = self.watching;
        let shown = kit.desk.shown();
        let Some(stock) = &shown.stock else { return };
        let connected = kit.desk.connected();
        if self.call_settings.ask(&*kit.host, stock, &connected, export.refresh, now) {
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
