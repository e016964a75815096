//! Turns the outcomes of probes into a verdict.
//!
//! The arithmetic: a wrong answer is one point, a closed port or silence one point and the penalty; each kind of
//! evidence has points of its own, and they are consecutive. `failure_tolerance` points make the main Failed,
//! `alive_threshold` successes in a row make it Stable, between them it is Unstable. With `require = sip` SIP decides
//! wherever it counts, and AMI only where it does not, or beside a SIP that fails together with it. With `all` one kind
//! alone can make the main Failed; with `any` only all of them together can.
//!
//! A port that refuses is weak evidence: a firewall that is loaded anew refuses for seconds what it lets through before
//! and after. Only the end of an AMI connection that the main itself closes (FIN, which no firewall sends) tells a
//! process that has ended from a rule that refuses. So refusals count at once behind such an end, and where every port
//! refuses twice, [`CONFIRM`] apart, the main is Failed without any points. Without such an end they count once every
//! probe has failed for [`REFUSED`], and so does silence that began together with them.
//!
//! The main's own word that it shuts down needs no points.

use std::time::{Duration, Instant};

use super::{Kind, Outcome, tally::Tally};
use crate::{
    settings::{Probe, Require},
    words::state::MonitorState,
};

/// The remark about a SIP port that has never answered and that the settings do not name.
pub const NOT_YET: &str = "it counts after its first answer";

/// The remark behind an address of this machine, at which the branch would ask itself.
pub const THIS_MACHINE: &str = "is an address of this machine, and its own Asterisk would answer; set [main] sip to the main's own address";

/// Pause between a probe that finds a closed port and the probe that confirms it. The verdict on a killed main must
/// come within half a second, including the round trip.
pub const CONFIRM: Duration = Duration::from_millis(300);

/// How long ports must refuse before refusals count, where no connection has ended. A reload of a firewall takes up to
/// six seconds, and a main without SIP can wait that long.
pub const REFUSED: Duration = Duration::from_secs(10);

/// By then, a main that is still shutting down has said so again to the next Ping or login, which are at most a minute
/// apart (`engine::crew::backoff`). A main whose SIP answers and whose AMI has said nothing more was restarted.
const SAYS_SO_AGAIN: Duration = Duration::from_secs(120);

/// The verdict of the probes so far.
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
    /// Whether the next outcome had to share the line with our own reading.
    burdened: bool,
    /// When the main last said that it shuts down; `None` once a restarted main has answered.
    shut_down: Option<Instant>,
    /// When the main closed its AMI connection; `None` once it has answered since, over whatever.
    ended: Option<Instant>,
    verdict: Verdict,
}

