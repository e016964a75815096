//! What there is for each site: made of the main's files in one go, for all sites together. Pure.
//!
//! Digests are kept always, texts only while a branch fetches them.
//!
//! - `names`: names in one piece of memory

mod names;

pub use names::Names;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use crate::export::{Answer, Digest, Group, NoHash, Part, Section, Short, group, part_digest, text};
use crate::{
    settings::{Export, FilterKey, NumberFrom, SiteSection, Technology},
    site::{
        directory::{Directory, Entry, Reading},
        users::wizard,
    },
    uplink::ami::{Crypto, Part as Said},
    words::variables::sets_variable,
};

/// Sections of voicemail.conf and extensions.conf that are nobody's: `[globals]` of FreePBX has the password of its database.
const NOBODYS: [&str; 3] = ["general", "globals", "zonemessages"];
/// The voicemail context of a box that is named without one.
const DEFAULT: &str = "default";
/// The keys of an endpoint that name other sections, and the type of these.
const NAMES: [(&str, &str); 2] = [("aors", "aor"), ("auth", "auth")];

/// The main's files, as Asterisk's loader gives them.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The users' files, one behind the other.
    pub users: Vec<Section>,
    /// `voicemail.conf`; `None` where it can't be read.
    pub boxes: Option<Vec<Section>>,
    /// `extensions.conf`; `None` where it can't be read.
    pub contexts: Option<Vec<Section>>,
}

/// The things of a part, each with its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Things {
    /// The digest over all of them.
    pub digest: Digest,
    /// The name of each, in order.
    pub names: Names,
    digests: Box<[Short]>,
    /// The groups that have one, each with the digest over its things.
    pub groups: Box<[(Group, Short)]>,
}

impl Things {
    /// Makes it of names and digests.
    ///
    /// # Errors
    /// Asterisk has no SHA-256.
    pub fn new(crypto: &dyn Crypto, list: &[(impl AsRef<[u8]>, Short)]) -> Result<Self, NoHash> {
        let things = || list.iter().map(|(name, digest)| (name.as_ref(), *digest));
        Ok(Self {
            digest: part_digest(crypto, things())?,
            names: things().map(|(name, _)| name).collect(),
            digests: things().map(|(_, digest)| digest).collect(),
            groups: group::digests(crypto, things())?,
        })
    }

    /// Returns name and digest of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Short)> {
        self.names.iter().zip(self.digests.iter().copied())
    }

    /// Returns the names of those in these groups.
    pub fn of_groups<'t>(&'t self, groups: &BTreeSet<Group>) -> BTreeSet<&'t str> {
        self.names.texts().filter(|name| groups.contains(&Group::of(name.as_bytes()))).collect()
    }

    /// Returns those of these names.
    ///
    /// # Errors
    /// Asterisk has no SHA-256.
    pub fn chosen(&self, crypto: &dyn Crypto, names: &[&str]) -> Result<Self, NoHash> {
        let names: BTreeSet<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
        let chosen: Vec<_> = self.iter().filter(|(name, _)| names.contains(name)).collect();
        Self::new(crypto, &chosen)
    }
}

/// Why a site gets no users: the filter of its section fits far more than a site has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("site {site} has {users} users, more than max_users = {most} of [site {site}]; nothing is cut")]
pub struct TooMany {
    site: String,
    users: usize,
    most: usize,
}

/// What a site has.
#[derive(Clone, Debug)]
pub struct OfSite {
    /// Its users.
    pub users: Result<Arc<Things>, TooMany>,
    /// The mailboxes of its users; `None` where the main has no file of them.
    pub boxes: Option<Arc<Things>>,
    /// The numbers of its users.
    pub numbers: Names,
}

/// What all sites have.
#[derive(Clone, Debug)]
pub struct Stock {
    /// By site.
    pub sites: BTreeMap<String, OfSite>,
    /// All contexts of the dialplan; `None` where the main has no file of them.
    pub contexts: Option<Arc<Things>>,
    /// Everybody.
    pub people: Arc<Directory>,
    /// The same as things.
    pub directory: Arc<Things>,
}

