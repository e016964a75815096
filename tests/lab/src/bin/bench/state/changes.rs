//! What a change costs, and how soon it shows at the other system.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::ami::Ami;
use lab::error::Context;
use lab::wait::{GENEROUS, until_ok};
use lab::{Error, Result};

use super::company::{Company, LAMPS, Means, variable};
use super::lamps::{Lamps, Light, count};

/// From one change to the next.
const GAP: Duration = Duration::from_millis(30);
/// Bursts: of each figure the median counts.
const BURSTS: usize = 5;
/// How long nothing happens: from one sign of life to the next.
const IDLE: Duration = Duration::from_secs(60);
/// What was under way is over then.
const SETTLE: Duration = Duration::from_secs(2);

/// What was measured.
pub struct Costs {
    /// From a change to the hint at the other system, in milliseconds: of half of them, of 99 in 100. `None` where nothing
    /// is shared.
    pub latency: Option<[f64; 2]>,
    /// Seconds of both systems' processors for 1,000 changes, those of AMI at both included.
    pub cpu: f64,
    /// The same where nobody watches the other system over AMI.
    pub unwatched: f64,
    /// Octets at the taker for a change, with Ethernet headers, and packets.
    pub wire: [f64; 2],
    /// Seconds from the first of a burst of 1,000 changes: until berlin has made them all, until all hints at bonn show them,
    /// and of both processors.
    pub burst: Option<[f64; 3]>,
    /// Kilobytes at the taker in an hour in which nothing happens, and seconds of both processors.
    pub idle: [f64; 2],
}

/// Measures all of them.
pub fn costs(company: &Company) -> Result<Costs> {
    let mut ami = company.sharing.at(0)?.ami()?;
    ami.action("Events", &[("EventMask", "off")])?;
    let (latency, cpu) = watched(company, &mut ami)?;
    let (unwatched, wire) = unwatched(company, &mut ami)?;
    let burst = if company.means == Means::Nothing { None } else { Some(bursts(company, &mut ami)?) };
    drop(ami);
    Ok(Costs { latency, cpu, unwatched, wire, burst, idle: idle(company)? })
}

/// What both have used up to a moment.
struct Used {
    cpu: f64,
    wire: [u64; 2],
}

fn used(company: &Company) -> Result<Used> {
    let [berlin, bonn] = company.sharing.both()?;
    let cpu = (berlin.cpu_time()? + bonn.cpu_time()?).as_secs_f64();
    Ok(Used { cpu, wire: bonn.host().traffic()? })
}

/// One change of each device after the other, and when each was made.
fn change_all(ami: &mut Ami, state: &str) -> Result<BTreeMap<usize, Instant>> {
    let (start, mut made) = (Instant::now(), BTreeMap::new());
    for (lamp, gaps) in (0..LAMPS).zip(0..) {
        let due = start + GAP * gaps;
        sleep(due.saturating_duration_since(Instant::now()));
        made.insert(lamp, Instant::now());
        ami.action("Setvar", &[("Variable", &variable(lamp)), ("Value", state)])?;
    }
    Ok(made)
}

/// With a session at bonn that hears of each lamp.
fn watched(company: &Company, ami: &mut Ami) -> Result<(Option<[f64; 2]>, f64)> {
    let lamps = Lamps::watch(company.sharing.at(1)?)?;
    let before = used(company)?;
    let made = change_all(ami, "INUSE")?;
    if company.means == Means::Nothing {
        return Ok((None, used(company)?.cpu - before.cpu));
    }
    let shown = lamps.wait(Light::Lit, LAMPS, GENEROUS)?;
    let cpu = used(company)?.cpu - before.cpu;
    let mut times: Vec<f64> = shown
        .iter()
        .filter_map(|(lamp, at)| Some(at.saturating_duration_since(*made.get(lamp)?).as_secs_f64() * 1000.0))
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().context("no change was shown");
    Ok((Some([at(50)?, at(99)?]), cpu))
}

/// Without one, so that nothing but what is shared crosses bonn's link.
fn unwatched(company: &Company, ami: &mut Ami) -> Result<(f64, [f64; 2])> {
    sleep(SETTLE);
    let before = used(company)?;
    change_all(ami, "NOT_INUSE")?;
    sleep(SETTLE);
    let after = used(company)?;
    if company.means != Means::Nothing {
        let mut session = company.sharing.at(1)?.ami()?;
        let dark = count(&mut session, Light::Dark)?;
        if dark < LAMPS {
            return Err(Error::new(format!("of {LAMPS} changes, {dark} have come")));
        }
    }
    let changes = f64::from(u32::try_from(LAMPS).unwrap_or(u32::MAX));
    let [octets, packets] = [0, 1].map(|kind: usize| {
        let of = |used: &Used| used.wire.get(kind).copied().unwrap_or_default();
        number(of(&after).saturating_sub(of(&before))) / changes
    });
    Ok((after.cpu - before.cpu, [octets, packets]))
}

fn bursts(company: &Company, ami: &mut Ami) -> Result<[f64; 3]> {
    let lamps = Lamps::watch(company.sharing.at(1)?)?;
    let mut measured: [Vec<f64>; 3] = Default::default();
    for round in 0..2 * BURSTS {
        // Each second one puts the lamps out again.
        let (state, light) = if round % 2 == 0 { ("INUSE", Light::Lit) } else { ("NOT_INUSE", Light::Dark) };
        sleep(SETTLE);
        let (before, start) = (used(company)?.cpu, Instant::now());
        company.set(ami, 0..LAMPS, state)?;
        let made = start.elapsed().as_secs_f64();
        let shown = lamps.wait(light, LAMPS, GENEROUS)?;
        let last = shown.values().max().context("no lamp")?;
        let cpu = used(company)?.cpu - before;
        let figures = [made, last.saturating_duration_since(start).as_secs_f64(), cpu];
        measured.iter_mut().zip(figures).for_each(|(all, figure)| all.push(figure));
    }
    Ok(measured.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all.get(BURSTS).copied().unwrap_or(f64::NAN)
    }))
}

fn idle(company: &Company) -> Result<[f64; 2]> {
    // Keepalives and signs of life come at their own pace from here on.
    sleep(SETTLE);
    let before = used(company)?;
    sleep(IDLE);
    let after = used(company)?;
    let hours = IDLE.as_secs_f64() / 3600.0;
    let [octets, _] = after.wire;
    let [earlier, _] = before.wire;
    Ok([number(octets.saturating_sub(earlier)) / 1000.0 / hours, (after.cpu - before.cpu) / hours])
}

/// Waits until so many lamps show that, by lists of them, and says how long after `start` that was.
pub fn poll(company: &Company, start: Instant, wanted: Light, bound: Duration) -> Result<f64> {
    let system = company.sharing.at(1)?;
    until_ok(&format!("{LAMPS} lamps to be {wanted:?}"), bound, || match count(&mut system.ami()?, wanted)? {
        LAMPS => Ok(start.elapsed().as_secs_f64()),
        some => Err(Error::new(format!("{some} are"))),
    })
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub fn number(count: u64) -> f64 {
    count as f64
}
