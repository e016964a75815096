//! What the branch has of a part that the main exports: sections in GetConfig's own form, of which only those are asked for
//! again that have changed. Pure.

mod grouped;

use std::collections::{HashMap, HashSet};

use super::users::{Document, Section};
use crate::{
    export::{
        Digest, Short,
        asked::{Manifest, Question, Void, check_answer, digest_of_part},
        part_digest,
    },
    uplink::ami::{Crypto, Frame},
};

pub use grouped::{Fault, Grouped};

/// How often it is tried again where the main has changed while it was asked: it reads its files at each reload.
pub const TRIES: usize = 3;
/// Of so many things, one may have changed: where more have, all are asked for.
const TENTH: usize = 10;
/// So few are asked for by name in any case.
const FEW: usize = 10;

/// Headers of an answer that are none of GetConfig's.
const OURS: [&[u8]; 2] = [b"Digest", b"AnswerDigest"];

/// The sections of an answer, whole as they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Over all of the part.
    pub digest: Digest,
    /// The answer, as GetConfig would have given it.
    pub frame: Frame,
}

impl Taken {
    /// Reads an answer that has sections.
    ///
    /// # Errors
    /// It is not whole, or not what was sent.
    pub fn read(answer: &Frame, crypto: &dyn Crypto) -> Result<Self, Void> {
        let digest = digest_of_part(answer)?;
        check_answer(answer, crypto)?;
        let mut bytes = Vec::with_capacity(answer.size());
        let is_ours = |name: &[u8]| OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours));
        for (name, value) in answer.headers().filter(|(name, _)| !is_ours(name)) {
            header(&mut bytes, name, value);
        }
        Ok(Self { digest, frame: Frame::new(bytes) })
    }
}

/// What is to be asked for, to have what the main has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// All of it.
    All,
    /// These, in lists that a question can hold.
    Some(Vec<String>),
}

/// What the branch has of a part whose things are asked for one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    digest: Digest,
    things: Vec<(String, Short)>,
    sections: Vec<Kept>,
}

/// A section, and its lines as they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    name: Vec<u8>,
    /// Its `type`, by which two of one name are told apart; empty where it has none.
    kind: Vec<u8>,
    lines: Vec<Vec<u8>>,
}

/// What chan_sip calls a peer.
const PEERS: [&[u8]; 3] = [b"friend", b"peer", b"user"];
/// Keys by which a section names others.
const NAMES: [&str; 2] = ["aors", "auth"];

impl Kept {
    fn of(section: &Section<'_>) -> Self {
        let kind = section.values("type").next_back().unwrap_or_default().to_ascii_lowercase();
        // A peer of chan_sip that becomes a friend is the same.
        let is_peer = PEERS.iter().any(|peer| *peer == kind);
        let kind = if is_peer { b"peer".to_vec() } else { kind };
        let line = |line: &super::users::Line<'_>| [line.key, b"=", line.value].concat();
        Self { name: section.name.to_vec(), kind, lines: section.lines.iter().map(line).collect() }
    }

    fn key(&self) -> (Vec<u8>, Vec<u8>) {
        (self.name.clone(), self.kind.clone())
    }

    /// The names in its lists, such as `aors = a,b`.
    fn named(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let of_key = |line: &Vec<u8>| {
            let equals = line.iter().position(|byte| *byte == b'=')?;
            let (key, value) = line.split_at_checked(equals)?;
            let is_list = NAMES.iter().any(|name| key.eq_ignore_ascii_case(name.as_bytes()));
            is_list.then(|| value.get(1..).unwrap_or_default().to_vec())
        };
        let lists: Vec<Vec<u8>> = self.lines.iter().filter_map(of_key).collect();
        lists.into_iter().flat_map(|list| {
            let names: Vec<Vec<u8>> =
                list.split(|byte| *byte == b',').map(|name| name.trim_ascii().to_vec()).collect();
            names
        })
    }
}

impl Copy {
    /// Takes all of a part.
    ///
    /// # Errors
    /// The main has changed since it said what there is, or the answer is garbled.
    pub fn whole(manifest: Manifest, answer: &Taken) -> Result<Self, Void> {
        if answer.digest != manifest.digest {
            return Err(Void::Changed);
        }
        let sections = sections(&answer.frame)?;
        Ok(Self { digest: manifest.digest, things: manifest.things, sections })
    }

