//! The desk between the branches' sessions, on threads of Asterisk's manager interface, and two workers: one reads
//! what the main has, and one looks after the branches. A session reads what lies there; it never reads a file of users itself.
//!
//! - `visit`: what one session has shown of itself
//! - `way`: the way to a worker
//! - `actions`: SynchHello, SynchExport and SynchWait: headers in, an answer out

pub mod actions;
mod visit;
mod way;

pub use actions::{Around, Header, Reply};
pub use visit::Visit;
pub use way::{Led, Way};

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Digest, NoHash, Part, Section,
    forward::Routes,
    share::{Admission, MOST_SESSIONS, Share},
    stock::{Stock, Texts, Things, TooMany},
    waits::{Reason, Waits},
    whereabouts::Whereabouts,
};
use crate::uplink::ami::Crypto;

/// From one word of a branch to the next where there are few sites: `[probe] interval` by default.
const SHORTEST_WAIT: u64 = 5;
/// The same where there are many.
const LONGEST_WAIT: u64 = 25;
/// So many sites make the wait a second longer.
const SITES_A_SECOND: u64 = 20;

/// A session that has asked nothing for so long has lost its line, or does nothing: a wait lasts a minute at most.
const SILENT: Duration = Duration::from_secs(90);

/// A database that has not answered for so long is told of, whatever comes of it.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long all who wait have to be gone when the module is unloaded, or the main shuts down.
const LEAVE: Duration = Duration::from_secs(1);

/// What the worker who reads what the main has is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Read the texts: a branch fetches some.
    Texts,
    /// A branch has fetched some: they are kept for the next one.
    Fetched,
    /// Look whether there is a site more.
    Sites,
    /// The main has reloaded something that is exported.
    Reloaded,
    /// A branch asks where the phones are.
    Phones,
    /// The phone of a user has come or gone.
    Phone(String),
}

/// What of a site changes by itself, and is not in a file.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its things.
    pub things: Arc<Things>,
    /// What is said of each.
    pub lines: Arc<[Line]>,
}

impl Live {
    /// Makes it of lines, of which some may be about the same thing.
    ///
    /// # Errors
    /// Asterisk has no SHA-256.
    pub fn new(lines: Arc<[Line]>, crypto: &dyn Crypto) -> Result<Self, NoHash> {
        let mut things: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
        for line in lines.iter() {
            things.entry(&line.name).or_default().push(line);
        }
        let mut list = Vec::with_capacity(things.len());
        for (name, of_thing) in things {
            let text: Vec<&str> =
                of_thing.iter().flat_map(|line| [&*line.section, "=", &*line.value, "\n"]).collect();
            list.push((name, Digest::of(crypto, text.concat().as_bytes())?.short()));
        }
        Ok(Self { things: Arc::new(Things::new(crypto, &list)?), lines })
    }
}

/// A line of what changes by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its section.
    pub section: Box<str>,
    /// The thing that it is about.
    pub name: Box<str>,
    /// What is said of it.
    pub value: Box<str>,
}

/// What lies on the desk.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// What there is for each site; `None` before the first reading.
    pub stock: Option<Arc<Stock>>,
    /// The texts behind it; `None` where nobody has fetched any for a while.
    pub texts: Option<Arc<Texts>>,
    /// What changes by itself, by site and part.
    pub live: BTreeMap<String, BTreeMap<Part, Live>>,
    /// When the files were last taken up, in seconds since 1970.
    pub taken_up: u64,
    /// The same in local time; empty before.
    pub read_at: String,
    /// Why nothing is exported, or not what the main has; empty where all is well.
    pub problem: String,
}

