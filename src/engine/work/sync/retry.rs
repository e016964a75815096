//! When something that failed is tried again, where each try costs much. Pure.

use std::time::{Duration, Instant};

use crate::engine::crew::backoff::{Backoff, random};

const FIRST: Duration = Duration::from_secs(300);
const LONGEST: Duration = Duration::from_secs(4 * 3600);

/// Waits that grow with each failure in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    waits: Backoff,
    not_before: Option<Instant>,
}

impl Retry {
    /// It failed once more.
    pub(super) fn failed(&mut self, now: Instant) {
        self.not_before = Some(now + self.waits.wait(random()));
    }

    /// Whether it may be tried.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|then| then <= now)
    }
}

impl Default for Retry {
    /// Nothing has failed.
    fn default() -> Self {
        Self { waits: Backoff::new(FIRST, LONGEST), not_before: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_makes_the_wait_longer() {
        let now = Instant::now();
        let mut retry = Retry::default();
        assert!(retry.is_due(now));
        retry.failed(now);
        assert!(!retry.is_due(now) && retry.is_due(now + FIRST));
        for _ in 0..20 {
            retry.failed(now);
        }
        assert!(!retry.is_due(now + LONGEST / 3) && retry.is_due(now + LONGEST));
    }
}
