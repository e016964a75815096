//! Answers other names from the cache or through the forwarders, and from stale cache entries where they are silent.
//!
//! ```text
//!   fresh in the cache ──────────────────────────────▶ answered at once
//!   stale ──▶ forwarders, the client waits 1.8 s ────▶ their answer, or the stale one (RFC 8767)
//!   unknown ──▶ forwarders ──────────────────────────▶ their answer, or SERVFAIL
//!   all forwarders silent ───────────────────────────▶ stale or SERVFAIL at once, until one is heard of again
//! ```
//!
//! Silent forwarders get a test question again and again, and sometimes a question of a client, because some filters
//! answer only questions that look real.
//!
//! - [`allow`]: who may ask for other names. Pure; [`own`]: the networks of this machine that may
//! - [`cache`]: what forwarders have answered, fresh and stale; [`life`]: for how long. Pure
//! - [`forwarders`]: one after the other, over UDP and TCP, within bounds of time
//! - [`upstream`]: the query that a forwarder gets, and the judgement of what comes back. Pure

pub mod allow;
pub mod cache;
pub mod forwarders;
pub mod life;
pub mod own;
pub mod upstream;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hickory_server::{proto::op::Message, zone_handler::MessageRequest};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::spawn,
    time::{sleep, timeout},
};

use crate::{
    dns::{
        message::question::{Key, relayed_key},
        relay::{
            cache::{Cache, Found, Served},
            forwarders::{Forwarders, Outcome},
        },
        serve::shared::Counters,
        zone::ready::{Ready, Ttl},
    },
    settings,
};

/// Questions to the forwarders at the same time. Each takes a file descriptor, and Asterisk may have only 1024 of them
/// in all.
pub const MAX_IN_FLIGHT: usize = 128;

/// How long a client waits where a stale answer is available: less than the 2 seconds after which the most impatient
/// clients ask again (RFC 8767 section 5).
const CLIENT_PATIENCE: Duration = Duration::from_millis(1800);

/// A question that stays unanswered for this long makes the forwarders suspect: far longer than a resolver takes.
const SUSPICION: Duration = Duration::from_secs(1);

/// How often silent forwarders get a test question, and a question of a client.
const RECHECK: Duration = Duration::from_secs(5);

/// Octets.
const KIB: usize = 1024;

/// Why there is no answer. The client gets SERVFAIL for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// [`MAX_IN_FLIGHT`] reached.
    #[error("{MAX_IN_FLIGHT} lookups are running already; the client gets SERVFAIL")]
    Busy,
    /// Silence, errors, SERVFAIL or REFUSED from each of them.
    #[error("no forwarder answered; the client gets SERVFAIL")]
    NoAnswer,
}

/// The result of a question that one or more clients wait for.
type Settled = Result<Arc<Ready>, RelayError>;

/// The forwarders, their answers so far, and the open questions.
#[derive(Debug)]
pub struct Relay {
    forwarders: Arc<Forwarders>,
    cache: Mutex<Cache>,
    /// Questions under way. The same one is asked once, however many clients wait for it.
    pending: Mutex<HashMap<Key, watch::Receiver<Option<Settled>>>>,
    free: Arc<Semaphore>,
    /// Whether no forwarder is to be heard of.
    silent: watch::Sender<bool>,
    suspicion: Notify,
    /// Whether the next question goes to the forwarders although they are silent.
    trial: AtomicBool,
    /// How often a forwarder was heard of.
    heard: AtomicU64,
    counters: Arc<Counters>,
}

impl Relay {
    /// The relay of these settings.
    #[must_use]
    pub fn new(settings: &settings::Dns, counters: Arc<Counters>) -> Self {
        Self {
            forwarders: Arc::new(Forwarders::new(&settings.forwarders)),
            cache: Mutex::new(Cache::new(settings.relay.cache_size as usize * KIB, settings.relay.max_stale)),
            pending: Mutex::default(),
            free: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            silent: watch::Sender::new(false),
            suspicion: Notify::new(),
            trial: AtomicBool::new(false),
            heard: AtomicU64::new(0),
            counters,
        }
    }

    /// Whether there is anyone to ask.
    #[must_use]
    pub fn has_forwarders(&self) -> bool {
        !self.forwarders.is_empty()
    }

    /// An answer that needs no waiting and no asking.
    #[must_use]
    pub fn fresh(&self, key: &[u8], now: Instant) -> Option<Served> {
        match self.cache.lock().look(key, now) {
            Found::Fresh(served) => Some(served),
            Found::Nothing | Found::Failed | Found::Stale { .. } => None,
        }
    }

