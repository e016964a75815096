//! What forwarders have answered, for as long as it may be kept, and a while longer. Pure: the time is told to it.
//!
//! Each answer is kept whole, under its exact question, and used for no other: nobody can slip in a record of another
//! name (RFC 5452 section 6).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lru::LruCache;

use crate::dns::{
    message::question::Key,
    zone::ready::{Ready, Ttl},
};

/// TTL of what is served although its time has passed (RFC 8767 section 4).
pub const STALE_TTL: u32 = 30;

/// For how long no forwarder is asked for a stale name after all have failed (RFC 8767 section 5: 30 seconds).
pub const FAILURE_RECHECK: Duration = Duration::from_secs(30);

/// For how long a failure is remembered (RFC 9520 section 3.2: at least 1 second, at most 5 minutes). As long as a
/// phone waits before it asks again.
pub const FAILURE_LIFE: Duration = Duration::from_secs(5);

/// An answer larger than this is not kept: a few of them would fill the cache.
const MAX_ANSWER: usize = 4096;

/// What an entry costs in memory besides its key and its answer, roughly: its places in the table and in the list.
const ENTRY: usize = 160;

/// Answers by question. The one not asked for longest goes first when there is no more room.
#[derive(Debug)]
pub struct Cache {
    entries: LruCache<Key, Entry>,
    size: usize,
    capacity: usize,
    max_stale: Duration,
}

/// An answer, and how it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The answer.
    pub ready: Arc<Ready>,
    /// Its age.
    pub ttl: Ttl,
}

/// What the cache knows about a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing: ask.
    Nothing,
    /// Asking failed just now (RFC 9520).
    Failed,
    /// The answer.
    Fresh(Served),
    /// An answer whose time has passed: better than none.
    Stale {
        /// The answer.
        served: Served,
        /// Whether to ask for a fresh one first.
        ask: bool,
    },
}

#[derive(Debug)]
struct Entry {
    /// None where only a failure is known.
    kept: Option<Kept>,
    /// Not to be asked for before.
    failed_until: Option<Instant>,
}

#[derive(Debug)]
struct Kept {
    ready: Arc<Ready>,
    since: Instant,
    until: Instant,
}

impl Cache {
    /// A cache of at most `capacity` octets. What is `max_stale` past its time is forgotten.
    #[must_use]
    pub fn new(capacity: usize, max_stale: Duration) -> Self {
        Self { entries: LruCache::unbounded(), size: 0, capacity, max_stale }
    }

    /// How many answers and failures it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is known about a question.
    pub fn look(&mut self, key: &[u8], now: Instant) -> Found {
        let Some(entry) = self.entries.get(key) else {
            return Found::Nothing;
        };
        let failed = entry.failed_until.is_some_and(|until| now < until);
        match &entry.kept {
            Some(kept) if now < kept.until => {
                let age = now.saturating_duration_since(kept.since).as_secs();
                let ttl = Ttl::Aged(u32::try_from(age).unwrap_or(u32::MAX));
                Found::Fresh(Served { ready: Arc::clone(&kept.ready), ttl })
            }
            Some(kept) if now.saturating_duration_since(kept.until) < self.max_stale => {
                let served = Served { ready: Arc::clone(&kept.ready), ttl: Ttl::Set(STALE_TTL) };
                Found::Stale { served, ask: !failed }
            }
            None if failed => Found::Failed,
            _ => {
                self.forget(key);
                Found::Nothing
            }
        }
    }

    /// Keeps an answer, if it may be kept. What was known about the question before is outdated either way.
    pub fn keep(&mut self, key: Key, ready: &Arc<Ready>, now: Instant) {
        self.forget(&key);
        if ready.life() == 0 || ready.size() > MAX_ANSWER {
            return;
        }
        let until = now + Duration::from_secs(u64::from(ready.life()));
        let kept = Some(Kept { ready: Arc::clone(ready), since: now, until });
        self.insert(key, Entry { kept, failed_until: None });
    }

    /// Remembers that nobody could answer a question. An answer from before stays: it may be served stale.
    pub fn fail(&mut self, key: Key, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&key)
            && entry.kept.is_some()
        {
            entry.failed_until = Some(now + FAILURE_RECHECK);
        } else {
            self.forget(&key);
            self.insert(key, Entry { kept: None, failed_until: Some(now + FAILURE_LIFE) });
        }
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        self.size += cost(&key, &entry);
        self.entries.put(key, entry);
        while self.size > self.capacity
            && let Some((key, entry)) = self.entries.pop_lru()
        {
            self.size -= cost(&key, &entry);
        }
    }

    fn forget(&mut self, key: &[u8]) {
        if let Some((key, entry)) = self.entries.pop_entry(key) {
            self.size -= cost(&key, &entry);
        }
    }
}

fn cost(key: &[u8], entry: &Entry) -> usize {
    ENTRY + key.len() + entry.kept.as_ref().map_or(0, |kept| kept.ready.size())
}

#[cfg(test)]
mod tests;
