//! Checks the numbers of a GetConfig answer, header by header, which shows missing lines. Pure.
//!
//! Asterisk numbers what it sends, and leaves lines out when its reader is slow. So every number must be there:
//! `Category-000000`, then `Line-000000-000000`, `Line-000000-000001`, … then `Category-000001`, … A filter of the
//! main's own does not make gaps: it numbers what it sends, not what it has.

use crate::words::wording::visible_octets;

/// The meaning of one header of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// What comes before the first section.
    Preamble,
    /// A section of that name begins.
    Section(&'a [u8]),
    /// The section in progress is a template.
    Template,
    /// The section in progress has templates; their variables come as its own.
    Parents,
    /// A variable of the section in progress.
    Variable {
        /// What stands before the first `=`.
        key: &'a [u8],
        /// Every byte behind it.
        value: &'a [u8],
    },
}

/// Why an answer is rejected as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberingError {
    /// A line is missing, doubled or in the wrong place.
    #[error("lines of the answer are missing: {found} came instead of {wanted}")]
    Gap {
        /// Header that came.
        found: String,
        /// Header that had to come.
        wanted: String,
    },
    /// A header that no answer to GetConfig has.
    #[error("the answer is garbled: {found} is not a header of GetConfig")]
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

/// The line of the main where no section has the name asked for.
const NOBODY: &[u8] = b"No categories found";

/// What a proxy for AMI adds to each message, wherever it likes (astmanproxy).
const OF_PROXY: &[u8] = b"Server";

/// Returns whether a header was added by a proxy.
pub(super) fn is_of_proxy(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(OF_PROXY)
}

/// How far an answer has come.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    /// Sections begun so far, templates included.
    sections: u64,
    /// Variables of the one in progress.
    variables: u64,
}

/// What a header of the answer is.
enum Header {
    Category(u64),
    IsTemplate(u64),
    Templates(u64),
    Line(u64, u64),
    Preamble,
}

impl Numbering {
    /// Takes the next header in.
    ///
    /// # Errors
    /// When it is not the next one, or none of GetConfig's.
    pub fn take<'a>(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<Part<'a>, NumberingError> {
        if is_of_proxy(name) {
            return Ok(Part::Preamble);
        }
        let current = self.sections.checked_sub(1);
        match Header::read(name) {
            Some(Header::Category(number)) if number == self.sections => {
                self.sections += 1;
                self.variables = 0;
                Ok(Part::Section(value))
            }
            Some(Header::Line(section, number)) if Some(section) == current && number == self.variables => {
                self.variables += 1;
                variable(value).ok_or_else(|| NumberingError::NoVariable { header: shown(name) })
            }
            Some(Header::IsTemplate(section)) if Some(section) == current && self.variables == 0 => {
                Ok(Part::Template)
            }
            Some(Header::Templates(section)) if Some(section) == current && self.variables == 0 => {
                Ok(Part::Parents)
            }
            Some(Header::Preamble) if current.is_none() => Ok(Part::Preamble),
            Some(_) => Err(NumberingError::Gap { found: shown(name), wanted: self.wanted() }),
            None => Err(NumberingError::Garbled { found: shown(name) }),
        }
    }

    /// Sections begun so far, templates included.
    #[must_use]
    pub const fn sections(&self) -> u64 {
        self.sections
    }

    fn wanted(&self) -> String {
        let next = format!("Category-{:06}", self.sections);
        let due = self.variables;
        let line = self.sections.checked_sub(1).map(|current| format!("Line-{current:06}-{due:06} or "));
        line.unwrap_or_default() + &next
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
        let preamble = [&b"Response"[..], b"ActionID", b"Message", NOBODY];
        preamble.iter().any(|known| name.eq_ignore_ascii_case(known)).then_some(Self::Preamble)
    }
}

fn variable(text: &[u8]) -> Option<Part<'_>> {
    let equals = text.iter().position(|byte| *byte == b'=')?;
    let (key, value) = text.split_at_checked(equals)?;
    Some(Part::Variable { key, value: value.strip_prefix(b"=")? })
}

/// A number as `%06d` writes it; none where it is anything else.
fn number(digits: &[u8]) -> Option<u64> {
    let honest = (6..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    honest.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn shown(name: &[u8]) -> String {
    format!("'{}'", visible_octets(name.get(..SHOWN).unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_honest_answer_is_told_part_by_part() {
        let mut numbering = Numbering::default();
        let mut take =
            |name: &'static str, value: &'static str| numbering.take(name.as_bytes(), value.as_bytes());
        assert_eq!(take("Response", "Success"), Ok(Part::Preamble));
        assert_eq!(take("Category-000000", "a b"), Ok(Part::Section(b"a b")));
        assert_eq!(take("IsTemplate-000000", "1"), Ok(Part::Template));
        assert_eq!(take("Templates-000000", "x,y"), Ok(Part::Parents));
        let variable = Part::Variable { key: b"set_var", value: b"A=B" };
        assert_eq!(take("Line-000000-000000", "set_var=A=B"), Ok(variable));
        assert_eq!(take("Category-000001", "b"), Ok(Part::Section(b"b")));
        let gap = take("Line-000001-000001", "a=b").unwrap_err();
        assert_eq!(
            gap.to_string(),
            "lines of the answer are missing: 'Line-000001-000001' came instead of Line-000001-000000 or \
             Category-000002"
        );
        assert_eq!(numbering.sections(), 2);
    }

    #[test]
    fn what_is_said_of_templates_stands_at_the_beginning_of_its_own_section() {
        for header in [&b"IsTemplate-000000"[..], b"Templates-000000"] {
            let mut numbering = Numbering::default();
            assert!(matches!(numbering.take(header, b"1"), Err(NumberingError::Gap { .. })));
            numbering.take(b"Category-000000", b"a").unwrap();
            numbering.take(b"Line-000000-000000", b"a=b").unwrap();
            assert!(matches!(numbering.take(header, b"1"), Err(NumberingError::Gap { .. })));
            numbering.take(b"Category-000001", b"a").unwrap();
            assert!(matches!(numbering.take(header, b"1"), Err(NumberingError::Gap { .. })));
        }
    }

    #[test]
    fn what_a_proxy_adds_is_nothing_of_the_answers() {
        let mut numbering = Numbering::default();
        for (name, value) in [("Category-000000", "a"), ("Server", "main"), ("Line-000000-000000", "a=b")] {
            assert!(numbering.take(name.as_bytes(), value.as_bytes()).is_ok(), "{name}");
        }
    }

    #[test]
    fn nobody_of_that_name_is_no_section() {
        let mut numbering = Numbering::default();
        assert_eq!(numbering.take(b"No categories found", b""), Ok(Part::Preamble));
        assert_eq!(numbering.sections(), 0);
        numbering.take(b"Category-000000", b"a").unwrap();
        assert!(matches!(numbering.take(b"No categories found", b""), Err(NumberingError::Gap { .. })));
    }
}
