//! `make valgrind`, `make asan`: the module in Asterisk 22, watched by what finds errors of memory: none, and nothing lost.
//!
//! The branch is watched, and slower than else; the main is not. Load, sync, outage, reload and unload, twenty times; then
//! Asterisk ends, and what was found with our module in its stack fails.
//!
//! - `tool`: the two that look, and what each needs
//! - `branch`: the branch, and what it goes through
//! - `memcheck`: what valgrind found

#![expect(clippy::print_stdout, reason = "it tells what was found")]

mod branch;
mod memcheck;
mod tool;

use std::process::ExitCode;
use std::time::Instant;

use branch::Branch;
use lab::Result;
use lab::error::{Context, Error};
use tool::Tool;

/// What each cycle does differs: the main has five ways to die.
const CYCLES: usize = 20;

fn main() -> ExitCode {
    match arguments().and_then(|(tool, cycles)| run(tool, cycles)) {
        Ok(found) if found.is_empty() => {
            println!("\nNo error and nothing lost of ours.");
            ExitCode::SUCCESS
        }
        Ok(found) => {
            found.iter().for_each(|found| println!("\n{found}"));
            println!("FAILED: {} found with our module in the stack", found.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("\nFAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<(Tool, usize)> {
    let mut words = std::env::args().skip(1);
    let tool = words.next().unwrap_or_default().parse()?;
    let cycles = match words.next() {
        None => CYCLES,
        Some(word) => word.parse().context(format!("'{word}' cycles"))?,
    };
    Ok((tool, cycles))
}

fn run(tool: Tool, cycles: usize) -> Result<Vec<String>> {
    let start = Instant::now();
    let tell = |text: &str| println!("  {:4} s  {text}", start.elapsed().as_secs());
    let mut branch = Branch::start(tool)?;
    tell("the branch has started");
    let all = (0..cycles).try_for_each(|number| {
        branch.cycle(number).map_err(|error| Error::new(format!("cycle {}: {error}", number + 1)))?;
        tell(&format!("cycle {} of {cycles}", number + 1));
        Ok(())
    });
    let all = all.and_then(|()| branch.load());
    branch.stop()?;
    tell("the branch has ended");
    let found = tool.found(branch.asterisk())?;
    // What was found can be why a cycle came to nothing: it is told first.
    if found.is_empty() { all.map(|()| found) } else { Ok(found) }
}