    /// The answer to what the client asked.
    ///
    /// # Errors
    /// None of the forwarders answered in time, or too many questions are with them.
    pub async fn ask(self: &Arc<Self>, request: &MessageRequest) -> Result<Served, RelayError> {
        let (Some(key), Some(query)) = (relayed_key(request), upstream::query(request, 0)) else {
            return Err(RelayError::NoAnswer);
        };
        let found = self.cache.lock().look(&key, Instant::now());
        match found {
            Found::Fresh(served) => {
                self.counters.count_cached();
                Ok(served)
            }
            Found::Failed => Err(RelayError::NoAnswer),
            Found::Nothing => {
                let fresh = self.answered(key, query).await?;
                self.counters.count_forwarded();
                Ok(fresh)
            }
            Found::Stale { served, ask } => {
                if ask && let Ok(Ok(fresh)) = timeout(CLIENT_PATIENCE, self.answered(key, query)).await {
                    self.counters.count_forwarded();
                    return Ok(fresh);
                }
                self.counters.count_stale();
                Ok(served)
            }
        }
    }

    /// The forwarders' answer, for as long as one of them may be there.
    async fn answered(self: &Arc<Self>, key: Key, query: Message) -> Result<Served, RelayError> {
        let mut silent = self.silent.subscribe();
        if *silent.borrow_and_update() {
            if self.trial.swap(false, Ordering::Relaxed) {
                // What comes of it is for the next who asks: this client need not wait for what is likely in vain.
                self.join(key, query)?;
            }
            return Err(RelayError::NoAnswer);
        }
        let mut settled = self.join(key, query)?;
        let settled = tokio::select! {
            settled = settled.wait_for(Option::is_some) => settled.ok().and_then(|settled| settled.clone()),
            _ = silent.wait_for(|silent| *silent) => None,
        };
        let ready = settled.unwrap_or(Err(RelayError::NoAnswer))?;
        Ok(Served { ready, ttl: Ttl::Aged(0) })
    }

    /// Waits with whoever asks the same already, or asks.
    fn join(
        self: &Arc<Self>,
        key: Key,
        query: Message,
    ) -> Result<watch::Receiver<Option<Settled>>, RelayError> {
        let mut pending = self.pending.lock();
        // Without a sender, the task behind it has ended without a word: a panic, which must not spoil the name for ever.
        if let Some(settled) = pending.get(&key).filter(|settled| settled.has_changed().is_ok()) {
            return Ok(settled.clone());
        }
        let held = Arc::clone(&self.free).try_acquire_owned().map_err(|_| RelayError::Busy)?;
        let (sender, receiver) = watch::channel(None);
        pending.insert(key.clone(), receiver.clone());
        let relay = Arc::clone(self);
        // A task of its own: the answer is worth keeping though the client may have gone.
        spawn(async move {
            let settled = relay.settle(&key, &query).await;
            relay.pending.lock().remove(&key);
            drop(held);
            sender.send_replace(Some(settled));
        });
        Ok(receiver)
    }

    /// Asks the forwarders, and keeps what comes of it.
    async fn settle(&self, key: &Key, query: &Message) -> Settled {
        let asking = self.forwarders.ask(query);
        tokio::pin!(asking);
        let outcome = match timeout(SUSPICION, &mut asking).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.suspicion.notify_one();
                asking.await
            }
        };
        match &outcome {
            Outcome::Silence => self.suspicion.notify_one(),
            Outcome::Answer(_) | Outcome::NoHelp => {
                self.heard.fetch_add(1, Ordering::Relaxed);
                self.set_silent(false);
            }
        }
        let ready = match outcome {
            Outcome::Answer(message) => {
                Ready::relayed(&message).map(Arc::new).map_err(|_| RelayError::NoAnswer)
            }
            Outcome::NoHelp | Outcome::Silence => Err(RelayError::NoAnswer),
        };
        let mut cache = self.cache.lock();
        match &ready {
            Ok(ready) => cache.keep(key.clone(), ready, Instant::now()),
            // What nobody answered is asked again as soon as somebody is heard of.
            Err(_) if *self.silent.borrow() => {}
            Err(_) => cache.fail(key.clone(), Instant::now()),
        }
        self.counters.set_entries(cache.len());
        ready
    }

    /// Finds out whether the forwarders are silent where that is suspected, and until when. Runs for ever.
    pub async fn watch(&self) {
        loop {
            self.suspicion.notified().await;
            let heard = self.heard.load(Ordering::Relaxed);
            let alive = self.forwarders.any_alive().await;
            // What was answered meanwhile says more than a question of ours that was lost.
            self.set_silent(!alive && self.heard.load(Ordering::Relaxed) == heard);
            while *self.silent.borrow() {
                sleep(RECHECK).await;
                self.trial.store(true, Ordering::Relaxed);
                if self.forwarders.any_alive().await {
                    self.set_silent(false);
                }
            }
        }
    }

    /// Whether the forwarders are silent, now and at each change.
    #[must_use]
    pub fn silent(&self) -> watch::Receiver<bool> {
        self.silent.subscribe()
    }

    #[cfg(test)]
    pub(super) fn learn(&self, request: &MessageRequest, answer: &Message) {
        let ready = Arc::new(Ready::relayed(answer).unwrap());
        self.cache.lock().keep(relayed_key(request).unwrap(), &ready, Instant::now());
    }

    fn set_silent(&self, silent: bool) {
        self.silent.send_if_modified(|now| std::mem::replace(now, silent) != silent);
    }
}

#[cfg(test)]
mod tests;
