//! What one AMI session has shown of itself.

use std::{sync::Arc, time::Instant};

use super::Desk;
use crate::export::{
    proof::Nonce,
    share::{Admission, Share},
};

/// A session; it has left when this is dropped.
#[derive(Debug)]
pub struct Visit {
    desk: Arc<Desk>,
    /// The nonce that it was given, until it is used.
    pub(super) nonce: Option<Nonce>,
    /// The site that it has proved to be of, and which of its sessions it is.
    site: Option<(String, u64)>,
    /// What it has had before that.
    share: Share,
}

impl Visit {
    /// Makes the visit of somebody of whom nothing is known.
    #[must_use]
    pub fn new(desk: Arc<Desk>) -> Self {
        Self { desk, nonce: None, site: None, share: Share::new(Instant::now()) }
    }

    /// Returns whether it is one at this desk, and not at that of an earlier load.
    #[must_use]
    pub fn is_at(&self, desk: &Arc<Desk>) -> bool {
        Arc::ptr_eq(&self.desk, desk)
    }

    /// Returns the site that it has proved to be of.
    pub(super) fn site(&self) -> Option<&str> {
        self.site.as_ref().map(|(site, _)| site.as_str())
    }

    /// Takes note of the proof; `false` where the site has enough sessions.
    pub(super) fn proved(&mut self, site: &str) -> bool {
        let comes = self.desk.comes(site, Instant::now());
        self.site = comes.map(|number| (site.to_owned(), number));
        comes.is_some()
    }

    /// Takes a question.
    pub(super) fn admits(&mut self) -> Admission {
        let now = Instant::now();
        let admission = self.site.as_ref().and_then(|(site, number)| self.desk.admits(site, *number, now));
        // Where another session has taken its place, it has to prove again what it is.
        self.site = self.site.take().filter(|_| admission.is_some());
        admission.unwrap_or_else(|| self.share.ask(now))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some((site, number)) = &self.site {
            self.desk.goes(site, *number);
        }
    }
}
