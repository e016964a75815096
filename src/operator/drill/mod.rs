//! `synch drill`: what became of each stage of a failover that moves nobody. Pure; `engine::work::drill` walks it.
//!
//! - [`walk`]: a call through our contexts, step by step
//! - [`stages`]: what each stage has to come to

pub mod digest;
pub mod register;
pub mod registrar;
pub mod stages;
pub mod walk;

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    operator::table::{Cell, Column, Table},
    words::{state::DrillResult, wording::counted},
};

/// What came of one stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It would work; what was found.
    Passed(String),
    /// It would not; why, and what to do.
    Failed(String),
    /// It was not tried; what to do so that it is.
    Skipped(String),
}

impl Outcome {
    /// In a word.
    #[must_use]
    pub const fn result(&self) -> DrillResult {
        match self {
            Outcome::Passed(_) => DrillResult::Passed,
            Outcome::Failed(_) => DrillResult::Failed,
            Outcome::Skipped(_) => DrillResult::Skipped,
        }
    }

    /// What was found, or what to do.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Outcome::Passed(text) | Outcome::Failed(text) | Outcome::Skipped(text) => text,
        }
    }
}

impl From<Result<String, String>> for Outcome {
    fn from(result: Result<String, String>) -> Self {
        match result {
            Ok(found) => Outcome::Passed(found),
            Err(problem) => Outcome::Failed(problem),
        }
    }
}

/// One stage of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub outcome: Outcome,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.outcome {
            Outcome::Passed(_) => "ok",
            Outcome::Failed(_) => "BAD",
            Outcome::Skipped(_) => "SKIP",
        };
        let Self { name, took, outcome } = self;
        write!(f, "{level:<5}{name:<14} {:>5} ms  {}", took.as_millis(), outcome.text())
    }
}

const STAGE: [Column; 4] = [
    Column::new("Stage", "Stage", 14),
    Column::new("Result", "Result", 7),
    Column::new("ms", "Milliseconds", 5),
    Column::new("Reason", "Reason", 0),
];

/// All stages, in the order of the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Stage>);

impl Report {
    /// Failed where one stage has.
    #[must_use]
    pub fn result(&self) -> DrillResult {
        if self.failed().next().is_some() { DrillResult::Failed } else { DrillResult::Passed }
    }

    /// One line: what failed first, or that nothing has; and what was not tried.
    #[must_use]
    pub fn summary(&self) -> String {
        let took: Duration = self.0.iter().map(|stage| stage.took).sum();
        let skipped: Vec<&str> = self
            .0
            .iter()
            .filter(|stage| matches!(stage.outcome, Outcome::Skipped(_)))
            .map(|stage| stage.name.as_str())
            .collect();
        let mut text = match self.failed().next() {
            Some(stage) => format!(
                "{} of {} failed; {}: {}",
                self.failed().count(),
                counted(self.0.len(), "stage"),
                stage.name,
                stage.outcome.text()
            ),
            None => format!("{} in {} ms", counted(self.0.len() - skipped.len(), "stage"), took.as_millis()),
        };
        if !skipped.is_empty() {
            text += &format!("; not tried: {}", skipped.join(", "));
        }
        text
    }

    /// Every stage in one line, for an event: `dns Passed 0 ms, register Failed 3000 ms`.
    #[must_use]
    pub fn timed(&self) -> String {
        let stage = |Stage { name, took, outcome }: &Stage| {
            format!("{name} {} {} ms", outcome.result(), took.as_millis())
        };
        self.0.iter().map(stage).collect::<Vec<_>>().join(", ")
    }

    /// How long each kind of stage took that was tried, by its first word: `user 1001` has a number, which is nobody's
    /// business in the metrics. Of several, the longest.
    #[must_use]
    pub fn longest(&self) -> Arc<[(String, Duration)]> {
        let mut kinds: Vec<(String, Duration)> = Vec::new();
        for Stage { name, took, .. } in
            self.0.iter().filter(|stage| !matches!(stage.outcome, Outcome::Skipped(_)))
        {
            let kind = name.split(' ').next().unwrap_or_default();
            match kinds.iter_mut().find(|(known, _)| known == kind) {
                Some((_, longest)) => *longest = (*longest).max(*took),
                None => kinds.push((kind.to_owned(), *took)),
            }
        }
        kinds.into()
    }

    /// Returns the stages as a list for AMI.
    #[must_use]
    pub fn table(&self) -> Table {
        let row = |Stage { name, took, outcome }: &Stage| {
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let result = outcome.result();
            vec![
                name.as_str().into(),
                result.word().into(),
                Cell::Number(milliseconds),
                outcome.text().into(),
            ]
        };
        let rows = self.0.iter().map(row).collect();
        Table { event: "SynchDrillStage", complete: "SynchDrillComplete", columns: &STAGE, rows }
    }

    /// For the CLI.
    #[must_use]
    pub fn text(&self) -> String {
        let stages: String = self.0.iter().map(|stage| format!("{stage}\n")).collect();
        format!("{stages}{}: {}\n", self.result(), self.summary())
    }

    fn failed(&self) -> impl Iterator<Item = &Stage> {
        self.0.iter().filter(|stage| matches!(stage.outcome, Outcome::Failed(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(name: &str, outcome: Outcome) -> Stage {
        Stage { name: name.to_owned(), took: Duration::from_millis(7), outcome }
    }

    #[test]
    fn a_kind_of_stage_took_as_long_as_its_longest_and_what_was_not_tried_took_nothing() {
        let took = |name: &str, milliseconds| Stage {
            took: Duration::from_millis(milliseconds),
            ..stage(name, Outcome::Passed(String::new()))
        };
        let report = Report(vec![
            took("user 1001", 3),
            took("user 1002", 9),
            took("user 1003", 4),
            took("emergency 112", 2),
            stage("register", Outcome::Skipped("no account".to_owned())),
        ]);
        let longest = [("user", 9), ("emergency", 2)]
            .map(|(name, took)| (name.to_owned(), Duration::from_millis(took)));
        assert_eq!(*report.longest(), longest);
    }

    #[test]
    fn one_failed_stage_fails_the_drill_and_a_skipped_one_does_not() {
        let passed = stage("dns", Outcome::Passed("found".to_owned()));
        let skipped = stage("register", Outcome::Skipped("no account".to_owned()));
        let failed = stage("trunk", Outcome::Failed("it is away".to_owned()));
        let report = Report(vec![passed.clone(), skipped.clone()]);
        assert_eq!(
            (report.result(), report.summary().as_str()),
            (DrillResult::Passed, "1 stage in 14 ms; not tried: register")
        );
        let report = Report(vec![passed, skipped, failed]);
        let summary = "1 of 3 stages failed; trunk: it is away; not tried: register";
        assert_eq!((report.result(), report.summary().as_str()), (DrillResult::Failed, summary));
        assert_eq!(report.timed(), "dns Passed 7 ms, register Skipped 7 ms, trunk Failed 7 ms");
        let text = report.text();
        assert!(text.contains("BAD  trunk              7 ms  it is away\nFailed: 1 of 3"), "{text}");
    }
}
