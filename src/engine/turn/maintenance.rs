//! A held mode that ends by itself, and work on the main: from its last sync to the question whether its phones may go home.

use std::time::{Duration, Instant, SystemTime};

use super::Running;
use crate::{
    engine::{
        host::{Host, Level},
        work::sync::{Order, Question},
    },
    maintenance::{Drain, End, Refusal, Until, at_end, is_version, is_well, readable},
    operator::{
        control::{Reply, Start},
        status::{MaintenanceStatus, cannot_serve},
    },
    words::{
        state::{DrainState, MaintenanceState as State, Mode, ServiceState},
        wording::counted,
    },
};

/// Where the mode, its end and the reason of a maintenance are remembered across restarts.
const MODE: &str = "mode";
const UNTIL: &str = "until";
const REASON: &str = "reason";

/// The longest that a last sync or the questions of a gate are waited for: a sync reads for 5 minutes at most, and writes.
const LATE: Duration = Duration::from_secs(360);
/// A main that is in doubt for longer at the end of a maintenance is told of: one that restarts is not for so long.
const DOUBT: Duration = Duration::from_secs(60);
/// How often it is looked whether a main that is in doubt at the end of a maintenance is well or dead.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where an operator waits for the answer.
type Told = Reply<Result<String, String>>;

/// What a held mode has besides the mode.
#[derive(Default)]
pub(super) struct Hold {
    /// When it ends by itself; the second is what counts: a clock that jumps moves no phone.
    until: Option<(Until, Instant)>,
    /// Why there is a maintenance.
    reason: String,
    /// The calls on the main; `None` without a maintenance.
    drain: Option<Drain>,
    waits: Waits,
    /// Why the phones stayed when they were last to go home.
    refused: String,
    /// Whether what comes at the end has been done or told.
    is_told: bool,
    /// The number of the last order to the sync.
    number: u64,
}

/// What a maintenance waits for.
#[derive(Default)]
enum Waits {
    #[default]
    Nothing,
    /// The last sync, until then.
    Last(Start, Told, Instant),
    /// The main's answers, until then. Nobody waits for them at the end of a maintenance.
    Gate(Option<Told>, Instant),
}

impl Hold {
    /// Returns the mode that was held before this start, and what it has besides.
    pub(super) fn recall(host: &dyn Host) -> (Mode, Self) {
        let mode = host.recall(MODE).and_then(|word| Mode::from_word(&word)).unwrap_or(Mode::Auto);
        if mode == Mode::Auto {
            return (mode, Self::default());
        }
        let until = host.recall(UNTIL).and_then(|memo| Until::from_memo(&memo));
        let until = until.map(|until| (until, Instant::now() + until.left(SystemTime::now())));
        let reason = host.recall(REASON).unwrap_or_default();
        let drain = (mode == Mode::Maintenance).then(|| Drain::begin(Instant::now()));
        (mode, Self { until, reason, drain, ..Self::default() })
    }

    /// Returns the same for who looks.
    pub(super) fn status(&self, host: &dyn Host, main_starts: bool) -> MaintenanceStatus {
        MaintenanceStatus {
            until: self.until.map(|(until, _)| (until, host.local_time(until.time()))),
            reason: self.reason.clone(),
            drain: self.drain.as_ref().map(Drain::state),
            main_calls: self.drain.as_ref().and_then(Drain::calls),
            refused: self.refused.clone(),
            main_starts,
            begins: matches!(self.waits, Waits::Last(..)),
            asks: matches!(self.waits, Waits::Gate(..)),
        }
    }

