//! A thousand branches of one main while people telephone: what they cost it; its death, and its return.

use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::ami::Ami;
use lab::headquarters::account;
use lab::{Context, Result, Site, Version, crowd};

use super::simulated::{BRANCHES, Kind, Simulated, USERS, name};

/// Calls a second, for so long.
const CALLS: u32 = 10;
const WATCHED: Duration = Duration::from_secs(60);
#[expect(clippy::cast_precision_loss, reason = "a thousand")]
const MANY: f64 = BRANCHES as f64;
/// Seconds.
const DAY: f64 = 86_400.0;
/// What was under way is over then.
const SETTLE: Duration = Duration::from_secs(10);
/// The branches live a bit longer than anything that is looked at.
const LIFE: Duration = Duration::from_secs(400);
/// A call as short as one can be: some 24 events.
const DIALPLAN: &str = "\n[bench]\nexten => 1,1,Answer()\n same => n,Wait(1)\n same => n,Hangup()\n";

/// Measures and prints.
pub fn tell() -> Result {
    println!(
        "\n{BRANCHES} branches of {USERS} users each at one main, Asterisk 22, {CALLS} calls a second there"
    );
    let mut site = headquarters()?;
    let alone = start(&mut site.main)?;
    let Busy { percent: none, octets: others } = busy(&site)?;
    println!("  no branch: {none:.1} % of a processor");
    let memory = memory(&site)?;
    let mut bare = 0.0;
    for (kind, what) in [
        (Kind::Idle, "sessions that do nothing, events off"),
        (Kind::Bare, "sessions that wait in the module's action"),
    ] {
        let _simulated = Simulated::start(&site, kind, LIFE)?;
        bare = busy(&site)?.percent - none;
        let memory = self::memory(&site)? - memory;
        println!("  {BRANCHES} {what}: {bare:.1} % more, {memory:.1} MiB");
    }
    sleep(SETTLE);
    let mut simulated = Simulated::start(&site, Kind::Branch, LIFE)?;
    let Busy { percent, octets } = busy(&site)?;
    let branches = percent - none;
    println!(
        "  {BRANCHES} branches: {branches:.1} % more, {:.2} times the waiting sessions alone (target: 10 %, 1.5 times)",
        branches / bare
    );
    println!(
        "  to each of them, while nothing changes, the main sends {:.1} MB a day",
        (octets - others) / MANY / WATCHED.as_secs_f64() * DAY / 1e6
    );
    println!("  memory of the main for them: {:.1} MiB", self::memory(&site)? - memory);
    let killed = Instant::now();
    site.main.kill_9()?;
    simulated.wait_lost()?;
    println!("  kill -9 of the main: all know after {:.2} s (target: 1)", killed.elapsed().as_secs_f64());
    let beset = start(&mut site.main)?;
    println!(
        "  it starts anew in {beset:.1} s, {:.2} times what it took with no branch ({alone:.1} s)",
        beset / alone
    );
    let returned = Instant::now();
    let turned_away = simulated.wait_back()?;
    println!(
        "  it is back: all have a session {:.1} s after, {turned_away} were turned away (target: none)",
        returned.elapsed().as_secs_f64()
    );
    simulated.wait_proved()?;
    println!(
        "  and the module there has taken the proof of all {:.1} s after",
        returned.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Starts the main. Returns how long that took, in seconds.
fn start(main: &mut lab::asterisk::Asterisk) -> Result<f64> {
    let start = Instant::now();
    main.start()?;
    Ok(start.elapsed().as_secs_f64())
}

fn headquarters() -> Result<Site> {
    let site = Site::new(Version::V22)?;
    let main = &site.main;
    main.install_module()?;
    main.load_module_at_start()?;
    crowd::fill_sites(main, BRANCHES, USERS, name)?;
    main.write_conf("res_synch.conf", "[export]\nsites = manager\ntechnology = pjsip\n")?;
    main.write_conf(
        "manager_custom.conf",
        &(0..BRANCHES).map(|number| account(&name(number))).collect::<String>(),
    )?;
    main.edit_conf("asterisk.conf", "[options]\n", "[options]\nmaxfiles = 8192\n")?;
    let dialplan = main.read_conf("extensions.conf")?;
    main.write_conf("extensions.conf", &(dialplan + DIALPLAN))?;
    Ok(site)
}

/// What a main does while people telephone.
struct Busy {
    /// Of a processor.
    percent: f64,
    /// What it has sent, to all together.
    octets: f64,
}

fn busy(site: &Site) -> Result<Busy> {
    sleep(SETTLE);
    let mut ami = site.main.ami()?;
    ami.action("Events", &[("EventMask", "off")])?;
    let (start, before, sent) = (Instant::now(), site.main.cpu_time()?, site.net.bytes_from_main()?);
    for call in 0..CALLS * u32::try_from(WATCHED.as_secs()).unwrap_or_default() {
        telephone(&mut ami)?;
        let due = start + Duration::from_secs(1) * (call + 1) / CALLS;
        sleep(due.saturating_duration_since(Instant::now()));
    }
    let used = site.main.cpu_time()? - before;
    let octets = u32::try_from(site.net.bytes_from_main()? - sent).context("what the main has sent")?;
    Ok(Busy { percent: used.as_secs_f64() / start.elapsed().as_secs_f64() * 100.0, octets: octets.into() })
}

fn telephone(ami: &mut Ami) -> Result {
    let call = [("Channel", "Local/1@bench/n"), ("Application", "Wait"), ("Data", "1"), ("Async", "true")];
    ami.action("Originate", &call).map(drop)
}

/// Heap and stacks, in MiB.
fn memory(site: &Site) -> Result<f64> {
    let kib = u32::try_from(site.main.vitals()?.anonymous_kib).context("the main's memory")?;
    Ok(f64::from(kib) / 1024.0)
}
