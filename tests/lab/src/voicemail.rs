//! The messages in a mailbox, as files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::asterisk::Asterisk;
use crate::audio::{hears, length, tone_of};
use crate::error::{Context, Result};
use crate::wait::until_ok;

/// A message that somebody left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How long it is.
    pub length: Duration,
    path: PathBuf,
}

impl Message {
    /// Whether it ends with the tone of `user`; an error says what it ends with.
    pub fn is_from(&self, user: &str) -> Result {
        hears(&self.path, tone_of(user))
    }
}

impl Asterisk {
    /// The new messages in the boxes of that number, of any context, oldest first.
    pub fn messages(&self, number: &str) -> Result<Vec<Message>> {
        let contexts = entries(&self.path("spool/voicemail"));
        let folders = contexts.iter().map(|context| context.join(number).join("INBOX"));
        let mut files: Vec<PathBuf> =
            folders.flat_map(|folder| entries(&folder)).filter(|path| is_message(path)).collect();
        files.sort();
        files.into_iter().map(|path| Ok(Message { length: length(&path)?, path })).collect()
    }

    /// Waits until there is a message in a user's box; the newest.
    pub fn wait_message(&self, user: &str, bound: Duration) -> Result<Message> {
        until_ok(&format!("a message for {user} at the {}", self.role.name()), bound, || {
            self.messages(user)?.pop().context("the box is empty")
        })
    }
}

/// What is in a folder; nothing where there is none: nobody has ever left a message.
fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Asterisk writes the sound first; what it says about it ends the message.
fn is_message(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wav") && path.with_extension("txt").exists()
}
