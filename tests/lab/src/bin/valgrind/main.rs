//! `make valgrind`: the module in Asterisk 22 under valgrind's memcheck: no error, and nothing lost.
//!
//! The branch runs under valgrind, some twenty times slower than else; the main does not. Load, sync, outage, reload and
//! unload, twenty times; then Asterisk ends, and memcheck says what it found. What has our module in its stack fails.
//!
//! - `branch`: the branch, and what it goes through
//! - `memcheck`: what was found

#![expect(clippy::print_stdout, reason = "it tells what was found")]

mod branch;
mod memcheck;

use std::process::ExitCode;
use std::time::Instant;

use branch::Branch;
use lab::Result;
use lab::error::{Context, Error};
use memcheck::Found;

/// What the issue asks for.
const CYCLES: usize = 20;

fn main() -> ExitCode {
    match cycles().and_then(run) {
        Ok(0) => {
            println!("\nNo error and nothing lost of ours.");
            ExitCode::SUCCESS
        }
        Ok(ours) => {
            println!("\nFAILED: {ours} with our module in the stack");
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("\nFAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn cycles() -> Result<usize> {
    match std::env::args().nth(1) {
        None => Ok(CYCLES),
        Some(word) => word.parse().context(format!("'{word}' cycles")),
    }
}

/// How much of ours was found.
fn run(cycles: usize) -> Result<usize> {
    let start = Instant::now();
    let tell = |text: &str| println!("  {:4} s  {text}", start.elapsed().as_secs());
    let mut branch = Branch::start()?;
    tell("the branch has started");
    for number in 0..cycles {
        branch.cycle(number).map_err(|error| Error::new(format!("cycle {}: {error}", number + 1)))?;
        tell(&format!("cycle {} of {cycles}", number + 1));
    }
    let report = branch.stop()?;
    tell("the branch has ended");
    let found =
        memcheck::read(&report).context("valgrind's report is cut off: it was killed, or has crashed")?;
    let (ours, others): (Vec<_>, Vec<_>) = found.iter().partition(|found| found.is_ours());
    println!();
    count("with our module in the stack", &ours);
    count("of others", &others);
    ours.iter().for_each(|found| println!("\n{found}"));
    Ok(ours.len())
}

fn count(whose: &str, found: &[&Found]) {
    let leaks = found.iter().filter(|found| found.kind.starts_with("Leak_")).count();
    let bytes: u64 = found.iter().map(|found| found.bytes).sum();
    println!("{whose}: {} errors, {leaks} leaks of {bytes} bytes", found.len() - leaks);
}
