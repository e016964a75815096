//! What the engine asks of the Asterisk it runs in. Implemented by `asterisk`, and by a stand-in in tests.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    settings::{ConfSection, Technology},
    sync::Kind,
};

/// How much a log line matters, in Asterisk's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something is broken and nobody repairs it by itself.
    Error,
    /// Something is not as it should be.
    Warning,
    /// A change of state.
    Notice,
    /// For whoever looks closer: `core set debug 1 res_synch`.
    Debug,
}

/// Why a call into the host failed, in one line for the administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// Why another module was not reloaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// Another reload runs; it may be tried again.
    #[error("it could not be reloaded, because another reload is running")]
    InProgress,
    /// It did not work; the text says which module and why.
    #[error("{0}")]
    Failed(String),
}

/// The Asterisk around us. Every call may come from any of our own threads.
pub trait Host: Send + Sync + 'static {
    /// Writes one line to Asterisk's log.
    fn log(&self, level: Level, text: &str);

    /// Emits an AMI event of class system.
    fn event(&self, name: &str, fields: &[(&str, &str)]);

    /// `yyyyMMddHHmmss` in the zone of the machine.
    fn local_time(&self, time: SystemTime) -> String;

    /// Whether Asterisk has loaded all its modules; a reload before that would only be queued.
    fn fully_booted(&self) -> bool;

    /// Folder of Asterisk's configuration.
    fn config_dir(&self) -> PathBuf;

    /// Folder of Asterisk's own variable data.
    fn data_dir(&self) -> PathBuf;

    /// Reads a configuration file with Asterisk's own loader; never one that could hold `#exec`.
    ///
    /// # Errors
    /// The file is missing or Asterisk calls it invalid.
    fn load_conf(&self, path: &Path) -> Result<Vec<ConfSection>, HostError>;

    /// Reloads another module and waits for it.
    ///
    /// # Errors
    /// What Asterisk answered when it did not carry the reload out. That it did says nothing of the objects.
    fn reload(&self, module: &str) -> Result<(), ReloadError>;

    /// Reads a configuration file with all its includes, and gives the sections that do not come from the file of
    /// that name.
    ///
    /// # Errors
    /// As [`Host::load_conf`].
    fn load_conf_besides(&self, path: &Path, file: &str) -> Result<Vec<ConfSection>, HostError>;

    /// What the channel driver has in force now, of the kinds that are synced.
    ///
    /// # Errors
    /// The channel driver did not answer.
    fn live(&self, technology: Technology) -> Result<HashSet<(Kind, String)>, HostError>;

    /// A word that was remembered across restarts.
    fn recall(&self, key: &str) -> Option<String>;

    /// Remembers a word across restarts, or forgets it.
    ///
    /// # Errors
    /// Asterisk's database did not take it.
    fn remember(&self, key: &str, value: Option<&str>) -> Result<(), HostError>;
}
