//! Decides which options of a user are taken, what is written instead of others, and why. Pure.
//!
//! A main that was broken into, or a FreePBX that means well, says things that are wrong or dangerous on a branch. So
//! an option is written only where it is on a list, or where the administrator of the branch has said so.

mod options;

use std::{collections::HashSet, sync::Arc};

use super::{
    Accepted, Declined, Kind,
    accept::{Spoilt, Taken},
    declined::Instead,
    open::{Written, names},
};
use crate::{
    settings::{self, is_secret},
    words::{
        codes::OWN_MESSAGES,
        conf::{ConfSection, is_no},
        variables::{is_special, sets_variable},
    },
};

pub use options::is_usual;

/// A user's section with the fate of each of its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tailored {
    /// What it is.
    pub kind: Kind,
    /// What stands between the brackets.
    pub name: String,
    /// The file on the main that has it.
    pub file: Arc<str>,
    /// Its options, in the order in which they are written.
    pub options: Vec<Fate>,
}

/// What became of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Its name.
    pub key: Arc<str>,
    /// The value that is written; for an option that is not written, the value on the main.
    pub value: Arc<str>,
    /// Why it is as it is.
    pub origin: Origin,
}

/// Why an option is as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The main says so.
    Main,
    /// Written in place of what the main says.
    Rewritten {
        /// The value on the main, if there is one.
        was: Option<Arc<str>>,
        /// Why.
        why: &'static str,
    },
    /// Not written.
    Dropped {
        /// Why.
        why: &'static str,
    },
}

impl Fate {
    /// Whether the option is written.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        !matches!(self.origin, Origin::Dropped { .. })
    }
}

impl Written for Tailored {
    fn values(&self, key: &str) -> Vec<&str> {
        self.written().filter(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value).collect()
    }
}

impl Tailored {
    /// Keys and values that are written, in order.
    pub fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        let written = self.options.iter().filter(|fate| fate.is_written());
        written.map(|fate| (&*fate.key, &*fate.value))
    }

    /// Returns whether its context on the main was this one, set or by default. A context from the branch's own settings
    /// does not count.
    #[must_use]
    pub fn context_was(&self, context: &str) -> bool {
        let is_it = |fate: &Fate| {
            fate.key.eq_ignore_ascii_case("context")
                && matches!(&fate.origin, Origin::Rewritten { was: Some(was), .. } if **was == *context)
        };
        self.options.iter().any(is_it)
    }

    /// Adds the number that others dial to reach this user.
    pub fn set_number(&mut self, number: &str, texts: &mut Texts) {
        let key = if self.kind == Kind::Peer { "setvar" } else { "set_var" };
        let value = format!("{}={number}", super::number::VARIABLE);
        let origin = Origin::Rewritten { was: None, why: NUMBER_WHY };
        self.options.push(Fate { key: texts.share(key), value: texts.share(&value), origin });
    }

    /// Returns what Asterisk's loader has to read back from what is written.
    #[must_use]
    pub fn meaning(&self) -> ConfSection {
        ConfSection::new(self.name.clone(), self.written())
    }

    /// Returns the same without passwords, to be shown.
    #[must_use]
    pub fn masked(mut self) -> Self {
        // `auth` of a peer of chan_sip is a password, that of an endpoint is a name.
        let peer = self.kind == Kind::Peer;
        let masks = |fate: &&mut Fate| is_secret(&fate.key) || peer && fate.key.eq_ignore_ascii_case("auth");
        for fate in self.options.iter_mut().filter(masks) {
            fate.value = Arc::from("***");
            if let Origin::Rewritten { was: Some(was), .. } = &mut fate.origin {
                *was = Arc::from("***");
            }
        }
        self
    }
}

/// What is done to every user of this site.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// What the administrator says about options.
    pub settings: &'a settings::Policy,
    /// The settings whose contexts replace that of the main. With `None` the main's context stays.
    pub dialplan: Option<&'a settings::Dialplan>,
    /// Whether users may have mailboxes here.
    pub boxes: bool,
    /// The context on the main of a user that names none.
    pub unnamed: &'a str,
    /// What this branch's own Asterisk does not take.
    pub declined: &'a Declined,
}