    /// Returns how soon it has something to do; `None` where only an operator ends it.
    pub(super) fn due(&self, now: Instant) -> Option<Duration> {
        let ends = self.until.filter(|_| !self.is_told).map(|(_, at)| at);
        let late = match &self.waits {
            Waits::Nothing => None,
            Waits::Last(_, _, late) | Waits::Gate(_, late) => Some(*late),
        };
        let left = |at: Instant| match at.saturating_duration_since(now) {
            // What is over waits for the monitor.
            Duration::ZERO => LOOK_AGAIN,
            left => left,
        };
        ends.into_iter().chain(late).map(left).min()
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|(_, at)| at <= now)
    }

    /// ` until 2026-11-29 14:30`, or nothing.
    fn until_shown(&self, host: &dyn Host) -> String {
        let shown = |until: Until| format!(" until {}", readable(&host.local_time(until.time())));
        self.until.map_or_else(String::new, |(until, _)| shown(until))
    }
}

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
            let text = "A maintenance begins already, when its last sync has ended.";
            return reply.give(Err(text.to_owned()));
        }
        if self.failover.mode() == Mode::Maintenance {
            self.cancel("an operator has set another end meanwhile");
            let text = format!("{}. Nothing was read from the main.", self.hold_phones(start));
            self.publish();
            return reply.give(Ok(text));
        }
        if let Some(why) = cannot_serve(&self.snapshot) {
            return reply.give(Err(format!("No maintenance is started: {why}.")));
        }
        self.kit.leave_main_alone(true);
        self.hold.number += 1;
        if self.settings.sync.is_none() {
            return self.begin_maintenance(start, "[sync] enabled = no: nothing was synced.", &reply);
        }
        if !self.roster.order(Order::Last(self.hold.number)) {
            return self.begin_maintenance(start, "The last sync was not made: too many wait.", &reply);
        }
        self.hold.waits = Waits::Last(start, reply, Instant::now() + LATE);
    }

    /// The last sync has ended.
    pub(super) fn prepared(&mut self, number: u64, problem: &str, live: &Result<(), String>) {
        if number != self.hold.number || !matches!(self.hold.waits, Waits::Last(..)) {
            return;
        }
        let Waits::Last(start, reply, _) = std::mem::take(&mut self.hold.waits) else { return };
        if let Some(why) = live.clone().err().or_else(|| cannot_serve(&self.snapshot)) {
            self.follow_main_again();
            self.publish();
            return reply.give(Err(format!("No maintenance is started: {why}.")));
        }
        let last = match problem {
            "" => "The last sync is done.".to_owned(),
            problem => format!("The last sync was not made: {problem}."),
        };
        self.begin_maintenance(start, &last, &reply);
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

    /// Ends a maintenance for an operator, where the main may have its phones back.
    pub(super) fn stop_maintenance(&mut self, version: Option<String>, force: bool, reply: Told) {
        if matches!(self.hold.waits, Waits::Last(..)) {
            self.cancel("an operator has stopped it");
            self.publish();
            return reply.give(Ok("The maintenance had not begun; no phone was moved.".to_owned()));
        }
        let mode = self.failover.mode();
        if mode != Mode::Maintenance {
            return reply.give(Err(format!("There is no maintenance; the mode is {mode}.")));
        }
        if force {
            self.cancel("an operator has ended the maintenance by force");
            self.end_maintenance("an operator has ended it by force, and the main was not asked");
            self.publish();
            return reply.give(Ok(self.ended()));
        }
        if matches!(self.hold.waits, Waits::Gate(..)) {
            let text = "The main is being asked already; 'synch show maintenance' shows how it answers.";
            return reply.give(Err(text.to_owned()));
        }
        self.ask_main(version, Some(reply));
    }

    /// Asks whether the main may have its phones back.
    fn ask_main(&mut self, version: Option<String>, reply: Option<Told>) {
        if let Err(refusal) = self.is_main_well() {
            return self.refuse(&refusal, reply);
        }
        if self.settings.sync.is_none() {
            let says = Some(self.snapshot.main_version.as_str()).filter(|says| !says.is_empty());
            return match is_version(version.as_deref(), says) {
                Ok(()) => self.go_home(reply),
                Err(refusal) => self.refuse(&refusal, reply),
            };
        }
        self.hold.number += 1;
        let number = self.hold.number;
        if !self.roster.order(Order::Gate(Question { number, version })) {
            let busy = "the sync has too much to do just now; try again".to_owned();
            return self.refuse(&Refusal::NotSynced(busy), reply);
        }
        self.hold.waits = Waits::Gate(reply, Instant::now() + LATE);
    }

    /// The main was asked.
    pub(super) fn gated(&mut self, number: u64, answer: Result<(), Refusal>) {
        if number != self.hold.number || !matches!(self.hold.waits, Waits::Gate(..)) {
            return;
        }
        let Waits::Gate(reply, _) = std::mem::take(&mut self.hold.waits) else { return };
        // It may have died meanwhile.
        match answer.and_then(|()| self.is_main_well()) {
            Ok(()) => self.go_home(reply),
            Err(refusal) => self.refuse(&refusal, reply),
        }
    }

    fn is_main_well(&self) -> Result<(), Refusal> {
        let verdict = self.monitor.verdict();
        is_well(verdict.state, &verdict.reason, self.monitor.is_starting())
    }

    fn go_home(&mut self, reply: Option<Told>) {
        self.end_maintenance("the main is well and has what the phones need");
        if let Some(reply) = reply {
            self.publish();
            reply.give(Ok(self.ended()));
        }
    }

    fn ended(&self) -> String {
        let (mode, service) = (self.failover.mode(), self.failover.service());
        match service {
            ServiceState::Normal => {
                format!("The maintenance has ended: mode is {mode}, phones go to the main.")
            }
            _ => format!("The maintenance has ended: mode is {mode}, service state is {service}."),
        }
    }

    /// The phones stay.
    fn refuse(&mut self, refusal: &Refusal, reply: Option<Told>) {
        self.hold.refused = refusal.to_string();
        let by_itself = if reply.is_none() { "The time of the maintenance is over, but " } else { "" };
        self.tell_maintenance(
            Level::Warning,
            State::Refused,
            &format!(
                "{by_itself}the phones stay here: {refusal}; 'synch maintenance stop' asks the main again"
            ),
        );
        if let Some(reply) = reply {
            self.publish();
            reply.give(Err(format!("The maintenance goes on, and the phones stay here: {refusal}.")));
        }
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
        if self.settings.sync.is_some() {
            self.order(Order::Due);
        }
    }

    /// Nothing is waited for any more.
    pub(super) fn cancel(&mut self, why: &str) {
        let refused = Err(format!("Nothing was changed: {why}."));
        match std::mem::take(&mut self.hold.waits) {
            Waits::Nothing => {}
            Waits::Last(_, reply, _) => {
                self.follow_main_again();
                reply.give(refused);
            }
            Waits::Gate(Some(reply), _) => reply.give(refused),
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
            Waits::Last(_, _, late) if *late <= now => self.last_is_late(),
            Waits::Gate(_, late) if *late <= now => self.gate_is_late(),
            _ => {}
        }
        if self.hold.is_told || !self.hold.is_over(now) || matches!(self.hold.waits, Waits::Gate(..)) {
            return;
        }
        if self.failover.mode() != Mode::Maintenance {
            return self.change_mode(Mode::Auto, None, String::new(), "the time of the hold is over");
        }
        match at_end(self.monitor.verdict().state, self.monitor.is_starting()) {
            End::Wait => {}
            End::Doubt => self.tell_doubt(now),
            End::Outage => {
                self.end_maintenance("its time is over, and the main is Failed: an outage as any other")
            }
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
            let text =
                format!("the main is {} ({}) at the end of the maintenance", verdict.state, verdict.reason);
            let wait = "the phones stay here until it is Stable or Failed";
            self.log(Level::Warning, &format!("Maintenance: {text}; {wait}"));
            self.hold.refused = text;
        }
    }

    fn last_is_late(&mut self) {
        if let Waits::Last(start, reply, _) = std::mem::take(&mut self.hold.waits) {
            let text = format!("The last sync has not ended within {} s.", LATE.as_secs());
            self.begin_maintenance(start, &text, &reply);
        }
    }

    fn gate_is_late(&mut self) {
        if let Waits::Gate(reply, _) = std::mem::take(&mut self.hold.waits) {
            let late = format!("it has not answered all questions within {} s", LATE.as_secs());
            self.refuse(&Refusal::NotSynced(late), reply);
        }
    }

    /// Changes the mode, with an end or without. Phones are moved first, and reports follow.
    fn change_mode(&mut self, mode: Mode, minutes: Option<u32>, reason: String, why: &str) {
        let before = self.failover.mode();
        let change = self.failover.set_mode(mode);
        if change.is_some() {
            self.serve();
        }
        let minutes = minutes.map(|minutes| (minutes, Duration::from_secs(u64::from(minutes) * 60)));
        self.hold.until = minutes
            .map(|(minutes, lasts)| (Until::after(minutes, SystemTime::now()), Instant::now() + lasts));
        self.hold.reason = reason;
        self.hold.is_told = false;
        self.hold.refused.clear();
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

    /// Remembers the mode across restarts: its end first, so that none is left without it.
    fn remember(&self, mode: Mode) {
        let until = self.hold.until.map(|(until, _)| until.memo());
        let reason = Some(self.hold.reason.as_str()).filter(|reason| !reason.is_empty());
        let host = &self.kit.host;
        let kept = host
            .remember(UNTIL, until.as_deref())
            .and_then(|()| host.remember(REASON, reason))
            .and_then(|()| host.remember(MODE, Some(mode.word())));
        if let Err(error) = kept {
            self.log(Level::Warning, &format!("Mode {mode} is in force, but {error}."));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stand_in::StandIn;

    #[test]
    fn a_hold_is_remembered_with_its_end_and_a_mode_that_is_none_has_none() {
        let host = StandIn::default();
        let until = Until::after(10, SystemTime::now());
        for (key, value) in [(MODE, "maintenance"), (UNTIL, &until.memo()), (REASON, "to 22.11")] {
            host.remember(key, Some(value)).unwrap();
        }
        let (mode, hold) = Hold::recall(&host);
        assert_eq!((mode, hold.reason.as_str()), (Mode::Maintenance, "to 22.11"));
        assert_eq!(hold.until.map(|(until, _)| until), Some(until));
        assert!(hold.drain.is_some());
        let due = hold.due(Instant::now()).unwrap();
        assert!(due > Duration::from_secs(590) && due <= Duration::from_secs(600), "{due:?}");

        host.remember(MODE, Some("auto")).unwrap();
        let (mode, hold) = Hold::recall(&host);
        assert!(mode == Mode::Auto && hold.until.is_none() && hold.due(Instant::now()).is_none());
    }

    #[test]
    fn a_hold_whose_time_passed_while_nobody_was_there_is_over_at_once() {
        let host = StandIn::default();
        let past = SystemTime::now() - Duration::from_secs(3600);
        host.remember(MODE, Some("normal")).unwrap();
        host.remember(UNTIL, Some(&Until::after(1, past).memo())).unwrap();
        let (_, hold) = Hold::recall(&host);
        assert!(hold.is_over(Instant::now()));
        // What waits for the monitor is looked at again soon, and not in each turn.
        assert_eq!(hold.due(Instant::now()), Some(LOOK_AGAIN));
    }
}
