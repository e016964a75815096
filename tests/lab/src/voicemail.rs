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
    /// The new messages in a user's box, oldest first.
    pub fn messages(&self, user: &str) -> Result<Vec<Message>> {
        let folder = self.path("spool/voicemail/default").join(user).join("INBOX");
        // Nobody has ever left one.
        let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
        let mut files: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(|path| is_message(path)).collect();
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

/// Asterisk writes the sound first; what it says about it ends the message.
fn is_message(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wav") && path.with_extension("txt").exists()
}
