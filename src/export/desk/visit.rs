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
    /// The site that it has proved to be of.
    site: Option<String>,
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
        self.site.as_deref()
    }

    /// Takes note of the proof; `false` where the site has enough sessions.
    pub(super) fn proved(&mut self, site: &str) -> bool {
        let comes = self.desk.comes(site);
        if comes {
            self.site = Some(site.to_owned());
        }
        comes
    }

    /// Takes a question.
    pub(super) fn admits(&mut self) -> Admission {
        match &self.site {
            Some(site) => self.desk.admits(site),
            None => self.share.ask(Instant::now()),
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(site) = &self.site {
            self.desk.goes(site);
        }
    }
}
