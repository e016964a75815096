//! The result of a drill: kept and announced.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::Running;
use crate::{
    engine::host::{Host, Level},
    operator::{
        control::Reply,
        drill::{self, Report, Stage},
        status::{DrillStatus, Drilled, seconds},
    },
    words::state::DrillResult,
};

/// Where the last drill is remembered across restarts.
const DRILL: &str = "drill";

/// Where the time of the last drill is remembered, in seconds since 1970.
const DRILLED_AT: &str = "drilled_at";

/// Returns when the last drill before this start was.
pub(super) fn last_at(host: &dyn Host) -> Option<Drilled> {
    let at = host.recall(DRILLED_AT)?.parse().ok()?;
    Some(Drilled { at, stages: Arc::default() })
}

/// Returns the last drill before this start.
pub(super) fn last(host: &dyn Host) -> Option<DrillStatus> {
    host.recall(DRILL).and_then(|memo| DrillStatus::from_memo(&memo))
}

impl Running {
    /// Starts a drill.
    pub(super) fn drill(&mut self, reply: &Reply<Report>) {
        if let Err(error) = self.roster.drill(&self.kit, &self.settings, reply.clone()) {
            let problem = format!("its thread could not be started: {error}");
            let (name, took) = ("drill".to_owned(), Duration::ZERO);
            reply.give(Report(vec![Stage { name, took, outcome: drill::Outcome::Failed(problem) }]));
        }
    }

    /// Keeps the result of a drill, and announces it.
    pub(super) fn drilled(&mut self, report: Report, reply: &Reply<Report>) {
        let (result, reason, stages) = (report.result(), report.summary(), report.timed());
        let before = self.snapshot.drill.as_ref().map_or("-", |drill| drill.result.word());
        let drill = DrillStatus { time: self.now(), result, reason };
        let level = if result == DrillResult::Failed { Level::Warning } else { Level::Notice };
        self.log(level, &format!("Drill {}: {} ({stages})", result.word().to_lowercase(), drill.reason));
        let fields = [("Result", result.word()), ("Reason", drill.reason.as_str()), ("Stages", &stages)];
        self.kit.host.event("SynchDrillEnded", &fields);
        self.history.push(drill.time.clone(), "Drill", before, result.word(), &drill.reason);
        if let Err(error) = self.kit.host.remember(DRILL, Some(&drill.memo())) {
            self.log(Level::Warning, &format!("The result of the drill is not saved: {error}."));
        }
        let at = seconds(SystemTime::now());
        if let Err(error) = self.kit.host.remember(DRILLED_AT, Some(&at.to_string())) {
            self.log(Level::Debug, &format!("The time of the drill is not saved: {error}."));
        }
        let stages = report.longest();
        self.snapshot.counts.drill = Some(Drilled { at, stages });
        self.snapshot.drill = Some(drill);
        // Whoever waits for the answer may look at the status next.
        self.publish();
        reply.give(report);
    }
}