const MESSAGES_WHY: &str = "the code that this branch has for messages";
const CERTIFICATE_WHY: &str = "the main's certificate stays on the main, and a call without a certificate would have \
     no voice";
const NUMBER_WHY: &str = "the number that others dial; [sync] number changes it";
const CONTEXT_WHY: &str = "[dialplan] context";
const CLASS_WHY: &str = "[classes] sets what users of that context may reach here";
/// The context of an endpoint that names none (res_pjsip's config_endpoint), and of a peer where `[general]` of sip.conf names
/// none either (chan_sip's `default_context`).
pub const UNNAMED: &str = "default";
const SET_WHY: &str = "set in res_synch.conf";
const EXPIRATION_WHY: &str = "[policy] max_expiration, so that phones soon return to the main";
const HOST_WHY: &str = "a fixed address could send calls elsewhere; the phone has to register";
const REPLACED: &str = "res_synch.conf sets it";
const DROPPED: &str = "[policy] drop";
/// Asterisk asks a switch such as ours with its contexts locked, and lets another thread read the channel meanwhile
/// (`pbx_find_extension`, `ast_autoservice_start`). Where that hears a fax tone it looks into the contexts: both hang.
const FAX_WHY: &str =
    "no phone needs it, and it can hang Asterisk; to take it anyway, add it to [policy] keep";
const DECLINED_WHY: &str = "this branch's Asterisk does not know this option or its value";
const PARTLY_WHY: &str = "this branch's Asterisk does not know a part of the value";
const FUNCTION_WHY: &str = "it sets something other than a plain variable";