impl Stock {
    /// Returns a part of a site; `None` for a site that there is not, or a part that is not made of files.
    #[must_use]
    pub fn part(&self, site: &str, part: Part) -> Option<Result<&Arc<Things>, &TooMany>> {
        let of_site = self.sites.get(site)?;
        match part {
            Part::Users => Some(of_site.users.as_ref()),
            // Of too many users, nothing is given.
            Part::Boxes => of_site.boxes.as_ref().map(|boxes| of_site.users.as_ref().map(|_| boxes)),
            Part::Contexts => self.contexts.as_ref().map(Ok),
            Part::Directory => Some(Ok(&self.directory)),
            Part::Contacts | Part::Settings => None,
        }
    }
}

/// The texts behind a stock.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    files: Files,
    /// By site: places of the sections of each user.
    users: BTreeMap<String, Vec<Vec<usize>>>,
    people: Arc<Directory>,
}

impl Texts {
    /// Returns the sections of these things of a part, in the order of the files; of all of them where `names` is `None`.
    #[must_use]
    pub fn answer(&self, stock: &Stock, site: &str, part: Part, names: Option<&BTreeSet<&str>>) -> Answer {
        let is_wanted = |name: &[u8]| {
            names.is_none_or(|names| std::str::from_utf8(name).is_ok_and(|name| names.contains(name)))
        };
        let mut answer = Answer::default();
        match part {
            Part::Users => {
                let users = self.users.get(site).into_iter().flatten();
                let wanted = users.filter(|places| {
                    let first = places.first().and_then(|place| self.files.users.get(*place));
                    first.is_some_and(|section| is_wanted(&section.name))
                });
                let places: BTreeSet<usize> = wanted.flatten().copied().collect();
                places
                    .iter()
                    .filter_map(|place| self.files.users.get(*place))
                    .for_each(|one| answer.push(one));
            }
            Part::Boxes => {
                let theirs = stock.sites.get(site).and_then(|site| site.boxes.as_ref());
                let theirs: BTreeSet<&[u8]> =
                    theirs.into_iter().flat_map(|boxes| boxes.names.iter()).collect();
                for section in self.files.boxes.iter().flatten() {
                    let mut some = Section::new(section.name.clone());
                    for (number, value) in section.pairs() {
                        let name = box_name(number, &section.name);
                        if theirs.contains(&*name) && is_wanted(&name) {
                            some.push(number, value);
                        }
                    }
                    if some.lines().next().is_some() {
                        answer.push(&some);
                    }
                }
            }
            Part::Contexts => {
                let all = self.files.contexts.iter().flatten();
                let wanted = all.filter(|one| !is_nobodys(one) && is_wanted(&one.name));
                wanted.for_each(|section| answer.push(section));
            }
            Part::Directory => {
                let mut section = Section::new("directory");
                for entry in self.people.iter().filter(|entry| is_wanted(entry.number.as_bytes())) {
                    section.push(entry.number.as_bytes(), &person(&entry));
                }
                answer.push(&section);
            }
            Part::Contacts | Part::Settings => {}
        }
        answer
    }
}

/// Makes the stock of all sites, and the texts behind it.
///
/// # Errors
/// Asterisk has no SHA-256.
pub fn take_stock(
    crypto: &dyn Crypto,
    files: Files,
    export: &Export,
    sites: &BTreeSet<String>,
) -> Result<(Stock, Texts), NoHash> {
    let people = Arc::new(directory(&files.users, export));
    let index = Index::new(&files.users, export.technology);
    let sites: Vec<SiteSection> = sites.iter().map(|name| export.site(name)).collect();
    let choice = Choice::new(&sites, &export.filter_key);
    let mut users: BTreeMap<String, Vec<Vec<usize>>> =
        sites.iter().map(|site| (site.name.clone(), Vec::new())).collect();
    for (place, section) in files.users.iter().enumerate() {
        if !index.is_account(section) {
            continue;
        }
        for site in choice.sites_of(section) {
            if let Some(users) = users.get_mut(site) {
                users.push(index.complete(place, section));
            }
        }
    }
    let mut of_sites = BTreeMap::new();
    for site in &sites {
        let theirs = users.get(&site.name).map(Vec::as_slice).unwrap_or_default();
        let numbers = people.iter().filter(|entry| choice.is_of(entry.site, site)).map(|entry| entry.number);
        let numbers: Names = numbers.collect();
        let boxes = match &files.boxes {
            Some(all) => Some(Arc::new(boxes_of(crypto, all, &files.users, theirs, &numbers)?)),
            None => None,
        };
        let users = if theirs.len() > site.max_users {
            Err(TooMany { site: site.name.clone(), users: theirs.len(), most: site.max_users })
        } else {
            let mut list = Vec::with_capacity(theirs.len());
            for places in theirs {
                let sections = || places.iter().filter_map(|place| files.users.get(*place));
                let name = sections().next().map(|section| section.name.as_slice()).unwrap_or_default();
                list.push((name, text::digest(crypto, sections())?));
            }
            Ok(Arc::new(Things::new(crypto, &list)?))
        };
        let of_site = OfSite { users, boxes, numbers };
        of_sites.insert(site.name.clone(), of_site);
    }
    let contexts = match &files.contexts {
        Some(sections) => Some(Arc::new(contexts_in(crypto, sections)?)),
        None => None,
    };
    let mut directory = Vec::with_capacity(people.len());
    for entry in people.iter() {
        let digest = Digest::of(crypto, &person(&entry))?.short();
        directory.push((entry.number, digest));
    }
    let stock = Stock {
        sites: of_sites,
        contexts,
        people: Arc::clone(&people),
        directory: Arc::new(Things::new(crypto, &directory)?),
    };
    Ok((stock, Texts { files, users, people }))
}

