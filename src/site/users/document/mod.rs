//! A GetConfig answer into sections and lines. Pure, and without copying: everything points into the frame.

use crate::uplink::ami::{
    Frame,
    numbering::{Numbering, NumberingError, Part},
};

/// A configuration file of the main, as Asterisk sees it: includes and templates resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document<'a> {
    /// Its sections in order; a name may come more than once. Templates are not among them.
    pub sections: Vec<Section<'a>>,
}

/// One section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// What stands between the brackets.
    pub name: &'a [u8],
    /// Its variables in order; a key may come more than once.
    pub lines: Vec<Line<'a>>,
}

/// One variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// What stands before the first `=`.
    pub key: &'a [u8],
    /// Every byte behind it.
    pub value: &'a [u8],
}

impl<'a> Section<'a> {
    /// The values of a key, upper or lower case, in order.
    pub fn values<'s>(&'s self, key: &'s str) -> impl DoubleEndedIterator<Item = &'a [u8]> + 's {
        let same = move |line: &&Line<'a>| line.key.eq_ignore_ascii_case(key.as_bytes());
        self.lines.iter().filter(same).map(|line| line.value)
    }
}

/// Why an answer is void: nothing of it is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No section at all.
    #[error("the answer has no section")]
    Empty,
    /// Something is missing or is not what GetConfig answers.
    #[error(transparent)]
    Numbering(#[from] NumberingError),
}

impl<'a> Document<'a> {
    /// Reads the answer to a whole file.
    ///
    /// # Errors
    /// When anything of it is missing or is not what GetConfig answers.
    pub fn read(answer: &'a Frame) -> Result<Self, DocumentError> {
        let mut numbering = Numbering::default();
        let document = Self::sections_of(answer, &mut numbering)?;
        if numbering.sections() == 0 { Err(DocumentError::Empty) } else { Ok(document) }
    }

    /// Reads the answer to a part of a file, which may well be empty.
    ///
    /// # Errors
    /// When anything of it is missing or is not what GetConfig answers.
    pub fn read_part(answer: &'a Frame) -> Result<Self, DocumentError> {
        Ok(Self::sections_of(answer, &mut Numbering::default())?)
    }

    fn sections_of(answer: &'a Frame, numbering: &mut Numbering) -> Result<Self, NumberingError> {
        let mut document = Self::default();
        let mut open: Option<Section<'a>> = None;
        for (name, value) in answer.headers() {
            match numbering.take(name, value)? {
                Part::Section(name) => {
                    document.sections.extend(open.replace(Section { name, lines: Vec::new() }));
                }
                // The lines of a template go nowhere.
                Part::Template => open = None,
                Part::Variable { key, value } => {
                    if let Some(section) = &mut open {
                        section.lines.push(Line { key, value });
                    }
                }
                Part::Preamble | Part::Parents => {}
            }
        }
        document.sections.extend(open);
        Ok(document)
    }
}

#[cfg(test)]
mod tests;
