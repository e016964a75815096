//! `make bench`: figures of the main job, or of one part of it: `switch`, `sync`, `files`, `rest`, `line`, `dns`, `http`, `main`,
//! `restart`, `state`.
//!
//! What depends on the machine is set against something measured in the same run: the machine is not always as fast.
//!
//! - `switch`: the death of the main, in each of its ways, to the DNS switch, to a call, to the phones at the branch
//! - `sync`: what a sync costs, against the module before it asked for no more than its own users
//! - `files`: what it costs to read pjsip.conf whole, against FreePBX's three files
//! - `rest`: what a branch costs its main while nothing happens, against 0.4.0
//! - `line`: what the directory does to a slow line (an hour)
//! - `dns`: our DNS, against four name servers and a bare echo
//! - `http`: what a scrape of the metrics costs
//! - `main`: what a main with the module has to do for its branches; a thousand of them
//! - `restart`: how long the phones are without a name server, for each way to restart Asterisk
//! - `state`: states that two systems share, against Asterisk's own module for that; and a company of a thousand sites
//! - `run`: the same measurements of one module, whichever it is
//! - `table`: what `switch` prints
//! - `meter`: seconds, processor time and bytes, from one moment to the next

#![expect(clippy::print_stdout, reason = "it prints figures")]

mod branches;
mod dns;
mod http;
mod line;
mod meter;
mod rest;
mod restart;
mod run;
mod state;
mod switch;
mod sync;
mod table;

use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("switch") => switch::tell(),
        Some("sync") => sync::tell(),
        Some("files") => sync::tell_files(),
        Some("rest") => rest::tell(),
        Some("line") => line::tell(),
        Some("dns") => dns::tell(),
        Some("http") => http::tell(),
        Some("main") => branches::tell(),
        Some("restart") => restart::tell(),
        Some("state") => state::tell(),
        // What `dns` compares with, in another network namespace.
        Some("echo") => dns::echo::serve(&std::env::args().nth(2).unwrap_or_default()),
        // What `state` simulates, in another network namespace.
        Some("sites") => state::sites::serve(
            &std::env::args().nth(2).unwrap_or_default(),
            &std::env::args().nth(3).unwrap_or_default(),
        ),
        // What `main` simulates, in another network namespace.
        Some("branches") => branches::simulated::serve(
            &std::env::args().nth(2).unwrap_or_default(),
            &std::env::args().nth(3).unwrap_or_default(),
            &std::env::args().nth(4).unwrap_or_default(),
        ),
        _ => [
            switch::tell,
            sync::tell,
            sync::tell_files,
            rest::tell,
            dns::tell,
            http::tell,
            restart::tell,
            branches::tell,
            state::tell,
            line::tell,
        ]
        .iter()
        .try_for_each(|tell| tell()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}