/// Every context, however many sections it is written in.
fn contexts_in(crypto: &dyn Crypto, sections: &[Section]) -> Result<Things, NoHash> {
    let mut by_name: BTreeMap<&[u8], Vec<&Section>> = BTreeMap::new();
    for section in sections.iter().filter(|section| !is_nobodys(section)) {
        by_name.entry(&section.name).or_default().push(section);
    }
    let mut contexts = Vec::with_capacity(by_name.len());
    for (name, sections) in by_name {
        contexts.push((name, text::digest(crypto, sections)?));
    }
    Things::new(crypto, &contexts)
}

/// `name,site,public number`: commas in the first two would tear the line.
fn person(entry: &Entry<'_>) -> Vec<u8> {
    let plain = |text: &str| text.replace(',', " ");
    format!("{},{},{}", plain(entry.name), plain(entry.site), entry.public.unwrap_or_default()).into_bytes()
}

/// Everybody: number, name, site and public number. Of more than a directory holds, nobody.
fn directory(sections: &[Section], export: &Export) -> Directory {
    let number = NumberFrom::Guess;
    let mut reading = Reading::new(export.technology, &export.filter_key, &number, &export.public_key);
    for section in sections {
        reading.take(Said::Section(&section.name));
        section.pairs().for_each(|(key, value)| reading.take(Said::Variable { key, value }));
    }
    reading.finish().unwrap_or_default()
}

/// `1001@default`
fn box_name(number: &[u8], context: &[u8]) -> Box<[u8]> {
    Part::Boxes.thing(context, number).into()
}

fn is_nobodys(section: &Section) -> bool {
    NOBODYS.iter().any(|name| section.name.eq_ignore_ascii_case(name.as_bytes()))
}

/// The boxes that the users of a site name, and those of their own names and numbers: these in the usual context, and in those
/// in which a user of the site names one. In another one, the same number is somebody else.
fn boxes_of(
    crypto: &dyn Crypto,
    all: &[Section],
    sections: &[Section],
    users: &[Vec<usize>],
    numbers: &Names,
) -> Result<Things, NoHash> {
    let mut named: BTreeSet<Box<[u8]>> = BTreeSet::new();
    let mut own: BTreeSet<&[u8]> = numbers.iter().collect();
    for section in users.iter().flatten().filter_map(|place| sections.get(*place)) {
        own.insert(&section.name);
        for (_, value) in section.pairs().filter(|(key, _)| is_mailbox(key)) {
            for name in list(value) {
                let at = name.iter().position(|octet| *octet == b'@');
                named.insert(match at {
                    Some(_) => name.into(),
                    None => box_name(name, DEFAULT.as_bytes()),
                });
            }
        }
    }
    let context = |name: &[u8]| {
        let at = name.iter().position(|octet| *octet == b'@')?;
        name.get(at + 1..).map(<[u8]>::to_vec)
    };
    let contexts: BTreeSet<Vec<u8>> = named.iter().filter_map(|name| context(name)).collect();
    let mut boxes = Vec::new();
    for section in all.iter().filter(|section| !is_nobodys(section)) {
        let is_theirs = section.name == DEFAULT.as_bytes() || contexts.contains(&section.name);
        for (number, value) in section.pairs() {
            let name = box_name(number, &section.name);
            if is_theirs && own.contains(number) || named.contains(&name) {
                boxes.push((name, Digest::of(crypto, value)?.short()));
            }
        }
    }
    Things::new(crypto, &boxes)
}

