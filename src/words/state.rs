//! The words of synch: the states it can be in and the modes an operator can choose. Pure.
//!
//! The same words, spelled the same way, appear at the CLI, over AMI, in logs and in the documentation.

use std::fmt;

/// Gives an enum of plain words its `Display` and the list of its values.
macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word that users see.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The value that this word names, upper or lower case.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word().eq_ignore_ascii_case(word))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

pub(crate) use words;

/// A state whose changes are told: to the log, as the AMI event `SynchSUBJECTState`, and in the history.
pub trait Announced: Copy {
    /// What is in that state.
    const SUBJECT: &'static str;

    /// Returns the word that users see.
    fn word(self) -> &'static str;

    /// Returns whether somebody has to look who reads warnings only: an outage, and not its end.
    fn is_trouble(self) -> bool;
}

macro_rules! announced {
    ($name:ident as $subject:literal, $trouble:pat) => {
        impl Announced for $name {
            const SUBJECT: &'static str = $subject;

            fn word(self) -> &'static str {
                self.word()
            }

            fn is_trouble(self) -> bool {
                matches!(self, $trouble)
            }
        }
    };
}

announced!(MonitorState as "Monitor", Self::Failed);
announced!(LoginState as "Login", Self::Refused);
announced!(SyncState as "Sync", Self::Unsynced);
announced!(ServiceState as "Service", Self::Failover);
announced!(BranchState as "Branch", Self::Unhealthy);

/// What the probe knows of the main system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MonitorState {
    /// No probe has ended yet.
    Init,
    /// Neither enough failures to give the main up nor enough successes to trust it.
    Unstable,
    /// The main is taken for dead.
    Failed,
    /// The main is taken for alive.
    Stable,
}
words!(MonitorState { Init => "Init", Unstable => "Unstable", Failed => "Failed", Stable => "Stable" });

/// Whether the main lets the branch in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoginState {
    /// No login has ended yet.
    Init,
    /// The main has accepted the newest login.
    Accepted,
    /// The main has refused it. An older session may still work.
    Refused,
}
words!(LoginState { Init => "Init", Accepted => "Accepted", Refused => "Refused" });

/// Whether the branch has the users that the main has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncState {
    /// No sync has ended yet.
    Init,
    /// The last sync failed, or was held, or the operator holds an older version.
    Unsynced,
    /// The branch has what the main had at the last sync.
    Synced,
}
words!(SyncState { Init => "Init", Unsynced => "Unsynced", Synced => "Synced" });

/// Which system the phones are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ServiceState {
    /// The monitor has not decided yet; the DNS serves `default_state`.
    Init,
    /// Phones are sent to the branch.
    Failover,
    /// Phones are sent to the main.
    Normal,
}
words!(ServiceState { Init => "Init", Failover => "Failover", Normal => "Normal" });

/// Whether the branch's own Asterisk takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BranchState {
    /// Not looked at yet.
    Init,
    /// Its SIP and its dialplan answer.
    Healthy,
    /// One of them does not.
    Unhealthy,
}
words!(BranchState { Init => "Init", Healthy => "Healthy", Unhealthy => "Unhealthy" });

/// Who decides the service state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The monitor decides.
    Auto,
    /// Held at Normal by an operator.
    Normal,
    /// Held at Failover by an operator.
    Failover,
    /// Held at Failover for work on the main, from which nothing is read meanwhile.
    Maintenance,
}
words!(Mode { Auto => "auto", Normal => "normal", Failover => "failover", Maintenance => "maintenance" });

impl Mode {
    /// The command that lets the monitor decide again.
    #[must_use]
    pub const fn ended_by(self) -> &'static str {
        match self {
            Self::Maintenance => "synch maintenance stop",
            Self::Auto | Self::Normal | Self::Failover => "synch set mode auto",
        }
    }
}

/// How far the calls of this site's users on the main have ended, while a maintenance waits for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DrainState {
    /// Some go on.
    Waiting,
    /// None is left.
    Drained,
    /// Some went on for longer than is waited. Nothing is cut.
    TimedOut,
    /// The main does not say.
    Unknown,
}
words!(DrainState {
    Waiting => "waiting",
    Drained => "drained",
    TimedOut => "timed out",
    Unknown => "unknown",
});

/// What happens in a maintenance, as the event `SynchMaintenanceState` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaintenanceState {
    /// The phones are held at the branch, and nothing is read from the main.
    Started,
    /// No call of this site is left on the main.
    Drained,
    /// Some went on for longer than is waited.
    DrainTimedOut,
    /// The phones were to go home, and stay.
    Refused,
    /// The monitor decides again.
    Ended,
}
words!(MaintenanceState {
    Started => "Started",
    Drained => "Drained",
    DrainTimedOut => "DrainTimedOut",
    Refused => "Refused",
    Ended => "Ended",
});

/// What came of a drill, or of one stage of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DrillResult {
    /// It would work; of a drill, everything that was tried.
    Passed,
    /// It would not.
    Failed,
    /// It was not tried; only a stage can be.
    Skipped,
}
words!(DrillResult { Passed => "Passed", Failed => "Failed", Skipped => "Skipped" });

/// The system whose address the DNS gives to phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The main system: `target_normal`.
    Main,
    /// The branch itself: `target_failover`.
    Branch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_in_any_case() {
        for mode in Mode::ALL {
            assert_eq!(Mode::from_word(&mode.to_string().to_uppercase()), Some(*mode));
        }
        assert_eq!(Mode::from_word("automatic"), None);
        assert_eq!(ServiceState::from_word("failover"), Some(ServiceState::Failover));
    }
}