/// Why a Stable main should not get more phones yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It could not be asked just now, for a reason on this machine.
    Unasked,
    /// It has only answered a BYE without a call.
    NoUser,
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
            ended: None,
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
        if outcome.is_alive() {
            if self.shut_down.is_some_and(|since| asked < since) {
                return None;
            }
            self.shut_down = self.shut_down.filter(|since| !self.is_new_life(kind, asked, *since));
            // Only what was asked after the end shows that it was none of the main.
            self.ended = self.ended.filter(|ended| asked < *ended);
        }
        let joins = kind == Kind::Sip && outcome.is_alive() && !self.counts(Kind::Sip);
        match (kind, outcome) {
            // No sign of service, and none of death. Where SIP answers, the main serves phones, whatever it still has
            // to load.
            (Kind::Ami, Outcome::Alive(_) | Outcome::Heard(_))
                if self.starting && !self.answers(Kind::Sip) =>
            {
                self.ami.take(&Outcome::Wrong("the main is still starting".to_owned()), asked, 0);
            }
            (Kind::Ami, _) => self.ami.take(outcome, asked, self.ami_points(outcome)),
            (Kind::Sip, _) => self.sip.take(outcome, asked, self.points(outcome)),
        }
        if joins && self.verdict.state == MonitorState::Stable {
            // One more kind that answers is no reason to doubt a main that was trusted without it.
            self.sip.trust(self.settings.alive_threshold);
        }
        if !self.counts(kind) && !self.sip.is_barred() {
            return None;
        }
        self.decide(now)
    }

    /// Returns whether an answer comes from a restarted main and not from the one that has said since `since` that it
    /// shuts down. A graceful shutdown answers SIP until the last call has ended, and refuses every AMI action.
    fn is_new_life(&self, kind: Kind, asked: Instant, since: Instant) -> bool {
        kind == Kind::Ami || self.sip.fails() || asked.duration_since(since) >= SAYS_SO_AGAIN
    }

    /// The main has closed a connection to its AMI that was kept. Returns the state before where it changed.
    pub fn ended(&mut self, now: Instant) -> Option<MonitorState> {
        self.ended = Some(now);
        self.decide(now)
    }

    /// Returns whether this kind has found a closed port and must find it once more before that counts.
    #[must_use]
    pub fn wants_confirmation(&self, kind: Kind) -> bool {
        let unconfirmed = |(first, newest): (Instant, Instant)| newest.duration_since(first) < CONFIRM;
        self.ended.is_some() && self.counts(kind) && self.tally(kind).closed().is_some_and(unconfirmed)
    }

    /// The main says itself that it shuts down. Returns the state before where it changed.
    pub fn shut_down(&mut self, now: Instant) -> Option<MonitorState> {
        self.shut_down = Some(now);
        // It may answer for a moment yet: what it answered before is no reason to trust it again.
        self.ami.doubt();
        self.sip.doubt();
        self.decide(now)
    }

    /// Sets whether the main is still starting. Its AMI answers are no sign of service meanwhile.
    pub fn set_starting(&mut self, starting: bool) {
        self.starting = starting;
    }

    /// Sets whether the next probe had to share the line with our own reading. Its silence then counts one point,
    /// without the penalty.
    pub fn set_burdened(&mut self, burdened: bool) {
        self.burdened = burdened;
    }

    /// Whether it says so.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        self.starting
    }

    /// Returns whether nothing speaks against phones at the main now. Phones need SIP: an AMI that restarts every
    /// minute does not delay a return, as long as the main does not become Failed by it. A probe that the branch could
    /// not send says nothing.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let well = |kind| self.counts(kind) && self.tally(kind).is_well();
        self.verdict.state != MonitorState::Failed
            && self.shut_down.is_none()
            && match self.settings.require {
                Require::Sip | Require::All if well(Kind::Sip) => true,
                Require::Sip if self.counts(Kind::Sip) => false,
                Require::Sip | Require::All => self.counted().all(|(_, tally)| tally.is_well()),
                Require::Any => self.counted().any(|(_, tally)| tally.is_well()),
            }
    }

    /// Returns why phones should not return to a Stable main yet; `None` where they may.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        let heard = match self.settings.require {
            Require::Sip | Require::All if self.counts(Kind::Sip) => self.answers(Kind::Sip),
            Require::Sip | Require::All => self.answers(Kind::Ami),
            Require::Any => Kind::ALL.into_iter().any(|kind| self.answers(kind)),
        };
        let works = Kind::ALL.into_iter().any(|kind| self.counts(kind) && self.tally(kind).works());
        match (heard, works) {
            (false, _) => Some(Doubt::Unasked),
            (true, false) => Some(Doubt::NoUser),
            (true, true) => None,
        }
    }

    /// Whether this kind of evidence counts.
    #[must_use]
    pub fn counts(&self, kind: Kind) -> bool {
        match kind {
            Kind::Ami => self.settings.ami,
            Kind::Sip => {
                self.settings.sip
                    && !self.sip.is_barred()
                    && (self.sip_from_the_start || self.sip.has_answered())
            }
        }
    }

    /// Whether the newest probe of this kind was answered, and counts.
    #[must_use]
    pub fn answers(&self, kind: Kind) -> bool {
        self.counts(kind) && self.tally(kind).answers()
    }

    /// Returns whether the main probably still serves its phones: its SIP answers, and it has not announced a shutdown.
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
        if !self.counts(kind) && !tally.is_barred() {
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
            Outcome::Alive(_) | Outcome::Heard(_) | Outcome::Unasked(_) | Outcome::Barred(_) => 0,
            Outcome::Wrong(_) => 1,
            Outcome::Silent(_) if self.burdened => 1,
            Outcome::Closed(_) | Outcome::Rejected(_) | Outcome::Silent(_) => {
                self.settings.error_penalty.saturating_add(1)
            }
        }
    }

    /// Returns the points of an AMI outcome. Phones need SIP: while it answers, a restart of AMI is no reason to hurry.
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
        if self.shut_down.is_some() {
            return Some(Cause::ShutDown);
        }
        if self.counted().count() > 1 && self.has_ended() {
            return Some(Cause::NobodyListens);
        }
        let tolerance = self.settings.failure_tolerance;
        let one_alone = || self.counted().any(|(_, tally)| self.points_of(tally) >= tolerance);
        let together = || {
            self.counted().all(|(_, tally)| tally.fails())
                && self.counted().fold(0, |sum: u32, (_, tally)| sum.saturating_add(self.points_of(tally)))
                    >= tolerance
        };
        let failed = match self.settings.require {
            Require::Sip if self.counts(Kind::Sip) => {
                self.points_of(&self.sip) >= tolerance || (self.fail_together() && together())
            }
            Require::Sip | Require::All => one_alone() || together(),
            // One that has been dead for long must not bring the points for both.
            Require::Any => self.counted().all(|(_, tally)| self.points_of(tally) >= tolerance),
        };
        failed.then_some(Cause::Points)
    }

    /// Returns the failure points of one kind that count now. Those of refusals wait for [`REFUSED`], except behind an
    /// ended connection, where each of them only has to be confirmed, and where the main is Failed already.
    fn points_of(&self, tally: &Tally) -> u32 {
        let confirmed = !Kind::ALL.into_iter().any(|kind| self.wants_confirmation(kind));
        let at_once = self.verdict.state == MonitorState::Failed || self.ended.is_some() && confirmed;
        tally.points(if at_once || !self.is_refused(tally) { Duration::ZERO } else { REFUSED })
    }

    /// Returns whether somebody refuses what this kind asks, or what another asks that began to fail with it. Silence
    /// beside that is the same firewall's: it says no once a second and drops the other packets (Linux:
    /// `icmp_ratelimit`), and TCP takes no such word for the end of a connection that it has (RFC 1122, 4.2.3.9).
    fn is_refused(&self, tally: &Tally) -> bool {
        let Some(since) = tally.failing_since() else { return false };
        // As far as what `fail_together` takes for one failure can begin apart, and one probe that was late.
        let near = 2 * self.settings.interval + self.settings.timeout;
        self.counted().any(|(_, other)| {
            other.refuses()
                && other.failing_since().is_some_and(|began| began.max(since) - began.min(since) <= near)
        })
    }

    /// Returns whether AMI began to fail no sooner than SIP. An AMI that has failed for long says nothing of SIP.
    fn fail_together(&self) -> bool {
        let Some(ami) = self.ami.failing_since() else { return false };
        self.sip.alive_asked().is_none_or(|alive| ami + self.settings.interval >= alive)
    }

    /// Returns whether the main has closed its connection and all ports were found closed since, each of them twice. A
    /// port that was closed long before does not count.
    fn has_ended(&self) -> bool {
        let Some(ended) = self.ended else { return false };
        let near = |first: Instant| {
            first + self.settings.interval >= ended && first <= ended + self.settings.interval
        };
        self.counted().all(|(_, tally)| {
            tally
                .closed()
                .is_some_and(|(first, newest)| near(first) && newest.duration_since(first) >= CONFIRM)
        })
    }

    fn is_stable(&self) -> bool {
        let stable = |tally: &Tally| tally.successes() >= self.settings.alive_threshold;
        match self.settings.require {
            Require::Sip if self.counts(Kind::Sip) => stable(&self.sip),
            Require::Sip | Require::All => self.counted().all(|(_, tally)| stable(tally)),
            Require::Any => self.counted().any(|(_, tally)| stable(tally)),
        }
    }

    fn reason(&self, cause: Option<&Cause>) -> String {
        let Probe { failure_tolerance, alive_threshold, .. } = self.settings;
        let kinds: Vec<String> =
            self.counted().map(|(kind, tally)| format!("{kind} {}", tally.standing())).collect();
        let kinds = kinds.join(", ");
        match cause {
            Some(Cause::ShutDown) => return "the main has announced its shutdown".to_owned(),
            Some(Cause::NobodyListens) => return format!("all ports of the main are closed: {kinds}"),
            Some(Cause::Points) | None => {}
        }
        let problems: Vec<&str> = self.counted().filter_map(|(_, tally)| tally.problem()).collect();
        let sip_decides = self.settings.require == Require::Sip && self.counts(Kind::Sip);
        let deciding = |kind: Kind| !sip_decides || kind == Kind::Sip;
        if problems.is_empty() || (sip_decides && self.sip.answers()) {
            let tallies = self.counted().filter(|(kind, _)| deciding(*kind));
            let successes = tallies.map(|(_, tally)| tally.successes()).min().unwrap_or_default();
            let kinds = match problems.is_empty() {
                true => kinds,
                false => format!("{kinds} (SIP decides): {}", problems.join("; ")),
            };
            return if successes < alive_threshold {
                format!("{kinds}: {successes} of {alive_threshold} answers in a row")
            } else {
                kinds
            };
        }
        let mut points = self.counted().map(|(_, tally)| self.points_of(tally));
        let points = match self.settings.require {
            Require::Sip if sip_decides && !self.fail_together() => self.points_of(&self.sip),
            Require::Sip | Require::All => points.fold(0, u32::saturating_add),
            Require::Any => points.by_ref().min().unwrap_or_default(),
        };
        let waits = |(_, tally): &(Kind, &Tally)| self.points_of(tally) < tally.points(Duration::ZERO);
        let waiting = self.counted().filter(waits).map(|(_, tally)| tally.is_silent());
        let refused = match waiting.reduce(|one, other| one || other) {
            Some(true) => format!("; refusals, and silence beside them, count after {} s", REFUSED.as_secs()),
            Some(false) => format!("; refusals count after {} s", REFUSED.as_secs()),
            None => String::new(),
        };
        format!(
            "{kinds}: {} ({} of {failure_tolerance} failure points{refused})",
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
