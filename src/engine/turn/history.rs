//! What changed when: for `synch show history`.

use std::{collections::VecDeque, sync::Arc};

use crate::operator::status::HistoryEntry;

/// A link that flaps all night still leaves the evening before visible; about 100 KiB at most.
const LENGTH: usize = 500;

/// The newest changes, in the form in which the snapshot shares them.
#[derive(Debug, Default)]
pub(in crate::engine) struct History {
    entries: VecDeque<HistoryEntry>,
    shared: Arc<[HistoryEntry]>,
}

impl History {
    /// Adds a change; the oldest goes where there are too many.
    pub(in crate::engine) fn push(
        &mut self,
        time: String,
        subject: &'static str,
        old: &'static str,
        new: &'static str,
        reason: &str,
    ) {
        if self.entries.len() == LENGTH {
            self.entries.pop_front();
        }
        self.entries.push_back(HistoryEntry { time, subject, old, new, reason: reason.to_owned() });
        self.shared = self.entries.iter().cloned().collect();
    }

    /// Oldest first.
    pub(in crate::engine) fn entries(&self) -> Arc<[HistoryEntry]> {
        Arc::clone(&self.shared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_newest() {
        let mut history = History::default();
        for number in 0..LENGTH + 3 {
            history.push(number.to_string(), "Service", "Normal", "Failover", "");
        }
        let entries = history.entries();
        assert_eq!(entries.len(), LENGTH);
        assert_eq!((entries[0].time.as_str(), entries[LENGTH - 1].time.as_str()), ("3", "502"));
    }
}
