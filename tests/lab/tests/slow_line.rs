//! A line that the directory of the company would fill for minutes: what is read over it moves no phone, and comes all the
//! same.

use std::time::Duration;

use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result, Site, Version, crowd};

lab::on_22_and_16!(reading_the_directory_over_a_slow_line_moves_nobody);

/// Half a megabyte of them.
const COMPANY: u32 = 500;
const SITE: u32 = 3;
/// What waits on the line is older than a probe may be: a reader that takes all it can get kills them.
const QUEUE_MS: u32 = 4000;
/// Half a megabyte at 8 KB/s, on a machine that does much else.
const LONG: Duration = Duration::from_secs(600);

/// Who has been read so far, of a directory that is being read.
fn so_far(site: &Site) -> Result<u32> {
    let reason = site.status("DirectoryReason")?;
    let people = reason.split("; ").nth(1).and_then(|rest| rest.split(' ').next());
    people.and_then(|people| people.parse().ok()).context(format!("the directory: {reason:?}"))
}

fn reading_the_directory_over_a_slow_line_moves_nobody(version: Version) -> Result {
    let mut site = Site::with_module(version)?;
    match version {
        Version::V22 => crowd::fill(&site.main, COMPANY, SITE)?,
        Version::V16 => crowd::fill_sip(&site.main, COMPANY, SITE)?,
    }
    // The probes as an administrator finds them: those of the lab are quicker, and give up sooner.
    let quick = "interval = 1\ntimeout = 1\nfailure_tolerance = 4\nalive_threshold = 2\n";
    site.branch.edit_conf("res_synch.conf", quick, "")?;
    site.branch.edit_conf("res_synch.conf", "interval = 300", "interval = 20")?;
    site.net.slow_wan("128kbit", QUEUE_MS)?;
    site.serve()?;
    until_ok("some of the directory", LONG, || match so_far(&site)? {
        0 => Err(Error::new("nobody")),
        _ => Ok(()),
    })?;
    assert_eq!(site.status("Service")?, "Normal");
    assert_eq!(site.moves()?, 1, "{}", site.branch.rx("synch show history")?);

    // A real outage is noticed all the same, and what was read stays.
    let before = so_far(&site)?;
    site.lose_wan()?;
    site.wait_status("Service", "Failover")?;
    site.heal()?;
    until_ok("the way home", LONG, || match site.status("Service")?.as_str() {
        "Normal" => Ok(()),
        other => Err(Error::new(other)),
    })?;
    let kept = so_far(&site)?;
    assert!(kept >= before, "{kept} of {before} are left");

    let syncs: u64 = site.status("Syncs")?.parse().context("Syncs")?;
    until_ok("the directory", LONG, || match site.status("Directory")? {
        all if all == COMPANY.to_string() => Ok(()),
        part => Err(Error::new(format!("{part}: {}", site.status("DirectoryReason")?))),
    })?;
    assert_eq!(site.moves()?, 3, "{}", site.branch.rx("synch show history")?);
    assert_eq!(site.status("Sync")?, "Synced");
    // The syncs go on meanwhile.
    until_ok("another sync", GENEROUS, || {
        let now: u64 = site.status("Syncs")?.parse().context("Syncs")?;
        if now > syncs { Ok(()) } else { Err(Error::new("none")) }
    })?;
    site.branch.unload_module()
}
