//! Where the phones of connected sites are, as this Asterisk itself says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    engine::host::Host,
    export::{
        NoHash, Part,
        desk::{Line, Shown},
        stock::Stock,
    },
    settings::Technology,
    uplink::ami::Crypto,
};

/// Users that are asked about in one go; the others wait for the next second: a question takes a tenth of a millisecond.
const AT_ONCE: usize = 500;
/// So long at most: Asterisk asks a database for an endpoint that is in one.
const LONGEST: Duration = Duration::from_millis(500);
/// All are asked about again so often: an event may have been missed.
const ALL_AGAIN: Duration = Duration::from_secs(600);

/// The section that an answer has them in.
const SECTION: &str = "contacts";

/// What is known of the phones.
#[derive(Debug, Default)]
pub(super) struct Phones {
    /// Sites that have been asked about, and their users.
    sites: BTreeMap<String, BTreeSet<String>>,
    /// Where each user's phones are, the newest first.
    known: BTreeMap<String, Vec<String>>,
    /// Users to ask about.
    due: BTreeSet<String>,
    /// Of which stock the users are.
    stock: Option<Arc<Stock>>,
    all_at: Option<Instant>,
}

impl Phones {
    /// A phone of a user has come or gone.
    pub(super) fn changed(&mut self, user: &str) {
        if self.sites.values().any(|users| users.contains(user)) {
            self.due.insert(user.to_owned());
        }
    }

    /// Takes note of who belongs to these sites. Whoever is new is asked about. Returns whether anybody belongs to another one
    /// than before.
    pub(super) fn belong(&mut self, stock: &Arc<Stock>, connected: &BTreeSet<String>, now: Instant) -> bool {
        let is_same = self.stock.as_ref().is_some_and(|known| Arc::ptr_eq(known, stock));
        if is_same && self.sites.keys().eq(connected) && self.all_at.is_some_and(|at| now < at) {
            return false;
        }
        self.stock = Some(Arc::clone(stock));
        let mut sites = BTreeMap::new();
        for site in connected {
            let users = stock.part(site, Part::Users).and_then(Result::ok);
            let names = users
                .iter()
                .flat_map(|users| users.names.iter())
                .map(|name| String::from_utf8_lossy(name).into_owned());
            sites.insert(site.clone(), names.collect::<BTreeSet<String>>());
        }
        let again = self.all_at.is_none_or(|at| at <= now);
        if again {
            self.all_at = Some(now + ALL_AGAIN);
        }
        let users: BTreeSet<&String> = sites.values().flatten().collect();
        let new = users.iter().filter(|user| again || !self.known.contains_key(**user));
        self.due.extend(new.map(|user| (*user).clone()));
        self.known.retain(|user, _| users.contains(user));
        self.due.retain(|user| users.contains(user));
        let changed = self.sites != sites;
        self.sites = sites;
        changed
    }

    /// Asks about those who are due, some of them at most. Returns whether something is another than before.
    pub(super) fn ask(&mut self, host: &dyn Host, technology: Technology) -> bool {
        let (mut changed, begun) = (false, Instant::now());
        for _ in 0..AT_ONCE {
            let Some(user) = self.due.pop_first() else { break };
            // Where Asterisk can't say it, it stays as it is known.
            let known = self.known.get(&user).cloned();
            let contacts =
                host.contacts_here(technology, &user).or_else(|| known.clone()).unwrap_or_default();
            changed |= known.as_ref() != Some(&contacts);
            self.known.insert(user, contacts);
            if begun.elapsed() >= LONGEST {
                break;
            }
        }
        changed
    }

    /// Returns whether all of a site's users were asked about.
    fn knows(&self, site: &str) -> bool {
        self.sites.get(site).is_some_and(|users| users.iter().all(|user| self.known.contains_key(user)))
    }

    /// Puts what is known to what lies on the desk. A site of which not all is known yet has no such part.
    ///
    /// # Errors
    /// Asterisk has no SHA-256.
    pub(super) fn show(&self, shown: &mut Shown, crypto: &dyn Crypto) -> Result<(), NoHash> {
        shown.keep_live(Part::Contacts, |site| self.sites.contains_key(site));
        for (site, users) in self.sites.iter().filter(|(site, _)| self.knows(site)) {
            let of = |user: &String| {
                let contacts = self.known.get(user).cloned().unwrap_or_default();
                let user = user.clone();
                contacts.into_iter().map(move |contact| Line {
                    section: SECTION.into(),
                    name: user.as_str().into(),
                    value: contact.into(),
                })
            };
            let lines: Arc<[Line]> = users.iter().flat_map(of).collect();
            shown.set_live(site, Part::Contacts, &lines, crypto)?;
        }
        Ok(())
    }
}
