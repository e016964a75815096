//! The users of a main that has them in a database: asked for site by site, never all that there are.
//!
//! Asterisk says of a database that does not answer what it says of one that has nothing. So whatever is not there, and was
//! not known to be missing, is believed only of a database that shows at the same time that it answers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    time::{Duration, Instant},
};

use crate::{
    engine::{
        crew::worker::{Stop, Stopped},
        host::{Host, HostError},
    },
    export::{
        Section, Short,
        objects::{Object, Plain, named, section},
        text,
    },
    settings::{Export, SiteSection},
    site::users::Kind,
};

/// Objects that are asked for at a time, between which the worker can be ended: one that does not answer takes a second for
/// each, and an unload waits five.
const AT_ONCE: usize = 4;
/// Whatever took so long and is not all there may not have been answered.
const SLOW: Duration = Duration::from_secs(1);
/// Users by which a database that has just given nobody may show that it answers.
const WITNESSES: usize = 8;
/// A database that has given nobody for so long has to show that it answers before it is asked for the users of the other sites.
const PATIENCE: Duration = Duration::from_secs(10);
/// The column that has the name of an object.
const NAME: &str = "id";
/// What an endpoint names.
const OF_ENDPOINT: [(&str, Kind); 2] = [("aors", Kind::Aor), ("auth", Kind::Auth)];

/// Why the database has not said what it has.
#[derive(Debug)]
pub(super) enum NotAsked {
    /// It is time to end.
    Stopped,
    /// It does not answer, or can't be asked.
    Failed(String),
}

impl From<Stopped> for NotAsked {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<HostError> for NotAsked {
    fn from(error: HostError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// What is known of the database.
#[derive(Debug, Default)]
pub(super) struct Database {
    /// When it is asked again; `None` before the first time.
    due: Option<Instant>,
    plain: HashMap<Kind, Plain>,
    /// Some of the users that it had.
    witnesses: Vec<String>,
    /// Sites that it has nobody of.
    nobody: BTreeSet<String>,
    /// Objects that users name and that are not there.
    missing: BTreeSet<(String, String)>,
    /// The digest of all that it last had.
    last: Option<Short>,
}

impl Database {
    /// Returns whether it is time to ask.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    /// It is asked again after so long.
    pub(super) fn asked(&mut self, refresh: Duration) {
        self.due = Some(Instant::now() + refresh);
    }

    /// Takes note of the digest of all that it has. Returns whether that is another one than before.
    pub(super) fn differs(&mut self, now: Short) -> bool {
        self.last.replace(now) != Some(now)
    }

    /// What is exported is not what it last had.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// Asks for the users of these sites, and for what they name.
    ///
    /// # Errors
    /// It did not answer.
    pub(super) fn ask(
        &mut self,
        host: &dyn Host,
        export: &Export,
        sites: &BTreeSet<String>,
        stop: &Stop,
    ) -> Result<Vec<Section>, NotAsked> {
        let key = export.asked_by().ok_or_else(|| {
            NotAsked::Failed(format!("filter_key = {} is nothing that can be asked for", export.filter_key))
        })?;
        for kind in [Kind::Endpoint, Kind::Aor, Kind::Auth] {
            if let Entry::Vacant(place) = self.plain.entry(kind) {
                place.insert(Plain::new(&host.plain_object(kind)?));
            }
        }
        let sites: Vec<SiteSection> = sites.iter().map(|name| export.site(name)).collect();
        let asking = Asking { host, key: &key, stop };
        let users = self.users(&asking, &sites)?;
        let mut sections: Vec<Section> =
            users.values().map(|user| self.section(Kind::Endpoint, user, &key)).collect();
        let first = users.keys().next().cloned();
        for (option, kind) in OF_ENDPOINT {
            let names: BTreeSet<String> = users.values().flat_map(|user| named(user, option)).collect();
            let objects = self.objects(&asking, kind, &names, first.as_deref())?;
            sections.extend(objects.values().map(|object| self.section(kind, object, "")));
        }
        self.witnesses = users.into_keys().take(WITNESSES).collect();
        Ok(sections)
    }

    fn section(&self, kind: Kind, object: &Object, always: &str) -> Section {
        match self.plain.get(&kind) {
            Some(plain) => section(kind, object, plain, always),
            None => section(kind, object, &Plain::default(), always),
        }
    }

    /// Returns the users of all sites, by name.
    fn users(
        &mut self,
        asking: &Asking<'_>,
        sites: &[SiteSection],
    ) -> Result<BTreeMap<String, Object>, NotAsked> {
        let mut begun = Instant::now();
        let mut users = BTreeMap::new();
        let mut doubted = Vec::new();
        for site in sites {
            let theirs = asking.users_of(site)?;
            if theirs.is_empty() && !self.nobody.contains(&site.name) {
                doubted.push(site);
            } else if !theirs.is_empty() {
                self.nobody.remove(&site.name);
            }
            users.extend(theirs);
            if users.is_empty() && begun.elapsed() > PATIENCE {
                asking.answers(&self.witnesses)?;
                begun = Instant::now();
            }
        }
        if doubted.is_empty() {
            return Ok(users);
        }
        // Nothing is a witness but what is in the database now.
        let witnesses: Vec<String> = users.keys().take(WITNESSES).chain(&self.witnesses).cloned().collect();
        asking.answers(&witnesses)?;
        for site in doubted {
            let theirs = asking.users_of(site)?;
            if theirs.is_empty() {
                asking.answers(&witnesses)?;
                self.nobody.insert(site.name.clone());
            }
            users.extend(theirs);
        }
        Ok(users)
    }

    /// Returns these objects, by name.
    fn objects(
        &mut self,
        asking: &Asking<'_>,
        kind: Kind,
        names: &BTreeSet<String>,
        witness: Option<&str>,
    ) -> Result<BTreeMap<String, Object>, NotAsked> {
        let witnesses: Vec<String> = witness.map(str::to_owned).into_iter().collect();
        let mut found = asking.named(kind, names, &witnesses)?;
        let of = |name: &String| (kind.to_string(), name.clone());
        let lacking: BTreeSet<String> =
            names.iter().filter(|name| !found.contains_key(*name)).cloned().collect();
        if lacking.iter().any(|name| !self.missing.contains(&of(name))) {
            asking.answers(&witnesses)?;
            found.extend(asking.named(kind, &lacking, &witnesses)?);
            asking.answers(&witnesses)?;
        }
        self.missing.retain(|(of, _)| *of != kind.to_string());
        self.missing.extend(names.iter().filter(|name| !found.contains_key(*name)).map(of));
        Ok(found)
    }
}

/// One round of questions.
struct Asking<'a> {
    host: &'a dyn Host,
    key: &'a str,
    stop: &'a Stop,
}

impl Asking<'_> {
    fn users_of(&self, site: &SiteSection) -> Result<BTreeMap<String, Object>, NotAsked> {
        let mut users = BTreeMap::new();
        for value in site.values().unwrap_or_default() {
            self.stop.check()?;
            let found = self.host.objects_with(Kind::Endpoint, self.key, &value)?;
            users.extend(found.into_iter().map(by_name));
        }
        Ok(users)
    }

