//! `[sync]`: which users are taken from the main, and where they are written.

use std::{fmt, time::Duration};

use regex::bytes::{Regex, RegexBuilder};

use super::{
    value::{self, DAY, MAX_FILTER_SIZE, OUTPUT_FILE, WEEK},
    walk::{Keys, group, key, rows},
};

/// `[sync]`: which users are taken from the main, and where they are written.
#[derive(Clone, Debug, PartialEq)]
pub struct Sync {
    /// From the start of one sync to the start of the next, give or take a tenth.
    pub interval: Duration,
    /// The most that a sync is put off which all branches of the main have the same reason for, drawn anew each time; zero:
    /// it is made at once.
    pub spread: Duration,
    /// Channel driver.
    pub technology: Technology,
    /// Configuration files to read on the main.
    pub files: Vec<String>,
    /// Which user belongs to this site.
    pub filter: Filter,
    /// What others dial to reach each of them.
    pub number: NumberFrom,
    /// Whether forwards, do not disturb and call waiting are taken, which FreePBX keeps in the main's database.
    pub call_settings: bool,
    /// File name in Asterisk's configuration folder.
    pub output: String,
    /// How many versions are kept.
    pub versions: usize,
    /// Percent of the users that one sync may take away before it is held.
    pub max_shrink: u8,
    /// The least time between two readings of the directory; zero: it is not read.
    pub directory_interval: Duration,
}

impl Sync {
    pub(super) fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Sync {
                interval: key::seconds(300, 1..=WEEK),
                spread: key::seconds(60, 0..=DAY),
                technology: key::text("pjsip or sip", Technology::from_word).or(Technology::Pjsip),
                files: key::list(
                    "names of configuration files on the main, separated by commas",
                    value::file_on_main
                )
                .or(vec![usual_file(technology).to_owned()]),
                filter: group(Filter::rows),
                number: key::text(
                    "section, callerid, or the name of a variable that holds what others dial",
                    NumberFrom::read,
                )
                .or(NumberFrom::Guess),
                call_settings: key::yes_no(true),
                output: key::text(OUTPUT_FILE, value::output_file).or(usual_output(technology).to_owned()),
                versions: key::number(10, 1..=1000),
                max_shrink: key::number(50, 0..=100),
                directory_interval: key::seconds(DAY, 0..=WEEK),
            },
        )
    }
}

/// Returns the file that has the users of a channel driver.
pub(super) fn usual_file(technology: Option<Technology>) -> &'static str {
    if technology == Some(Technology::Sip) { "sip_additional.conf" } else { "pjsip.conf" }
}

fn usual_output(technology: Option<Technology>) -> &'static str {
    if technology == Some(Technology::Sip) { "sip_synch.conf" } else { "pjsip_synch.conf" }
}

/// Which channel driver the users of this site belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technology {
    /// `res_pjsip`: users are endpoints with the aors and auths they name.
    Pjsip,
    /// `chan_sip`: users are friends, peers or users.
    Sip,
}

impl Technology {
    pub(super) fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "pjsip" => Some(Self::Pjsip),
            "sip" => Some(Self::Sip),
            _ => None,
        }
    }

    /// The driver, as devices and channels begin with it.
    #[must_use]
    pub const fn driver(self) -> &'static str {
        match self {
            Technology::Pjsip => "PJSIP",
            Technology::Sip => "SIP",
        }
    }
}

impl fmt::Display for Technology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Technology::Pjsip => "pjsip",
            Technology::Sip => "sip",
        })
    }
}

/// `number`: what others dial to reach a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberFrom {
    /// It is not said: the name of the section, or the number in the caller id where that is more likely.
    Guess,
    /// The name of the section.
    Section,
    /// The number in the caller id.
    CallerId,
    /// An option of that name, or a variable that `set_var` sets.
    Variable(String),
}

impl NumberFrom {
    fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "" => Some(NumberFrom::Guess),
            "section" => Some(NumberFrom::Section),
            "callerid" => Some(NumberFrom::CallerId),
            _ => is_variable(text).then(|| NumberFrom::Variable(text.to_owned())),
        }
    }
}

impl fmt::Display for NumberFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NumberFrom::Guess => "",
            NumberFrom::Section => "section",
            NumberFrom::CallerId => "callerid",
            NumberFrom::Variable(name) => name,
        })
    }
}

/// `filter_key` and `filter_value`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What the value is looked for in.
    pub key: FilterKey,
    /// The regular expression, matched anywhere in the value unless it is anchored.
    pub value: Regex,
}

impl Filter {
    fn rows(keys: &mut dyn Keys, in_force: Option<&Self>) -> Option<Self> {
        rows!(
            keys,
            in_force,
            Filter {
                key: key::text("the name of a variable, or categoryname", FilterKey::read)
                    .named("filter_key")
                    .or(FilterKey::Variable("accountcode".to_owned())),
                value: expression().named("filter_value"),
            },
        )
    }

    /// Returns whether the administrator has said whose users belong to this site. A main that exports knows it.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.value.as_str().is_empty()
    }
}

/// Not given, it leaves the choice to a main that exports.
fn expression<'a>() -> key::Key<'a, Regex> {
    let expression = key::text("a regular expression", regex);
    match regex("") {
        Some(nothing) => expression.or(nothing),
        None => expression,
    }
}

fn regex(text: &str) -> Option<Regex> {
    RegexBuilder::new(text).size_limit(MAX_FILTER_SIZE).build().ok()
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value.as_str() == other.value.as_str()
    }
}

/// What a filter looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterKey {
    /// The name of the section: the reserved key `categoryname`.
    CategoryName,
    /// Any variable of that name, upper or lower case.
    Variable(String),
}

/// The name of a section, in `filter_key`.
const CATEGORY_NAME: &str = "categoryname";

impl FilterKey {
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case(CATEGORY_NAME) {
            return Some(FilterKey::CategoryName);
        }
        // pjsip_wizard.conf calls it that; it is the endpoint's option all the same.
        let name = text.strip_prefix("endpoint/").unwrap_or(text);
        is_variable(name).then(|| FilterKey::Variable(name.to_owned()))
    }
}

impl fmt::Display for FilterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FilterKey::CategoryName => CATEGORY_NAME,
            FilterKey::Variable(name) => name,
        })
    }
}

fn is_variable(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'=')
}
