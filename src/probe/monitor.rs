//! What the evidence amounts to.
//!
//! The arithmetic: a wrong answer is one point, a closed port or silence one point and the penalty; each kind of
//! evidence has points of its own, and they are consecutive. `failure_tolerance` points make the main Failed,
//! `alive_threshold` successes in a row make it Stable, between them it is Unstable. With `require = all` one kind
//! alone can make the main Failed; with `any` only all of them together can.
//!
//! Two things need no points: a host that says of every port asked that nobody listens there, and the main's own
//! word that it shuts down.

use std::time::Instant;

use super::{Kind, Outcome, tally::Tally};
use crate::{
    settings::{Probe, Require},
    state::MonitorState,
};

/// Said of a SIP that has never answered, and that the administrator has not told of.
pub const NOT_YET: &str = "it counts once it has answered";

/// What the probes so far amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The state.
    pub state: MonitorState,
    /// Since when it has been this state.
    pub since: Instant,
    /// Why, in one line.
    pub reason: String,
}

/// Counts outcomes.
#[derive(Clone, Debug)]
pub struct Monitor {
    settings: Probe,
    /// Whether SIP counts before it has answered for the first time.
    sip_from_the_start: bool,
    ami: Tally,
    sip: Tally,
    /// The main lets us in but says that it has not started up yet.
    starting: bool,
    /// What comes next had to share the line with what we read.
    burdened: bool,
    /// When the main said that it shuts down; none once it has answered since.
    shut_down: Option<Instant>,
    verdict: Verdict,
}

impl Monitor {
    /// A monitor that knows nothing yet. `sip_counts`: the administrator says where SIP is, or it has answered there
    /// before, so it has to answer; otherwise it counts once it has.
    #[must_use]
    pub fn new(settings: Probe, sip_counts: bool, now: Instant) -> Self {
        let verdict =
            Verdict { state: MonitorState::Init, since: now, reason: "no probe has ended yet".to_owned() };
        Self {
            settings,
            // Where nothing else is asked, something has to count.
            sip_from_the_start: sip_counts || !settings.ami,
            ami: Tally::default(),
            sip: Tally::default(),
            starting: false,
            burdened: false,
            shut_down: None,
            verdict,
        }
    }

    /// The verdict so far.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Takes the outcome of a probe in that began at `asked`. Returns the state before where it changed.
    pub fn observe(
        &mut self,
        kind: Kind,
        outcome: &Outcome,
        asked: Instant,
        now: Instant,
    ) -> Option<MonitorState> {
        match (outcome, self.shut_down) {
            (Outcome::Alive(_), Some(since)) if asked < since => return None,
            (Outcome::Alive(_), _) => self.shut_down = None,
            _ => {}
        }
        let joins = kind == Kind::Sip && outcome.is_alive() && !self.counts(Kind::Sip);
        match (kind, outcome) {
            // No sign of service, and none of death. Where SIP answers, the main serves phones, whatever it still has
            // to load.
            (Kind::Ami, Outcome::Alive(_)) if self.starting && !self.answers(Kind::Sip) => {
                self.ami.take(&Outcome::Wrong("the main is still starting".to_owned()), asked, 0);
            }
            (Kind::Ami, _) => self.ami.take(outcome, asked, self.ami_points(outcome)),
            (Kind::Sip, _) => self.sip.take(outcome, asked, self.points(outcome)),
        }
        if joins && self.verdict.state == MonitorState::Stable {
            // One more kind that answers is no reason to doubt a main that was trusted without it.
            self.sip.trust(self.settings.alive_threshold);
        }
        if !self.counts(kind) {
            return None;
        }
        self.decide(now)
    }

    /// The main says itself that it shuts down. Returns the state before where it changed.
    pub fn shut_down(&mut self, now: Instant) -> Option<MonitorState> {
        self.shut_down = Some(now);
        // It may answer for a moment yet: what it answered before is no reason to trust it again.
        self.ami.doubt();
        self.sip.doubt();
        self.decide(now)
    }

    /// Whether the main says that it is still starting: what its AMI answers meanwhile is no sign of service.
    pub fn set_starting(&mut self, starting: bool) {
        self.starting = starting;
    }

    /// Whether the probe that is observed next had to share the line with what we read ourselves: then its silence is one
    /// point, without the penalty.
    pub fn set_burdened(&mut self, burdened: bool) {
        self.burdened = burdened;
    }

