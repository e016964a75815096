//! A branch whose clock jumps: whoever sets it right moves no phones and stops no sync.

use lab::wait::{GENEROUS, until, until_ok};
use lab::{Context, Error, Result, Site, Version};

lab::on_22_and_16!(
    a_jump_of_the_clock_moves_nobody_and_stops_nothing,
    an_outage_is_seen_whatever_the_clock_says
);

/// A site in normal service that syncs each second, with a clock of its own.
fn site(version: Version) -> Result<Site> {
    let mut site = Site::with_module(version)?;
    site.branch.edit_conf("res_synch.conf", "interval = 300", "interval = 1")?;
    site.branch.with_own_clock()?;
    site.serve()?;
    Ok(site)
}

fn syncs(site: &Site) -> Result<u64> {
    site.status("Syncs")?.parse().context("Syncs")
}

/// Moves the clock, and waits until the branch has a time that begins so.
fn jump(site: &Site, distance: &str, day: &str) -> Result {
    site.branch.set_clock(distance)?;
    until_ok("the jump", GENEROUS, || match site.status("Timestamp")? {
        now if now.starts_with(day) => Ok(()),
        now => Err(Error::new(now)),
    })
}

/// The day as `date` says it, that many days from now.
fn day(distance: &str) -> Result<String> {
    let words = ["date", "-u", "-d", distance, "+%Y%m%d"];
    lab::command::run(&mut lab::command::words(&words)).map(|day| day.trim().to_owned())
}

fn a_jump_of_the_clock_moves_nobody_and_stops_nothing(version: Version) -> Result {
    let site = site(version)?;
    let moves = site.moves()?;
    for (distance, day) in [("+1d", day("tomorrow")?), ("-1d", day("yesterday")?), ("+0", day("today")?)] {
        jump(&site, distance, &day)?;
        let before = syncs(&site)?;
        until("more syncs", GENEROUS, || syncs(&site).is_ok_and(|now| now > before + 2))?;
        assert_eq!(site.status("Monitor")?, "Stable", "{distance}");
        assert_eq!(site.status("Sync")?, "Synced", "{distance}");
        assert_eq!(site.moves()?, moves, "{distance}");
        site.wait_name(site.main.address())?;
    }
    assert_eq!(site.status("Restarts")?, "0");
    Ok(())
}

fn an_outage_is_seen_whatever_the_clock_says(version: Version) -> Result {
    let mut site = site(version)?;
    site.kill_main()?;
    jump(&site, "-1d", &day("yesterday")?)?;
    site.wait_status("Service", "Failover")?;
    site.heal()?;
    jump(&site, "+1d", &day("tomorrow")?)?;
    site.wait_status("Service", "Normal")?;
    site.wait_status("Sync", "Synced")
}
