//! `[probe]`: how often the main is asked, and what its answers count.

use std::{fmt, time::Duration};

use super::{
    value::WEEK,
    walk::{Keys, key, rows},
};

/// `[probe]`: how often the main is asked, and what the answers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// Bound of one whole probe, connecting included.
    pub timeout: Duration,
    /// Failure points in a row that make the main Failed.
    pub failure_tolerance: u32,
    /// Successes in a row that make it Stable.
    pub alive_threshold: u32,
    /// Points that an error on TCP/IP level counts beyond the one of a failed answer.
    pub error_penalty: u32,
    /// Whether the AMI is asked.
    pub ami: bool,
    /// Whether SIP is asked.
    pub sip: bool,
    /// Whether the main's own events are believed that it starts and stops.
    pub events: bool,
    /// Which of those that are asked have to answer.
    pub require: Require,
    /// From the start of one probe to the start of the next after a failure; never more than `interval`.
    pub fast_interval: Duration,
}

impl Probe {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Probe {
                interval: key::seconds(5, 1..=WEEK),
                timeout: key::seconds(3, 1..=WEEK),
                failure_tolerance: key::number(5, 1..=1000),
                alive_threshold: key::number(5, 1..=1000),
                error_penalty: key::number(1, 0..=1000),
                ami: key::yes_no(true),
                sip: key::yes_no(true),
                events: key::yes_no(true),
                require: key::text("sip, all or any", Require::from_word).or(Require::Sip),
                fast_interval: key::seconds(1, 1..=WEEK),
            },
            asks_for_something(keys, ami, sip),
        )
    }
}

fn asks_for_something(keys: &mut dyn Keys, ami: Option<bool>, sip: Option<bool>) {
    if (ami, sip) == (Some(false), Some(false)) {
        keys.error(&"ami, sip", &"are both off: nothing would be asked of the main; switch one of them on");
    }
}

/// Which kinds of evidence have to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Require {
    /// SIP, wherever it counts: that is what phones need. AMI only where it does not.
    Sip,
    /// Each of them.
    All,
    /// One is enough.
    Any,
}

impl Require {
    fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "sip" => Some(Self::Sip),
            "all" => Some(Self::All),
            "any" => Some(Self::Any),
            _ => None,
        }
    }
}

impl fmt::Display for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sip => "sip",
            Self::All => "all",
            Self::Any => "any",
        })
    }
}