impl Shown {
    /// Says what of a site changes by itself, where that is another thing than before.
    ///
    /// # Errors
    /// Asterisk has no SHA-256.
    pub fn set_live(
        &mut self,
        site: &str,
        part: Part,
        lines: &Arc<[Line]>,
        crypto: &dyn Crypto,
    ) -> Result<(), NoHash> {
        let parts = self.live.entry(site.to_owned()).or_default();
        if parts.get(&part).is_none_or(|live| live.lines != *lines) {
            parts.insert(part, Live::new(Arc::clone(lines), crypto)?);
        }
        Ok(())
    }

    /// Takes a part of what changes by itself away from all sites but those.
    pub fn keep_live(&mut self, part: Part, is_kept: impl Fn(&str) -> bool) {
        for (_, parts) in self.live.iter_mut().filter(|(site, _)| !is_kept(site)) {
            parts.remove(&part);
        }
        self.live.retain(|_, parts| !parts.is_empty());
    }

    /// Returns the things of a part of a site; `None` where there is no such part.
    fn things(&self, site: &str, part: Part) -> Option<Result<&Arc<Things>, &TooMany>> {
        // Of too many users, nothing is given: what changes by itself knows none of them, and that nobody has a phone is no
        // news to give.
        if let Some(Err(too_many)) = self.stock.as_ref().and_then(|stock| stock.part(site, Part::Users)) {
            return Some(Err(too_many));
        }
        match part.is_live() {
            true => self.live.get(site)?.get(&part).map(|live| Ok(&live.things)),
            false => self.stock.as_ref()?.part(site, part),
        }
    }
}

/// What becomes of calls to the users of lost sites.
#[derive(Clone, Debug, Default)]
pub struct Forwarding {
    /// Where they go.
    pub routes: Arc<Routes>,
    /// How many forwards in the database are ours.
    pub forwarded: usize,
}

/// What is known of the account of a site.
#[derive(Clone, Debug)]
pub struct Account {
    share: Share,
    /// Its sessions and when each of them last asked something, the oldest first.
    sessions: Vec<(u64, Instant)>,
    /// Waits that it has in hand.
    waits: usize,
    /// When it last said something.
    pub last_word: Instant,
    /// The service state that the branch gave last.
    pub state: String,
    /// The version that it gave.
    pub version: String,
    /// Where it comes from; empty where that is not known.
    pub address: String,
}

impl Account {
    fn new(now: Instant) -> Self {
        let (sessions, state, version, address) = Default::default();
        Self { share: Share::new(now), sessions, waits: 0, last_word: now, state, version, address }
    }

    /// Returns how many sessions it has.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Returns whether it waits for news now.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waits > 0
    }
}

/// The desk.
pub struct Desk {
    crypto: Arc<dyn Crypto>,
    shown: RwLock<Arc<Shown>>,
    /// Held by who changes what lies there.
    changing: Mutex<()>,
    accounts: Mutex<BTreeMap<String, Account>>,
    /// Where each site is, and why it is thought so.
    whereabouts: Mutex<BTreeMap<String, (Whereabouts, String)>>,
    forwarding: RwLock<Forwarding>,
    /// Whether the settings have branches served.
    serves: AtomicBool,
    /// To the worker who reads what the main has.
    pub reader: Arc<Way<Order>>,
    /// To the worker who looks after the branches: to wake him is all there is to say.
    pub watcher: Arc<Way<()>>,
    last_session: AtomicU64,
    /// Since when the worker waits for a database; `None` where it does not.
    asks_since: Mutex<Option<Instant>>,
    /// Those who wait for news.
    news: Arc<Waits>,
    /// Those who wait for texts.
    readers: Arc<Waits>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

impl Desk {
    /// Makes a desk on which nothing lies.
    #[must_use]
    pub fn new(crypto: Arc<dyn Crypto>) -> Self {
        Self {
            crypto,
            shown: RwLock::default(),
            changing: Mutex::default(),
            accounts: Mutex::default(),
            whereabouts: Mutex::default(),
            forwarding: RwLock::default(),
            serves: AtomicBool::new(false),
            reader: Arc::default(),
            watcher: Arc::default(),
            last_session: AtomicU64::default(),
            asks_since: Mutex::default(),
            news: Arc::default(),
            readers: Arc::default(),
        }
    }

