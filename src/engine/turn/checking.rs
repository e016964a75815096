//! The branch looks at itself, and a move to it may wait for that.

use std::time::Instant;

use super::Running;
use crate::{engine::host::Level, verdict::failover::Way, words::state::MonitorState};

impl Running {
    /// When there is something to do for the look at the branch itself.
    pub(in crate::engine) fn self_check_due(&self) -> Instant {
        self.self_check.due()
    }

    /// Looks, where it is time, and counts answers that are late.
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

    /// Comes to a verdict on this Asterisk, and tells it where it is a new one.
    pub(super) fn judge_self(&mut self) {
        let before = self.self_check.judge(Instant::now());
        let (state, reason) = (self.self_check.state(), self.self_check.reason().to_owned());
        self.snapshot.branch.state = state;
        self.snapshot.branch.reason.clone_from(&reason);
        if let Some(before) = before {
            self.announce(before, state, &reason);
        }
    }

    /// A main in doubt is a reason to look at the branch: a move may follow.
    pub(super) fn doubt(&mut self, monitor: MonitorState) {
        match monitor {
            MonitorState::Stable => self.self_check.main_is_trusted(),
            MonitorState::Unstable | MonitorState::Failed => {
                self.self_check.main_is_in_doubt(Instant::now());
            }
            MonitorState::Init => {}
        }
    }

    /// Sends the phones to the branch, where a move has waited and waits no longer.
    pub(super) fn leave_home(&mut self) {
        let way =
            Way { main_serves: self.monitor.serves(), branch_takes_calls: self.self_check.takes_calls() };
        if let Some(change) = self.failover.set_way(way) {
            self.serve();
            self.announce_service(&change);
        }
    }

    /// Tells that a move waits, once. Not in the moment in which this branch is still looked at for it.
    pub(super) fn tell_of_wait(&mut self) {
        let waits = self.failover.move_waits();
        let tell = waits && self.self_check.has_looked();
        if tell && !self.told_to_wait {
            let text = format!("The main is Failed, but {}", self.why_move_waits());
            self.log(Level::Warning, &text);
        }
        self.told_to_wait = waits && (tell || self.told_to_wait);
    }

    /// In words for the administrator.
    pub(super) fn why_move_waits(&self) -> String {
        format!(
            "the phones stay there, because its SIP still answers and this branch is {} ({})",
            self.self_check.state(),
            self.self_check.reason()
        )
    }
}
