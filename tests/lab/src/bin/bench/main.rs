//! `make bench`: figures of the main job, or of one half of it: `switch`, `sync`.
//!
//! Each is set against something measured in the same run, because the machine is not always as fast.
//!
//! - `switch`: the death of the main to the DNS switch, against the interval of the probes
//! - `sync`: what a sync costs, against the module before it asked for no more than its own users
//! - `run`: the same measurements of one module, whichever it is
//! - `meter`: seconds, processor time and bytes, from one moment to the next

#![expect(clippy::print_stdout, reason = "it prints figures")]

mod meter;
mod run;
mod switch;
mod sync;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("switch") => switch::tell(),
        Some("sync") => sync::tell(),
        _ => switch::tell().and_then(|()| sync::tell()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}
