//! When which probe is due.
//!
//! In quiet times each kind is asked once an interval, SIP half an interval behind AMI, so that no gap is longer than
//! half of it. Before the first verdict both are asked at `fast_interval`. A probe that fails, or that has no answer after `fast_interval`, makes both come at `fast_interval`
//! until the main is Stable again, or Failed; several questions over SIP are on their way then, and each has less time
//! before it counts as unanswered, unless the last answers took longer than that. Where it is the AMI alone that failed,
//! an answer over SIP ends the hurry. A port that is found closed behind the end of a connection is asked once more at
//! once.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Kind, Monitor, Outcome, monitor::CONFIRM};
use crate::{settings::Probe, words::state::MonitorState};

/// What a worker may need beyond the timeout to tell of a probe. One that takes longer has been started again.
const SLACK: Duration = Duration::from_secs(2);

/// In a hurry this part of `timeout` is enough. A question is sent five times in 1.5 s: where a fifth of all packets is
/// lost, three in a row that nobody answers are still one chance in millions.
const HURRIED: u32 = 2;

/// Answers over SIP by which a line is known to be slow. On one that always is, each question in a hurry would count as
/// unanswered before its answer comes, and the main would never be Stable.
const REMEMBERED: usize = 8;

/// Decides when the main is asked.
#[derive(Clone, Debug)]
pub struct Pace {
    interval: Duration,
    fast: Duration,
    timeout: Duration,
    /// A probe that has not been heard of for this long is not waited for any more.
    lost: Duration,
    ami: Option<Clock>,
    sip: Option<Clock>,
    /// The kind that is the reason to hurry.
    hurry: Option<Kind>,
    /// Whether there was a verdict ever. Until then both are asked often: phones wait for it.
    settled: bool,
    /// How long the last answers over SIP took, the newest last.
    took: VecDeque<Duration>,
}

/// The times of one kind.
#[derive(Clone, Debug)]
struct Clock {
    due: Instant,
    /// Whether a probe may begin while another is on its way.
    overlaps: bool,
    /// When the newest probe began.
    last: Option<Instant>,
    /// When the newest probe began, until it has ended.
    waiting: Option<Instant>,
    /// When it will be late, until it has ended or that was noticed.
    late: Option<Instant>,
}

impl Clock {
    fn new(overlaps: bool, now: Instant) -> Self {
        Self { due: now, overlaps, last: None, waiting: None, late: None }
    }

    /// When the next probe may begin.
    fn next(&self, lost: Duration) -> Instant {
        match self.waiting {
            Some(began) if !self.overlaps => self.due.max(began + lost),
            _ => self.due,
        }
    }
}

impl Pace {
    /// Everything that is on is due at once.
    #[must_use]
    pub fn new(settings: &Probe, now: Instant) -> Self {
        let clock = |on: bool, overlaps| on.then(|| Clock::new(overlaps, now));
        Self {
            interval: settings.interval,
            fast: settings.fast_interval.min(settings.interval),
            timeout: settings.timeout,
            lost: settings.timeout + SLACK,
            // One connection is one exchange at a time; each question over SIP has a socket of its own.
            ami: clock(settings.ami, false),
            sip: clock(settings.sip, true),
            hurry: None,
            settled: false,
            took: VecDeque::with_capacity(REMEMBERED),
        }
    }

