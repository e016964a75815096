//! What a branch costs its main while nothing happens to it: bytes over the WAN, and the main's processor; while the main
//! rests, too, and while it has the events of an office that telephones.
//!
//! The same is measured of 0.4.0, built from the history of this repository, and of a main without any branch.

use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::ami::Ami;
use lab::rootfs::lab_dir;
use lab::{Result, Site, Version};

use crate::line::QUICK;
use crate::meter::{Meter, Used};

/// The module of then.
const BEFORE: &str = "res_synch-at-04cea6456657.so";
/// What is done after the first sync is over by then.
const SETTLE: Duration = Duration::from_secs(60);
/// Five minutes of rest, in which a due sync is.
const REST: Duration = Duration::from_secs(300);
/// Events of the main, for which five FreePBX calls a second would do.
const EVENTS: u32 = 30_000;
const PER_SECOND: u32 = 250;
const HOUR: f32 = 3600.0;

/// What one module costs.
struct Figures {
    /// For an hour of rest.
    hour: Used,
    /// Bytes to the main in that hour, in megabytes.
    to_main: f32,
    /// The main's processor for each of its events, in microseconds, all its work for it included.
    event: f32,
    sessions: usize,
}

/// Measures and prints.
pub fn tell() -> Result {
    println!("\nAt rest, with the settings as shipped: one branch and its main for an hour; Asterisk 22");
    let modules = lab_dir().join("modules");
    let (before, now) = (modules.join(BEFORE), modules.join("res_synch-22.so"));
    let without = figures(None)?;
    println!(
        "  {:<10} {:>12} {:>12} {:>10} {:>10} {:>14}",
        "", "to main", "from main", "main", "branch", "per event"
    );
    print("no branch", &without, &without);
    let before = before.exists().then(|| figures(Some(&before))).transpose()?;
    if let Some(before) = &before {
        print("0.4.0", before, &without);
    }
    let now = figures(Some(&now))?;
    print("now", &now, &without);
    Ok(())
}

fn print(name: &str, of: &Figures, without: &Figures) {
    println!(
        "  {name:<10} {:>9.0} kB {:>9.0} kB {:>8.2} s {:>8.2} s {:>11.1} µs; {} sessions",
        of.to_main * 1000.0,
        of.hour.megabytes * 1000.0,
        of.hour.main - without.hour.main,
        of.hour.branch - without.hour.branch,
        of.event - without.event,
        of.sessions
    );
}

fn figures(module: Option<&std::path::Path>) -> Result<Figures> {
    let mut site = Site::new(Version::V22)?;
    // 0.4.0 does not know the last two. In this order: the one ends with the other.
    for line in [QUICK, "return_hold = 0\n", "return_spread = 0\n", "spread = 0\n"] {
        site.branch.edit_conf("res_synch.conf", line, "")?;
    }
    site.main.start()?;
    match module {
        Some(module) => {
            site.branch.install_module_from(module)?;
            site.branch.start()?;
            site.branch.load_module()?;
            site.wait_status("Sync", "Synced")?;
            site.wait_status("Service", "Normal")?;
        }
        None => site.branch.start()?,
    }
    sleep(SETTLE);
    let (to_main, meter) = (site.net.bytes_to_main()?, Meter::start(&site)?);
    sleep(REST);
    let rest = meter.used(&site)?;
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let to_main = (site.net.bytes_to_main()? - to_main) as f32 / 1e6;
    let part = rest.time / HOUR;
    let sessions = sessions(&site)?;
    let event = per_event(&site)?;
    Ok(Figures { hour: rest / part, to_main: to_main / part, event, sessions })
}

/// Sessions at the main's manager interface, but for the one that asks.
fn sessions(site: &Site) -> Result<usize> {
    let shown = site.main.rx("manager show connected")?;
    Ok(shown.lines().filter(|line| line.trim_start().starts_with("synch ")).count())
}

fn per_event(site: &Site) -> Result<f32> {
    let mut ami = site.main.ami()?;
    ami.action("Events", &[("EventMask", "off")])?;
    let (start, meter) = (Instant::now(), Meter::start(site)?);
    for event in 0..EVENTS {
        tell_one(&mut ami)?;
        let due = start + Duration::from_secs(1) * event / PER_SECOND;
        sleep(due.saturating_duration_since(Instant::now()));
    }
    #[expect(clippy::cast_precision_loss, reason = "a number that a float holds")]
    let events = EVENTS as f32;
    Ok(meter.used(site)?.main * 1e6 / events)
}

/// As a call does it, with some ten lines.
fn tell_one(ami: &mut Ami) -> Result {
    let lines =
        ["Channel", "Uniqueid", "CallerIDNum", "ConnectedLineNum", "Context", "Exten", "Priority", "State"];
    let mut headers = vec![("UserEvent", "Newstate")];
    headers.extend(lines.map(|name| (name, "PJSIP/1001-00000123")));
    ami.action("UserEvent", &headers).map(drop)
}
