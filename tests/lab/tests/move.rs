//! Everybody moves: phones of four makes and a fleet of hundreds, to the branch and back, and none is lost.
//!
//! Who is where is what the Asterisks say, both of them. The main is cut off rather than killed: it lives on, forgets
//! those who have left, and cannot take a registration of before for one of now.

use std::collections::BTreeSet;

use lab::phone::{Fleet, Handset, Kind, Settings};
use lab::wait::{PHONES_RETRY, until_ok};
use lab::{Asterisk, Error, Result, Site, Version};

lab::on_22_and_16!(all_phones_move_to_the_branch_and_back_and_none_is_lost);

/// Of all makes together.
const PHONES: u32 = 30;
const FLEET: u32 = 500;
/// Seconds. A phone asks again when most of them have passed, and so moves.
const EXPIRES: u32 = 20;

/// Waits until those are registered at `here`, and nobody of them at `there` any more.
fn wait_moved(users: &BTreeSet<String>, here: &Asterisk, there: &Asterisk, phones: &[Handset]) -> Result {
    let (at, from) = (here.role.name(), there.role.name());
    let moved = until_ok(&format!("all {} to be at the {at}", users.len()), PHONES_RETRY, || {
        let (here, there) = (here.registered()?, there.registered()?);
        let missing: Vec<_> = users.difference(&here).collect();
        let left: Vec<_> = users.intersection(&there).collect();
        if missing.is_empty() && left.is_empty() {
            return Ok(());
        }
        Err(Error::new(format!("missing at the {at}: {missing:?}; still at the {from}: {left:?}")))
    });
    moved.map_err(|error| {
        let there = here.registered().unwrap_or_default();
        let lost = phones.iter().find(|phone| !there.contains(&phone.user));
        let said = lost.map(|phone| format!("\n{}, {}: {}", phone.user, phone.kind, phone.output()));
        Error::new(format!("{error}{}", said.unwrap_or_default()))
    })
}

fn all_phones_move_to_the_branch_and_back_and_none_is_lost(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    let numbers = |first: u32, count: u32| (first..first + count).map(|user| user.to_string());
    let (desks, fleet): (Vec<_>, Vec<_>) = (numbers(3000, PHONES).collect(), numbers(4000, FLEET).collect());
    let users: BTreeSet<String> = desks.iter().chain(&fleet).cloned().collect();
    site.add_users(&desks, "HeadOffice")?;
    site.add_users(&fleet, "HeadOffice")?;
    site.serve()?;

    let settings = Settings { expires: EXPIRES, ..site.phone_settings() };
    let plug_in = |(user, kind): (&String, Kind)| Handset::new(&site.net, kind, user, &settings);
    let phones = desks.iter().zip(Kind::ALL.into_iter().cycle()).map(plug_in).collect::<Result<Vec<_>>>()?;
    wait_moved(&desks.iter().cloned().collect(), &site.main, &site.branch, &phones)?;
    let _fleet = Fleet::start(&site.net, &fleet, &settings)?;
    wait_moved(&users, &site.main, &site.branch, &phones)?;

    // A black hole for all but the test, which goes on asking the main.
    let own = site.net.own_address();
    site.net.drop_packets(&format!("ip saddr != {own} ip daddr != {own}"))?;
    site.wait_status("Service", "Failover")?;
    wait_moved(&users, &site.branch, &site.main, &phones)?;

    site.net.restore()?;
    wait_moved(&users, &site.main, &site.branch, &phones)?;
    site.wait_status("Service", "Normal")
}
