//! Our DNS inside Asterisk, beside four name servers of Debian's and a bare echo of a ready answer.
//!
//! All run in the branch's network namespace on one core, asked by dnsperf on another, one after the other, so that the
//! ratios hold whatever the machine is.

pub mod echo;
mod load;
mod servers;

use std::time::{Duration, Instant};

use lab::asterisk::cpu_time;
use lab::error::Context;
use lab::rootfs::servers_rootfs;
use lab::wait::{GENEROUS, until_ok};
use lab::{Result, Site, Version};

use self::load::{Figures, Load};
use self::servers::{Server, Servers};

/// Rounds of everything; of each figure the best counts, which is the one that the machine disturbed least.
const ROUNDS: usize = 2;

/// Commands asked of Asterisk's CLI, before and under load.
const COMMANDS: usize = 20;

/// Asks all of them, prints the table, and says what of it is worse than it should be.
pub fn tell() -> Result {
    println!("DNS: one core each, asked by dnsperf from another; best of {ROUNDS} rounds");
    let site = Site::with_module(Version::V22)?;
    let root = servers_rootfs()?;
    let servers = Servers::start(&site, &root)?;
    let Branch { site, without } = start_branch(site, &servers)?;
    let load = Load::new(&site, &root)?;

    let own = compare("own name", &load, load.own(), &contenders(&site, &servers, servers.authoritative())?)?;
    let relayed =
        compare("cached name", &load, load.foreign(), &contenders(&site, &servers, servers.resolvers())?)?;
    let with = site.branch.vitals()?.anonymous_kib;
    println!("  memory: {:.1} MiB more than the same Asterisk with [dns] off", mib(with) - mib(without));
    cli(&site, &load)?;
    verdict("own name", &own)?;
    verdict("cached name", &relayed)
}

struct Branch {
    site: Site,
    /// Heap and stacks with [dns] off, in KiB.
    without: u64,
}

/// The branch alone: the main's part is not measured here.
fn start_branch(mut site: Site, servers: &Servers) -> Result<Branch> {
    let conf = site.branch.read_conf("res_synch.conf")?;
    // Not `enabled` of another section: [dns] has none in the lab's file.
    site.branch.write_conf("res_synch.conf", &conf.replace("[dns]", "[dns]\nenabled = no"))?;
    site.branch.start()?;
    let without = site.branch.vitals()?.anonymous_kib;
    site.branch.stop()?;
    let line = format!("[dns]\nforwarder = {}\nrate_limit = 0", servers.upstream());
    site.branch.write_conf("res_synch.conf", &conf.replace("[dns]", &line))?;
    site.branch.start()?;
    until_ok("the branch to listen", GENEROUS, || {
        lab::dns::a_record(site.branch.address(), lab::site::NAME).map(drop)
    })?;
    Ok(Branch { site, without })
}

/// Who is compared: a name, a process and a port.
pub struct Contender {
    name: &'static str,
    pid: u32,
    port: u16,
}

/// The echo first, then ours, then the others.
fn contenders(site: &Site, servers: &Servers, others: &[Server]) -> Result<Vec<Contender>> {
    let ours = Contender { name: "res_synch", pid: site.branch.pid()?, port: 53 };
    let other = |server: &Server| Contender { name: server.name, pid: server.pid(), port: server.port };
    let echo = other(servers.echo());
    Ok([echo, ours].into_iter().chain(others.iter().map(other)).collect())
}

fn compare(
    what: &str,
    load: &Load,
    questions: &str,
    contenders: &[Contender],
) -> Result<Vec<(&'static str, Figures)>> {
    let mut best: Vec<(&'static str, Figures)> = Vec::new();
    for round in 0..ROUNDS {
        for (place, contender) in contenders.iter().enumerate() {
            let figures = load.measure(contender, questions)?;
            match best.get_mut(place) {
                Some((_, known)) if round > 0 => known.take_better(&figures),
                _ => best.push((contender.name, figures)),
            }
        }
    }
    println!("  {what:<12} queries/s  to echo  us CPU/query   p50 us   p99 us");
    let echo = best.first().context("the echo")?.1;
    for (name, figures) in &best {
        println!(
            "    {name:<10} {:>9.0} {:>8.2} {:>13.2} {:>8.0} {:>8.0}",
            figures.rate,
            figures.rate / echo.rate,
            figures.cpu,
            figures.median,
            figures.p99
        );
    }
    Ok(best)
}

/// How long Asterisk's CLI takes to answer, idle and with the DNS under full load.
fn cli(site: &Site, load: &Load) -> Result {
    let idle = commands(site)?;
    let running = load.start_full(53)?;
    let busy = commands(site);
    running.end()?;
    println!("  Asterisk's CLI: {:.0} ms idle, {:.0} ms under full load (median of {COMMANDS})", idle, busy?);
    Ok(())
}

fn commands(site: &Site) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..COMMANDS {
        let start = Instant::now();
        site.branch.rx("core show uptime")?;
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    times.get(COMMANDS / 2).copied().context("no command was asked")
}

/// Says how near the targets are: less processor time per query than all others, and 80 % of the echo's queries per
/// second. No failure of the run: on a machine that does much else, both are a matter of luck.
fn verdict(what: &str, figures: &[(&'static str, Figures)]) -> Result {
    let of =
        |name| figures.iter().find(|(found, _)| *found == name).map(|(_, figures)| figures).context(name);
    let (ours, echo) = (of("res_synch")?, of("echo")?);
    let others = figures.iter().filter(|(name, _)| !["echo", "res_synch"].contains(name));
    let (best, other) =
        others.min_by(|(_, one), (_, two)| one.cpu.total_cmp(&two.cpu)).context("the others")?;
    println!(
        "  {what}: {:.2} of the processor time of {best}, the next best (target: below 1.00); {:.2} of the echo's queries per second (target: 0.80)",
        ours.cpu / other.cpu,
        ours.rate / echo.rate
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// Processor time of a server so far, of its children, too: nsd answers in one.
fn used(pid: u32) -> Result<Duration> {
    let mut used = Duration::ZERO;
    for pid in family(pid) {
        let path = format!("/proc/{pid}/stat");
        used += cpu_time(&std::fs::read_to_string(&path).context(path)?)?;
    }
    Ok(used)
}

/// A process and those that it started, and they.
fn family(pid: u32) -> Vec<u32> {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(children).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|word| word.parse().ok());
    std::iter::once(pid).chain(children.flat_map(family)).collect()
}
