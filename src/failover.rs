//! Where evidence becomes a decision: monitor state and operator's mode in, service state out. Pure.

use crate::state::{Mode, MonitorState, ServiceState, Target};

/// A change of the service state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceChange {
    /// State before.
    pub old: ServiceState,
    /// State now.
    pub new: ServiceState,
    /// Why, in one line.
    pub reason: String,
}

/// Decides which system the phones are sent to.
#[derive(Clone, Debug)]
pub struct Failover {
    mode: Mode,
    monitor: MonitorState,
    service: ServiceState,
    reason: String,
}

impl Failover {
    /// Nothing known of the main, decided by `mode`.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        let mut failover = Self {
            mode,
            monitor: MonitorState::Init,
            service: ServiceState::Init,
            reason: "the monitor has not decided yet".to_owned(),
        };
        failover.decide(&format!("mode is held at {mode}"));
        failover
    }

    /// Who decides.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The service state.
    #[must_use]
    pub fn service(&self) -> ServiceState {
        self.service
    }

    /// Why it is that state.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The system that the DNS names: `default` until there is a decision.
    #[must_use]
    pub fn target(&self, default: Target) -> Target {
        match self.service {
            ServiceState::Init => default,
            ServiceState::Normal => Target::Main,
            ServiceState::Failover => Target::Branch,
        }
    }

    /// The monitor came to a new state.
    pub fn monitor_changed(&mut self, monitor: MonitorState, reason: &str) -> Option<ServiceChange> {
        self.monitor = monitor;
        self.decide(&format!("main is {monitor}: {reason}"))
    }

    /// An operator chose a mode.
    pub fn set_mode(&mut self, mode: Mode) -> Option<ServiceChange> {
        self.mode = mode;
        let reason = match mode {
            Mode::Auto => format!("mode is auto again and the main is {}", self.monitor),
            held => format!("mode was set to {held}"),
        };
        let change = self.decide(&reason);
        self.reason = reason;
        change
    }

    fn decide(&mut self, reason: &str) -> Option<ServiceChange> {
        let new = match (self.mode, self.monitor) {
            (Mode::Normal, _) | (Mode::Auto, MonitorState::Stable) => ServiceState::Normal,
            (Mode::Failover, _) | (Mode::Auto, MonitorState::Failed) => ServiceState::Failover,
            (Mode::Auto, MonitorState::Init | MonitorState::Unstable) => self.service,
        };
        if new == self.service {
            return None;
        }
        reason.clone_into(&mut self.reason);
        let old = std::mem::replace(&mut self.service, new);
        Some(ServiceChange { old, new, reason: reason.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_is_served_until_the_monitor_decides() {
        let mut failover = Failover::new(Mode::Auto);
        assert_eq!(failover.target(Target::Branch), Target::Branch);
        assert_eq!(failover.target(Target::Main), Target::Main);
        assert_eq!(failover.monitor_changed(MonitorState::Unstable, "1 of 5"), None);
        assert_eq!(failover.service(), ServiceState::Init);
        let change = failover.monitor_changed(MonitorState::Stable, "the main answers").unwrap();
        assert_eq!((change.old, change.new), (ServiceState::Init, ServiceState::Normal));
        assert_eq!(change.reason, "main is Stable: the main answers");
        assert_eq!(failover.target(Target::Branch), Target::Main);
    }

    #[test]
    fn unstable_keeps_what_is() {
        let mut failover = Failover::new(Mode::Auto);
        failover.monitor_changed(MonitorState::Failed, "");
        assert_eq!(failover.monitor_changed(MonitorState::Unstable, ""), None);
        assert_eq!(failover.service(), ServiceState::Failover);
    }

    #[test]
    fn a_held_mode_overrules_the_monitor_until_auto() {
        let mut failover = Failover::new(Mode::Auto);
        failover.monitor_changed(MonitorState::Stable, "");
        assert_eq!(failover.set_mode(Mode::Failover).unwrap().new, ServiceState::Failover);
        assert_eq!(failover.monitor_changed(MonitorState::Unstable, ""), None);
        assert_eq!(failover.monitor_changed(MonitorState::Stable, ""), None);
        let change = failover.set_mode(Mode::Auto).unwrap();
        assert_eq!(
            (change.new, change.reason.as_str()),
            (ServiceState::Normal, "mode is auto again and the main is Stable")
        );
    }

    #[test]
    fn the_reason_is_that_of_the_mode_now() {
        let mut failover = Failover::new(Mode::Auto);
        failover.monitor_changed(MonitorState::Stable, "");
        assert_eq!(failover.set_mode(Mode::Normal), None);
        assert_eq!(failover.reason(), "mode was set to normal");
        assert_eq!(failover.set_mode(Mode::Auto), None);
        assert_eq!(failover.reason(), "mode is auto again and the main is Stable");
    }

    #[test]
    fn a_mode_held_before_the_start_is_held_at_once() {
        assert_eq!(Failover::new(Mode::Normal).service(), ServiceState::Normal);
        assert_eq!(Failover::new(Mode::Failover).service(), ServiceState::Failover);
    }

    #[derive(Clone, Copy, Debug)]
    enum Input {
        Monitor(MonitorState),
        Mode(Mode),
    }

    proptest! {
        #[test]
        fn every_sequence_ends_where_the_rules_say(inputs in prop::collection::vec(prop_oneof![
            prop::sample::select(MonitorState::ALL).prop_map(Input::Monitor),
            prop::sample::select(Mode::ALL).prop_map(Input::Mode),
        ], 0..40)) {
            let mut failover = Failover::new(Mode::Auto);
            let (mut mode, mut monitor) = (Mode::Auto, MonitorState::Init);
            for input in inputs {
                let before = failover.service();
                let change = match input {
                    Input::Monitor(state) => { monitor = state; failover.monitor_changed(state, "") }
                    Input::Mode(chosen) => { mode = chosen; failover.set_mode(chosen) }
                };
                let expected = match (mode, monitor) {
                    (Mode::Normal, _) => ServiceState::Normal,
                    (Mode::Failover, _) => ServiceState::Failover,
                    (Mode::Auto, MonitorState::Stable) => ServiceState::Normal,
                    (Mode::Auto, MonitorState::Failed) => ServiceState::Failover,
                    (Mode::Auto, _) => before,
                };
                prop_assert_eq!(failover.service(), expected);
                prop_assert_eq!(change.is_some(), before != expected);
            }
        }
    }
}
