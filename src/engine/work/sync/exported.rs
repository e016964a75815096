//! What is taken from a main that exports: what has changed, and no more.

use std::collections::{BTreeMap, HashMap};

use super::{Failure, reading::Reading};
use crate::{
    export::{
        Digest, Part,
        asked::{Manifest, Question, Void, Wanted, is_unchanged},
    },
    site::{
        exported::{Ask, Copy, Fault, Grouped, TRIES, Taken, check},
        users::{Answer, Document},
    },
    uplink::ami::Query,
};

/// What stands for the file, in messages and where it is shown what a user's option comes from.
const FILE: &str = "the main's export";

/// What the branch has of the main's export. It outlives a time in which the main does not export.
#[derive(Default)]
pub(super) struct Exported {
    users: Option<Copy>,
    /// The other parts, as they were sent, each with the contexts that it is about.
    parts: BTreeMap<Part, (String, Grouped)>,
    /// The database, as far as it was exported.
    values: HashMap<(String, String), String>,
}

impl Exported {
    /// Takes the users of this site.
    pub(super) fn users(&mut self, reading: &mut Reading) -> Result<Vec<Answer>, Failure> {
        let void = |void| Failure::Export { part: Part::Users, void };
        let mut copy = self.users.take();
        let mut tries = 0;
        loop {
            tries += 1;
            match take_users(reading, copy.as_ref(), tries > 1) {
                Ok(None) => break,
                Ok(Some(new)) => {
                    copy = Some(new);
                    break;
                }
                Err(Failure::Export { void: Void::Changed, .. }) if tries < TRIES => {}
                Err(failure) => {
                    self.users = copy;
                    return Err(reading.lacks(Part::Users, failure));
                }
            }
        }
        let Some(copy) = copy else { return Err(void(Void::Lacks("Digest"))) };
        reading.has(Part::Users, copy.digest());
        // Of no file of the main's, and of no whole one: there may be nobody.
        let answer = Answer { query: Query::named(FILE, FILE), frame: copy.frame() };
        self.users = Some(copy);
        Ok(vec![answer])
    }

    /// Takes another part, where the branch has another one.
    pub(super) fn part(
        &mut self,
        reading: &mut Reading,
        part: Part,
        contexts: &str,
    ) -> Result<Answer, Failure> {
        let held = self.parts.get(&part).filter(|(of, _)| of == contexts).map(|(_, taken)| taken.clone());
        let crypto = reading.crypto();
        let taken = Grouped::take(held, part, contexts, &*crypto, |question| reading.question(question));
        let taken = taken.map_err(|fault| {
            let failure = match fault {
                Fault::Asked(failure) => failure,
                Fault::Void(void) => Failure::Export { part, void },
            };
            reading.lacks(part, failure)
        })?;
        reading.has(part, taken.digest());
        let answer = Answer { query: Query::named(FILE, FILE), frame: taken.frame().clone() };
        self.parts.insert(part, (contexts.to_owned(), taken));
        Ok(answer)
    }

    /// Values of the main's database by family and key; `None` for a key that it doesn't have.
    pub(super) fn values(
        &mut self,
        reading: &mut Reading,
        keys: &[(&str, String)],
    ) -> Result<Vec<Option<String>>, Failure> {
        let before = self.parts.get(&Part::Settings).map(|(_, taken)| taken.digest());
        let answer = match self.part(reading, Part::Settings, "") {
            // An account that may ask the database itself has them all the same.
            Err(Failure::NoPart(_)) => return reading.values(keys),
            answer => answer?,
        };
        if before != self.parts.get(&Part::Settings).map(|(_, taken)| taken.digest()) {
            self.values = values(&answer)?;
        }
        let value = |(family, key): &(&str, String)| {
            self.values.get(&((*family).to_owned(), key.trim_end_matches(OF_DEVICE).to_owned())).cloned()
        };
        Ok(keys.iter().map(value).collect())
    }
}

/// What follows the account in the key of whoever is logged in there.
const OF_DEVICE: &str = "/user";

/// The database, out of sections that are called as its families.
fn values(answer: &Answer) -> Result<HashMap<(String, String), String>, Failure> {
    let void = |error: crate::site::users::DocumentError| Failure::Export {
        part: Part::Settings,
        void: Void::Garbled(error.to_string()),
    };
    let document = Document::read_part(&answer.frame).map_err(void)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let of = |section: &crate::site::users::Section<'_>| {
        let family = text(section.name);
        let lines = section.lines.iter();
        lines.map(|line| ((family.clone(), text(line.key)), text(line.value))).collect::<Vec<_>>()
    };
    Ok(document.sections.iter().flat_map(of).collect())
}

/// Asks for the users that are others; `None` where none is. `all`: whoever has changed, all are asked for.
fn take_users(reading: &mut Reading, copy: Option<&Copy>, all: bool) -> Result<Option<Copy>, Failure> {
    let void = |void| Failure::Export { part: Part::Users, void };
    let question = |digest: Option<Digest>, wanted| Question {
        part: Part::Users,
        digest,
        wanted,
        contexts: String::new(),
    };
    let answer = reading.question(&question(copy.map(Copy::digest), Wanted::Things))?;
    if is_unchanged(&answer) {
        // To a branch that has nothing, that is no answer.
        return if copy.is_some() { Ok(None) } else { Err(void(Void::Lacks("Digest"))) };
    }
    let manifest = Manifest::read(&answer).map_err(void)?;
    check(&manifest, &*reading.crypto()).map_err(void)?;
    let ask = if all { Ask::All } else { Copy::lacks(copy, &manifest) };
    let (lists, copy) = match (ask, copy) {
        (Ask::Some(lists), Some(copy)) => (lists, copy),
        _ => {
            let answer = reading.question(&question(None, Wanted::All))?;
            let taken = Taken::read(&answer, &*reading.crypto()).map_err(void)?;
            return Copy::whole(manifest, &taken).map(Some).map_err(void);
        }
    };
    let mut answers = Vec::with_capacity(lists.len());
    for list in lists {
        let answer = reading.question(&question(None, Wanted::Named(list)))?;
        answers.push(Taken::read(&answer, &*reading.crypto()).map_err(void)?);
    }
    copy.with(manifest, &answers).map(Some).map_err(void)
}
