//! The branch checks itself, and a move to it may wait for the result.

use std::time::Instant;

use super::Running;
use crate::{engine::host::Level, verdict::failover::Way, words::state::MonitorState};

impl Running {
    /// When the self-check has something to do next; `None` where no phone will ever move here.
    pub(in crate::engine) fn self_check_due(&self) -> Option<Instant> {
        self.settings.main.as_ref().map(|_| self.self_check.due())
    }

    /// Starts the checks that are due, and counts late answers.
    pub(super) fn check_self(&mut self) {
        let now = Instant::now();
        if !self.kit.host.fully_booted() {
            // Its SIP and its dialplan are still being made.
            return self.self_check.wait_for_boot(now);
        }
        for part in self.self_check.begin(now) {
            self.roster.ask_self(part);
        }
        self.judge_self();
    }

    /// Judges this Asterisk, and announces a new verdict.
    pub(super) fn judge_self(&mut self) {
        let before = self.self_check.judge(Instant::now());
        let (state, reason) = (self.self_check.state(), self.self_check.reason().to_owned());
        self.snapshot.branch.state = state;
        self.snapshot.branch.reason.clone_from(&reason);
        if let Some(before) = before {
            self.announce(before, state, &reason);
        }
    }

    /// Has the branch checked when the main is in doubt, because a move may follow.
    pub(super) fn doubt(&mut self, monitor: MonitorState) {
        match monitor {
            MonitorState::Stable => self.self_check.main_is_trusted(),
            MonitorState::Unstable | MonitorState::Failed => {
                self.self_check.main_is_in_doubt(Instant::now());
            }
            MonitorState::Init => {}
        }
    }

    /// Sends the phones to the branch where a waiting move need not wait any longer.
    pub(super) fn leave_home(&mut self) {
        let way =
            Way { main_serves: self.monitor.serves(), branch_takes_calls: self.self_check.takes_calls() };
        if let Some(change) = self.failover.set_way(way) {
            self.serve();
            self.announce_service(&change);
        }
    }

    /// Logs once that a move waits, but not while this branch is still being checked for it.
    pub(super) fn tell_of_wait(&mut self) {
        let waits = self.failover.move_waits();
        let tell = waits && self.self_check.has_looked();
        if tell && !self.told_to_wait {
            let text = format!("The main is Failed, but {}", self.why_move_waits());
            self.log(Level::Warning, &text);
        }
        self.told_to_wait = waits && (tell || self.told_to_wait);
    }

    /// Returns why a move waits, for the administrator.
    pub(super) fn why_move_waits(&self) -> String {
        format!(
            "the phones stay there, because its SIP still answers and this branch is {} ({})",
            self.self_check.state(),
            self.self_check.reason()
        )
    }
}
