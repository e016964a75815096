//! Sends calls to the users of lost sites to their public numbers, and takes that back: in the main's own database, a piece
//! at a time.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    engine::{
        crew::kit::Kit,
        host::{Host, HostError, Level},
    },
    export::{
        desk,
        forward::{Act, Done, FORWARDS, Forwards, MARKS, PIECE, Routes, Standing},
        stock::Stock,
    },
    settings::{Export, LostForward},
    words::wording::counted,
};

/// Beginning of the log line where the database takes nothing.
const NOT_WRITTEN: &str = "Calls to users of lost branches are not forwarded as they should be";
/// Beginning of the log line where too many are lost.
const TOO_MUCH: &str = "Calls to users of lost branches go nowhere else";
/// Pause after a write that failed.
const AGAIN: Duration = Duration::from_secs(5);
/// So long the end of the module is held up at most. What is left then is taken back at the next load.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the worker remembers of it.
#[derive(Default)]
pub(super) struct Forwarding {
    /// `None` before the database was read.
    forwards: Option<Forwards>,
    routes: Arc<Routes>,
    /// Of which stock the routes are, and what each site counted as.
    of: Option<(Arc<Stock>, BTreeMap<String, Standing>)>,
    /// Since when there is each site: one that was added is not lost before it could say anything.
    known: BTreeMap<String, Instant>,
    not_before: Option<Instant>,
    /// Whether a site may be elsewhere since it was last looked.
    looks: bool,
}

impl Forwarding {
    /// It was judged where the sites are, and time has passed.
    pub(super) fn look_again(&mut self) {
        self.looks = true;
    }

    /// Does a piece of what is due. Returns whether there is more that can be done at once.
    pub(super) fn step(&mut self, kit: &Kit, export: &Export, now: Instant) -> bool {
        let is_wanted = export.lost_forward == LostForward::FreePbx;
        let shown = kit.desk.shown();
        let is_new = shown.stock.as_ref().is_some_and(|stock| self.look(kit, export, stock, now));
        let forwards = self.forwards.get_or_insert_with(|| Forwards::remembered(kit.host.stored_all(MARKS)));
        // Nobody is forwarded, and what was is taken back. That needs no reading of files.
        let nobody = Routes::default();
        let routes = if is_wanted { &*self.routes } else { &nobody };
        if is_wanted && self.of.is_none() {
            return false;
        }
        if is_new || !is_wanted {
            forwards.want(routes);
        }
        if self.not_before.is_some_and(|at| now < at) {
            return false;
        }
        let (before, result) = (forwards.len(), piece(forwards, &*kit.host, routes));
        kit.log_outcome(
            &result,
            NOT_WRITTEN,
            "Calls to users of lost branches are forwarded as they should be again.",
        );
        self.not_before = result.is_err().then(|| now + AGAIN);
        if let Some(done) = forwards.take_done() {
            kit.host.log(Level::Notice, &told(done));
        }
        if is_new || forwards.len() != before {
            let (routes, forwarded) = (Arc::clone(&self.routes), forwards.len());
            kit.desk.set_forwarding(desk::Forwarding { routes, forwarded });
        }
        result.is_ok() && forwards.is_due()
    }

    /// Looks which sites are lost. Returns whether something is other than before.
    fn look(&mut self, kit: &Kit, export: &Export, stock: &Arc<Stock>, now: Instant) -> bool {
        let is_of_it = self.of.as_ref().is_some_and(|(of, _)| Arc::ptr_eq(of, stock));
        if is_of_it && !std::mem::take(&mut self.looks) {
            return false;
        }
        self.known.retain(|site, _| stock.sites.contains_key(site));
        for site in stock.sites.keys() {
            self.known.entry(site.clone()).or_insert(now);
        }
        let whereabouts = kit.desk.whereabouts();
        let standing = |site: &String| {
            let whereabouts = whereabouts.get(site).map(|(whereabouts, _)| *whereabouts).unwrap_or_default();
            let since = self.known.get(site).copied().unwrap_or(now);
            (site.clone(), Standing::of(whereabouts, now.saturating_duration_since(since)))
        };
        let standings: BTreeMap<String, Standing> = stock.sites.keys().map(standing).collect();
        if is_of_it && self.of.as_ref().is_some_and(|(_, known)| *known == standings) {
            return false;
        }
        let of = |site: &str| standings.get(site).copied().unwrap_or(Standing::Here);
        self.routes = Arc::new(Routes::of(stock, of, export.lost_max));
        if self.routes.is_too_much {
            let Routes { lost, all, .. } = *self.routes;
            let text = format!(
                "{TOO_MUCH}: {lost} of {} are at branches of which nothing is heard, more than [export] lost_max = {} \
                 percent. It may be this main that is cut off",
                counted(all, "user"),
                export.lost_max
            );
            kit.log_failure(Level::Warning, &text);
        } else {
            kit.log_end(TOO_MUCH, "No more users are lost than [export] lost_max allows.");
        }
        self.of = Some((Arc::clone(stock), standings));
        true
    }
}

/// Looks at some of those who are due.
fn piece(forwards: &mut Forwards, host: &dyn Host, routes: &Routes) -> Result<(), HostError> {
    for _ in 0..PIECE {
        let Some(number) = forwards.take() else { break };
        let stored = host.stored(FORWARDS, &number);
        let act = forwards.decide(&number, stored.as_deref(), routes);
        if let Err(error) = write(host, &number, act) {
            forwards.again(number);
            return Err(error);
        }
        forwards.did(number, act);
    }
    Ok(())
}

fn write(host: &dyn Host, number: &str, act: Act<'_>) -> Result<(), HostError> {
    act.writes().into_iter().try_for_each(|(family, value)| host.store(family, number, value))
}

/// `3 users of lost branches are reached at their public numbers`
fn told(done: Done) -> String {
    let Done { forwarded, taken_back, left } = done;
    let parts = [
        (forwarded, "of lost branches: calls to them go to their public numbers"),
        (taken_back, "of branches: calls to them go to their phones again"),
        (left, "of branches: what a person has set meanwhile for calls to them stays"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(count, what)| format!("{} {what}", counted(count, "user"))).collect();
    format!("{} (CFU)", parts.join("; "))
}

/// Takes everything back that is ours: this module goes, or does not export any more. Bounded.
pub(in crate::engine) fn take_all_back(host: &dyn Host) {
    let mut forwards = Forwards::remembered(host.stored_all(MARKS));
    let (end, nobody) = (Instant::now() + PATIENCE, Routes::default());
    while forwards.is_due() && Instant::now() < end {
        if let Err(error) = piece(&mut forwards, host, &nobody) {
            host.log(Level::Warning, &format!("{NOT_WRITTEN}: {error}"));
            break;
        }
    }
    if forwards.is_due() {
        let left = counted(forwards.len(), "user");
        let text =
            format!("Calls to {left} still go to their public numbers: that is taken back at the next load.");
        host.log(Level::Warning, &text);
    }
    if let Some(done) = forwards.take_done() {
        host.log(Level::Notice, &told(done));
    }
}