    /// When [`Self::begin`] has something to do next.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let clocks = self.ami.iter().chain(&self.sip);
        clocks.flat_map(|clock| [Some(clock.next(self.lost)), clock.late]).flatten().min()
    }

    /// The probes that begin now.
    pub fn begin(&mut self, monitor: &Monitor, now: Instant) -> Vec<Kind> {
        for kind in Kind::ALL {
            let late = self.clock(kind).and_then(|clock| clock.late.take_if(|late| *late <= now));
            if late.is_some() {
                self.worry(kind, monitor, now);
            }
        }
        let mut begun = Vec::new();
        for kind in Kind::ALL {
            let (lost, fast, step) = (self.lost, self.fast, self.step(kind));
            let Some(clock) = self.clock(kind).filter(|clock| clock.next(lost) <= now) else { continue };
            clock.due = now + step;
            clock.last = Some(now);
            clock.waiting = Some(now);
            clock.late = clock.late.or(Some(now + fast));
            begun.push(kind);
        }
        begun
    }

    /// How long a question over SIP that begins now may be unanswered before that counts. An answer may still come until
    /// `timeout` has passed: a main that is slow is not dead.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let hurried = self.timeout / HURRIED;
        let quick = self.took.iter().all(|took| *took < hurried);
        if self.hurry.is_some() && quick { hurried } else { self.timeout }
    }

    /// A probe of this kind has ended like this, and the monitor has heard of it.
    pub fn ended(&mut self, kind: Kind, outcome: &Outcome, monitor: &Monitor, now: Instant) {
        if let Some(clock) = self.clock(kind) {
            clock.waiting = None;
            clock.late = None;
        }
        if let (Kind::Sip, Some(took)) = (kind, outcome.took()) {
            if self.took.len() == REMEMBERED {
                self.took.pop_front();
            }
            self.took.push_back(took);
        }
        let alive = outcome.is_alive();
        let over = match monitor.verdict().state {
            MonitorState::Failed => true,
            // Not while the kind that is waited for has still to answer.
            MonitorState::Stable => {
                let reason = self.hurry.and_then(|kind| self.clock(kind));
                reason.is_none_or(|clock| clock.waiting.is_none())
            }
            MonitorState::Init | MonitorState::Unstable => false,
        };
        let harmless = self.hurry == Some(Kind::Ami) && kind == Kind::Sip && alive && monitor.counts(kind);
        if over || harmless {
            self.calm(now, over);
        } else if !alive && monitor.verdict().state != MonitorState::Stable {
            self.worry(kind, monitor, now);
        }
        if monitor.wants_confirmation(kind)
            && let Some(clock) = self.clock(kind)
        {
            let soon = clock.last.map_or(now, |last| (last + CONFIRM).max(now));
            clock.due = clock.due.min(soon);
        }
    }

    /// Something has happened that a probe can explain: all are due at once.
    pub fn rush(&mut self, now: Instant) {
        for clock in self.ami.iter_mut().chain(&mut self.sip) {
            clock.due = now;
        }
        if let Some(sip) = &mut self.sip {
            // Both begin together again, and part then.
            sip.last = None;
        }
    }

    /// The main answers over AMI by itself, until then at the latest: it need not be asked before. `None`: it does not any
    /// more.
    pub fn answers_by_itself(&mut self, until: Option<Instant>, now: Instant) {
        let (step, lost) = (self.step(Kind::Ami), self.lost);
        let Some(clock) = &mut self.ami else { return };
        match until {
            // In a hurry it is asked all the same.
            Some(_) if self.hurry.is_some() => {}
            Some(until) => {
                clock.due = until.max(now) + SLACK;
                (clock.waiting, clock.late) = (None, None);
            }
            None if clock.next(lost) > now + step => clock.due = now + step,
            None => {}
        }
    }

    /// A probe of this kind failed, or is late.
    fn worry(&mut self, kind: Kind, monitor: &Monitor, now: Instant) {
        let over = monitor.verdict().state == MonitorState::Failed;
        if over || !monitor.counts(kind) || self.hurry == Some(Kind::Sip) {
            return;
        }
        self.hurry = Some(kind);
        let fast = self.fast;
        for clock in self.ami.iter_mut().chain(&mut self.sip) {
            let soonest = clock.last.map_or(now, |last| (last + fast).max(now));
            clock.due = clock.due.min(soonest);
        }
    }

    /// Back to the quiet times, which begin with the first `verdict`.
    fn calm(&mut self, now: Instant, verdict: bool) {
        let quiet = self.settled;
        self.settled |= verdict;
        if self.hurry.take().is_none() && quiet || !self.settled {
            return;
        }
        for kind in Kind::ALL {
            let step = self.interval;
            if let Some(clock) = self.clock(kind) {
                clock.due = clock.last.map_or(now, |last| last + step);
            }
        }
        if let (Some(ami), Some(sip)) = (&self.ami, &mut self.sip) {
            let half = self.interval / 2;
            let soonest = sip.last.map_or(now, |last| last + self.fast.min(half));
            let [before, behind] = [ami.last.map_or(now, |last| last + half), ami.due + half];
            sip.due = if before >= soonest { before } else { behind };
        }
    }

    /// From a probe of this kind that begins now to the next.
    fn step(&self, kind: Kind) -> Duration {
        match (self.hurry, &self.ami, &self.sip) {
            (Some(_), ..) => self.fast,
            (None, ..) if !self.settled => self.fast,
            // Both begin together, and part then.
            (None, Some(_), Some(sip)) if kind == Kind::Sip && sip.last.is_none() => self.interval / 2,
            (None, ..) => self.interval,
        }
    }

    fn clock(&mut self, kind: Kind) -> Option<&mut Clock> {
        match kind {
            Kind::Ami => self.ami.as_mut(),
            Kind::Sip => self.sip.as_mut(),
        }
    }
}

#[cfg(test)]
mod tests;
