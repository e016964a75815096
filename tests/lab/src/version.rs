//! The Asterisk versions the lab has.

use std::fmt;

/// A major version of Asterisk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 22 of Debian forky, with PJSIP.
    V22,
    /// 16 of Debian bullseye, with `chan_sip`.
    V16,
}

impl Version {
    /// `22` or `16`.
    pub fn number(self) -> &'static str {
        match self {
            Self::V22 => "22",
            Self::V16 => "16",
        }
    }

    /// The channel technology of the users, as in `Dial(PJSIP/1001)`.
    pub fn technology(self) -> &'static str {
        match self {
            Self::V22 => "PJSIP",
            Self::V16 => "SIP",
        }
    }

    /// The module that a changed user needs reloaded.
    pub fn sip_module(self) -> &'static str {
        match self {
            Self::V22 => "res_pjsip.so",
            Self::V16 => "chan_sip.so",
        }
    }

    /// The file on the branch that synced users are written to.
    pub fn synced_file(self) -> &'static str {
        match self {
            Self::V22 => "pjsip_synch.conf",
            Self::V16 => "sip_synch.conf",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.number())
    }
}
