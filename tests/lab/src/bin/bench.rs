//! `make bench`: figures of the main job, or of one half of it: `switch`, `sync`.
//!
//! Each is set against something measured in the same run, because the machine is not always as fast.

#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lab::asterisk::cpu_time;
use lab::dns::a_record;
use lab::error::Context;
use lab::site::NAME;
use lab::wait::{GENEROUS, until};
use lab::{Result, Site, Version, crowd};

const COMPANY: u32 = 20_000;
const SITE: u32 = 1_000;
const ROUNDS: usize = 3;
/// Syncs in a row, so that a hundredth of a second, in which the kernel counts, is small.
const SYNCS: u32 = 5;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("switch") => switch_times(),
        Some("sync") => sync_costs(),
        _ => switch_times().and_then(|()| sync_costs()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

/// From the main's death to the first DNS answer that names the branch, with the default settings of [probe].
fn switch_times() -> Result {
    const INTERVAL: f32 = 5.0;
    println!("Death of the main to DNS switch, default settings (a probe every {INTERVAL} s)");
    let mut site = Site::with_module(Version::V22)?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    let short = "interval = 1\ntimeout = 1\nfailure_tolerance = 2\nalive_threshold = 2\n";
    site.branch.write_conf("res_synch.conf", &conf.replace(short, ""))?;
    site.start()?;
    for (how, cut) in
        [("kill -9", Site::kill_main as fn(&mut Site) -> Result), ("black hole", Site::lose_wan)]
    {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            site.wait_status("Service", "Normal")?;
            let start = Instant::now();
            cut(&mut site)?;
            the_name_is_the_branch(&site)?;
            times.push(start.elapsed().as_secs_f32());
            site.heal()?;
        }
        times.sort_by(f32::total_cmp);
        let [least, median, most] =
            [0, times.len() / 2, times.len() - 1].map(|at| times.get(at).copied().unwrap_or(0.0));
        println!(
            "  {how:<11} {least:5.1} {median:5.1} {most:5.1} s (least, median, most); median = {:.1} probe intervals",
            median / INTERVAL
        );
    }
    Ok(())
}

fn the_name_is_the_branch(site: &Site) -> Result {
    let (server, wanted) = (site.branch.address(), site.branch.address());
    until("the switch", GENEROUS, || a_record(server, NAME).is_ok_and(|found| found == wanted))
}

/// What one sync costs, against a client that only reads the same answers and throws them away.
fn sync_costs() -> Result {
    println!("One sync of {SITE} users out of {COMPANY}");
    let mut site = Site::with_module(Version::V22)?;
    crowd::fill(&site.main, COMPANY, SITE)?;
    site.main.start()?;
    let before = Instant::now();
    site.branch.start()?;
    site.wait_status("Sync", "Synced")?;
    println!(
        "  first: {:.1} s from the start of the branch's Asterisk to Synced",
        before.elapsed().as_secs_f32()
    );

    let floor = Cost::of(&site, || read_and_discard(&site))?;
    let sync = Cost::of(&site, || sync_once(&site))?;
    println!("  (\"read and throw away\" is a client that only reads the same answers)");
    println!("  {:<28} {:>9} {:>9} {:>9}", "each, nothing changed", "time", "CPU main", "CPU here");
    for (what, cost, own) in [("read and throw away", &floor, floor.own), ("sync", &sync, sync.branch)] {
        println!("  {what:<28} {:>7.3} s {:>7.3} s {:>7.3} s", cost.wall, cost.main, own);
    }
    println!(
        "  sync / read and throw away: time {:.2}, CPU on this side {:.2}",
        sync.wall / floor.wall,
        sync.branch / floor.own
    );
    println!("  CPU branch / main: {:.2}", sync.branch / sync.main);
    let vitals = site.branch.vitals()?;
    println!("  memory of the branch's Asterisk afterwards: {} MiB", vitals.resident_kib / 1024);
    Ok(())
}

/// Seconds for one, of the wall clock and of the processors.
struct Cost {
    wall: f32,
    main: f32,
    branch: f32,
    own: f32,
}

impl Cost {
    fn of(site: &Site, mut once: impl FnMut() -> Result) -> Result<Self> {
        let own = || {
            fs::read_to_string("/proc/self/stat")
                .context("reading /proc/self/stat")
                .and_then(|stat| cpu_time(&stat))
        };
        let start = (Instant::now(), site.main.cpu_time()?, site.branch.cpu_time()?, own()?);
        for _ in 0..SYNCS {
            once()?;
        }
        let each = |time: Duration| time.as_secs_f32() / SYNCS as f32;
        Ok(Self {
            wall: each(start.0.elapsed()),
            main: each(site.main.cpu_time()?.saturating_sub(start.1)),
            branch: each(site.branch.cpu_time()?.saturating_sub(start.2)),
            own: each(own()?.saturating_sub(start.3)),
        })
    }
}

/// One sync, by an operator, up to its end. Nothing has changed, so nothing is written or reloaded.
fn sync_once(site: &Site) -> Result {
    let mut ami = site.branch.ami()?;
    let last = |ami: &mut lab::ami::Ami| {
        ami.action("SynchStatus", &[]).and_then(|status| status.need("Syncs").map(str::to_owned))
    };
    let before = last(&mut ami)?;
    ami.action("SynchSync", &[])?;
    until("the sync to end", GENEROUS, || last(&mut ami).is_ok_and(|now| now != before))
}

/// The same three answers, read as fast as they come.
fn read_and_discard(site: &Site) -> Result {
    let mut stream =
        TcpStream::connect(SocketAddr::from((site.main.address(), 5038))).context("connecting")?;
    let mut ask =
        "Action: Login\r\nUsername: synch\r\nSecret: SomePasswordHere\r\nEvents: off\r\n\r\n".to_owned();
    for file in ["endpoint", "aor", "auth"] {
        ask += &format!("Action: GetConfig\r\nFilename: pjsip.{file}.conf\r\n\r\n");
    }
    ask += "Action: Logoff\r\n\r\n";
    stream.write_all(ask.as_bytes()).context("asking")?;
    let mut chunk = [0; 65536];
    while stream.read(&mut chunk).context("reading")? > 0 {}
    Ok(())
}
