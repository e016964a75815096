//! The public network: whoever calls any number there is answered by a tone, and the calls are counted.

use std::sync::Arc;
use std::time::Duration;

use crate::asterisk::Asterisk;
use crate::audio::{LONG, tone_of, write_tone};
use crate::conf::Role;
use crate::error::{Error, Result};
use crate::net::Net;
use crate::version::Version;
use crate::wait::until_ok;

/// Who a phone hears that is connected to the public network: `alice.wait_hears(CARRIER, …)`.
pub const CARRIER: &str = "carrier";

/// A carrier that takes every call of the branch.
pub struct Carrier(Asterisk);

/// A call that the carrier took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The number that was called.
    pub number: String,
    /// The number of the caller, as the carrier was told.
    pub caller: String,
}

impl Carrier {
    /// Starts it.
    pub fn start(net: &Arc<Net>, version: Version) -> Result<Self> {
        Self::start_with(net, version, |_| Ok(()))
    }

    /// Starts one whose files are other ones.
    pub fn start_with(
        net: &Arc<Net>,
        version: Version,
        change: impl FnOnce(&Asterisk) -> Result,
    ) -> Result<Self> {
        let mut asterisk = Asterisk::new(net, Role::Carrier, version)?;
        change(&asterisk)?;
        write_tone(&asterisk.path("data/sounds/en/tone.wav"), tone_of(CARRIER), LONG)?;
        asterisk.start()?;
        Ok(Self(asterisk))
    }

    /// The Asterisk that it is.
    pub fn asterisk(&self) -> &Asterisk {
        &self.0
    }

    /// The calls that it took, in order.
    pub fn taken(&self) -> Vec<Taken> {
        self.0.log().lines().filter_map(taken).collect()
    }

    /// Waits until its newest call is to that number; the caller's.
    pub fn wait_taken(&self, number: &str, bound: Duration) -> Result<String> {
        until_ok(&format!("a call to {number}"), bound, || match self.taken().pop() {
            Some(taken) if taken.number == number => Ok(taken.caller),
            last => Err(Error::new(format!("{last:?}"))),
        })
    }

    /// How many calls it has now.
    pub fn channels(&self) -> Result<usize> {
        self.0.channels()
    }
}

/// The call in a line of the log, if it is about one.
fn taken(line: &str) -> Option<Taken> {
    let (_, call) = line.split_once("taken: ")?;
    let (number, caller) = call.split_once(" from ")?;
    Some(Taken { number: number.to_owned(), caller: caller.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_found_in_the_log() {
        let line = "[2026-01-01 10:00:00.000] NOTICE[7][C-00000001] Ext. 112: taken: 112 from +49301234567";
        let call = Taken { number: "112".to_owned(), caller: "+49301234567".to_owned() };
        assert_eq!(taken(line), Some(call));
        assert_eq!(taken("Asterisk Ready."), None);
    }
}
