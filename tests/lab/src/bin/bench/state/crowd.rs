//! A company of a thousand sites of fifty phones each: what the broker has to do, what a system takes that takes all of them,
//! and one that takes ten.

use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::asterisk::{Vitals, cpu_time};
use lab::broker::Kind;
use lab::error::Context;
use lab::wait::{GENEROUS, until_ok};
use lab::{Asterisk, Error, Result, Sharing, Version};

use super::changes::number;
use super::sites::{self, DEVICES, SITES, Sites};

/// Devices of all of them.
const ALL: usize = SITES * DEVICES;
/// As many at once are told to an Asterisk over AMI.
const PORTION: usize = 1_000;
/// How long knowing all of them may take: 20 sites are subscribed and 2,000 states shown in a second.
const KNOWN: Duration = Duration::from_secs(300);
/// What was under way is over then.
const SETTLE: Duration = Duration::from_secs(30);
/// How long the offices telephone: a whole number of signs of life.
const WATCHED: Duration = Duration::from_secs(180);
/// A day in an office.
const DAY: f64 = 8.0 * 3600.0;
/// Changes whose way is timed.
const CHANGES: usize = 100;
const GAP: Duration = Duration::from_millis(100);

/// What as many devices of its own cost an Asterisk that shares nothing.
struct Alone {
    /// Memory of each, in KiB.
    kib: f64,
    /// Seconds of the processor for all of them.
    cpu: f64,
}

/// Measures that.
fn alone() -> Result<Alone> {
    let mut sharing = Sharing::new(&[Version::V22], "")?;
    let system = sharing.at_mut(0)?;
    system.edit_conf("modules.conf", "load = res_synch.so\n", "")?;
    system.start()?;
    let mut ami = system.ami()?;
    ami.action("Events", &[("EventMask", "off")])?;
    let before = (memory(system)?, system.cpu_time()?);
    for portion in 0..ALL / PORTION {
        let devices = (portion * PORTION..).take(PORTION);
        ami.set_all(devices.map(|device| (format!("DEVICE_STATE(Custom:{device:06})"), "INUSE")))?;
    }
    sleep(SETTLE);
    let kib = (memory(system)? - before.0) / count(ALL);
    Ok(Alone { kib, cpu: (system.cpu_time()? - before.1).as_secs_f64() })
}

/// Measures and prints.
pub fn tell() -> Result {
    let alone = alone()?;
    println!("\n{SITES} simulated sites of {DEVICES} phones, each of which hears {} others:", sites::HEARD);
    println!("berlin takes all of them, bonn takes ten and berlin; both Asterisk 22");
    let names: Vec<String> = (0..SITES).map(sites::name).collect();
    let mut sharing = Sharing::beside(&names, Kind::Mosquitto, &[Version::V22, Version::V22], "")?;
    let bonn = sharing.at(1)?;
    let conf = bonn.read_conf("res_synch.conf")?;
    bonn.write_conf("res_synch.conf", &format!("{conf}sites = ^(site000[0-9]|berlin)$\n"))?;
    sharing.start()?;
    let before = At::now(&sharing)?;
    let sites = Sites::start(&sharing, KNOWN + SETTLE * 2 + WATCHED * 2)?;
    let start = Instant::now();
    known(sharing.at(0)?, ALL)?;
    let took = start.elapsed();
    sleep(SETTLE);
    let after = At::now(&sharing)?;
    let kib = (after.berlin - before.berlin) / count(ALL);
    println!(
        "  berlin knows {ALL} devices after {:.0} s, CPU {:.1} s",
        took.as_secs_f64(),
        after.cpu[0] - before.cpu[0]
    );
    println!(
        "  memory of its Asterisk for each: {kib:.2} KiB; of as many devices of its own, without the module: {:.2} KiB, CPU {:.1} s",
        alone.kib, alone.cpu
    );
    println!("  ours, the sites included: {:.2} KiB each (target: 0.3)", kib - alone.kib);
    known(sharing.at(1)?, 10 * DEVICES)?;
    let before = At::now(&sharing)?;
    sleep(WATCHED);
    let after = At::now(&sharing)?;
    print(&before, &after);
    latency(&sharing)?;
    drop(sites);
    Ok(())
}

