//! The same measurements of one module: first sync, nothing changed, one changed user, memory.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::ami::{Ami, Message};
use lab::error::{Context, Error};
use lab::headquarters::{OTHER, account, session};
use lab::{Result, Site, Version, crowd};

use crate::branches::costs::Second;
use crate::meter::{Meter, Used};

/// Users of the company.
pub const COMPANY: u32 = 20_000;
/// Those of them who are at this site.
pub const SITE: u32 = 1_000;
/// Syncs in a row with nothing changed: the kernel counts processor time in hundredths of a second.
pub const SYNCS: u16 = 10;
/// Changes of one user.
pub const CHANGES: u16 = 5;

/// Syncs that somebody asks for, at the end.
const ASKED: u16 = 5;
/// Close enough for times of seconds, and seldom enough to be no load.
const PAUSE: Duration = Duration::from_millis(20);
/// Ten syncs of the module of before, on a machine that does much else.
const BOUND: Duration = Duration::from_secs(300);
/// How long it is looked at what passes without a sync.
const IDLE: Duration = Duration::from_secs(20);
/// The main forgets the texts two minutes after the last branch has fetched some.
const FORGOTTEN: Duration = Duration::from_secs(130);
/// How often syncs are due while nothing changes, in seconds.
const DUE: &str = "interval = 2\ntechnology";
/// The same while changes are looked at: never by itself.
const NOT_DUE: &str = "interval = 300\ntechnology";
/// The user who changes.
const CHANGED: &str = "100005";

/// What is measured.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The module on the branch.
    pub module: &'a Path,
    /// Whether it hears of the main's reloads by itself; else it is told to sync at once, which in an office nobody would do.
    pub listens: bool,
    /// What it reads on the main; empty: its default.
    pub files: &'a str,
    /// Whether the main has the module, too, and exports.
    pub exports: bool,
}

/// What a main that exports costs.
pub struct Main {
    /// Seconds of its processor to read the files.
    pub parse: f32,
    /// Another site's questions.
    pub second: Second,
    /// What the module takes there, in MiB, its threads included: with the texts that branches fetch, and when nobody has
    /// fetched any for a while.
    pub memory: [f32; 2],
    /// AMI sessions of the branch.
    pub sessions: usize,
}

/// What was measured.
pub struct Figures {
    /// What the main's module costs, where it has one.
    pub main: Option<Main>,
    /// From the load of the module to Synced.
    pub first: Used,
    /// From then to the end of the reading of the directory, where the module has one.
    pub directory: Option<Used>,
    /// Of one sync that was due, with nothing changed; the time is that of the wait for it.
    pub unchanged: Used,
    /// Of as long a time without a sync: probes, and whoever looks.
    pub idle: Used,
    /// From the end of the main's reload to the changed user being live, each time, shortest first.
    pub live: Vec<f32>,
    /// From the end of the main's reload to the end of the sync.
    pub changed: Used,
    /// The branch's memory after the first sync, and after all that and five syncs more, in MiB.
    pub memory: [u64; 2],
    /// The memory of an Asterisk with the same files and no module, as it has started, and after as many reloads, in MiB.
    pub without: [u64; 2],
}

/// Takes them.
pub fn figures(&Case { module, listens, files, exports }: &Case<'_>) -> Result<Figures> {
    println!("  (measuring {})", module.file_name().unwrap_or_default().to_string_lossy());
    let mut site = Site::new(Version::V22)?;
    site.branch.install_module_from(module)?;
    crowd::fill(&site.main, COMPANY, SITE)?;
    if !files.is_empty() {
        site.branch.edit_conf("res_synch.conf", "[sync]\n", &format!("[sync]\nfiles = {files}\n"))?;
    }
    // The module of before knows no such section; that of now dials without one, too.
    site.branch.edit_conf("res_synch.conf", "[dialplan]\noutside = from-internal\n", "")?;
    if !listens {
        for unknown in ["[failover]\nreturn_hold = 0\nreturn_spread = 0\n", "spread = 0\n"] {
            site.branch.edit_conf("res_synch.conf", unknown, "")?;
        }
    }
    if exports {
        prepare_export(&site)?;
    }
    site.start()?;
    let mut ami = site.branch.ami()?;
    let main = exports.then(|| main_exports(&site)).transpose()?;

    let (first, directory) = first_sync(&site, &mut ami)?;
    let after_first = memory(&site)?;
    // Not before: syncs without a pause leave no time to read the directory.
    site.branch.edit_conf("res_synch.conf", NOT_DUE, DUE)?;
    site.branch.reload_module()?;
    poll("Synced", || Ok(status(&mut ami, "Sync")? == "Synced" && syncs(&mut ami)? >= 1))?;
    let unchanged = nothing_changed(&site, &mut ami)?;
    let idle = without_sync(&site, &mut ami, unchanged.time)?;
    // Before its reloads: each costs Asterisk memory by itself.
    let main = main.map(|main| at_rest(&site, main)).transpose()?;
    let (live, changed) = changes(&site, &mut ami, listens)?;
    for _ in 0..ASKED {
        let syncs = syncs(&mut ami)?;
        ami.action("SynchSync", &[])?;
        wait_syncs(&mut ami, syncs + 1)?;
    }
    let memory = [after_first, memory(&site)?];
    let sessions = site
        .main
        .rx("manager show connected")?
        .lines()
        .filter(|line| line.trim_start().starts_with("synch "))
        .count();
    let main = main.map(|main| Main { sessions, ..main });
    let without = without_module(&mut site)?;
    Ok(Figures { main, first, directory, unchanged, idle, live, changed, memory, without })
}

