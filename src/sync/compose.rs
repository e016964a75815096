//! The answers of the main into the text of the branch's file, in one call. Pure.

use super::{Accepted, Document, DocumentError, Kind, LeftOut, SelectError, render, select};
use crate::{
    ami::Frame,
    settings::{ConfSection, Filter, Technology},
};

/// The answer to one GetConfig.
#[derive(Clone, Debug)]
pub struct Answer {
    /// File asked for.
    pub file: String,
    /// What came.
    pub frame: Frame,
}

/// What one sync found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// The whole file.
    pub text: String,
    /// What Asterisk's loader has to read in it.
    pub sections: Vec<ConfSection>,
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

/// Reads, chooses, checks and renders. `local` are the branch's own sections, which
/// win; `main` is the name of the main system for the head of the file.
///
/// # Errors
/// When an answer is not whole, or not one user can be written.
pub fn compose(
    answers: &[Answer],
    technology: Technology,
    filter: &Filter,
    local: &[(Kind, String)],
    main: &str,
) -> Result<Synced, SyncError> {
    let mut documents = Vec::new();
    for answer in answers {
        let void = |error| SyncError::Document { file: answer.file.clone(), error };
        documents.push(Document::read(&answer.frame).map_err(void)?);
    }
    let selection = select(&documents, technology, filter, local)?;
    let files: Vec<&str> = answers.iter().map(|answer| answer.file.as_str()).collect();
    let text = render(&selection.sections, &format!("{main}: {}", files.join(", ")));
    let sections = selection.sections.iter().map(Accepted::meaning).collect();
    Ok(Synced { text, sections, left_out: selection.left_out })
}

#[cfg(test)]
mod tests;
