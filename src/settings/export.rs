//! `[export]` and `[site NAME]`: what a main with this module gives to its branches.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::{
    FilterKey, Pattern, Technology,
    sync::usual_file,
    value::{self, each_of},
    walk::{Keys, Row, key, rows},
};
use crate::words::variables::sets_variable;

/// How the sections of single sites begin, and how the pages call them.
const SITE: &str = "site";
const SITES: &str = "site NAME";
/// The value of `sites` that takes them from manager.conf.
const MANAGER: &str = "manager";
/// A name of an account longer than this is a typing error.
const MAX_ACCOUNT: usize = 80;
/// A site is told from its filter value by [`SiteSection::max_users`]: far more than a branch has, and less than a filter that
/// fits everybody of a large main would choose.
const MAX_USERS: usize = 500;
/// Percent of all users. Sites fail one at a time; where half of all users are lost at once, it is the main's own line.
const LOST_MAX: u8 = 50;

/// Which sites there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sites {
    /// Each AMI account whose write class is `log` and nothing else.
    Manager,
    /// The AMI accounts of these names.
    Named(BTreeSet<String>),
}

impl Sites {
    fn read(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case(MANAGER) {
            return Some(Self::Manager);
        }
        each_of(text, account).map(BTreeSet::from_iter).map(Self::Named)
    }

    fn are_none(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }
}

impl fmt::Display for Sites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manager => f.write_str(MANAGER),
            Self::Named(names) => f.write_str(&names.iter().cloned().collect::<Vec<_>>().join(",")),
        }
    }
}

/// What becomes of calls to the users of a site that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostForward {
    /// Nothing, unless the dialplan asks `SYNCH_ROUTE`.
    None,
    /// FreePBX's own forward for whoever can't be reached, `CFU` in Asterisk's database, leads to their public numbers.
    FreePbx,
}

impl LostForward {
    fn from_word(word: &str) -> Option<Self> {
        [Self::None, Self::FreePbx].into_iter().find(|known| known.word().eq_ignore_ascii_case(word))
    }

    const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::FreePbx => "freepbx",
        }
    }
}

impl fmt::Display for LostForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Where the users are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserSource {
    /// In files.
    Files,
    /// Wherever res_pjsip has them, such as in a database: Asterisk's sorcery is asked.
    Sorcery,
}

impl UserSource {
    fn from_word(word: &str) -> Option<Self> {
        [Self::Files, Self::Sorcery].into_iter().find(|known| known.word().eq_ignore_ascii_case(word))
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Sorcery => "sorcery",
        }
    }
}

impl fmt::Display for UserSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// `[site NAME]`: what is special of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct SiteSection {
    /// The AMI account.
    pub name: String,
    /// Which value of `filter_key` its users have; `None`: its name.
    pub filter_value: Option<Pattern>,
    /// Users at most. More are an error, never a cut answer.
    pub max_users: usize,
}

impl SiteSection {
    /// Makes what counts for a site that has no section.
    #[must_use]
    pub fn usual(name: &str) -> Self {
        Self { name: name.to_owned(), filter_value: None, max_users: MAX_USERS }
    }

    /// Returns the values of `filter_key` that its users have, as a database can be asked for them; `None` where it can't.
    #[must_use]
    pub fn values(&self) -> Option<Vec<String>> {
        match &self.filter_value {
            Some(pattern) => pattern.whole_values(),
            None => Some(vec![self.name.clone()]),
        }
    }
}

/// The keys of such a section.
#[derive(Clone)]
struct SiteKeys {
    filter_value: Option<Pattern>,
    max_users: usize,
}

impl SiteKeys {
    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            SiteKeys {
                filter_value: key::maybe("a regular expression", Pattern::new),
                max_users: key::number(MAX_USERS, 1..=20_000),
            },
        )
    }
}

/// `[export]`: what a main gives to its branches.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// Which sites there are.
    pub sites: Sites,
    /// Which of a user's options says whose user it is.
    pub filter_key: FilterKey,
    /// The channel driver of the users.
    pub technology: Technology,
    /// The files that have the users.
    pub files: Vec<String>,
    /// Where they are.
    pub source: UserSource,
    /// From one question to a database to the next.
    pub refresh: Duration,
    /// After so long without a word a site counts as lost.
    pub lost_after: Duration,
    /// What becomes of calls to its users then.
    pub lost_forward: LostForward,
    /// Percent of all users that lost sites may have together: with more, it is this main that is lost.
    pub lost_max: u8,
    /// The variable of a user that has the public number.
    pub public_key: String,
    /// Sites that have a section of their own.
    pub special: Vec<SiteSection>,
}