fn is_mailbox(key: &[u8]) -> bool {
    let key = wizard::plain_key(key);
    [&b"mailboxes"[..], b"mailbox", b"aor/mailboxes"].iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// The names in a list with commas.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|octet| *octet == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
}

/// Where the section of a type and name is.
struct Index<'s> {
    technology: Technology,
    places: HashMap<(&'static str, &'s [u8]), Vec<usize>>,
}

impl<'s> Index<'s> {
    fn new(sections: &'s [Section], technology: Technology) -> Self {
        let mut places: HashMap<_, Vec<usize>> = HashMap::new();
        if technology == Technology::Pjsip {
            for (place, section) in sections.iter().enumerate() {
                let of_type = |kind: &str| {
                    section.values("type").any(|said| said.eq_ignore_ascii_case(kind.as_bytes()))
                };
                for (_, kind) in NAMES.into_iter().filter(|(_, kind)| of_type(kind)) {
                    places.entry((kind, section.name.as_slice())).or_default().push(place);
                }
            }
        }
        Self { technology, places }
    }

    fn is_account(&self, section: &Section) -> bool {
        let kinds: &[&str] = match self.technology {
            Technology::Pjsip => &["endpoint", "wizard"],
            Technology::Sip => &["friend", "peer", "user"],
        };
        let says = |said: &[u8]| kinds.iter().any(|kind| said.eq_ignore_ascii_case(kind.as_bytes()));
        section.values("type").next().is_some_and(says)
    }

    /// Returns the places of a user's own section and of those that it names: of a key that it has twice, the last counts.
    fn complete(&self, place: usize, section: &Section) -> Vec<usize> {
        let mut all = vec![place];
        for (key, kind) in NAMES {
            let names = section.values(key).next_back().unwrap_or_default();
            for name in list(names) {
                all.extend(self.places.get(&(kind, name)).into_iter().flatten());
            }
        }
        all
    }
}

/// Which site a user belongs to.
struct Choice<'s> {
    key: &'s FilterKey,
    /// Sites whose users have a value: the name of the site.
    by_name: HashMap<&'s str, &'s str>,
    /// Sites with an expression.
    special: Vec<&'s SiteSection>,
}

impl<'s> Choice<'s> {
    fn new(sites: &'s [SiteSection], key: &'s FilterKey) -> Self {
        let (special, usual): (Vec<_>, Vec<_>) = sites.iter().partition(|site| site.filter_value.is_some());
        let by_name = usual.into_iter().map(|site| (site.name.as_str(), site.name.as_str())).collect();
        Self { key, by_name, special }
    }

    fn sites_of(&self, section: &Section) -> BTreeSet<&'s str> {
        let mut sites = BTreeSet::new();
        let mut take = |value: &[u8]| {
            let value = String::from_utf8_lossy(value);
            sites.extend(self.by_name.get(&*value));
            sites
                .extend(self.special.iter().filter(|site| fits(site, &value)).map(|site| site.name.as_str()));
        };
        match self.key {
            FilterKey::CategoryName => take(&section.name),
            FilterKey::Variable(key) => {
                let says =
                    |(name, _): &(&[u8], &[u8])| wizard::plain_key(name).eq_ignore_ascii_case(key.as_bytes());
                if sets_variable(key) {
                    section.pairs().filter(says).for_each(|(_, value)| take(value));
                } else if let Some((_, value)) = section.pairs().rfind(says) {
                    take(value);
                }
            }
        }
        sites
    }

    /// Returns whether that is a site's value of the filter key, as the directory has it.
    fn is_of(&self, value: &str, site: &SiteSection) -> bool {
        match &site.filter_value {
            Some(_) => fits(site, value),
            None => value == site.name,
        }
    }
}

fn fits(site: &SiteSection, value: &str) -> bool {
    site.filter_value.as_ref().is_some_and(|pattern| pattern.fits(value))
}

#[cfg(test)]
mod tests;
