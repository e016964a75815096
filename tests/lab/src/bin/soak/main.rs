//! `make soak HOURS=1`: a branch at work for hours, with everything that happens to one in a year. Flat at the end?
//!
//! A real main and branch with a thousand users, a sync every half minute, questions for names all the time; and outages
//! of every kind, changes, reloads, loads, operators, in turn. The first rounds warm caches up; from then on it counts.
//! Where it is not flat, `ONLY=cycle` does one thing alone, again and again: what grows shows there.
//!
//! - `act`: what happens
//! - `plan`: what is asked for
//! - `office`: main and branch, and how each of it is done
//! - `load`: the questions, and how they fared
//! - `reloads`: the dialplan, again and again, beside all of it
//! - `states`: another system that shares its states with the branch, and whose devices change all the time
//! - `beside`: what is done on a thread of its own, beside the acts
//! - `watch`: what the branch uses, and the slope of that; `in_use`: of memory, without malloc's holes
//! - `report`: the table, and what is wrong

#![expect(clippy::print_stdout, reason = "it prints figures")]

mod act;
mod beside;
mod in_use;
mod load;
mod office;
mod plan;
mod reloads;
mod report;
mod states;
mod watch;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use act::Act;
use lab::Result;
use lab::error::Error;
use office::{MOVED, Office};
use plan::Plan;
use report::Report;
use watch::Sample;

/// The warm-up is such a part of the time that counts, and a round at least: what is done a first time takes memory once.
const WARM_UP: u32 = 8;

fn main() -> ExitCode {
    let outcome = Plan::read(std::env::args().skip(1)).and_then(|plan| soak(&plan));
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

/// What is wrong in the end.
fn soak(plan: &Plan) -> Result<Vec<String>> {
    println!("Asterisk {}: {} minutes, after a warm-up", plan.version, plan.time.as_secs() / 60);
    let mut office = Office::open(plan)?;
    let outcome = measured(&mut office, plan);
    if !office.site.branch.is_running() {
        return Err(Error::new(format!("the branch's Asterisk has crashed. {:?}", outcome.err())));
    }
    let report = outcome?;
    report.print();
    Ok(report.faults())
}

fn measured(office: &mut Office, plan: &Plan) -> Result<Report> {
    let time = plan.time;
    let branch = office.site.branch.pid()?;
    let warm = Instant::now() + time / WARM_UP;
    loop {
        round(office, &plan.acts, "warm-up")?;
        if Instant::now() >= warm {
            break;
        }
    }
    let before = office.quiet()?;
    let (start, watch) = (Instant::now(), watch::start(branch, office.in_use.clone()));
    let mut rounds = vec![Sample { at: Duration::ZERO, used: before }];
    let mut stopped_by = None;
    while start.elapsed() < time {
        if let Err(error) = round(office, &plan.acts, &format!("from {} min", start.elapsed().as_secs() / 60))
        {
            stopped_by = Some(error);
            break;
        }
        let used = office.trimmed()?;
        let (number, kernel) = (rounds.len(), used.vitals.anonymous_kib);
        println!("  round {number}: {} KiB in use; {kernel} KiB with malloc's holes", used.in_use_kib);
        rounds.push(Sample { at: start.elapsed(), used });
    }
    let samples = watch.finish()?;
    office.pause_load()?;
    // Where something has stopped it, that is not over by now: what is used then is told all the same.
    let after = if stopped_by.is_none() { office.quiet()? } else { office.trimmed()? };
    rounds.push(Sample { at: start.elapsed(), used: after });
    office.count_restarts()?;
    let log = office.site.branch.log();
    Ok(Report {
        quiet: [before, after],
        samples,
        rounds,
        counts: std::mem::take(&mut office.counts),
        done: std::mem::take(&mut office.done),
        reloading: plan.reloads,
        sharing: plan.shares,
        moves: log.lines().filter(|line| line.contains(MOVED)).count(),
        errors: log.lines().filter(|line| line.contains("] ERROR[")).map(str::to_owned).collect(),
        stopped_by,
    })
}

/// Does everything once, and says what the branch uses then.
fn round(office: &mut Office, acts: &[Act], when: &str) -> Result {
    for &act in acts {
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