    /// Whether it says so.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        self.starting
    }

    /// Whether nothing speaks just now against phones at the main. They need SIP: an AMI that is restarted every minute
    /// keeps nobody from coming home, as long as it is never away for so long that the main is Failed.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let mut counted = self.counted().map(|(_, tally)| tally.answers());
        self.verdict.state != MonitorState::Failed
            && self.shut_down.is_none()
            && match self.settings.require {
                Require::All => self.answers(Kind::Sip) || counted.all(|answers| answers),
                Require::Any => counted.any(|answers| answers),
            }
    }

    /// Whether this kind of evidence counts.
    #[must_use]
    pub fn counts(&self, kind: Kind) -> bool {
        match kind {
            Kind::Ami => self.settings.ami,
            Kind::Sip => self.settings.sip && (self.sip_from_the_start || self.sip.has_answered()),
        }
    }

    /// Whether the newest probe of this kind was answered, and counts.
    #[must_use]
    pub fn answers(&self, kind: Kind) -> bool {
        self.counts(kind) && self.tally(kind).answers()
    }

    /// Whether phones at the main are likely served still: its SIP answers, and it does not say that it shuts down.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.shut_down.is_none() && self.answers(Kind::Sip)
    }

    /// How one kind of evidence stands, for the status.
    #[must_use]
    pub fn standing(&self, kind: Kind) -> String {
        let (on, tally) = match kind {
            Kind::Ami => (self.settings.ami, &self.ami),
            Kind::Sip => (self.settings.sip, &self.sip),
        };
        if !on {
            return "off".to_owned();
        }
        let mut text = tally.standing();
        if let Some(problem) = tally.problem() {
            text.push_str(&format!(": {problem}"));
        }
        if !self.counts(kind) {
            text.push_str(&format!("; {NOT_YET}"));
        }
        text
    }

    fn tally(&self, kind: Kind) -> &Tally {
        match kind {
            Kind::Ami => &self.ami,
            Kind::Sip => &self.sip,
        }
    }

    fn counted(&self) -> impl Iterator<Item = (Kind, &Tally)> {
        Kind::ALL.into_iter().filter(|kind| self.counts(*kind)).map(|kind| (kind, self.tally(kind)))
    }

    fn points(&self, outcome: &Outcome) -> u32 {
        match outcome {
            Outcome::Alive(_) | Outcome::Unasked(_) => 0,
            Outcome::Wrong(_) => 1,
            Outcome::Silent(_) if self.burdened => 1,
            Outcome::Closed(_) | Outcome::Silent(_) => self.settings.error_penalty.saturating_add(1),
        }
    }

    /// Phones need SIP. An AMI that is restarted beside a SIP that answers is no reason to hurry.
    fn ami_points(&self, outcome: &Outcome) -> u32 {
        let points = self.points(outcome);
        if self.answers(Kind::Sip) { points.min(1) } else { points }
    }

    fn decide(&mut self, now: Instant) -> Option<MonitorState> {
        let cause = self.failed();
        let state = if cause.is_some() {
            MonitorState::Failed
        } else if self.is_stable() {
            MonitorState::Stable
        } else {
            MonitorState::Unstable
        };
        self.verdict.reason = self.reason(cause.as_ref());
        if state == self.verdict.state {
            return None;
        }
        self.verdict.since = now;
        Some(std::mem::replace(&mut self.verdict.state, state))
    }

    fn failed(&self) -> Option<Cause> {
        let tolerance = self.settings.failure_tolerance;
        if self.shut_down.is_some() {
            return Some(Cause::ShutDown);
        }
        if self.counted().count() > 1 && self.closed_together() {
            return Some(Cause::NobodyListens);
        }
        let one_alone = || self.counted().any(|(_, tally)| tally.points() >= tolerance);
        let together = || {
            self.counted().all(|(_, tally)| tally.fails())
                && self.counted().fold(0, |sum: u32, (_, tally)| sum.saturating_add(tally.points()))
                    >= tolerance
        };
        let failed = match self.settings.require {
            Require::All => one_alone() || together(),
            // One that has been dead for long must not bring the points for both.
            Require::Any => self.counted().all(|(_, tally)| tally.points() >= tolerance),
        };
        failed.then_some(Cause::Points)
    }

    /// Whether all ports were found closed at about the same time. Of one that has been for long, only the other is news.
    fn closed_together(&self) -> bool {
        let since: Option<Vec<Instant>> = self.counted().map(|(_, tally)| tally.closed_since()).collect();
        let span = since.and_then(|since| Some(*since.iter().max()? - *since.iter().min()?));
        span.is_some_and(|span| span <= self.settings.interval)
    }

    fn is_stable(&self) -> bool {
        let stable = |(_, tally): (Kind, &Tally)| tally.successes() >= self.settings.alive_threshold;
        match self.settings.require {
            Require::All => self.counted().all(stable),
            Require::Any => self.counted().any(stable),
        }
    }

    fn reason(&self, cause: Option<&Cause>) -> String {
        let Probe { failure_tolerance, alive_threshold, .. } = self.settings;
        let kinds: Vec<String> =
            self.counted().map(|(kind, tally)| format!("{kind} {}", tally.standing())).collect();
        let kinds = kinds.join(", ");
        match cause {
            Some(Cause::ShutDown) => return "the main says that it shuts down".to_owned(),
            Some(Cause::NobodyListens) => return format!("nobody listens on the main any more: {kinds}"),
            Some(Cause::Points) | None => {}
        }
        let problems: Vec<&str> = self.counted().filter_map(|(_, tally)| tally.problem()).collect();
        if problems.is_empty() {
            let successes = self.counted().map(|(_, tally)| tally.successes()).min().unwrap_or_default();
            return if successes < alive_threshold {
                format!("{kinds}: {successes} of {alive_threshold} in a row")
            } else {
                kinds
            };
        }
        let mut points = self.counted().map(|(_, tally)| tally.points());
        let points = match self.settings.require {
            Require::All => points.fold(0, u32::saturating_add),
            Require::Any => points.by_ref().min().unwrap_or_default(),
        };
        format!(
            "{kinds}: {} ({} of {failure_tolerance} failure points)",
            problems.join("; "),
            points.min(failure_tolerance)
        )
    }
}

/// Why the main is Failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    ShutDown,
    NobodyListens,
    Points,
}
