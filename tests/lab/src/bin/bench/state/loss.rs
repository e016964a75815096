//! A newcomer, and who goes: in good order, killed, or with the line cut.

use std::time::{Duration, Instant};

use lab::wait::GENEROUS;
use lab::{Context, Result};

use super::changes::poll;
use super::company::{Company, LAMPS, Means};
use super::lamps::{Lamps, Light};

/// How long the lamps of who has gone are watched: longer than any that shall go out takes.
const WATCHED: Duration = Duration::from_secs(60);

/// What was measured, in seconds.
pub struct Losses {
    /// From the start of bonn's Asterisk until it is up, and until it shows all that berlin has.
    pub newcomer: [f64; 2],
    /// From the load of the module until then.
    pub loaded: Option<f64>,
    /// From the unload of berlin's module until all lamps at bonn are dark.
    pub left: Option<f64>,
    /// From the load of berlin's module until all lamps are lit again.
    pub back: Option<f64>,
    /// From the kill of berlin until the first and the last lamp are dark; `None` where some were still lit in the end.
    pub killed: Option<[f64; 2]>,
    /// The same from the cut of its line.
    pub cut: Option<[f64; 2]>,
}

/// Measures all of them.
pub fn losses(company: &mut Company) -> Result<Losses> {
    light_all(company)?;
    let newcomer = newcomer(company)?;
    let [loaded, left, back] = match company.means {
        Means::Synch => modules(company)?.map(Some),
        _ => [None; 3],
    };
    light_all(company)?;
    let cut = cut(company)?;
    light_all(company)?;
    let killed = killed(company)?;
    Ok(Losses { newcomer, loaded, left, back, killed, cut })
}

fn light_all(company: &Company) -> Result {
    company.try_out()?;
    let mut ami = company.sharing.at(0)?.ami()?;
    // What a system says anew after a loss is not always told again where nothing has changed.
    company.set(&mut ami, 0..LAMPS, "NOT_INUSE")?;
    company.set(&mut ami, 0..LAMPS, "INUSE")?;
    poll(company, Instant::now(), Light::Lit, GENEROUS).map(drop)
}

/// Bonn's Asterisk is started anew.
fn newcomer(company: &mut Company) -> Result<[f64; 2]> {
    let bonn = company.sharing.at_mut(1)?;
    bonn.stop()?;
    let start = Instant::now();
    bonn.start()?;
    let up = start.elapsed().as_secs_f64();
    Ok([up, poll(company, start, Light::Lit, GENEROUS)?])
}

/// The modules go and come, in Asterisks that run: bonn's, then berlin's.
fn modules(company: &mut Company) -> Result<[f64; 3]> {
    let [berlin, bonn] = company.sharing.both()?;
    let lamps = Lamps::watch(bonn)?;
    bonn.unload_module()?;
    lamps.wait(Light::Dark, LAMPS, GENEROUS)?;
    let start = Instant::now();
    bonn.load_module()?;
    let [_, loaded] = wait(&lamps, Light::Lit, start, GENEROUS)?;
    let start = Instant::now();
    berlin.unload_module()?;
    let [_, left] = wait(&lamps, Light::Dark, start, GENEROUS)?;
    let start = Instant::now();
    berlin.load_module()?;
    let [_, back] = wait(&lamps, Light::Lit, start, GENEROUS)?;
    Ok([loaded, left, back])
}

fn killed(company: &mut Company) -> Result<Option<[f64; 2]>> {
    let lamps = Lamps::watch(company.sharing.at(1)?)?;
    let start = Instant::now();
    company.sharing.at_mut(0)?.kill_9()?;
    Ok(wait(&lamps, Light::Dark, start, WATCHED).ok())
}

/// Nobody is told: neither of the two, nor the broker.
fn cut(company: &Company) -> Result<Option<[f64; 2]>> {
    let lamps = Lamps::watch(company.sharing.at(1)?)?;
    let start = Instant::now();
    company.sharing.net.blackhole()?;
    let gone = wait(&lamps, Light::Dark, start, WATCHED).ok();
    company.sharing.net.restore()?;
    if company.means == Means::Synch {
        company.sharing.at(0)?.wait_status("State", "Joined")?;
    }
    Ok(gone)
}

/// When the first and the last lamp show that.
fn wait(lamps: &Lamps, wanted: Light, start: Instant, bound: Duration) -> Result<[f64; 2]> {
    let times = lamps.wait(wanted, LAMPS, bound)?;
    let since =
        |at: Option<&Instant>| Ok(at.context("no lamp")?.saturating_duration_since(start).as_secs_f64());
    Ok([since(times.values().min())?, since(times.values().max())?])
}
