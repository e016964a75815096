//! What happens to a branch in a year, one thing after the other.

use std::fmt;

use lab::death::Death;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Somebody's name changes on the main.
    Change,
    /// The main dies, stays away for a while, and is back.
    Outage(Death),
    /// Operators look at everything, on a console and over AMI, and go.
    Look,
    /// The settings change.
    Settings,
    /// An operator holds the service, and an old version of the users, and lets go.
    Hold,
    /// The module goes, and comes again.
    Cycle,
    /// The other system, with which states are shared, says good-bye and comes again.
    Part,
    /// Nothing: what happens beside, happens alone.
    Wait,
}

impl Act {
    /// One round: something between any two outages.
    pub const ROUND: [Self; 14] = [
        Self::Change,
        Self::Outage(Death::Kill),
        Self::Look,
        Self::Outage(Death::Halt),
        Self::Settings,
        Self::Part,
        Self::Outage(Death::LinkDown),
        Self::Hold,
        Self::Outage(Death::Silence),
        Self::Change,
        Self::Outage(Death::CleanStop),
        Self::Look,
        Self::Cycle,
        Self::Part,
    ];

    /// What asks for it alone.
    pub fn word(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Outage(Death::CleanStop) => "stop",
            Self::Outage(Death::Kill) => "kill",
            Self::Outage(Death::Halt) => "halt",
            Self::Outage(Death::LinkDown) => "cut",
            Self::Outage(Death::Silence) => "silence",
            Self::Look => "look",
            Self::Settings => "settings",
            Self::Hold => "hold",
            Self::Cycle => "cycle",
            Self::Part => "part",
            Self::Wait => "wait",
        }
    }

    /// How often the service moves in it.
    pub fn moves(self) -> usize {
        match self {
            // What served before an unload serves after the load.
            Self::Change | Self::Look | Self::Settings | Self::Cycle | Self::Part | Self::Wait => 0,
            // There, and back.
            Self::Outage(_) | Self::Hold => 2,
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change => f.pad("a user changes"),
            Self::Outage(death) => f.pad(&format!("outage: {death}")),
            Self::Look => f.pad("operators look"),
            Self::Settings => f.pad("settings change"),
            Self::Hold => f.pad("an operator holds"),
            Self::Cycle => f.pad("unload and load"),
            Self::Part => f.pad("a site leaves and joins"),
            Self::Wait => f.pad("nothing"),
        }
    }
}
