//! A GetConfig answer into sections and lines. Pure, and without copying: everything points into the frame.
//!
//! Asterisk numbers what it sends, and leaves lines out when its reader is slow. So every number must be there:
//! `Category-000000`, then `Line-000000-000000`, `Line-000000-000001`, … then `Category-000001`, …

use crate::ami::Frame;

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
    /// Something is missing, doubled or in disorder.
    #[error("the answer has a gap: {found} where {wanted} was due")]
    Gap {
        /// Header that came.
        found: String,
        /// Header that had to come.
        wanted: String,
    },
    /// A header that no answer to GetConfig has.
    #[error("the answer is garbled: {found} is no header of GetConfig")]
    Garbled {
        /// Header that came.
        found: String,
    },
    /// A line that is no variable.
    #[error("the answer is garbled: {header} has no '='")]
    NoVariable {
        /// Header that came.
        header: String,
    },
}

/// Bytes of a foreign header that a message shows at most: as many as the longest honest one has.
const SHOWN: usize = 40;

impl<'a> Document<'a> {
    /// Reads an answer.
    ///
    /// # Errors
    /// When anything of it is missing or is not what GetConfig answers.
    pub fn read(answer: &'a Frame) -> Result<Self, DocumentError> {
        let mut reading = Reading::default();
        for (name, value) in answer.headers() {
            reading.take(name, value)?;
        }
        reading.close();
        match reading.categories {
            0 => Err(DocumentError::Empty),
            _ => Ok(reading.document),
        }
    }
}

/// An answer that is being read.
#[derive(Default)]
struct Reading<'a> {
    document: Document<'a>,
    /// Sections begun so far, templates included.
    categories: u64,
    /// The last one begun.
    section: Option<Section<'a>>,
    /// It is a template, and is not kept.
    template: bool,
}

/// What a header of the answer is.
enum Header {
    Category(u64),
    IsTemplate(u64),
    Templates(u64),
    Line(u64, u64),
    Preamble,
}

impl<'a> Reading<'a> {
    fn take(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<(), DocumentError> {
        let current = self.categories.checked_sub(1);
        let due = self.section.as_ref().map_or(0, |section| section.lines.len() as u64);
        match Header::read(name) {
            Some(Header::Category(number)) if number == self.categories => {
                self.close();
                self.section = Some(Section { name: value, lines: Vec::new() });
                self.template = false;
                self.categories += 1;
            }
            Some(Header::Line(category, number)) if Some(category) == current && number == due => {
                let line = Line::read(value);
                let line = line.ok_or_else(|| DocumentError::NoVariable { header: shown(name) })?;
                self.section.get_or_insert_with(|| Section { name: b"", lines: Vec::new() }).lines.push(line);
            }
            Some(Header::IsTemplate(category)) if Some(category) == current && due == 0 => {
                self.template = true
            }
            Some(Header::Templates(category)) if Some(category) == current && due == 0 => {}
            Some(Header::Preamble) if current.is_none() => {}
            Some(_) => {
                let next = format!("Category-{:06}", self.categories);
                let line = current.map(|current| format!("Line-{current:06}-{due:06} or "));
                let wanted = line.unwrap_or_default() + &next;
                return Err(DocumentError::Gap { found: shown(name), wanted });
            }
            None => return Err(DocumentError::Garbled { found: shown(name) }),
        }
        Ok(())
    }

    fn close(&mut self) {
        self.document.sections.extend(self.section.take().filter(|_| !self.template));
    }
}

impl Header {
    fn read(name: &[u8]) -> Option<Self> {
        if let Some(numbers) = name.strip_prefix(b"Line-") {
            let dash = numbers.iter().position(|byte| *byte == b'-')?;
            let (category, line) = numbers.split_at_checked(dash)?;
            return Some(Self::Line(number(category)?, number(line.strip_prefix(b"-")?)?));
        }
        if let Some(category) = name.strip_prefix(b"Category-") {
            return number(category).map(Self::Category);
        }
        if let Some(category) = name.strip_prefix(b"IsTemplate-") {
            return number(category).map(Self::IsTemplate);
        }
        if let Some(category) = name.strip_prefix(b"Templates-") {
            return number(category).map(Self::Templates);
        }
        let preamble = [&b"Response"[..], b"ActionID", b"Message"];
        preamble.iter().any(|known| name.eq_ignore_ascii_case(known)).then_some(Self::Preamble)
    }
}

impl<'a> Line<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let equals = text.iter().position(|byte| *byte == b'=')?;
        let (key, value) = text.split_at_checked(equals)?;
        Some(Self { key, value: value.strip_prefix(b"=")? })
    }
}

/// A number as `%06d` writes it; none where it is anything else.
fn number(digits: &[u8]) -> Option<u64> {
    let honest = (6..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    honest.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn shown(name: &[u8]) -> String {
    format!("'{}'", name.get(..SHOWN).unwrap_or(name).escape_ascii())
}

#[cfg(test)]
mod tests;