impl Export {
    /// `[export]` and all sections of sites; `None` where no site is named.
    pub(super) fn sections(keys: &mut dyn Keys, in_force: Option<&Option<Self>>) -> Option<Option<Self>> {
        let in_force = in_force.map(Option::as_ref);
        let special =
            Self::special(keys, in_force.map(|export| export.map_or(&[][..], |export| &export.special)));
        let export = match in_force {
            Some(None) => Some(None),
            in_force => {
                keys.begin("export");
                let read = Self::rows(keys, in_force.flatten());
                if let (Some(export), Some(special)) = (&read, &special) {
                    can_be_asked_for(keys, export, special);
                }
                keys.end();
                read.map(Some)
            }
        };
        let (export, special) = (export?, special?);
        let export = export.filter(|export| !export.sites.are_none());
        Some(export.map(|export| Self { special, ..export }))
    }

    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Export {
                sites: key::text("manager, or names of AMI accounts, separated by commas", Sites::read)
                    .or(Sites::Named(BTreeSet::new())),
                filter_key: key::text("the name of a variable, or categoryname", FilterKey::read)
                    .or(FilterKey::Variable("accountcode".to_owned())),
                technology: key::text("pjsip or sip", Technology::from_word).or(Technology::Pjsip),
                files: key::list(
                    "names of configuration files of this system, separated by commas",
                    value::file_on_main
                )
                .or(vec![usual_file(technology).to_owned()]),
                source: key::text("files or sorcery", UserSource::from_word).or(UserSource::Files),
                refresh: key::seconds(60, 5..=3600),
                lost_after: key::seconds(30, 10..=3600),
                lost_forward: key::text("none or freepbx", LostForward::from_word).or(LostForward::None),
                lost_max: key::number(LOST_MAX, 1..=100),
                public_key: key::text("the name of a variable", value::option)
                    .or(super::Dialplan::PUBLIC_KEY.to_owned()),
                special: NoKeys,
            },
        )
    }

    /// All sections of sites.
    fn special(keys: &mut dyn Keys, in_force: Option<&[SiteSection]>) -> Option<Vec<SiteSection>> {
        let names: Vec<String> = in_force.into_iter().flatten().map(|site| site.name.clone()).collect();
        let mut sites = Some(Vec::new());
        for name in keys.sections_of(SITE, &names) {
            keys.begin_named(SITES, &format!("{SITE} {name}"));
            if account(&name).is_none() {
                keys.error(&"-", &"wanted is the name of an AMI account behind 'site'");
                sites = None;
            }
            let known = in_force.into_iter().flatten().find(|site| site.name == name);
            let known = known.map(|SiteSection { filter_value, max_users, .. }| SiteKeys {
                filter_value: filter_value.clone(),
                max_users: *max_users,
            });
            let read = SiteKeys::rows(keys, known.as_ref());
            keys.end();
            sites = sites.zip(read).map(|(mut sites, SiteKeys { filter_value, max_users })| {
                sites.push(SiteSection { name, filter_value, max_users });
                sites
            });
        }
        sites
    }

    /// Returns the option of an endpoint by which a database is asked for the users of a site; `None` where it can't be.
    #[must_use]
    pub fn asked_by(&self) -> Option<String> {
        let FilterKey::Variable(key) = &self.filter_key else { return None };
        let is_column = key.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
        (is_column && !sets_variable(key)).then(|| key.to_ascii_lowercase())
    }

    /// Returns what is special of a site.
    #[must_use]
    pub fn site(&self, name: &str) -> SiteSection {
        let found = self.special.iter().find(|site| site.name == name);
        found.cloned().unwrap_or_else(|| SiteSection::usual(name))
    }
}

/// A database has no regular expressions that all of them know, and chan_sip keeps its peers elsewhere.
fn can_be_asked_for(keys: &mut dyn Keys, export: &Export, special: &[SiteSection]) {
    if export.source == UserSource::Files {
        return;
    }
    let source = &format!("source = {}", export.source);
    if export.technology == Technology::Sip {
        keys.error(source, &"wanted is technology = pjsip: only the users of res_pjsip can be asked for");
    }
    if export.asked_by().is_none() {
        let problem = format!(
            "wanted is another filter_key than {}: a column of the endpoints, such as accountcode",
            export.filter_key
        );
        keys.error(source, &problem);
    }
    for SiteSection { name, filter_value, .. } in special.iter().filter(|site| site.values().is_none()) {
        let value = filter_value.as_ref().map(ToString::to_string).unwrap_or_default();
        let problem = format!(
            "filter_value = {value} of [{SITE} {name}] can't be asked for: wanted are whole values, as ^{name}$ or ^(one|other)$"
        );
        keys.error(source, &problem);
    }
}

/// The row of a field that has no key in its section.
struct NoKeys;

impl Row<Vec<SiteSection>> for NoKeys {
    fn walk(
        self,
        _: &'static str,
        _: &mut dyn Keys,
        _: Option<&Vec<SiteSection>>,
    ) -> Option<Vec<SiteSection>> {
        Some(Vec::new())
    }
}

/// Returns whether a section is one of a site.
pub(super) fn is_site_section(name: &str) -> bool {
    name.strip_prefix(SITE).is_some_and(|rest| rest.starts_with(' '))
}

/// The name of an AMI account.
fn account(text: &str) -> Option<String> {
    let plain = text.bytes().all(|letter| letter.is_ascii_graphic() && !b",[]".contains(&letter));
    (plain && (1..=MAX_ACCOUNT).contains(&text.len()) && text != "general").then(|| text.to_owned())
}
