//! The mailboxes of this site's users: from the main's voicemail.conf to a file of the branch. Pure.
//!
//! - `entry`: what of a box is written, and what is not
//! - `owner`: whose box is whose
//!
//! Only mailboxes of users of this site are copied.

mod entry;
mod owner;

use std::collections::{BTreeMap, HashSet};

use self::entry::{Entry, Taking};
pub use self::owner::{Contexts, Owner, assign, owners_in};

use crate::{
    site::users::{Document, Section, render_sections},
    words::{
        conf::{ConfSection, ConfVariable, is_yes},
        wording::visible,
    },
};

/// Sections of voicemail.conf that are no contexts of boxes, upper or lower case.
const NO_BOXES: [&[u8]; 3] = [b"general", b"zonemessages", b"aliases"];
/// The context of boxes that are named without one.
const DEFAULT: &str = "default";
/// A name of a folder longer than this doesn't fit app_voicemail's own buffers (80 bytes).
const MAX_WORD: usize = 79;

/// One mailbox.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Its number.
    pub number: String,
    /// Its context.
    pub context: String,
    /// What is written behind the number.
    value: String,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest begins with the PIN.
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.number, self.context)
    }
}

/// What was found for the users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailboxes {
    /// Their boxes, in the order of the main.
    pub boxes: Vec<Mailbox>,
    /// The box that takes the messages for a number.
    pub of_number: BTreeMap<String, String>,
    /// Remarks about them for the administrator.
    pub remarks: Remarks,
}

/// Differences between the mailboxes on the branch and those on the main.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Boxes that are not taken, with the reason.
    pub left_out: Vec<String>,
    /// Parts of a box that are not taken, each with the reason.
    pub lost: BTreeMap<String, Vec<String>>,
    /// Numbers that several boxes could belong to, with these boxes.
    pub unclear: BTreeMap<String, Vec<String>>,
    /// Whether the main keeps the users' own PINs in its spool (`passwordlocation = spooldir`), where synch can't read them.
    pub pins_elsewhere: bool,
}

/// What is wanted of the main's file.
#[derive(Clone, Copy, Debug)]
pub struct WantedBoxes<'a> {
    /// The users of this site.
    pub owners: &'a [Owner],
    /// Boxes that the branch has already: `number@context`.
    pub local: &'a HashSet<String>,
    /// Options that are taken besides the usual ones.
    pub options: &'a [String],
    /// Whether voicemail can send mail here.
    pub mails: bool,
}

/// Finds the boxes.
#[must_use]
pub fn find_boxes(document: &Document<'_>, wanted: &WantedBoxes<'_>) -> Mailboxes {
    let aliases = Aliases::of(document);
    let there: Vec<(&str, &str, &[u8])> = document
        .sections
        .iter()
        .filter(|section| has_boxes(section.name) && !aliases.is(section.name))
        .filter_map(|section| Some((word(section.name, b"_.-")?, section)))
        .flat_map(|(context, section)| section.lines.iter().map(move |line| (context, line)))
        .filter_map(|(context, line)| Some((word(line.key, b"*#_.-+")?, context, line.value)))
        .collect();
    let contexts = Contexts::new(there.iter().map(|(number, context, _)| (*number, *context)));
    let mut owners: Vec<Owner> = wanted.owners.iter().map(|owner| aliases.resolved(owner)).collect();
    if general(document, "searchcontexts").is_some_and(is_yes) {
        owners.iter_mut().for_each(|owner| owner.search(&contexts));
    }
    let mut found = Mailboxes { of_number: assign(&owners, &contexts), ..Mailboxes::default() };
    found.remarks.pins_elsewhere = general(document, "passwordlocation") == Some(b"spooldir");
    let mut named: HashSet<String> = owners.iter().flat_map(|owner| owner.named.iter().cloned()).collect();
    named.extend(found.of_number.values().cloned());
    for owner in owners.iter().filter(|owner| owner.named.is_empty()) {
        if let Some(number) = owner.number.as_ref().filter(|number| contexts.of(number).len() > 1) {
            let several = contexts.of(number).iter().map(|context| format!("{number}@{context}")).collect();
            found.remarks.unclear.insert(number.clone(), several);
        }
    }
    let taking = Taking { options: wanted.options, mails: wanted.mails };
    let mut known = HashSet::new();
    for (number, context, value) in there {
        let name = format!("{number}@{context}");
        if !named.contains(&name) {
            continue;
        }
        match Entry::read(value, taking) {
            _ if wanted.local.contains(&name) => {
                found
                    .remarks
                    .left_out
                    .push(format!("{name}: the branch's own voicemail.conf already has it"));
            }
            _ if !known.insert(name.clone()) => {
                found.remarks.left_out.push(format!("{name}: the main has it twice"))
            }
            Ok(Entry { value, lost }) => {
                let (number, context) = (number.to_owned(), context.to_owned());
                found.boxes.push(Mailbox { number, context, value });
                if !lost.is_empty() {
                    found.remarks.lost.insert(name, lost.iter().map(|text| visible(text)).collect());
                }
            }
            Err(reason) => {
                found.remarks.lost.insert(name, vec![format!("the whole mailbox, because {reason}")]);
            }
        }
    }
    let taken: HashSet<String> = found.boxes.iter().map(ToString::to_string).collect();
    found.of_number.retain(|_, name| taken.contains(name) || wanted.local.contains(name));
    found
}

