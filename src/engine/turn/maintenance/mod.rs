//! A held mode that ends by itself, and work on the main: from its last sync to the question whether its phones may go home.
//!
//! - `gate`: whether the main may have its phones back
//! - `hold`: what a held mode has besides the mode

mod gate;
mod hold;

pub(super) use hold::Hold;

use std::time::{Duration, Instant, SystemTime};

use self::hold::Waits;
use super::Running;
use crate::{
    engine::{
        host::Level,
        work::sync::{Claim, Order},
    },
    maintenance::{Drain, End, Until, at_end},
    operator::{
        control::{Reply, Start},
        status::cannot_serve,
    },
    verdict::failover::{Failover, ServiceChange},
    words::{
        state::{DrainState, MaintenanceState as State, Mode},
        wording::counted,
    },
};

/// The longest that a last sync or the questions of a gate are waited for: a sync reads for 5 minutes at most, and writes.
const LATE: Duration = Duration::from_secs(360);
/// A main that is in doubt for longer at the end of a maintenance is told of: one that restarts is not for so long.
const DOUBT: Duration = Duration::from_secs(60);
/// Where an operator waits for the answer.
type Told = Reply<Result<String, String>>;

impl Running {
    /// Chooses a mode for an operator, with an end or without. It ends a maintenance.
    pub(super) fn choose_mode(&mut self, mode: Mode, minutes: Option<u32>) {
        self.cancel("an operator has chosen a mode meanwhile");
        let before = self.failover.mode();
        // What has an end is no mode of its own.
        let minutes = minutes.filter(|_| mode != Mode::Auto);
        self.change_mode(mode, minutes, String::new(), "set by an operator");
        if before == Mode::Maintenance {
            self.tell_end("an operator has set the mode");
        }
    }

    /// Starts a maintenance: one last sync first. One that goes on gets another end and reason.
    pub(super) fn start_maintenance(&mut self, start: Start, reply: Told) {
        if matches!(self.hold.waits, Waits::Last(..)) {
            let text = "A maintenance was ordered already: it begins when its last sync has ended.";
            return reply.give(Err(text.to_owned()));
        }
        if self.failover.mode() == Mode::Maintenance {
            self.cancel("an operator has set another end meanwhile");
            let reason = if start.reason.is_empty() { self.hold.reason.clone() } else { start.reason };
            let start = Start { reason, ..start };
            let text = format!("{}. Nothing was read from the main.", self.hold_phones(start));
            self.publish();
            return reply.give(Ok(text));
        }
        if let Some(why) = cannot_serve(&self.snapshot) {
            return reply.give(Err(format!("No maintenance is started: {why}.")));
        }
        if self.settings.sync.is_none() {
            self.kit.leave_main_alone(true);
            return self.begin_maintenance(start, "[sync] enabled = no: nothing was synced.", &reply);
        }
        self.hold.number += 1;
        let (claim, ticket) = Claim::new(self.hold.number, Instant::now() + LATE);
        self.kit.leave_main_alone(true);
        if !self.roster.order(Order::Last(ticket)) {
            self.kit.leave_main_alone(false);
            let why = self.why_not_ordered();
            return reply.give(Err(format!("No maintenance is started: {why}.")));
        }
        self.hold.waits = Waits::Last(start, reply, claim);
    }

    /// The last sync has ended.
    pub(super) fn prepared(&mut self, number: u64, problem: &str, live: &Result<(), String>) {
        if number != self.hold.number || !matches!(self.hold.waits, Waits::Last(..)) {
            return;
        }
        let Waits::Last(start, reply, _) = std::mem::take(&mut self.hold.waits) else { return };
        if let Some(why) = live.clone().err().or_else(|| cannot_serve(&self.snapshot)) {
            return self.begin_none(&why, &reply);
        }
        let last = match problem {
            "" => "The last sync is done.".to_owned(),
            problem => sentence(&format!("The last sync has failed: {problem}")),
        };
        self.begin_maintenance(start, &last, &reply);
    }

    /// The branch could not serve by now.
    fn begin_none(&mut self, why: &str, reply: &Told) {
        self.follow_main_again();
        self.publish();
        reply.give(Err(sentence(&format!("No maintenance is started: {why}"))));
    }

