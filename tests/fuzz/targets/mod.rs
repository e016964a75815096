//! What is tried with any octets. Each target panics where something does not hold.
//!
//! `fuzz_targets/` gives them to libFuzzer, `replay.rs` runs them as plain tests. The octets are text wherever they can
//! be, so that a corpus can be read.

pub mod ami_answers;
pub mod ami_frames;
mod conf;
pub mod contexts;
pub mod dns_request;
pub mod dns_short_cut;
pub mod filters;
pub mod getconfig;
pub mod mailboxes;
pub mod mqtt;
mod name_server;
pub mod render;
pub mod settings;
pub mod sip;
#[path = "../../attacks/strict.rs"]
mod strict;

/// What is said to a person is one line of bounded length, whoever caused it.
fn assert_shown(text: &str) {
    assert!(!text.chars().any(char::is_control), "control characters in {text:?}");
    assert!(text.len() < 2000, "{} bytes: {text}", text.len());
}

/// Cuts octets into chunks of the lengths in `sizes`, over and over; without sizes, into single octets.
fn chunks<'a>(octets: &'a [u8], sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().map(|size| usize::from(*size).max(1)).cycle();
    let mut rest = octets;
    std::iter::from_fn(move || {
        let (chunk, behind) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        rest = behind;
        (!chunk.is_empty()).then_some(chunk)
    })
}