/// Other names of boxes (`aliasescontext`), as FreePBX has them: `1001@device = 1001@default`.
struct Aliases<'a> {
    context: Option<&'a [u8]>,
    names: BTreeMap<&'a [u8], &'a [u8]>,
}

impl<'a> Aliases<'a> {
    fn of(document: &Document<'a>) -> Self {
        let context = general(document, "aliasescontext");
        let sections = document.sections.iter().filter(|section| Some(section.name) == context);
        let names = sections.flat_map(|section| &section.lines).map(|line| (line.key, line.value)).collect();
        Self { context, names }
    }

    fn is(&self, section: &[u8]) -> bool {
        self.context == Some(section)
    }

    fn resolved(&self, owner: &Owner) -> Owner {
        let real = |name: &String| {
            let real = self.names.get(name.as_bytes()).and_then(|real| std::str::from_utf8(real).ok());
            real.map_or_else(|| name.clone(), owner::whole_name)
        };
        Owner { number: owner.number.clone(), named: owner.named.iter().map(real).collect() }
    }
}

/// What `[general]` says last.
fn general<'a>(document: &Document<'a>, key: &str) -> Option<&'a [u8]> {
    let sections = document.sections.iter().filter(|section| section.name.eq_ignore_ascii_case(b"general"));
    sections.flat_map(|section: &Section<'a>| section.values(key).collect::<Vec<_>>()).next_back()
}

impl Mailboxes {
    /// The file.
    #[must_use]
    pub fn text(&self, source: &str) -> String {
        render_sections(&self.meaning(), source)
    }

    /// What Asterisk's loader has to read in it.
    #[must_use]
    pub fn meaning(&self) -> Vec<ConfSection> {
        let mut contexts: BTreeMap<&str, Vec<ConfVariable>> = BTreeMap::new();
        for mailbox in &self.boxes {
            let variable = ConfVariable { key: mailbox.number.clone(), value: mailbox.value.clone() };
            contexts.entry(&mailbox.context).or_default().push(variable);
        }
        let section = |(name, variables): (&str, _)| ConfSection { name: name.to_owned(), variables };
        contexts.into_iter().map(section).collect()
    }
}

/// The boxes in a file of ours, by their number and context.
#[must_use]
pub fn boxes_in(sections: &[ConfSection]) -> Contexts<'_> {
    let boxes = sections.iter().flat_map(|section| section.variables.iter().map(move |line| (section, line)));
    Contexts::new(boxes.map(|(section, line)| (line.key.as_str(), section.name.as_str())))
}

fn has_boxes(section: &[u8]) -> bool {
    !NO_BOXES.iter().any(|other| section.eq_ignore_ascii_case(other))
}

/// Letters, digits and some signs: what a number and a context are made of.
fn word<'a>(text: &'a [u8], besides: &[u8]) -> Option<&'a str> {
    // They become names of folders: none may be `..`.
    let begins = text.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"*#+".contains(byte));
    let plain = begins && text.iter().all(|byte| byte.is_ascii_alphanumeric() || besides.contains(byte));
    (plain && (1..=MAX_WORD).contains(&text.len())).then(|| std::str::from_utf8(text).ok()).flatten()
}

#[cfg(test)]
mod tests;