/// The main has the module, and the branch's account there may do nothing else; nor may that of another site.
fn prepare_export(site: &Site) -> Result {
    let main = &site.main;
    main.install_module()?;
    main.edit_conf(
        "manager.conf",
        "SomePasswordHere\nread = system\nwrite = system",
        "SomePasswordHere\nread =\nwrite = log",
    )?;
    main.write_conf("manager_custom.conf", &account(OTHER))?;
    let sites = format!(
        "[site synch]\nfilter_value = ^HeadOffice$\nmax_users = {COMPANY}\n\n[site {OTHER}]\nfilter_value = ^HeadOffice$\nmax_users = {COMPANY}\n"
    );
    main.write_conf("res_synch.conf", &format!("[export]\nsites = manager\ntechnology = pjsip\n\n{sites}"))
}

/// Loads the module there, and has another site ask.
fn main_exports(site: &Site) -> Result<Main> {
    let cpu = || site.main.cpu_time().map(|time| time.as_secs_f32());
    let (before, memory) = (cpu()?, trimmed(site)?);
    site.main.load_module()?;
    let mut ami = session(&site.main, OTHER)?;
    // Whoever asks more often than ten times a second is told that the main is busy.
    poll_each(Duration::from_secs(1), "what is exported", || {
        Ok(ami.action("SynchExport", &[])?.is_success())
    })?;
    let parse = cpu()? - before;
    let with_texts = trimmed(site)? - memory;
    let second = Second::ask(&mut ami, cpu)?;
    Ok(Main { parse, second, memory: [with_texts, memory], sessions: 0 })
}

/// Memory that the main uses, in MiB, without what malloc keeps.
fn trimmed(site: &Site) -> Result<f32> {
    site.main.rx("malloc trim")?;
    let kib = u32::try_from(site.main.vitals()?.anonymous_kib).context("the main's memory")?;
    #[expect(clippy::cast_precision_loss, reason = "mebibytes")]
    Ok(kib as f32 / 1024.0)
}

/// The same main when the texts are forgotten: its second memory was that before the module, and is now what that has added.
fn at_rest(site: &Site, main: Main) -> Result<Main> {
    let [with_texts, before] = main.memory;
    sleep(FORGOTTEN);
    Ok(Main { memory: [with_texts, trimmed(site)? - before], ..main })
}

fn first_sync(site: &Site, ami: &mut Ami) -> Result<(Used, Option<Used>)> {
    let meter = Meter::start(site)?;
    site.branch.load_module()?;
    poll("Synced", || Ok(status(ami, "Sync")? == "Synced"))?;
    let first = meter.used(site)?;
    if status(ami, "Directory").is_err() {
        return Ok((first, None));
    }
    let meter = Meter::start(site)?;
    poll("the directory", || Ok(status(ami, "Directory")? == COMPANY.to_string()))?;
    Ok((first, Some(meter.used(site)?)))
}

/// Due syncs, from the end of one to the end of another.
fn nothing_changed(site: &Site, ami: &mut Ami) -> Result<Used> {
    let (version, start) = (status(ami, "SyncVersion")?, syncs(ami)?);
    // What was under way as we came does not count, nor what happened before.
    wait_syncs(ami, start + 2)?;
    while ami.event("Reload", Duration::from_millis(1)).is_ok() {}
    let (start, meter) = (syncs(ami)?, Meter::start(site)?);
    // Seldom: to answer that would be much of what the branch does.
    let enough = start + u64::from(SYNCS);
    poll_each(Duration::from_secs(1), "due syncs", || Ok(syncs(ami)? >= enough))?;
    let used = meter.used(site)? / f32::from(SYNCS);
    // Our own, for its settings, is no reload of what was synced.
    let others =
        |event: &Message| event.get("Event") == Some("Reload") && event.get("Module") != Some("res_synch.so");
    let reload = ami.event_where("a reload", Duration::from_millis(1), others);
    let now = status(ami, "SyncVersion")?;
    if now != version || reload.is_ok() {
        let text = format!("nothing had changed, and yet: version {version} to {now}, reload {reload:?}");
        return Err(Error::new(text));
    }
    Ok(used)
}

