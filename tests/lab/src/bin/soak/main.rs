//! `make soak HOURS=1`: a branch at work for hours, with everything that happens to one in a year. Flat at the end?
//!
//! A real main and branch with a thousand users, a sync every half minute, questions for names all the time; and outages
//! of every kind, changes, reloads, loads, operators, in turn. The first rounds warm caches up; from then on it counts.
//!
//! - `act`: what happens
//! - `office`: main and branch, and how each of it is done
//! - `load`: the questions, and how they fared
//! - `reloads`: the dialplan, again and again, beside all of it
//! - `states`: another system that shares its states with the branch, and whose devices change all the time
//! - `beside`: what is done on a thread of its own, beside the acts
//! - `watch`: what the branch uses, and the slope of that
//! - `report`: the table, and what is wrong

#![expect(clippy::print_stdout, reason = "it prints figures")]

mod act;
mod beside;
mod load;
mod office;
mod reloads;
mod report;
mod states;
mod watch;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use act::Act;
use lab::error::{Context, Error};
use lab::{Result, Version};
use office::{MOVED, Office};
use report::Report;
use watch::Sample;

/// The warm-up is such a part of the time that counts, and a round at least: what is done a first time takes memory once.
const WARM_UP: u32 = 8;
/// Nobody waits for more.
const MOST_HOURS: f64 = 24.0 * 31.0;

fn main() -> ExitCode {
    let outcome = arguments().and_then(|(time, version, shares)| soak(time, version, shares));
    match outcome {
        Ok(faults) if faults.is_empty() => {
            println!("\nFlat.");
            ExitCode::SUCCESS
        }
        Ok(faults) => {
            println!();
            faults.iter().for_each(|fault| println!("FAILED: {fault}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("\nFAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Hours, the Asterisk, and whether it shares states: without, for a comparison, at the word `alone`.
fn arguments() -> Result<(Duration, Version, bool)> {
    let mut words = std::env::args().skip(1);
    let hours = words.next().unwrap_or_else(|| "1".to_owned());
    let hours: f64 = hours.parse().context(format!("'{hours}' hours"))?;
    if !(hours > 0.0 && hours <= MOST_HOURS) {
        return Err(Error::new(format!(
            "{hours} hours: more than 0 and not more than {MOST_HOURS} are wanted"
        )));
    }
    let version = match words.next().as_deref() {
        None | Some("22") => Version::V22,
        Some("16") => Version::V16,
        Some(other) => return Err(Error::new(format!("there is no Asterisk '{other}' here, but 22 and 16"))),
    };
    let shares = match words.next().as_deref() {
        None => true,
        Some("alone") => false,
        Some(other) => return Err(Error::new(format!("'{other}': only 'alone' is known here"))),
    };
    Ok((Duration::from_secs_f64(hours * 3600.0), version, shares))
}

/// What is wrong in the end.
fn soak(time: Duration, version: Version, shares: bool) -> Result<Vec<String>> {
    println!("Asterisk {version}: {} minutes, after a warm-up", time.as_secs() / 60);
    let mut office = Office::open(version, shares)?;
    let outcome = measured(&mut office, time);
    if !office.site.branch.is_running() {
        return Err(Error::new(format!("the branch's Asterisk has crashed. {:?}", outcome.err())));
    }
    let report = outcome?;
    report.print();
    Ok(report.faults())
}

fn measured(office: &mut Office, time: Duration) -> Result<Report> {
    let branch = office.site.branch.pid()?;
    let warm = Instant::now() + time / WARM_UP;
    loop {
        round(office, "warm-up")?;
        if Instant::now() >= warm {
            break;
        }
    }
    let before = office.quiet()?;
    let (start, watch) = (Instant::now(), watch::start(branch));
    let mut rounds = vec![Sample { at: Duration::ZERO, vitals: before }];
    let mut stopped_by = None;
    while start.elapsed() < time {
        if let Err(error) = round(office, &format!("from {} min", start.elapsed().as_secs() / 60)) {
            stopped_by = Some(error);
            break;
        }
        let sample = Sample { at: start.elapsed(), vitals: office.trimmed()? };
        println!("  round {}: {} KiB without what is unused", rounds.len(), sample.vitals.anonymous_kib);
        rounds.push(sample);
    }
    let samples = watch.finish()?;
    office.pause_load()?;
    // Where something has stopped it, that is not over by now: what is used then is told all the same.
    let after = if stopped_by.is_none() { office.quiet()? } else { office.trimmed()? };
    rounds.push(Sample { at: start.elapsed(), vitals: after });
    office.count_restarts()?;
    let log = office.site.branch.log();
    Ok(Report {
        quiet: [before, after],
        samples,
        rounds,
        counts: std::mem::take(&mut office.counts),
        done: std::mem::take(&mut office.done),
        moves: log.lines().filter(|line| line.contains(MOVED)).count(),
        errors: log.lines().filter(|line| line.contains("] ERROR[")).map(str::to_owned).collect(),
        stopped_by,
    })
}

/// Does everything once, and says what the branch uses then.
fn round(office: &mut Office, when: &str) -> Result {
    for act in Act::ROUND {
        office.act(act).map_err(|error| Error::new(format!("{act}: {error}")))?;
        let now = office.site.branch.vitals()?;
        println!(
            "  {when:12}  {act:40} {:7} KiB {:4} threads {:4} descriptors",
            now.anonymous_kib, now.threads, now.descriptors
        );
        office.tell_unmeant();
    }
    Ok(())
}
