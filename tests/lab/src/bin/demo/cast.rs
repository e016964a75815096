//! Who takes part: a main, a branch, another site, the public network, and phones that come as they are called for.

use std::time::Duration;

use lab::conf::Role;
use lab::dialplan::SITE_NUMBER;
use lab::error::Error;
use lab::phone::Settings;
use lab::sharing::state;
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Broker, Carrier, Phone, Result, Site, Version};

use crate::story::Story;

/// Who is at bonn.
pub const BEA: &str = "3001";

/// All that the story needs.
pub struct Cast {
    /// Alice, 1001: registers at the name, as the site's phones do.
    pub alice: Phone,
    /// Alex, 1002: his phone registers at the branch, whoever serves, so that the branch's calls in Normal are seen.
    pub alex: Phone,
    /// Zoë, 1003: registers at the name, and takes one call at a time.
    pub zoe: Phone,
    /// Bob, 2001, of another site: his phone is at the main.
    pub _bob: Phone,
    /// Where calls to the public network end.
    pub carrier: Carrier,
    /// Bea, 3001, and bonn, another site, which has an Asterisk of its own.
    pub bea: Phone,
    pub bonn: Asterisk,
    _broker: Broker,
    /// Main and branch.
    pub site: Site,
}

impl Cast {
    /// Starts everybody, up to phones that are registered in normal service.
    pub fn start(version: Version, story: &mut Story) -> Result<Self> {
        story.begin(&format!(
            "A main, a branch and a public network, all of them Asterisk {version}, each in a network of its own."
        ));
        let mut site = Site::with_dialplan(version)?;
        let carrier = site.carrier()?;
        story.begin(
            "Another site, bonn, has an Asterisk of its own. Branch and bonn share their states over a mosquitto.",
        );
        let (broker, mut bonn) = bonn(&site)?;
        bonn.spawn()?;
        story.begin(&format!(
            "The main is {}, the branch {}: it loads res_synch.so. Both are started.",
            site.main.address(),
            site.branch.address()
        ));
        site.start()?;
        story.step("main and branch started");
        learned(&site, story)?;
        bonn.wait_booted()?;
        let bea = site.phone_told(&bonn, BEA, Settings { answers: false, ..site.phone_settings() })?;
        site.branch.wait_hint(BEA, "Idle")?;
        story.step("the lamp of 3001, a colleague at bonn");

        story.begin("Phones are switched on. All they were told is to ask the branch's DNS for the name.");
        let alice = site.phone("1001")?;
        let zoe = Phone::new(&site.net, "1003", &Settings { calls: 1, ..site.phone_settings() })?;
        for user in ["1001", "1003"] {
            site.main.wait_registered(user)?;
        }
        story.step("phones 1001 and 1003 registered at the main");
        let alex = site.phone_at(&site.branch, "1002")?;
        let bob = site.phone_at(&site.main, "2001")?;
        story.step("1002 registered at the branch, 2001 of another site at the main");
        Ok(Self { alice, alex, zoe, _bob: bob, carrier, bea, bonn, _broker: broker, site })
    }

    /// What a command of the branch's CLI says.
    pub fn show(&self, story: &Story, command: &str) -> Result {
        story.show(command, &self.site.branch.rx(command)?);
        Ok(())
    }

    /// Waits until the phones' name points there.
    pub fn the_name_is(&self, at: &Asterisk) -> Result {
        self.site.wait_name(at.address())
    }

    /// Waits until the phones that go by the name are registered at the branch.
    pub fn phones_at_the_branch(&mut self) -> Result {
        let mut phones = [&mut self.alice, &mut self.zoe];
        phones.iter_mut().try_for_each(|phone| phone.wait_registered_at(&self.site.branch))
    }

    /// Waits until they are registered at the main.
    pub fn phones_at_the_main(&mut self) -> Result {
        let mut phones = [&mut self.alice, &mut self.zoe];
        phones.iter_mut().try_for_each(|phone| phone.wait_registered_at(&self.site.main))
    }

    /// Waits until both phones that go by the name have just registered.
    pub fn just_registered(&mut self) -> Result {
        /// For what has been told already.
        const NOW: Duration = Duration::from_millis(10);
        for phone in [&mut self.alice, &mut self.zoe] {
            while phone.wait_registered(NOW).is_ok() {}
            phone.wait_registered(GENEROUS)?;
        }
        Ok(())
    }

    /// Waits until the carrier has one more call than `before`, to that number and with the site's own as the caller's.
    pub fn carrier_takes(&self, before: usize, number: &str) -> Result {
        until_ok(&format!("a call to {number} over the local trunk"), GENEROUS, || {
            match self.carrier.taken().get(before) {
                Some(taken) if taken.number == number && taken.caller == SITE_NUMBER => Ok(()),
                other => Err(Error::new(format!("{other:?}"))),
            }
        })
    }
}

/// Another site with one phone, and the broker where it and the branch tell each other of their phones.
fn bonn(site: &Site) -> Result<(Broker, Asterisk)> {
    let broker = Broker::beside_asterisk(&site.net, &["berlin", "bonn"])?;
    let bonn = Asterisk::new(&site.net, Role::Second, Version::V22)?;
    bonn.share("bonn", &broker, "")?;
    bonn.add_phone(BEA, "Bea")?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    site.branch.write_conf("res_synch.conf", &format!("{conf}\n{}", state("berlin", &broker, "")))?;
    Ok((broker, bonn))
}

/// What the branch takes of the main before anything happens.
fn learned(site: &Site, story: &mut Story) -> Result {
    site.wait_status("Sync", "Synced")?;
    story.step("users synced from the main and live at the branch");
    site.branch.wait_function("SYNCH_USER(1003,voicemail)", "1003@default")?;
    story.step("their mailboxes");
    site.branch.wait_context("synch-users", "1003", true)?;
    story.step("their dialplan, made in memory");
    site.branch.wait_function("SYNCH_USER(2001,site)", "DevOps")?;
    story.step("the directory of everybody on the main");
    site.wait_status("Service", "Normal")?;
    site.wait_name(site.main.address())?;
    story.step("main alive: DNS names the main");
    story.show("synch show users", &site.branch.rx("synch show users")?);
    Ok(())
}

/// Calls a number, and waits until the caller hears `whom`.
pub fn call(caller: &mut Phone, number: &str, whom: &str) -> Result {
    caller.dial(number)?;
    caller.wait_in_call(GENEROUS)?;
    caller.wait_hears(whom, GENEROUS)
}

/// Ends the caller's call.
pub fn hang_up(caller: &mut Phone) -> Result {
    caller.hang_up()?;
    caller.wait_call_ended(GENEROUS).map(drop)
}
