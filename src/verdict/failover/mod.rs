//! Where evidence becomes a decision: monitor state and operator's word in, service state out. Pure.
//!
//! - [`waits`]: what a return to the main still waits for
//!
//! A move to the branch happens at once, unless the main still serves phones and the branch takes no calls. A return
//! takes its time, because it only ever moves phones that work.

pub mod waits;

use std::time::Instant;

use self::waits::Since;
pub use self::waits::{Circumstances, Wait};
use crate::{
    settings,
    words::state::{Mode, MonitorState, ServiceState, Target},
};

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

/// The conditions of a move to the branch, besides the verdict on the main.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Whether the main probably still serves its phones, although it is Failed.
    pub main_serves: bool,
    /// Whether the latest self-check found that the branch takes calls.
    pub branch_takes_calls: bool,
}

impl Way {
    /// Returns whether the phones are better left at the main.
    fn is_barred(self) -> bool {
        self.main_serves && !self.branch_takes_calls
    }
}

/// Why phones can't be sent back to the main now, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoReturn {
    /// The phones are not on the branch.
    #[error("the service state is {0}, so there are no phones to send back")]
    NotInFailover(ServiceState),
    /// An operator holds the mode.
    #[error("the mode is held at {0}; 'synch set mode auto' lets the monitor decide again")]
    Held(Mode),
    /// There is a maintenance.
    #[error("a maintenance goes on; 'synch maintenance stop' ends it")]
    Maintenance,
    /// The main is not Stable.
    #[error(
        "the main is {0}; 'synch set mode normal' sends the phones there anyway, until 'synch set mode auto'"
    )]
    NotStable(MonitorState),
}

/// Decides which system the phones are sent to.
#[derive(Clone, Debug)]
pub struct Failover {
    settings: settings::Failover,
    mode: Mode,
    monitor: MonitorState,
    /// Why the monitor says so.
    evidence: String,
    since: Since,
    service: ServiceState,
    reason: String,
    way: Way,
    /// Whether a sync is held, because the main has lost users who are in force here.
    sync_is_held: bool,
}

impl Failover {
    /// Makes the state in which nothing is known of the main; only `mode` decides.
    #[must_use]
    pub fn new(settings: settings::Failover, mode: Mode, now: Instant) -> Self {
        let since = Since { healthy: now, ready: None, share: 0 };
        let mut failover = Self {
            settings,
            mode,
            monitor: MonitorState::Init,
            evidence: String::new(),
            since,
            service: ServiceState::Init,
            reason: "the monitor has not decided yet".to_owned(),
            way: Way::default(),
            sync_is_held: false,
        };
        failover.decide(&format!("mode is held at {mode}"));
        failover
    }

    /// Takes over what was served before a restart, until the monitor knows better; a return then waits as it would have.
    /// `why` says since when.
    pub fn resume(&mut self, service: ServiceState, why: &str) {
        if self.service == ServiceState::Init {
            self.service = service;
            why.clone_into(&mut self.reason);
        }
    }

    /// Takes note of whether a sync is held because the main has lost users. As long as it is, no phone goes back there by
    /// itself: it would be a phone of one of them.
    pub fn set_sync_is_held(&mut self, is_held: bool) {
        self.sync_is_held = is_held;
    }

    /// Returns whether a sync is held, as last noted.
    #[must_use]
    pub fn sync_is_held(&self) -> bool {
        self.sync_is_held
    }

    /// Draws the random part of the next return, out of all of `u64`.
    pub fn draw(&mut self, random: u64) {
        self.since.share = random;
    }