impl Policy<'_> {
    /// Decides over each option of a section. `file` is where the main has it; equal texts are shared through `texts`.
    #[must_use]
    pub fn tailor(&self, section: &Accepted<'_>, file: &Arc<str>, texts: &mut Texts) -> Tailored {
        let kind = section.kind();
        let set = self.set(kind);
        let is_set = |key: &str| set.iter().any(|(known, _)| known.eq_ignore_ascii_case(key));
        let mut options = Vec::with_capacity(section.lines().len());
        let auths = section.lines().iter().filter(|line| line.key.eq_ignore_ascii_case("auth"));
        let auths: Vec<&str> = auths.flat_map(|line| names(&line.value)).collect();
        // A phone that asks for a password gets that of its own user.
        let is_own = |key: &str, value: &str| {
            kind == Kind::Endpoint
                && key.eq_ignore_ascii_case("outbound_auth")
                && names(value).all(|name| auths.contains(&name))
        };
        for Taken { key, value, mended } in section.lines() {
            let why = self.why_dropped(kind, key, value).filter(|why| *why == DROPPED || !is_own(key, value));
            let origin = match (why, mended) {
                _ if is_set(key) => Origin::Dropped { why: REPLACED },
                (Some(why), _) => Origin::Dropped { why },
                (None, Some((was, why))) => Origin::Rewritten { was: Some(texts.share(was)), why },
                (None, None) => Origin::Main,
            };
            options.push(self.known_here(
                kind,
                Fate { key: texts.share(key), value: texts.share(value), origin },
                texts,
            ));
        }
        self.rewrite(kind, &mut options, texts);
        for (key, value) in set.iter().filter(|(_, value)| !value.is_empty()) {
            let origin = Origin::Rewritten { was: None, why: SET_WHY };
            options.push(self.known_here(
                kind,
                Fate { key: texts.share(key), value: texts.share(value), origin },
                texts,
            ));
        }
        for Spoilt { key, value, why } in section.spoilt() {
            let origin = Origin::Dropped { why: self.why_dropped(kind, key, value).unwrap_or(why) };
            options.push(Fate { key: texts.share(key), value: texts.share(value), origin });
        }
        Tailored { kind, name: section.name().to_owned(), file: Arc::clone(file), options }
    }

    /// Returns the same option if this branch's Asterisk accepts it, else what is written in its place.
    fn known_here(&self, kind: Kind, fate: Fate, texts: &mut Texts) -> Fate {
        if !fate.is_written() {
            return fate;
        }
        match self.declined.instead_of(kind, &fate.key, &fate.value) {
            None => fate,
            Some(Instead::Nothing) => Fate { origin: Origin::Dropped { why: DECLINED_WHY }, ..fate },
            Some(Instead::List(list)) => {
                let origin = Origin::Rewritten { was: Some(fate.value), why: PARTLY_WHY };
                Fate { value: texts.share(list), origin, ..fate }
            }
        }
    }

    /// What will be written of a section, without writing it.
    #[must_use]
    pub fn written<'a>(&'a self, section: &'a Accepted<'a>) -> impl Written + 'a {
        WrittenOf { policy: self, section }
    }

    fn set(&self, kind: Kind) -> &[(String, String)] {
        match kind {
            Kind::Endpoint => &self.settings.endpoint,
            Kind::Aor => &self.settings.aor,
            Kind::Peer => &self.settings.peer,
            Kind::Auth => &[],
        }
    }

    fn why_dropped(&self, kind: Kind, key: &str, value: &str) -> Option<&'static str> {
        let named = |list: &[String]| list.iter().any(|known| known.eq_ignore_ascii_case(key));
        if key.eq_ignore_ascii_case("type") {
            return None;
        }
        if named(&self.settings.drop) {
            return Some(DROPPED);
        }
        if sets_variable(key) && !is_plain_variable(value) {
            return Some(FUNCTION_WHY);
        }
        let detects_fax = ["fax_detect", "faxdetect"].iter().any(|known| key.eq_ignore_ascii_case(known));
        if detects_fax && !is_no(value) && !named(&self.settings.keep) {
            return Some(FAX_WHY);
        }
        let taken = named(&self.settings.keep)
            || options::is_usual(kind, key)
            || kind.is_account() && key.eq_ignore_ascii_case("context");
        (!taken).then(|| options::why_not(key))
    }

    /// The number that a phone calls to hear messages has to be a code of this branch.
    fn listen_here(&self, options: &mut Vec<Fate>, texts: &mut Texts) {
        let boxes = self.boxes;
        replace(options, "voicemail_extension", MESSAGES_WHY, texts, |was| {
            was.filter(|_| boxes).map(|_| OWN_MESSAGES.to_owned())
        });
    }

    /// The main's certificate stays there, and without one a phone that wants DTLS has no voice.
    fn certify(&self, options: &mut Vec<Fate>, texts: &mut Texts) {
        let says = |key: &str, wanted: &str| {
            let set = self.settings.endpoint.iter().rfind(|(known, _)| known.eq_ignore_ascii_case(key));
            let set = set.map(|(_, value)| Arc::from(value.as_str()));
            set.or_else(|| written(options, key)).is_some_and(|value| {
                if wanted.is_empty() { !value.is_empty() } else { value.eq_ignore_ascii_case(wanted) }
            })
        };
        if says("media_encryption", "dtls") && !says("webrtc", "yes") && !says("dtls_cert_file", "") {
            replace(options, "dtls_auto_generate_cert", CERTIFICATE_WHY, texts, |_| Some("yes".to_owned()));
        }
    }

    fn rewrite(&self, kind: Kind, options: &mut Vec<Fate>, texts: &mut Texts) {
        match kind {
            Kind::Endpoint | Kind::Peer => {
                let is_set = self.set(kind).iter().any(|(key, _)| key.eq_ignore_ascii_case("context"));
                if let Some(dialplan) = self.dialplan.filter(|_| !is_set) {
                    let on_main = written(options, "context").unwrap_or_else(|| {
                        let (key, value) = (texts.share("context"), texts.share(self.unnamed));
                        options.push(Fate { key, value: Arc::clone(&value), origin: Origin::Main });
                        value
                    });
                    let door = dialplan.door_of(&on_main);
                    let why = if door == dialplan.context { CONTEXT_WHY } else { CLASS_WHY };
                    replace(options, "context", why, texts, |_| Some(door));
                }
                if self.dialplan.is_some() && kind == Kind::Endpoint {
                    self.listen_here(options, texts);
                }
                if kind == Kind::Endpoint {
                    self.certify(options, texts);
                }
                let kept = self.settings.keep.iter().any(|key| key.eq_ignore_ascii_case("host"));
                if kind == Kind::Peer && !kept {
                    replace(options, "host", HOST_WHY, texts, |was| {
                        was.filter(|was| !was.eq_ignore_ascii_case("dynamic")).map(|_| "dynamic".to_owned())
                    });
                }
            }
            Kind::Aor => {
                let most = self.settings.max_expiration;
                for (key, default) in EXPIRATIONS {
                    replace(options, key, EXPIRATION_WHY, texts, |was| {
                        let seconds: Option<u32> = was.map_or(Some(default), |was| was.parse().ok());
                        seconds.is_none_or(|seconds| seconds > most).then(|| most.to_string())
                    });
                }
            }
            Kind::Auth => {}
        }
    }
}

