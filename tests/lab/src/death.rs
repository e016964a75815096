//! The ways in which a main goes, as the site sees it.

use std::fmt;

use crate::error::Result;
use crate::site::Site;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// SIGTERM, which does what `core stop now` does: to type that takes longer than what is measured.
    CleanStop,
    /// kill -9: the kernel of its host closes what was open.
    Kill,
    /// SIGSTOP: the kernel of its host takes connections, and nobody answers.
    Halt,
    /// The line is down, and the router says so.
    LinkDown,
    /// All that is sent to it vanishes: its host or the line behind the router is dead.
    Silence,
}

impl Death {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::CleanStop, Self::Kill, Self::Halt, Self::LinkDown, Self::Silence];

    /// Takes the main away.
    pub fn begin(self, site: &mut Site) -> Result {
        match self {
            Self::CleanStop => site.main.terminate(),
            Self::Kill => site.kill_main(),
            Self::Halt => site.main.sigstop(),
            Self::LinkDown => site.net.cut_wan(),
            Self::Silence => site.lose_wan(),
        }
    }

    /// Brings it back.
    pub fn end(self, site: &mut Site) -> Result {
        if self == Self::Halt {
            site.main.sigcont()?;
        }
        site.heal()
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CleanStop => "clean stop (SIGTERM)",
            Self::Kill => "crash (kill -9), host alive",
            Self::Halt => "hung (SIGSTOP), host alive",
            Self::LinkDown => "link down, the router says so",
            Self::Silence => "dead host or black hole",
        })
    }
}