    fn named(
        &self,
        kind: Kind,
        names: &BTreeSet<String>,
        witnesses: &[String],
    ) -> Result<BTreeMap<String, Object>, NotAsked> {
        let names: Vec<String> = names.iter().cloned().collect();
        let mut all = BTreeMap::new();
        for some in names.chunks(AT_ONCE) {
            self.stop.check()?;
            let begun = Instant::now();
            let found = self.host.objects_named(kind, some)?;
            if found.len() < some.len() && begun.elapsed() > SLOW {
                self.answers(witnesses)?;
            }
            all.extend(found.into_iter().map(by_name));
        }
        Ok(all)
    }

    /// Checks that the database answers: it has one of these users, by the way past all caches.
    fn answers(&self, witnesses: &[String]) -> Result<(), NotAsked> {
        for witness in witnesses.iter().take(WITNESSES) {
            self.stop.check()?;
            if !self.host.objects_with(Kind::Endpoint, NAME, witness)?.is_empty() {
                return Ok(());
            }
        }
        Err(NotAsked::Failed(match witnesses.is_empty() {
            true => format!(
                "the database has no user of any site, or does not answer: no endpoint has a site's value as {}",
                self.key
            ),
            false => {
                "the database does not answer, or has lost all users of which it is known that it had them"
                    .to_owned()
            }
        }))
    }
}

fn by_name(object: Object) -> (String, Object) {
    (String::from_utf8_lossy(&object.name).into_owned(), object)
}

/// Returns the digest over all that a database has.
///
/// # Errors
/// Asterisk has no SHA-256.
pub(super) fn digest(host: &dyn Host, sections: &[Section]) -> Result<Short, String> {
    text::digest(host, sections).map_err(|error| error.to_string())
}