    /// Returns the digest over all of it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns how many things it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.things.len()
    }

    /// Returns whether nothing is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// Returns what has to be asked for to have what the manifest says. What has only gone need not be.
    #[must_use]
    pub fn lacks(copy: Option<&Self>, manifest: &Manifest) -> Ask {
        let Some(copy) = copy else { return Ask::All };
        let had: HashMap<&str, Short> =
            copy.things.iter().map(|(name, short)| (name.as_str(), *short)).collect();
        let changed = manifest.things.iter().filter(|(name, short)| had.get(name.as_str()) != Some(short));
        let names: Vec<&str> = changed.map(|(name, _)| name.as_str()).collect();
        let is_much = names.len() > FEW && names.len() * TENTH > manifest.things.len();
        match Question::lists(&names).filter(|_| !is_much) {
            Some(lists) => Ask::Some(lists),
            None => Ask::All,
        }
    }

    /// Returns the same with what has changed: sections in their old places, new ones behind the last of their kind.
    ///
    /// # Errors
    /// The main has changed since it said what there is, or an answer is garbled.
    pub fn with(&self, manifest: Manifest, answers: &[Taken]) -> Result<Self, Void> {
        // Each with its place: that of old, or the last one of its kind and a number behind it.
        let mut all: Vec<((usize, usize), Kept)> =
            self.sections.iter().enumerate().map(|(at, section)| ((at, 0), section.clone())).collect();
        let mut places: HashMap<(Vec<u8>, Vec<u8>), usize> = HashMap::new();
        let mut last: HashMap<Vec<u8>, usize> = HashMap::new();
        for (at, (_, section)) in all.iter().enumerate() {
            if places.insert(section.key(), at).is_some() {
                // Defined twice: which of the two an answer has can't be told.
                return Err(Void::Changed);
            }
            last.insert(section.kind.clone(), at);
        }
        let mut had = HashSet::new();
        for answer in answers {
            if answer.digest != manifest.digest {
                return Err(Void::Changed);
            }
            for section in sections(&answer.frame)? {
                let key = section.key();
                if let Some((_, old)) = places.get(&key).and_then(|at| all.get_mut(*at)) {
                    if !had.insert(key) && *old != section {
                        return Err(Void::Changed);
                    }
                    *old = section;
                } else {
                    let place = (last.get(&section.kind).copied().unwrap_or(usize::MAX), all.len());
                    places.insert(key.clone(), all.len());
                    had.insert(key);
                    all.push((place, section));
                }
            }
        }
        all.sort_by_key(|(place, _)| *place);
        let mut all: Vec<Kept> = all.into_iter().map(|(_, section)| section).collect();
        let there: HashSet<&[u8]> = manifest.things.iter().map(|(name, _)| name.as_bytes()).collect();
        let is_there = |section: &Kept| there.contains(&*section.name);
        let named: HashSet<Vec<u8>> =
            all.iter().filter(|section| is_there(section)).flat_map(Kept::named).collect();
        all.retain(|section| there.contains(&*section.name) || named.contains(&section.name));
        Ok(Self { digest: manifest.digest, things: manifest.things, sections: all })
    }

    /// Returns it as one answer to GetConfig.
    #[must_use]
    pub fn frame(&self) -> Frame {
        written(&self.sections)
    }
}

/// Sections as one answer to GetConfig.
fn written(sections: &[Kept]) -> Frame {
    let mut bytes = b"Response: Success\r\n".to_vec();
    for (number, section) in sections.iter().enumerate() {
        header(&mut bytes, format!("Category-{number:06}").as_bytes(), &section.name);
        for (place, line) in section.lines.iter().enumerate() {
            header(&mut bytes, format!("Line-{number:06}-{place:06}").as_bytes(), line);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    Frame::new(bytes)
}

/// Checks that a manifest is all that the main has sent.
///
/// # Errors
/// A line of it is missing, or another one.
pub fn check(manifest: &Manifest, crypto: &dyn Crypto) -> Result<(), Void> {
    let things = manifest.things.iter().map(|(name, short)| (name.as_bytes(), *short));
    let is_whole = part_digest(crypto, things)?.is(&manifest.digest);
    is_whole.then_some(()).ok_or(Void::Digest)
}

fn sections(frame: &Frame) -> Result<Vec<Kept>, Void> {
    let document = Document::read_part(frame).map_err(|error| Void::Garbled(error.to_string()))?;
    Ok(document.sections.iter().map(Kept::of).collect())
}

fn header(bytes: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, b": ", value, b"\r\n"] {
        bytes.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