    /// Goes by other settings from now on.
    pub fn configure(&mut self, settings: &settings::Failover) {
        self.settings.clone_from(settings);
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

    /// Takes note of evidence against the main, even where the monitor state did not change. The hold starts again.
    pub fn main_is_unwell(&mut self, now: Instant) {
        self.since = Since { healthy: now, ready: None, share: self.since.share };
    }

    /// The monitor came to a new state. A return is not decided here: [`Failover::come_home`] does that.
    pub fn monitor_changed(&mut self, monitor: MonitorState, reason: &str) -> Option<ServiceChange> {
        self.monitor = monitor;
        reason.clone_into(&mut self.evidence);
        let home = self.service == ServiceState::Failover && monitor == MonitorState::Stable;
        if home { None } else { self.decide(&format!("main is {monitor}: {reason}")) }
    }

    /// An operator chose a mode: at once, whatever a return would wait for, but for a sync that is held. Choosing the one
    /// that is in force changes nothing.
    pub fn set_mode(&mut self, mode: Mode) -> Option<ServiceChange> {
        if mode == self.mode {
            return None;
        }
        self.mode = mode;
        let reason = match mode {
            Mode::Auto => format!("mode is auto again and the main is {}", self.monitor),
            held => format!("mode was set to {held}"),
        };
        // A return like any other: it waits.
        let change = if self.is_barred() { None } else { self.decide(&reason) };
        self.reason = reason;
        change
    }

    /// The time of a held mode is over: the monitor decides again. A return is one like any other, which
    /// [`Failover::come_home`] decides; a move to the branch happens at once.
    pub fn end_hold(&mut self) -> Option<ServiceChange> {
        self.mode = Mode::Auto;
        let reason = format!("the time of the held mode is over, and the main is {}", self.monitor);
        let change = if self.wants_home() { None } else { self.decide(&reason) };
        self.reason = reason;
        change
    }

    /// Whether a return to a main that is well waits for a sync that is held.
    fn is_barred(&self) -> bool {
        self.wants_home() && self.sync_is_held
    }

    /// Takes the new conditions of a move to the branch, and makes a move that has waited for them.
    pub fn set_way(&mut self, way: Way) -> Option<ServiceChange> {
        let waited = self.move_waits();
        self.way = way;
        if waited { self.decide(&format!("main is {}: {}", self.monitor, self.evidence)) } else { None }
    }

    /// Whether the main is Failed, and the phones stay there until the branch takes calls or the main serves nobody.
    #[must_use]
    pub fn move_waits(&self) -> bool {
        self.mode == Mode::Auto
            && self.monitor == MonitorState::Failed
            && self.service != ServiceState::Failover
            && self.way.is_barred()
    }

    /// Why the main is Failed, as the monitor says.
    #[must_use]
    pub fn evidence(&self) -> &str {
        &self.evidence
    }

    /// Sends the phones back to the main as soon as nothing prevents it any more.
    pub fn come_home(&mut self, circumstances: &Circumstances) -> Option<ServiceChange> {
        if !self.wants_home() {
            self.since.ready = None;
            return None;
        }
        let ready = waits::is_ready(&self.settings, &self.since, circumstances);
        self.since.ready = ready.then(|| self.since.ready.unwrap_or(circumstances.now));
        if self.is_barred() {
            return None;
        }
        let why = waits::why_now(&self.settings, &self.since, circumstances)?;
        self.decide(&format!("main is Stable: {}{why}", self.evidence))
    }

    /// Sends the phones back to the main now for an operator, whatever a return would wait for.
    ///
    /// # Errors
    /// The phones cannot be sent back; the text says why and what to do.
    pub fn fail_back(&mut self) -> Result<Option<ServiceChange>, NoReturn> {
        match may_fail_back(self.mode, self.monitor, self.service) {
            Some(problem) => Err(problem),
            None => Ok(self.decide("an operator gave 'synch failback', and the main is Stable")),
        }
    }

    /// Returns what a return to the main waits for; `None` where no return is pending.
    #[must_use]
    pub fn waits_for(&self, circumstances: &Circumstances) -> Option<Wait> {
        match (self.service, self.mode, self.monitor) {
            (ServiceState::Init | ServiceState::Normal, _, _) => None,
            (_, Mode::Normal | Mode::Failover, _) => Some(Wait::ModeAuto),
            (_, Mode::Maintenance, _) => Some(Wait::Maintenance),
            (_, Mode::Auto, MonitorState::Stable) if self.sync_is_held => Some(Wait::Sync),
            (_, Mode::Auto, MonitorState::Stable) => waits::first(&self.settings, &self.since, circumstances),
            (_, Mode::Auto, _) => Some(Wait::Main),
        }
    }

    /// Returns whether only the hold, calls, hours or an operator keep the phones on the branch, so that time alone can
    /// end the wait.
    #[must_use]
    pub fn wants_home(&self) -> bool {
        may_fail_back(self.mode, self.monitor, self.service).is_none()
    }

    fn decide(&mut self, reason: &str) -> Option<ServiceChange> {
        let new = match (self.mode, self.monitor) {
            (Mode::Normal, _) | (Mode::Auto, MonitorState::Stable) => ServiceState::Normal,
            (Mode::Auto, MonitorState::Failed) if self.way.is_barred() => self.service,
            (Mode::Failover | Mode::Maintenance, _) | (Mode::Auto, MonitorState::Failed) => {
                ServiceState::Failover
            }
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

/// Returns what prevents a return that an operator asks for; `None` where nothing does.
#[must_use]
pub fn may_fail_back(mode: Mode, monitor: MonitorState, service: ServiceState) -> Option<NoReturn> {
    match (service, mode, monitor) {
        (ServiceState::Init | ServiceState::Normal, _, _) => Some(NoReturn::NotInFailover(service)),
        (_, Mode::Normal | Mode::Failover, _) => Some(NoReturn::Held(mode)),
        (_, Mode::Maintenance, _) => Some(NoReturn::Maintenance),
        (_, _, MonitorState::Stable) => None,
        _ => Some(NoReturn::NotStable(monitor)),
    }
}

#[cfg(test)]
mod tests;