    /// Why the sync does not take an order.
    fn why_not_ordered(&self) -> &'static str {
        match self.roster.syncs() {
            true => "the sync has too much to do just now; try again",
            false => "the sync does not run just now, see Asterisk's log; try again",
        }
    }

    fn begin_maintenance(&mut self, start: Start, last: &str, reply: &Told) {
        self.hold.waits = Waits::Nothing;
        let begun = self.hold_phones(start);
        self.hold.drain = Some(Drain::begin(Instant::now()));
        if self.settings.sync.is_none() {
            // It is not known who is of this site.
            self.counted(None);
        }
        // It shows that it waits now.
        self.order_due();
        self.tell_maintenance(Level::Notice, State::Started, &format!("{begun}. {last}"));
        // Whoever waits for the answer may look at the status next.
        self.publish();
        let service = self.failover.service();
        reply.give(Ok(format!("{begun}, service state is {service}. {last}")));
    }

    /// Holds the phones at the branch; what is said of it.
    fn hold_phones(&mut self, Start { minutes, reason }: Start) -> String {
        let minutes = minutes.unwrap_or(self.settings.maintenance.minutes);
        let why = if reason.is_empty() { "a maintenance of the main" } else { reason.as_str() };
        self.change_mode(Mode::Maintenance, Some(minutes), reason.clone(), why);
        format!("Mode is maintenance{}", self.hold.until_shown(&*self.kit.host))
    }

    fn end_maintenance(&mut self, why: &str) {
        self.change_mode(Mode::Auto, None, String::new(), why);
        self.tell_end(why);
    }

    /// A maintenance is over: the main is read again.
    fn tell_end(&mut self, why: &str) {
        self.tell_maintenance(Level::Notice, State::Ended, why);
        self.follow_main_again();
    }

    fn follow_main_again(&mut self) {
        self.hold.drain = None;
        self.hold.refused.clear();
        self.kit.leave_main_alone(false);
        self.order_due();
    }

    fn order_due(&self) {
        if self.roster.syncs() {
            self.order(Order::Due);
        }
    }

    /// Nothing is waited for any more.
    pub(super) fn cancel(&mut self, why: &str) {
        match std::mem::take(&mut self.hold.waits) {
            Waits::Nothing => {}
            Waits::Last(_, reply, _) => {
                self.follow_main_again();
                reply.give(Err(format!("No maintenance is started: {why}.")));
            }
            Waits::Gate(Some(reply), _) => {
                reply.give(Err(format!("The main is not asked any more: {why}.")));
            }
            // Its time is still over: it is asked again.
            Waits::Gate(None, _) => self.hold.is_told = false,
        }
    }

    /// Takes a count of the calls on the main.
    pub(super) fn counted(&mut self, calls: Option<usize>) {
        let limit = self.settings.maintenance.drain_timeout;
        let Some(drain) = &mut self.hold.drain else { return };
        let Some(state) = drain.counted(calls, limit, Instant::now()) else { return };
        let goes_on = counted(calls.unwrap_or_default(), "call");
        match state {
            DrainState::Drained => {
                self.tell_maintenance(
                    Level::Notice,
                    State::Drained,
                    "no call of this site is left on the main",
                );
            }
            DrainState::TimedOut => {
                let text =
                    format!("{goes_on} of this site on the main after {} s; none is cut", limit.as_secs());
                self.tell_maintenance(Level::Warning, State::DrainTimedOut, &text);
            }
            DrainState::Waiting => {
                self.log(Level::Notice, &format!("Maintenance: {goes_on} of this site on the main"));
            }
            DrainState::Unknown => {
                self.log(Level::Notice, "Maintenance: the main does not say which calls it has");
            }
        }
    }

    /// Does what a held mode has to do as time passes.
    pub(super) fn look_at_hold(&mut self) {
        let now = Instant::now();
        match &self.hold.waits {
            Waits::Last(_, _, claim) if claim.until <= now => self.last_is_late(),
            Waits::Gate(_, claim) if claim.until <= now => self.gate_is_late(),
            _ => {}
        }
        if self.hold.is_told || !self.hold.is_over(now) || matches!(self.hold.waits, Waits::Gate(..)) {
            return;
        }
        if self.failover.mode() != Mode::Maintenance {
            return self.change_mode_by(
                Failover::end_hold,
                Mode::Auto,
                None,
                String::new(),
                "the time of the hold is over",
            );
        }
        match at_end(self.monitor.verdict().state, self.monitor.is_starting()) {
            End::Wait => {}
            End::Doubt => self.tell_doubt(now),
            // As auto, the phones would go to it as soon as it is back.
            End::Outage if self.hold.is_barred => {}
            End::Outage => {
                self.end_maintenance("its time is over, and the main is Failed: an outage as any other")
            }
            End::Ask if self.hold.not_before.is_some_and(|at| now < at) => {}
            End::Ask => {
                self.hold.is_told = true;
                self.ask_main(None, None);
            }
        }
    }

    /// Tells once that the main is neither well nor dead at the end of a maintenance.
    fn tell_doubt(&mut self, now: Instant) {
        let is_long = self.hold.until.is_some_and(|(_, at)| now >= at + DOUBT);
        if is_long && self.hold.refused.is_empty() {
            let verdict = self.monitor.verdict();
            let (text, wait) = match self.monitor.is_starting() {
                true => (
                    "the main is still starting at the end of the maintenance".to_owned(),
                    "the phones stay here until it has started",
                ),
                false => (
                    format!(
                        "the main is {} ({}) at the end of the maintenance",
                        verdict.state, verdict.reason
                    ),
                    "the phones stay here until it is Stable or Failed",
                ),
            };
            self.log(Level::Warning, &format!("Maintenance: {text}; {wait}"));
            self.hold.refused = text;
        }
    }

    fn last_is_late(&mut self) {
        if let Waits::Last(start, reply, _) = std::mem::take(&mut self.hold.waits) {
            if let Some(why) = cannot_serve(&self.snapshot) {
                return self.begin_none(&why, &reply);
            }
            let text = format!("The last sync has not ended within {} s.", LATE.as_secs());
            self.begin_maintenance(start, &text, &reply);
        }
    }

    /// Changes the mode, with an end or without.
    fn change_mode(&mut self, mode: Mode, minutes: Option<u32>, reason: String, why: &str) {
        self.change_mode_by(|failover| failover.set_mode(mode), mode, minutes, reason, why);
    }

    /// The same by such a change of who decides. Phones are moved first, and reports follow.
    fn change_mode_by(
        &mut self,
        change: impl FnOnce(&mut Failover) -> Option<ServiceChange>,
        mode: Mode,
        minutes: Option<u32>,
        reason: String,
        why: &str,
    ) {
        let before = self.failover.mode();
        let change = change(&mut self.failover);
        if change.is_some() {
            self.serve();
        }
        let minutes = minutes.map(|minutes| (minutes, Duration::from_secs(u64::from(minutes) * 60)));
        self.hold.until = minutes
            .map(|(minutes, lasts)| (Until::after(minutes, SystemTime::now()), Instant::now() + lasts));
        self.hold.reason = reason;
        self.hold.is_told = false;
        self.hold.not_before = None;
        // Another end is no answer of the main.
        if before != mode || mode != Mode::Maintenance {
            self.hold.is_barred = false;
            self.hold.refused.clear();
        }
        self.remember(mode);
        let until = self.hold.until_shown(&*self.kit.host);
        if before != mode {
            self.history.push(self.now(), "Mode", before.word(), mode.word(), why);
            self.log(Level::Notice, &format!("Mode changed from {before} to {mode}{until}: {why}"));
        } else if !until.is_empty() {
            self.log(Level::Notice, &format!("Mode stays {mode}{until}: {why}"));
        }
        if let Some(change) = change {
            self.announce_service(&change);
        }
    }

    /// Remembers the mode across restarts. Each word is tried, whatever fails.
    fn remember(&self, mode: Mode) {
        for (key, word) in self.hold.words(mode) {
            self.remember_word(key, word.as_deref());
        }
    }

    fn remember_word(&self, key: &str, word: Option<&str>) {
        if let Err(error) = self.kit.host.remember(key, word) {
            let mode = self.failover.mode();
            self.log(
                Level::Warning,
                &format!("Mode {mode} is in force, but its {key} is not kept: {error}."),
            );
        }
    }

    /// Ends a maintenance where there is no main any more: nothing would ever end it.
    pub(super) fn end_without_main(&mut self) {
        if self.failover.mode() == Mode::Maintenance && self.settings.main.is_none() {
            self.end_maintenance("there is no main any more: [main] was taken away");
        }
    }

    /// Has nobody's calls counted where nobody is known to be of this site.
    pub(super) fn count_without_sync(&mut self) {
        if self.settings.sync.is_none() {
            self.counted(None);
        }
    }

    /// Sets right what a panic may have left half done.
    pub(super) fn recover_hold(&mut self) {
        let is_on = self.failover.mode() == Mode::Maintenance;
        self.kit.leave_main_alone(is_on || matches!(self.hold.waits, Waits::Last(..)));
        if is_on {
            self.hold.drain.get_or_insert_with(|| Drain::begin(Instant::now()));
        } else {
            self.hold.drain = None;
        }
    }

    fn tell_maintenance(&self, level: Level, state: State, reason: &str) {
        self.log(level, &format!("Maintenance {state}: {reason}"));
        let calls = self.hold.drain.as_ref().and_then(Drain::calls);
        let calls = calls.map(|calls| calls.to_string()).unwrap_or_default();
        let fields = [("State", state.word()), ("Reason", reason), ("MainCalls", &calls)];
        self.kit.host.event("SynchMaintenanceState", &fields);
    }
}

/// Returns a text as a sentence of its own: some end as one already.
fn sentence(text: &str) -> String {
    let end = if text.ends_with(['.', '?']) { "" } else { "." };
    format!("{text}{end}")
}

#[cfg(test)]
mod tests;
