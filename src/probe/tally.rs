//! The points of one kind of evidence. All of them are consecutive: a success clears the failures, a failure the successes.

use std::time::Instant;

use super::Outcome;

/// How a kind stands whose newest probe was answered as it should be.
pub const ANSWERS: &str = "answers";

/// What the probes of one kind amount to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    points: u32,
    failures: u32,
    successes: u32,
    /// Whether it ever answered.
    answered: bool,
    /// When the newest probe began that was answered.
    alive_asked: Option<Instant>,
    /// When the first of those probes began that all found nobody listening.
    closed_since: Option<Instant>,
    newest: Option<Outcome>,
}

impl Tally {
    /// Takes one outcome in; a failure counts so many points.
    pub(super) fn take(&mut self, outcome: &Outcome, asked: Instant, points: u32) {
        if outcome.is_alive() {
            self.points = 0;
            self.failures = 0;
            self.successes = self.successes.saturating_add(1);
            self.answered = true;
            self.alive_asked = self.alive_asked.max(Some(asked));
        } else if self.alive_asked.is_some_and(|alive| asked < alive) {
            // A later probe was answered while this one was still waited for: it is no news.
            return;
        } else if !matches!(outcome, Outcome::Unasked(_)) {
            self.successes = 0;
            self.failures = self.failures.saturating_add(1);
            self.points = self.points.saturating_add(points);
        }
        self.closed_since = match outcome {
            Outcome::Closed(_) => self.closed_since.or(Some(asked)),
            _ => None,
        };
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

    /// Failure points in a row.
    pub(super) const fn points(&self) -> u32 {
        self.points
    }

    /// Successes in a row.
    pub(super) const fn successes(&self) -> u32 {
        self.successes
    }

    /// Whether it ever answered.
    pub(super) const fn has_answered(&self) -> bool {
        self.answered
    }

    /// Whether the newest probe was answered as it should be.
    pub(super) fn answers(&self) -> bool {
        self.newest.as_ref().is_some_and(Outcome::is_alive)
    }

    /// Whether the newest probe failed.
    pub(super) fn fails(&self) -> bool {
        matches!(self.newest, Some(Outcome::Wrong(_) | Outcome::Closed(_) | Outcome::Silent(_)))
    }

    /// Since when every probe has found that nobody listens; none where the newest has not.
    pub(super) const fn closed_since(&self) -> Option<Instant> {
        self.closed_since
    }

    /// How it stands, to follow the name of the kind.
    pub(super) fn standing(&self) -> String {
        let run = format!("{} probe{}", self.failures, if self.failures == 1 { "" } else { "s" });
        match self.newest {
            None => "not asked yet".to_owned(),
            Some(Outcome::Alive(_)) => ANSWERS.to_owned(),
            Some(Outcome::Wrong(_)) => format!("answers wrongly for {run}"),
            Some(Outcome::Closed(_)) => format!("closed for {run}"),
            Some(Outcome::Silent(_)) => format!("silent for {run}"),
            Some(Outcome::Unasked(_)) => "not asked".to_owned(),
        }
    }

    /// The text of the newest failure; none where it answers.
    pub(super) fn problem(&self) -> Option<&str> {
        match &self.newest {
            Some(
                Outcome::Wrong(text) | Outcome::Closed(text) | Outcome::Silent(text) | Outcome::Unasked(text),
            ) => Some(text),
            Some(Outcome::Alive(_)) | None => None,
        }
    }
}