    /// Returns what lies there now.
    #[must_use]
    pub fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes what lies there, and wakes who waits for it: the sites of which a part is another one. Nothing happens where
    /// `change` returns false. Who else changes something waits meanwhile; who reads does not.
    pub fn change(&self, change: impl FnOnce(&mut Shown) -> bool) {
        let one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.shown();
        let mut after = (*before).clone();
        if !change(&mut after) {
            return;
        }
        let after = Arc::new(after);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        drop(one_at_a_time);
        self.readers.wake_all(Reason::Changed);
        let sites = after.stock.iter().flat_map(|stock| stock.sites.keys());
        for site in sites {
            let digest = |shown: &Shown, part| {
                shown.things(site, part).and_then(Result::ok).map(|things| things.digest)
            };
            if Part::ALL.into_iter().any(|part| digest(&before, part) != digest(&after, part)) {
                self.news.wake(site, Reason::Changed);
            }
        }
    }

    /// Puts that there, for a test.
    #[cfg(test)]
    pub(crate) fn show(&self, shown: Shown) {
        self.change(|now| {
            *now = shown;
            true
        });
    }

    /// Takes note that the main has reloaded.
    pub fn main_reloads(&self) {
        self.reader.reloads(Order::Reloaded);
        self.watcher.reloads(());
    }

    /// Tells all who wait that the main has reloaded.
    pub fn reloaded(&self) {
        self.news.wake_all(Reason::Reload);
    }

    /// Takes note that the worker asks a database, or that it has answered.
    pub fn asks(&self, asks: bool) {
        *self.asks_since.lock().unwrap_or_else(PoisonError::into_inner) = asks.then(Instant::now);
    }

    /// Returns why nothing is exported, or not what the main has; empty where all is well.
    #[must_use]
    pub fn problem(&self) -> String {
        let since = *self.asks_since.lock().unwrap_or_else(PoisonError::into_inner);
        match since.map(|since| since.elapsed()).filter(|time| *time > PATIENCE) {
            Some(time) => format!("the database does not answer, for {} s now", time.as_secs()),
            None => self.shown().problem.clone(),
        }
    }

    /// Ends all waits, lets nobody wait any more, and gives those who do a second to be gone.
    pub fn close(&self, reason: Reason) -> bool {
        let end = Instant::now() + LEAVE;
        self.readers.wake_all(reason);
        let news = self.news.close(reason, LEAVE);
        if reason == Reason::Unload {
            // Each session keeps the desk as long as it lives, and with it what lies there.
            *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        }
        self.readers.close(reason, end.saturating_duration_since(Instant::now())) && news
    }

    /// Lets branches wait again, or for the first time.
    pub fn open(&self) {
        self.news.open();
        self.readers.open();
    }

    /// Returns the names of the accounts that have said something.
    #[must_use]
    pub fn heard_of(&self) -> Vec<String> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Returns the sites that have said something.
    #[must_use]
    pub fn connected(&self) -> BTreeSet<String> {
        let shown = self.shown();
        let is_site =
            |name: &String| shown.stock.as_ref().is_some_and(|stock| stock.sites.contains_key(name));
        self.heard_of().into_iter().filter(is_site).collect()
    }

    /// Returns what is known of the account of each site that has said something.
    #[must_use]
    pub fn accounts(&self) -> BTreeMap<String, Account> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns where each site is, and why it is thought so.
    #[must_use]
    pub fn whereabouts(&self) -> BTreeMap<String, (Whereabouts, String)> {
        self.whereabouts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says where each site is.
    pub fn set_whereabouts(&self, sites: BTreeMap<String, (Whereabouts, String)>) {
        *self.whereabouts.lock().unwrap_or_else(PoisonError::into_inner) = sites;
    }

    /// Returns whether the settings have branches served.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.serves.load(Ordering::SeqCst)
    }