/// The options of a section that are written, as far as [`Policy::rewrite`] leaves them alone.
struct WrittenOf<'a> {
    policy: &'a Policy<'a>,
    section: &'a Accepted<'a>,
}

impl Written for WrittenOf<'_> {
    fn values(&self, key: &str) -> Vec<&str> {
        let kind = self.section.kind();
        let set = self.policy.set(kind).iter().filter(|(known, _)| known.eq_ignore_ascii_case(key));
        let mut set = set.map(|(_, value)| value.as_str()).peekable();
        if set.peek().is_some() {
            return set.filter(|value| !value.is_empty()).collect();
        }
        let same = self.section.lines().iter().filter(|line| line.key.eq_ignore_ascii_case(key));
        let taken = same.filter(|line| self.policy.why_dropped(kind, line.key, &line.value).is_none());
        taken.map(|line| &*line.value).collect()
    }
}

/// What an aor has that says nothing of them (res_pjsip's config_aor).
const EXPIRATIONS: [(&str, u32); 3] =
    [("maximum_expiration", 7200), ("default_expiration", 3600), ("minimum_expiration", 60)];

/// Writes one option anew where `wanted` says so.
fn replace(
    options: &mut Vec<Fate>,
    key: &str,
    why: &'static str,
    texts: &mut Texts,
    wanted: impl FnOnce(Option<&str>) -> Option<String>,
) {
    let same = |fate: &Fate| fate.is_written() && fate.key.eq_ignore_ascii_case(key);
    let was = written(options, key);
    let Some(value) = wanted(was.as_deref()) else { return };
    if was.as_deref() == Some(&value) {
        return;
    }
    options.retain(|fate| !same(fate));
    options.push(Fate {
        key: texts.share(key),
        value: texts.share(&value),
        origin: Origin::Rewritten { was, why },
    });
}

/// Returns what is written for an option so far; if it comes twice, Asterisk uses the last.
fn written(options: &[Fate], key: &str) -> Option<Arc<str>> {
    let same = |fate: &&Fate| fate.is_written() && fate.key.eq_ignore_ascii_case(key);
    options.iter().rev().find(same).map(|fate| Arc::clone(&fate.value))
}

/// `NAME=value`: Asterisk would call `NAME(…)` as a function that writes, and other modules run what is in some names.
fn is_plain_variable(assignment: &str) -> bool {
    let name = assignment.split('=').next().unwrap_or_default();
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    plain && !is_special(name)
}

/// Texts that many users share, each held once.
#[derive(Debug, Default)]
pub struct Texts(HashSet<Arc<str>>);

impl Texts {
    /// The one copy of a text.
    pub fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = Arc::from(text);
        self.0.insert(Arc::clone(&shared));
        shared
    }
}

#[cfg(test)]
pub(super) mod tests;
