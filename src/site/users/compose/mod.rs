//! The answers of the main into the text of the branch's file, in one call. Pure.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Barred, Document, DocumentError, Fate, Kind, LeftOut, Policy, SelectError, Tailored, Told, Wanted,
    number::{self, Account},
    policy::Texts,
    render, select, wizard,
};
use crate::{
    settings::NumberFrom,
    uplink::ami::{Frame, Query},
    words::number::is_number,
};

/// The answer to one GetConfig.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked for.
    pub query: Query,
    /// What came.
    pub frame: Frame,
}

impl Answer {
    /// What it tells.
    ///
    /// # Errors
    /// When it is not whole.
    pub fn told(&self) -> Result<Told<'_>, SyncError> {
        let document = match self.query.is_whole() {
            true => Document::read(&self.frame),
            // Of a part, there may be nothing.
            false => Document::read_part(&self.frame),
        };
        let void = |error| SyncError::Document { file: self.query.file.clone(), error };
        let mut document = document.map_err(void)?;
        document.sections = document.sections.into_iter().flat_map(wizard::expand).collect();
        Ok(Told { query: self.query.clone(), document })
    }
}

/// What one sync found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The whole file.
    pub text: String,
    /// The sections in it, with what became of each option.
    pub sections: Vec<Tailored>,
    /// Those that the filter chose and that are not in it.
    pub left_out: Vec<LeftOut>,
}

/// Why the answers are void as a whole. The file in place stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// One of them is not whole.
    #[error("{file} on the main: {error}")]
    Document {
        /// File asked for.
        file: String,
        /// What is wrong.
        error: DocumentError,
    },
    /// They hold nobody for this site.
    #[error(transparent)]
    Select(#[from] SelectError),
}

/// What is made of the answers.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Whose users, out of which files.
    pub wanted: Wanted<'a>,
    /// What is done to each of them.
    pub policy: Policy<'a>,
    /// What others dial to reach them.
    pub number: &'a NumberFrom,
    /// Who is logged in at which account, where the main says so.
    pub people: &'a BTreeMap<String, String>,
    /// The branch's own sections, which win.
    pub local: &'a [(Kind, String)],
    /// Sections that the channel driver would not take.
    pub refused: &'a [(Kind, String)],
    /// Name of the main system, for the head of the file.
    pub main: &'a str,
}

/// Reads, chooses, checks, tailors and renders.
///
/// # Errors
/// When an answer is not whole, or not one user can be written.
pub fn compose(answers: &[Answer], rules: &Rules<'_>) -> Result<Synced, SyncError> {
    let Rules { wanted, policy, number, people, local, refused, main } = *rules;
    let told = answers.iter().map(Answer::told).collect::<Result<Vec<_>, _>>()?;
    let (files, documents): (Vec<String>, Vec<Document<'_>>) =
        rules.wanted.documents(told).into_iter().unzip();
    let selection = select(
        &documents,
        wanted.technology,
        wanted.filter,
        &Barred { local, refused, open: (!policy.settings.open_users).then_some(policy) },
    )?;
    let mut texts = Texts::default();
    let files: Vec<Arc<str>> = files.iter().map(|file| texts.share(file)).collect();
    let tailored = selection
        .sections
        .iter()
        .filter_map(|(document, section)| Some(policy.tailor(section, files.get(*document)?, &mut texts)));
    let mut sections: Vec<Tailored> = tailored.collect();
    write_numbers(&mut sections, number, people, &mut texts);
    let text = render(&sections, &format!("{main}: {}", wanted.files.join(", ")));
    Ok(Synced { text, sections, left_out: selection.left_out })
}

/// Writes what others dial to reach a user, where his name and his caller id would say otherwise.
fn write_numbers(
    sections: &mut [Tailored],
    from: &NumberFrom,
    people: &BTreeMap<String, String>,
    texts: &mut Texts,
) {
    let mut users: Vec<&mut Tailored> =
        sections.iter_mut().filter(|section| section.kind.is_account()).collect();
    let accounts: Vec<Account<'_>> = users.iter().map(|user| account(user, from, people)).collect();
    let other = |(user, number): (&&mut Tailored, Option<&str>)| {
        let says = Account::of(&user.name, user.written()).plain();
        (says != number).then(|| number.unwrap_or_default().to_owned())
    };
    let others: Vec<Option<String>> = users.iter().zip(number::decide(&accounts, from)).map(other).collect();
    for (user, number) in users.iter_mut().zip(others) {
        if let Some(number) = number {
            user.set_number(&number, texts);
        }
    }
}

/// What is known of a user; of the variable that holds his number, also where it is not written.
fn account<'a>(user: &'a Tailored, from: &NumberFrom, people: &'a BTreeMap<String, String>) -> Account<'a> {
    let account = Account::of(&user.name, user.written());
    let name = match from {
        NumberFrom::Variable(name) => name,
        _ => number::VARIABLE,
    };
    let mut lines = user.options.iter().map(|fate| number::value_of(name, &fate.key, &fate.value));
    let said = account.said.or_else(|| lines.rfind(Option::is_some).flatten());
    // An administrator who says how the number is found knows better.
    let guessed = || {
        // Whoever has logged in at a device has his number with him.
        let person = people.get(&user.name).map(String::as_str);
        let of_wizard =
            |fate: &&Fate| fate.key.eq_ignore_ascii_case(wizard::NUMBER) && is_number(&fate.value);
        person.or_else(|| user.options.iter().rfind(of_wizard).map(|fate| &*fate.value))
    };
    Account { said: said.or_else(|| guessed().filter(|_| *from == NumberFrom::Guess)), ..account }
}

#[cfg(test)]
mod tests;