    /// Takes note of whether the settings have branches served.
    pub fn set_serves(&self, serves: bool) {
        self.serves.store(serves, Ordering::SeqCst);
    }

    /// Returns what becomes of calls to the users of lost sites.
    #[must_use]
    pub fn forwarding(&self) -> Forwarding {
        self.forwarding.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says what becomes of calls to the users of lost sites.
    pub fn set_forwarding(&self, forwarding: Forwarding) {
        *self.forwarding.write().unwrap_or_else(PoisonError::into_inner) = forwarding;
    }

    /// Returns the public number of a user whose site is lost; empty for anybody else. It is asked on threads of calls.
    #[must_use]
    pub fn route(&self, number: &str) -> String {
        self.forwarding().routes.get(number).map(str::to_owned).unwrap_or_default()
    }

    fn with_account<T>(&self, site: &str, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(site.to_owned()).or_insert_with(|| Account::new(Instant::now()));
        change(account)
    }

    /// A session of a site comes; `None` where it has enough. It takes the place of one that has been silent for long: where a
    /// line is cut while nothing is said, Asterisk never learns that a session has ended.
    fn comes(&self, site: &str, now: Instant) -> Option<u64> {
        let number = self.last_session.fetch_add(1, Ordering::Relaxed);
        self.with_account(site, |account| {
            if account.sessions.len() >= MOST_SESSIONS {
                let is_silent = |(_, last): &(u64, Instant)| now.saturating_duration_since(*last) > SILENT;
                let place = account.sessions.iter().position(is_silent)?;
                account.sessions.remove(place);
            }
            account.sessions.push((number, now));
            Some(number)
        })
    }

    fn goes(&self, site: &str, number: u64) {
        self.with_account(site, |account| account.sessions.retain(|(known, _)| *known != number));
    }

    /// Takes a question of a session; `None` where another one has taken its place.
    fn admits(&self, site: &str, number: u64, now: Instant) -> Option<Admission> {
        self.with_account(site, |account| {
            account.sessions.iter_mut().find(|(known, _)| *known == number)?.1 = now;
            account.last_word = now;
            Some(account.share.ask(now))
        })
    }

    /// Has a site say that, for a test.
    #[cfg(test)]
    pub(crate) fn set_heard(&self, site: &str, state: &str) {
        self.with_account(site, |account| state.clone_into(&mut account.state));
    }

    /// Returns how long a branch is to wait for news.
    fn wait_time(&self) -> u64 {
        let sites = self.shown().stock.as_ref().map_or(0, |stock| stock.sites.len());
        let sites = u64::try_from(sites).unwrap_or(u64::MAX);
        (sites / SITES_A_SECOND).clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }

    /// Returns the digest of a part as a branch asks for it: of contexts, of those that it has chosen.
    fn digest(
        &self,
        shown: &Shown,
        site: &str,
        part: Part,
        contexts: &[&str],
    ) -> Result<Option<Digest>, NoHash> {
        let Some(Ok(things)) = shown.things(site, part) else { return Ok(None) };
        if part == Part::Contexts && !contexts.is_empty() {
            return Ok(Some(things.chosen(&*self.crypto, contexts)?.digest));
        }
        Ok(Some(things.digest))
    }
}

/// Returns what changes by itself as an answer: a section for each kind, a line for each thing.
fn live_sections(live: &Live, is_wanted: impl Fn(&str) -> bool) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for Line { section, name, value } in live.lines.iter().filter(|line| is_wanted(&line.name)) {
        if sections.last().is_none_or(|last| last.name != section.as_bytes()) {
            sections.push(Section::new(section.as_bytes()));
        }
        if let Some(last) = sections.last_mut() {
            last.push(name.as_bytes(), value.as_bytes());
        }
    }
    sections
}

#[cfg(test)]
pub(crate) mod tests;
