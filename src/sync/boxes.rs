//! The mailboxes of this site's users: from the main's voicemail.conf to a file of the branch. Pure.
//!
//! A line of voicemail.conf is `number => pin,name,e-mail,pager,option=value|option=value`. Of all that, each part is
//! written only where it is plainly what it should be: some options of a box run programs or lead into the dialplan.

use std::collections::{BTreeMap, HashSet};

use super::{Document, render_sections};
use crate::settings::{ConfSection, ConfVariable};

/// Sections of voicemail.conf that are no contexts of boxes, upper or lower case.
const NO_BOXES: [&[u8]; 3] = [b"general", b"zonemessages", b"aliases"];

/// The context of boxes that are named without one.
const DEFAULT: &str = "default";

/// Options that only shape how a message is kept, told and mailed. Not among them: what changes the text of a mail
/// (Asterisk evaluates `emailbody`), leads into the dialplan (`callback`, `dialout`, `exitcontext`) or names a program.
const OPTIONS: [&str; 24] = [
    "attach",
    "attachfmt",
    "backupdeleted",
    "delete",
    "deletevoicemail",
    "envelope",
    "forcegreetings",
    "forcename",
    "hidefromdir",
    "language",
    "leaveurgent",
    "locale",
    "maxmessage",
    "maxmsg",
    "maxsecs",
    "messagewrap",
    "minsecs",
    "moveheard",
    "nextaftercmd",
    "review",
    "saycid",
    "sayduration",
    "saydurationm",
    "tz",
];

/// A name or an address longer than this doesn't fit Asterisk's own buffers (80 bytes).
const MAX_FIELD: usize = 79;

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
    /// Those that are not taken, with the reason.
    pub left_out: Vec<String>,
}

/// What is wanted of the main's file.
#[derive(Clone, Copy, Debug)]
pub struct WantedBoxes<'a> {
    /// Boxes that the users name, as `number@context` or `number`, and the users' own numbers.
    pub named: &'a HashSet<String>,
    /// Boxes that the branch has already: `number@context`.
    pub local: &'a HashSet<String>,
    /// Options that are taken besides the usual ones.
    pub options: &'a [String],
}

/// Finds the boxes.
#[must_use]
pub fn find_boxes(document: &Document<'_>, wanted: &WantedBoxes<'_>) -> Mailboxes {
    let mut found = Mailboxes::default();
    let mut known = HashSet::new();
    for section in document.sections.iter().filter(|section| has_boxes(section.name)) {
        let Some(context) = word(section.name, b"_.-") else { continue };
        for line in &section.lines {
            let Some(number) = word(line.key, b"*#_.-") else { continue };
            let name = format!("{number}@{context}");
            let bare = context == DEFAULT || !wanted.named.contains(&format!("{number}@{DEFAULT}"));
            let is_wanted = wanted.named.contains(&name) || bare && wanted.named.contains(number);
            if !is_wanted {
                continue;
            }
            match mailbox(number, context, line.value, wanted) {
                _ if wanted.local.contains(&name) => {
                    found.left_out.push(format!("{name}: the branch's own voicemail.conf has it"));
                }
                _ if !known.insert(name.clone()) => found.left_out.push(format!("{name}: it is there twice")),
                Ok(mailbox) => found.boxes.push(mailbox),
                Err(reason) => found.left_out.push(format!("{name}: {reason}")),
            }
        }
    }
    found
}

fn mailbox(
    number: &str,
    context: &str,
    value: &[u8],
    wanted: &WantedBoxes<'_>,
) -> Result<Mailbox, &'static str> {
    let value = std::str::from_utf8(value).map_err(|_| "it is not UTF-8")?;
    if value.chars().any(char::is_control) {
        return Err("it has control characters");
    }
    let mut fields = value.splitn(5, ',').map(str::trim);
    let pin = fields.next().unwrap_or_default();
    if !is_pin(pin) {
        return Err("its PIN is none");
    }
    // A name, an address or a pager that isn't one is left away; the box is there all the same.
    let name = fields.next().filter(|name| is_name(name)).unwrap_or_default();
    let mut address = || fields.next().filter(|text| is_address(text)).unwrap_or_default();
    let (email, pager) = (address(), address());
    let options: Vec<&str> = fields.next().unwrap_or_default().split('|').map(str::trim).collect();
    let options: Vec<&str> = options.into_iter().filter(|option| is_option(option, wanted.options)).collect();
    let value = format!("{pin},{name},{email},{pager},{}", options.join("|"));
    Ok(Mailbox {
        number: number.to_owned(),
        context: context.to_owned(),
        value: value.trim_end_matches(',').to_owned(),
    })
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

/// The boxes in a file of ours: `number@context` by number, the context `default` first.
#[must_use]
pub fn boxes_in(sections: &[ConfSection]) -> BTreeMap<String, String> {
    let mut boxes = BTreeMap::new();
    let (first, others): (Vec<_>, Vec<_>) = sections.iter().partition(|section| section.name == DEFAULT);
    for section in first.into_iter().chain(others) {
        for ConfVariable { key, .. } in &section.variables {
            boxes.entry(key.clone()).or_insert_with(|| format!("{key}@{}", section.name));
        }
    }
    boxes
}

fn has_boxes(section: &[u8]) -> bool {
    !NO_BOXES.iter().any(|other| section.eq_ignore_ascii_case(other))
}

/// Letters, digits and some signs: what a number and a context are made of.
fn word<'a>(text: &'a [u8], besides: &[u8]) -> Option<&'a str> {
    // They become names of folders: none may be `..`.
    let begins = text.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"*#".contains(byte));
    let plain = begins && text.iter().all(|byte| byte.is_ascii_alphanumeric() || besides.contains(byte));
    (plain && (1..=MAX_FIELD).contains(&text.len())).then(|| std::str::from_utf8(text).ok()).flatten()
}

/// A leading `-` keeps the user from changing it.
fn is_pin(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() <= MAX_FIELD
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*#".contains(&byte))
}

/// It comes into the head of a mail.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_FIELD && !text.contains(['"', '<', '>', '\\', '`', '$', '|', ';', '{', '}'])
}

fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!#%&*+/=?^_~-".contains(&byte);
    let parts: Vec<&str> = text.split('@').collect();
    let [local, domain] = parts.as_slice() else { return false };
    text.len() <= MAX_FIELD
        && !local.is_empty()
        && !local.starts_with('-')
        && local.bytes().all(plain)
        && !domain.is_empty()
        && domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}

fn is_option(text: &str, besides: &[String]) -> bool {
    let Some((key, value)) = text.split_once('=') else { return false };
    let known = OPTIONS.contains(&key) || besides.iter().any(|option| option == key);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/+.: ".contains(&byte);
    known && value.len() <= MAX_FIELD && value.bytes().all(plain) && !value.contains("..")
}

#[cfg(test)]
mod tests;
