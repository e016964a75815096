//! What is looked at when it is shown, since nobody tells when it changes.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::export::desk::Desk;

/// What this Asterisk says at any time, without a wait.
#[derive(Clone)]
pub struct Live {
    /// Its version; empty where nobody knows.
    pub asterisk: Arc<str>,
    channels: Arc<dyn Fn() -> usize + Send + Sync>,
    reloaded_well: Arc<AtomicBool>,
    desk: Option<Arc<Desk>>,
}

impl Live {
    /// Makes one for an Asterisk of that version, which counts its channels so.
    pub fn new(asterisk: &str, channels: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        let reloaded_well = Arc::new(AtomicBool::new(true));
        Self { asterisk: asterisk.into(), channels: Arc::new(channels), reloaded_well, desk: None }
    }

    /// The same where branches may be served at that desk.
    #[must_use]
    pub fn with_desk(self, desk: &Arc<Desk>) -> Self {
        Self { desk: Some(Arc::clone(desk)), ..self }
    }

    /// Returns where branches are served; `None` where they are not.
    #[must_use]
    pub fn desk(&self) -> Option<&Desk> {
        self.desk.as_deref().filter(|desk| desk.serves())
    }

    /// Returns how many channels it has.
    #[must_use]
    pub fn channels(&self) -> usize {
        (self.channels)()
    }

    /// Returns whether the settings of the file were taken when they were last read.
    #[must_use]
    pub fn has_reloaded_well(&self) -> bool {
        self.reloaded_well.load(Ordering::Relaxed)
    }

    /// Notes whether the settings of the file were taken.
    pub fn reloaded(&self, well: bool) {
        self.reloaded_well.store(well, Ordering::Relaxed);
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new("", || 0)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("asterisk", &self.asterisk).finish_non_exhaustive()
    }
}
