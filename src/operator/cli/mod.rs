//! The `synch …` commands: words in, text out. `asterisk::cli` registers them. Pure but for the [`Control`].
//!
//! - `show`: the commands that show something
//! - `change`: the commands that change something

mod change;
mod show;

use std::ffi::CStr;

use crate::operator::{control::Control, status::Snapshot};

/// A command as it was typed, and what it can ask.
pub struct Asked<'a> {
    /// The way to the engine.
    pub control: &'a Control,
    /// All of the line, `synch` included.
    pub words: &'a [&'a str],
    /// The local time.
    pub now: String,
    /// Whether a device, such as `PJSIP/1001`, can be reached from here.
    pub is_there: fn(device: &str) -> bool,
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Text to print.
    Text(String),
    /// It could not be done; why.
    Failure(String),
    /// The words make no sense: Asterisk prints the usage.
    Usage,
}

/// One command, in the form that Asterisk's CLI wants it.
pub struct CliCommand {
    /// The words, with `[optional]` and `{one|of}` as Asterisk's parser knows them.
    pub words: &'static CStr,
    /// One line, below 60 characters.
    pub summary: &'static CStr,
    /// For `core show help`.
    pub usage: &'static CStr,
    /// Whether it answers while Asterisk waits for calls to end, before it stops.
    pub at_shutdown: bool,
    /// Carries it out.
    pub run: fn(&Asked<'_>) -> Answer,
    /// What the word at this position (0 is `synch`) may be, for words that the command does not spell out.
    pub complete: fn(&Snapshot, position: usize) -> Vec<String>,
}

/// Every command.
pub const COMMANDS: [CliCommand; 25] = [
    show::STATUS,
    show::CONFIG,
    show::USERS,
    show::USER,
    show::PHONES,
    show::DIRECTORY,
    show::DIALPLAN,
    show::CONTEXTS,
    show::VERSIONS,
    show::DIFF,
    show::HISTORY,
    show::SITES,
    show::STATE,
    show::BRANCHES,
    show::BRANCH,
    show::USERS_OF,
    show::MAINTENANCE,
    show::DOCTOR,
    change::SYNC,
    change::ROLLBACK,
    change::SET_MODE,
    change::MAINTENANCE_START,
    change::MAINTENANCE_STOP,
    change::FAILBACK,
    change::DRILL,
];

fn nothing(_: &Snapshot, _: usize) -> Vec<String> {
    Vec::new()
}

fn versions(snapshot: &Snapshot) -> Vec<String> {
    snapshot.sync.versions.iter().map(|version| version.number.to_string()).collect()
}

fn users(snapshot: &Snapshot) -> Vec<String> {
    snapshot.sync.users.iter().map(|user| user.name.clone()).collect()
}

fn answer(result: Result<String, String>) -> Answer {
    match result {
        Ok(text) => Answer::Text(text),
        Err(text) => Answer::Failure(text + "\n"),
    }
}

#[cfg(test)]
mod tests;
