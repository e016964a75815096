//! `make demo`: one outage with a real main, a real branch, a public network and real phones, told as it happens.
//!
//! - `story`: the narration, its times, the table
//! - `cast`: who takes part
//! - `normal`: while the main serves
//! - `lamp`: the lamp of a colleague at another site
//! - `outage`: while it is gone, and its return

#![expect(clippy::print_stdout, reason = "it tells a story")]

mod cast;
mod lamp;
mod normal;
mod outage;
mod story;

use std::process::ExitCode;

use cast::Cast;
use lab::{Result, Version};
use story::Story;

fn main() -> ExitCode {
    let version = match std::env::args().nth(1).as_deref() {
        None | Some("22") => Version::V22,
        Some("16") => Version::V16,
        // What the story needs and takes its time, while something else is built.
        Some("prepare") => return prepare(),
        Some(other) => {
            println!("There is no Asterisk '{other}' here, but 22 and 16.");
            return ExitCode::FAILURE;
        }
    };
    let mut story = Story::new();
    let result = tell(version, &mut story);
    story.table();
    match result {
        Ok(()) => {
            println!("\nThe branch carried its users through the outage.");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\nFAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> ExitCode {
    match lab::rootfs::rootfs(Version::V22) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(version: Version, story: &mut Story) -> Result {
    let mut cast = Cast::start(version, story)?;
    normal::tell(&mut cast, story)?;
    lamp::tell(&mut cast, story, lamp::BEFORE)?;
    outage::tell(&mut cast, story)
}
