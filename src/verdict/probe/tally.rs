//! The points of one kind of evidence. All of them are consecutive: a success clears the failures, a failure the successes.

use std::time::{Duration, Instant};

use super::Outcome;

/// How a kind stands whose newest probe was answered as it should be.
pub const ANSWERS: &str = "answers";

/// What the probes of one kind amount to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Failure points of wrong answers.
    wrong: u32,
    /// Failure points of silence.
    silent: u32,
    /// Failure points of probes that were refused, by the main's host or by a firewall.
    refused: u32,
    failures: u32,
    successes: u32,
    /// Whether it ever answered.
    answered: bool,
    /// When the newest probe began that was answered.
    alive_asked: Option<Instant>,
    /// When the first and the newest of those probes began that have all failed.
    failing: Option<(Instant, Instant)>,
    /// When the first and the newest of those probes began that all found nobody listening.
    closed: Option<(Instant, Instant)>,
    /// Whether the newest probe that asked was answered.
    well: bool,
    newest: Option<Outcome>,
}

impl Tally {
    /// Takes one outcome in; a failure counts so many points.
    pub(super) fn take(&mut self, outcome: &Outcome, asked: Instant, points: u32) {
        if outcome.is_alive() {
            (self.wrong, self.silent, self.refused) = (0, 0, 0);
            self.failures = 0;
            self.failing = None;
            self.successes = self.successes.saturating_add(1);
            self.answered = true;
            self.well = true;
            self.alive_asked = self.alive_asked.max(Some(asked));
        } else if self.alive_asked.is_some_and(|alive| asked < alive) {
            // A later probe was answered while this one was still waited for: it is no news.
            return;
        } else if !outcome.is_unasked() {
            self.successes = 0;
            self.well = false;
            self.failures = self.failures.saturating_add(1);
            self.failing = since(self.failing, asked);
            let sum = match outcome {
                Outcome::Closed(_) | Outcome::Rejected(_) => &mut self.refused,
                Outcome::Silent(_) => &mut self.silent,
                _ => &mut self.wrong,
            };
            *sum = sum.saturating_add(points);
        }
        self.closed = if is_closed(outcome) { since(self.closed, asked) } else { None };
        self.newest = Some(outcome.clone());
    }

    /// What was answered so far is worth nothing any more.
    pub(super) const fn doubt(&mut self) {
        self.successes = 0;
    }

    /// It counts as if it had answered so often.
    pub(super) fn trust(&mut self, successes: u32) {
        self.successes = self.successes.max(successes);
    }

    /// Failure points in a row. Refusals and silence count once every probe has failed for `patience`, which all have from the
    /// start where that is zero.
    pub(super) fn points(&self, patience: Duration) -> u32 {
        let lasted = self.failing.map(|(first, newest)| newest.saturating_duration_since(first));
        let weak = self.refused.saturating_add(self.silent);
        if lasted < Some(patience) { self.wrong } else { self.wrong.saturating_add(weak) }
    }

    /// Whether any of the probes that have all failed was silent.
    pub(super) const fn is_silent(&self) -> bool {
        self.silent > 0
    }

    /// Whether any of the probes that have all failed was refused.
    pub(super) const fn refuses(&self) -> bool {
        self.refused > 0
    }

    /// Successes in a row.
    pub(super) const fn successes(&self) -> u32 {
        self.successes
    }

    /// Whether it ever answered.
    pub(super) const fn has_answered(&self) -> bool {
        self.answered
    }

    /// When the newest probe began that was answered.
    pub(super) const fn alive_asked(&self) -> Option<Instant> {
        self.alive_asked
    }

    /// When the first of those probes began that have all failed; `None` where it answers.
    pub(super) fn failing_since(&self) -> Option<Instant> {
        self.failing.map(|(first, _)| first)
    }

    /// Whether the newest probe was answered as it should be.
    pub(super) fn answers(&self) -> bool {
        self.newest.as_ref().is_some_and(Outcome::is_alive)
    }

    /// Whether the newest probe was answered, and by more than what reads the socket.
    pub(super) const fn works(&self) -> bool {
        matches!(self.newest, Some(Outcome::Alive(_)))
    }

    /// Whether the newest probe that asked was answered: one that could not ask says nothing.
    pub(super) const fn is_well(&self) -> bool {
        self.well
    }

    /// Whether the newest probe failed.
    pub(super) fn fails(&self) -> bool {
        self.newest.as_ref().is_some_and(|outcome| !outcome.is_alive() && !outcome.is_unasked())
    }

    /// Whether it must not be asked.
    pub(super) const fn is_barred(&self) -> bool {
        matches!(self.newest, Some(Outcome::Barred(_)))
    }

    /// When the first and the newest of those probes began that all found nobody listening; `None` where the newest has
    /// not.
    pub(super) const fn closed(&self) -> Option<(Instant, Instant)> {
        self.closed
    }

    /// How it stands, to follow the name of the kind.
    pub(super) fn standing(&self) -> String {
        let run = format!("{} probe{}", self.failures, if self.failures == 1 { "" } else { "s" });
        match self.newest {
            None => "not asked yet".to_owned(),
            Some(Outcome::Alive(_) | Outcome::Heard(_)) => ANSWERS.to_owned(),
            Some(Outcome::Wrong(_)) => format!("answers wrongly for {run}"),
            Some(Outcome::Closed(_)) => format!("closed for {run}"),
            Some(Outcome::Rejected(_)) => format!("rejected for {run}"),
            Some(Outcome::Silent(_)) => format!("silent for {run}"),
            Some(Outcome::Unasked(_) | Outcome::Barred(_)) => "not asked".to_owned(),
        }
    }

    /// The text of the newest failure; none where it answers.
    pub(super) fn problem(&self) -> Option<&str> {
        match &self.newest {
            Some(
                Outcome::Wrong(text)
                | Outcome::Closed(text)
                | Outcome::Rejected(text)
                | Outcome::Silent(text)
                | Outcome::Unasked(text)
                | Outcome::Barred(text),
            ) => Some(text),
            Some(Outcome::Alive(_) | Outcome::Heard(_)) | None => None,
        }
    }
}

const fn is_closed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Closed(_))
}

/// A run that goes on until a probe that began at `asked`.
fn since(run: Option<(Instant, Instant)>, asked: Instant) -> Option<(Instant, Instant)> {
    let (first, newest) = run.unwrap_or((asked, asked));
    Some((first.min(asked), newest.max(asked)))
}
