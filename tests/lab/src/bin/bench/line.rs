//! What reading the directory of a large company does to a slow line: nothing that a probe minds.

use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::ami::Ami;
use lab::wait::until_ok;
use lab::{Context, Error, Result, Site, Version, crowd};

use crate::meter::Meter;
use crate::run::COMPANY;

/// What the lab's file has in `[probe]` in place of what is shipped.
pub const QUICK: &str = "interval = 1\ntimeout = 1\nfailure_tolerance = 4\nalive_threshold = 2\n";
/// The line.
const RATE: &str = "256kbit";
/// What a router of such a line lets wait before it drops, in milliseconds: more than a probe may take.
const QUEUE_MS: u32 = 4000;
/// Users at the site: as many as such a line serves.
const SITE: u32 = 20;
/// Half of the line would take half an hour.
const BOUND: Duration = Duration::from_secs(5400);
const BOOT: Duration = Duration::from_secs(300);
/// How long the site is watched for a move: the reading takes half of it, what comes behind it counts as well.
const WATCHED: Duration = Duration::from_secs(3600);
/// As often as probes end.
const PAUSE: Duration = Duration::from_secs(1);

/// Measures and prints.
pub fn tell() -> Result {
    println!(
        "\nThe slow line: {RATE}, {COMPANY} users on the main, {SITE} of them at this site; Asterisk 22"
    );
    let mut site = Site::with_module(Version::V22)?;
    crowd::fill(&site.main, COMPANY, SITE)?;
    site.branch.edit_conf("res_synch.conf", QUICK, "")?;
    // As docs/performance.md has it for a slow line.
    site.main.edit_conf("manager.conf", "[synch]\n", "[synch]\nwritetimeout = 10000\n")?;
    site.net.slow_wan(RATE, QUEUE_MS)?;
    // Twenty thousand users are not there at once.
    site.main.spawn()?;
    until_ok("the main to boot", BOOT, || site.main.wait_booted())?;
    site.branch.start()?;
    site.wait_status("Service", "Normal")?;
    // The mailboxes of all of them come in one answer of more than a minute.
    until_ok("the sync", BOOT, || site.wait_status("Sync", "Synced"))?;
    let mut ami = site.branch.ami()?;
    let meter = Meter::start(&site)?;
    let mut answers = Vec::new();
    let (start, mut complete) = (Instant::now(), false);
    while !complete || start.elapsed() < WATCHED {
        if start.elapsed() > BOUND {
            return Err(Error::new(format!("no directory: {}", status(&mut ami, "DirectoryReason")?)));
        }
        if !complete {
            answers.extend(status(&mut ami, "LastProbeMs")?.parse::<u32>());
            if status(&mut ami, "Directory")? == COMPANY.to_string() {
                complete = true;
                let used = meter.used(&site)?;
                let rate = used.megabytes * 1000.0 / used.time;
                println!(
                    "  the directory is complete after {:.0} s: {:.1} MB, {rate:.1} KB/s; CPU main {:.0} s, branch {:.0} s",
                    used.time, used.megabytes, used.main, used.branch
                );
            }
        }
        sleep(PAUSE);
    }
    answers.sort_unstable();
    let at = |share: usize| answers.get(answers.len() * share / 100).copied().unwrap_or_default();
    let most = answers.last().copied().unwrap_or_default();
    println!(
        "  a probe is answered meanwhile within {} ms (half of them), {} ms (99 %), {most} ms (all)",
        at(50),
        at(99)
    );
    let moves = site.moves()?.checked_sub(1).context("the phones were sent nowhere")?;
    println!("  moves: {moves} in {} min", start.elapsed().as_secs() / 60);
    if moves > 0 {
        return Err(Error::new(site.branch.rx("synch show history")?));
    }
    Ok(())
}

fn status(ami: &mut Ami, key: &str) -> Result<String> {
    // An empty value has no header.
    Ok(ami.action("SynchStatus", &[])?.get(key).unwrap_or_default().to_owned())
}