fn print(before: &At, after: &At) {
    let time = after.at.saturating_duration_since(before.at).as_secs_f64();
    let share = |place: usize| {
        let used = |at: &At| at.cpu.get(place).copied().unwrap_or_default();
        (used(after) - used(before)) / time * 100.0
    };
    println!("  in {time:.0} s of {:.0} changes a second:", count(SITES) * 750.0 / 3600.0);
    println!(
        "    broker: {:.1} % of a processor, {:.0} MiB of heap and stacks",
        share(2),
        after.broker / 1024.0
    );
    for (name, place) in [("berlin, which takes all", 0), ("bonn, which takes ten", 1)] {
        let octets = |at: &At| at.wire.get(place).copied().unwrap_or_default();
        let rate = number(octets(after).saturating_sub(octets(before))) / time;
        println!(
            "    {name}: {:.2} % of a processor, {:.1} kbit/s, {:.1} MB in 8 hours",
            share(place),
            rate * 8.0 / 1000.0,
            rate * DAY / 1e6
        );
    }
}

/// What all have used at a moment.
struct At {
    at: Instant,
    /// Of berlin, bonn and the broker.
    cpu: [f64; 3],
    /// Of berlin and bonn.
    wire: [u64; 2],
    /// KiB.
    berlin: f64,
    broker: f64,
}

impl At {
    fn now(sharing: &Sharing) -> Result<Self> {
        let [berlin, bonn] = sharing.both()?;
        let pid = sharing.broker.pid()?;
        let stat = format!("/proc/{pid}/stat");
        let broker = cpu_time(&std::fs::read_to_string(&stat).context(stat)?)?;
        let octets = |system: &Asterisk| system.host().traffic().map(|[octets, _]| octets);
        Ok(Self {
            cpu: [berlin.cpu_time()?, bonn.cpu_time()?, broker].map(|time| time.as_secs_f64()),
            wire: [octets(berlin)?, octets(bonn)?],
            berlin: memory(berlin)?,
            broker: number(Vitals::of(pid)?.anonymous_kib),
            at: Instant::now(),
        })
    }
}

fn known(system: &Asterisk, wanted: usize) -> Result {
    until_ok("all devices to be known", KNOWN, || {
        let found = system.status("SiteDevices")?;
        // Of each other, too, the two may know a device.
        let enough = found.parse::<usize>().is_ok_and(|found| found >= wanted);
        if enough { Ok(()) } else { Err(Error::new(format!("{found} are"))) }
    })
}

/// What it uses once it has given back what it does not, in KiB.
fn memory(system: &Asterisk) -> Result<f64> {
    system.rx("malloc trim")?;
    Ok(number(system.vitals()?.anonymous_kib))
}

/// From a change at berlin to the hint at bonn, beside all the others.
fn latency(sharing: &Sharing) -> Result {
    let [berlin, bonn] = sharing.both()?;
    let (mut ami, mut hints) = (berlin.ami()?, bonn.ami()?);
    let mut times = Vec::new();
    for change in 0..CHANGES {
        sleep(GAP);
        let (state, text) = if change % 2 == 0 { ("INUSE", "InUse") } else { ("NOT_INUSE", "Idle") };
        let start = Instant::now();
        ami.action("Setvar", &[("Variable", "DEVICE_STATE(Custom:mystate)"), ("Value", state)])?;
        hints.event_where("the hint of 1234", GENEROUS, |event| {
            event.get("Exten") == Some("1234") && event.get("StatusText") == Some(text)
        })?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(f64::NAN);
    println!(
        "  a change at berlin shows at bonn within {:.1} ms (half of {CHANGES}), {:.1} ms (99 %)",
        at(50),
        at(99)
    );
    Ok(())
}

fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
