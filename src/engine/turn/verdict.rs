//! Asks the main and judges its answers. Phones are moved first, and reports follow.

use std::time::Instant;

use super::{Running, question::Question};
use crate::{
    engine::{
        event::News,
        host::{Host, Level},
        work::{probe, sync::Order},
    },
    settings::Settings,
    verdict::probe::{Kind, Monitor, Outcome, Pace},
    words::state::{MonitorState, SyncState},
};

/// Where the main's SIP answered last.
const SIP_ANSWERED: &str = "sip_answered";

impl Running {
    /// When the main is asked next; `None` where there is none.
    pub(in crate::engine) fn due(&self) -> Option<Instant> {
        self.settings.main.as_ref().and_then(|_| self.pace.due())
    }

    /// Sends the probes that are due. `quick` means that the main may be ending just now.
    pub(super) fn probe(&mut self, quick: bool) {
        let asked = Instant::now();
        for kind in self.pace.begin(&self.monitor, asked) {
            self.burden.asked(kind, asked);
            match kind {
                Kind::Ami => self.roster.ask_ami(asked),
                Kind::Sip => {
                    let patience = self.pace.patience();
                    let user = self.question.user(&self.snapshot.sync);
                    self.asked_as.extend(user.clone().map(|user| (asked, user)));
                    self.roster.ask_sip(probe::Ask { asked, user, patience, quick });
                }
            }
        }
    }

    pub(super) fn probed(&mut self, kind: Kind, asked: Instant, outcome: &Outcome) {
        let now = Instant::now();
        self.monitor.set_burdened(self.burden.shares(asked));
        let ami_was_away = !self.monitor.answers(Kind::Ami);
        let before = self.monitor.observe(kind, outcome, asked, now);
        self.burden.ended(kind, outcome, asked, now);
        self.pace.ended(kind, outcome, &self.monitor, now);
        // Questions overlap: an answer says something of the user in whose name that very one was asked.
        let asked_as = if kind == Kind::Sip { self.asked_as.remove(&asked) } else { None };
        if let (Outcome::Alive(_), Some(user)) = (outcome, asked_as) {
            let place = sip_place(&self.settings);
            if let Err(error) = self.question.answered(&user, &place, &*self.kit.host) {
                self.log(
                    Level::Debug,
                    &format!("Cannot save for a restart that {place} knows {user}: {error}"),
                );
            }
        }
        if kind == Kind::Sip && outcome.is_alive() && !self.sip_answered {
            self.sip_answered = true;
            let place = sip_place(&self.settings);
            if let Err(error) = self.kit.host.remember(SIP_ANSWERED, Some(&place)) {
                self.log(Level::Debug, &format!("Cannot save for a restart that {place} answers: {error}"));
            }
        }
        self.count_probe(kind, outcome);
        self.snapshot.monitor.last_probe = self.now();
        self.snapshot.monitor.last_answer_ms =
            outcome.took().and_then(|took| u64::try_from(took.as_millis()).ok());
        self.judged(before);
        let is_stable = self.monitor.verdict().state == MonitorState::Stable;
        if before.is_none() && is_stable && ami_was_away && self.monitor.answers(Kind::Ami) {
            // The phones have not missed it, but the sync has.
            self.sync_where_it_failed();
        }
    }

    /// Counts a probe, unless nobody was asked.
    fn count_probe(&mut self, kind: Kind, outcome: &Outcome) {
        let counts = &mut self.snapshot.counts;
        let probes = match kind {
            Kind::Ami => &mut counts.ami,
            Kind::Sip => &mut counts.sip,
        };
        match outcome.took() {
            Some(took) => {
                probes.answered += 1;
                probes.took = Some(took);
            }
            None if outcome.is_unasked() => {}
            None => probes.failed += 1,
        }
    }

    /// Handles what the main says of itself.
    pub(super) fn heard(&mut self, news: News) {
        match news {
            News::Ended => {
                let before = self.monitor.ended(Instant::now());
                self.ask_at_once();
                self.judged(before);
            }
            News::Lost => self.ask_at_once(),
            News::ShutsDown if !self.settings.probe.events => {}
            // The second is no event, but the answer to a question: no new call works there.
            News::ShutsDown | News::GoingDown => {
                let before = self.monitor.shut_down(Instant::now());
                self.judged(before);
            }
            News::Starting => self.monitor.set_starting(self.settings.probe.events),
            News::Started => self.monitor.set_starting(false),
        }
    }

    fn ask_at_once(&mut self) {
        self.pace.rush(Instant::now());
        self.probe(true);
    }

    /// Acts on a new observation of the monitor. `before` is its old state where the state changed.
    fn judged(&mut self, before: Option<MonitorState>) {
        if !self.monitor.is_healthy() {
            self.failover.main_is_unwell(Instant::now());
        }
        let verdict = self.monitor.verdict().clone();
        // The phones first, the telling afterwards.
        self.doubt(verdict.state);
        self.leave_home();
        let change = before.and_then(|_| self.failover.monitor_changed(verdict.state, &verdict.reason));
        if before.is_some() {
            self.serve();
        }
        self.show_monitor();
        match before {
            Some(before) => self.announce(before, verdict.state, &verdict.reason),
            None => self.log(Level::Debug, &format!("probe: {}", verdict.reason)),
        }
        if let Some(change) = change {
            self.announce_service(&change);
        }
        if before.is_some() && verdict.state == MonitorState::Stable {
            self.sync_where_it_failed();
        }
    }

    /// Orders a sync where the last one failed. The next regular one may be minutes away.
    fn sync_where_it_failed(&self) {
        if self.snapshot.sync.state == SyncState::Unsynced {
            self.order(Order::Soon);
        }
    }

    pub(super) fn show_monitor(&mut self) {
        let shown = &mut self.snapshot.monitor;
        shown.state = self.monitor.verdict().state;
        shown.reason.clone_from(&self.monitor.verdict().reason);
        [shown.ami, shown.sip] = Kind::ALL.map(|kind| self.monitor.standing(kind));
        shown.sip_question = match self.settings.probe.sip {
            true => Question::shown(self.question.user(&self.snapshot.sync).as_deref()),
            false => String::new(),
        };
    }
}

/// Makes a monitor that knows nothing yet. A SIP port that has answered once must answer, also after a restart of the
/// branch: otherwise a restart would end an outage of SIP alone.
pub(super) fn monitor(settings: &Settings, sip_answered: bool) -> Monitor {
    Monitor::new(
        settings.probe,
        settings.main.as_ref().is_some_and(|main| main.sip.given) || sip_answered,
        Instant::now(),
    )
}

/// Returns whether the main's SIP has ever answered at the place in these settings.
pub(super) fn has_sip_answered(settings: &Settings, host: &dyn Host) -> bool {
    host.recall(SIP_ANSWERED).is_some_and(|place| place == sip_place(settings))
}

/// Returns where the main's SIP is, according to the settings.
pub(super) fn sip_place(settings: &Settings) -> String {
    settings.main.as_ref().map(|main| main.sip.place(&main.host)).unwrap_or_default()
}

/// Makes a pace in which every probe is due at once.
pub(super) fn pace(settings: &Settings) -> Pace {
    Pace::new(&settings.probe, Instant::now())
}
