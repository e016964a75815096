//! The other system, with which the branch shares states: its devices change at a steady pace, beside everything else.

use std::time::Duration;

use lab::conf::Role;
use lab::hints::number;
use lab::sharing::{SITES, state};
use lab::{Asterisk, Broker, Error, Result, Site};

use crate::beside::Beside;
use crate::reloads::HINTS;

/// From one change to the next: the phones of some hundred sites.
const PAUSE: Duration = Duration::from_millis(50);
/// Each so many changes, one is a person's, who is away or back.
const PRESENCE_EACH: u64 = 20;
/// Persons whose presence changes: each stays in Asterisk's database.
const PERSONS: u64 = 50;

/// The names of the branch and of the other system.
const OTHER: &str = "berlin";
const BRANCH: &str = "bonn";

/// The other system, and the broker.
pub struct States {
    /// Whose devices change.
    pub other: Asterisk,
    _broker: Broker,
}

impl States {
    /// Starts both; the branch is told of the broker, and does not run yet.
    pub fn open(site: &Site) -> Result<Self> {
        let broker = Broker::start(&site.net, &SITES)?;
        let conf = site.branch.read_conf("res_synch.conf")?;
        site.branch.write_conf("res_synch.conf", &format!("{conf}\n{}", state(BRANCH, &broker, "")))?;
        let mut other = Asterisk::new(&site.net, Role::Second, site.branch.version)?;
        other.share(OTHER, &broker, "")?;
        other.start()?;
        Ok(Self { other, _broker: broker })
    }

    /// Starts to change the devices that the branch has hints of, and to count.
    pub fn start(&self) -> Result<Beside<u64>> {
        let mut ami = self.other.ami()?;
        ami.action("Events", &[("EventMask", "off")])?;
        let mut change = 0;
        Ok(Beside::start(PAUSE, move |done| {
            change += 1;
            *done += 1;
            let (variable, value) = what(change);
            let answer = ami.action("Setvar", &[("Variable", &variable), ("Value", value)]);
            answer
                .map(drop)
                .map_err(|error| Error::new(format!("change {done} of the other system: {error}")))
        }))
    }

    /// The other system says good-bye, and comes again: a lamp goes out, and is lit again.
    pub fn part(&self, branch: &Asterisk) -> Result {
        let lamp = number(0);
        let device = format!("Custom:DND{lamp}");
        self.other.set_device(&device, "INUSE")?;
        branch.wait_hint(&lamp, "InUse")?;
        self.other.unload_module()?;
        branch.wait_dark(&lamp)?;
        self.other.load_module()?;
        branch.wait_hint(&lamp, "InUse")?;
        self.other.set_device(&device, "NOT_INUSE")?;
        branch.wait_dark(&lamp)
    }
}

/// The function that a change sets, and to what. The first lamp is not among them.
fn what(change: u64) -> (String, &'static str) {
    if change.is_multiple_of(PRESENCE_EACH) {
        let turn = change / PRESENCE_EACH;
        let value = if (turn / PERSONS).is_multiple_of(2) { "away,,lunch" } else { "available,," };
        return (format!("PRESENCE_STATE(CustomPresence:{})", number(person(turn))), value);
    }
    let lamps = u64::try_from(HINTS - 1).unwrap_or(1);
    let value = if (change / lamps).is_multiple_of(2) { "INUSE" } else { "NOT_INUSE" };
    (format!("DEVICE_STATE(Custom:DND{})", number(1 + usize::try_from(change % lamps).unwrap_or(0))), value)
}

fn person(turn: u64) -> usize {
    usize::try_from(turn % PERSONS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_persons_change_to_and_fro() {
        assert_eq!(what(1), ("DEVICE_STATE(Custom:DND50002)".to_owned(), "INUSE"));
        assert_eq!(what(1500), ("PRESENCE_STATE(CustomPresence:50025)".to_owned(), "available,,"));
        assert_eq!(what(1501), ("DEVICE_STATE(Custom:DND50003)".to_owned(), "NOT_INUSE"));
        assert_eq!(what(20), ("PRESENCE_STATE(CustomPresence:50001)".to_owned(), "away,,lunch"));
    }
}