/// What passes in `time` seconds while no sync is due, but probes and our own looking at the branch.
fn without_sync(site: &Site, ami: &mut Ami, time: f32) -> Result<Used> {
    site.branch.edit_conf("res_synch.conf", DUE, NOT_DUE)?;
    site.branch.reload_module()?;
    poll("Synced", || Ok(status(ami, "Sync")? == "Synced" && syncs(ami)? == 1))?;
    quiet(site)?;
    let (meter, end) = (Meter::start(site)?, Instant::now() + IDLE);
    poll_each(Duration::from_secs(1), "the time to be over", || {
        syncs(ami)?;
        Ok(Instant::now() >= end)
    })?;
    let used = meter.used(site)?;
    let times = used.time / time;
    Ok(used / times)
}

fn changes(site: &Site, ami: &mut Ami, listens: bool) -> Result<(Vec<f32>, Used)> {
    if listens {
        poll("the main to be heard", || Ok(status(ami, "MainEvents")? == "heard"))?;
    }
    let (mut live, mut all) = (Vec::new(), Used::default());
    for round in 1..=CHANGES {
        quiet(site)?;
        let (syncs, name) = (syncs(ami)?, format!("Round {round} <{CHANGED}>"));
        let endpoints = site.main.read_conf("pjsip.endpoint.conf")?;
        site.main.write_conf("pjsip.endpoint.conf", &renamed(&endpoints, &name)?)?;
        site.main.reload("module reload res_pjsip.so")?;
        let meter = Meter::start(site)?;
        if !listens {
            ami.action("SynchSync", &[])?;
        }
        poll(&name, || is_live(ami, &format!("Round {round}")))?;
        live.push(meter.used(site)?.time);
        wait_syncs(ami, syncs + 1)?;
        all = all + meter.used(site)?;
    }
    live.sort_by(f32::total_cmp);
    Ok((live, all / f32::from(CHANGES)))
}

/// The main's endpoints with another caller ID of the one user.
fn renamed(endpoints: &str, name: &str) -> Result<String> {
    let end = format!("<{CHANGED}>");
    let line = endpoints.lines().find(|line| line.starts_with("callerid=") && line.ends_with(&end));
    let line = line.context(format!("the main has no {CHANGED}"))?;
    Ok(endpoints.replacen(line, &format!("callerid={name}"), 1))
}

fn is_live(ami: &mut Ami, name: &str) -> Result<bool> {
    let items = ami.list("PJSIPShowEndpoint", &[("Endpoint", CHANGED)])?;
    Ok(items.iter().any(|item| item.get("Callerid").is_some_and(|callerid| callerid.contains(name))))
}

/// Waits until nothing comes from the main but answers to probes.
fn quiet(site: &Site) -> Result {
    const PROBES: u64 = 10_000;
    let mut last = 0;
    poll_each(Duration::from_secs(1), "the line to be quiet", || {
        let now = site.net.bytes_from_main()?;
        Ok(now - std::mem::replace(&mut last, now) < PROBES)
    })
}

/// The branch's files stay, its module goes. A reload by itself costs Asterisk memory, so it has as many of them.
fn without_module(site: &mut Site) -> Result<[u64; 2]> {
    site.branch.stop()?;
    site.branch.start()?;
    let started = memory(site)?;
    for round in 1..=CHANGES {
        let users = site.synced_file()?;
        site.branch
            .write_conf("pjsip_synch.conf", &users.replace("User 100", &format!("Round {round} 100")))?;
        site.branch.reload("module reload res_pjsip.so")?;
    }
    Ok([started, memory(site)?])
}

fn memory(site: &Site) -> Result<u64> {
    Ok(site.branch.vitals()?.anonymous_kib / 1024)
}

fn status(ami: &mut Ami, key: &str) -> Result<String> {
    ami.action("SynchStatus", &[])?.need(key).map(str::to_owned)
}

fn syncs(ami: &mut Ami) -> Result<u64> {
    status(ami, "Syncs")?.parse().context("Syncs is no number")
}

fn wait_syncs(ami: &mut Ami, wanted: u64) -> Result {
    poll(&format!("sync {wanted}"), || Ok(syncs(ami)? >= wanted))
}

fn poll(what: &str, condition: impl FnMut() -> Result<bool>) -> Result {
    poll_each(PAUSE, what, condition)
}

fn poll_each(pause: Duration, what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > BOUND {
            return Err(Error::new(format!("waited {BOUND:?} for {what}")));
        }
        sleep(pause);
    }
    Ok(())
}
