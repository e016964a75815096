//! The directory of a main that exports. Pure.

use super::{Directory, Entry, TooMany};
use crate::{
    site::users::{Document, DocumentError},
    uplink::ami::Frame,
};

/// The section that has it.
const SECTION: &[u8] = b"directory";

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDirectory {
    /// The answer is not whole.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// There is more in it than in any company.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// Reads lines such as `1001=Alice,berlin,+4930123`. What can't be dialled is passed over.
///
/// # Errors
/// The answer is not whole, or has too many.
pub fn exported(answer: &Frame) -> Result<Directory, NoDirectory> {
    let document = Document::read_part(answer)?;
    let sections = document.sections.iter().filter(|section| section.name == SECTION);
    let lines = sections.flat_map(|section| &section.lines);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let lines: Vec<(String, String)> = lines.map(|line| (text(line.key), text(line.value))).collect();
    let entries = lines.iter().map(|(number, value)| {
        let mut values = value.split(',').map(str::trim);
        let (name, site) = (values.next().unwrap_or_default(), values.next().unwrap_or_default());
        let public = values.next().filter(|public| !public.is_empty());
        Entry { number, name, site, public }
    });
    Ok(Directory::new(entries)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_people_and_what_is_none_is_passed_over() {
        let answer = "Response: Success\r\nCategory-000000: directory\r\nLine-000000-000000: 1002=Bob,bonn,\r\n\
             Line-000000-000001: 1001=Alice A.,berlin,+4930123\r\nLine-000000-000002: x y=Eve\r\n\
             Line-000000-000003: 1003=\r\nCategory-000001: other\r\nLine-000001-000000: 1004=No,,\r\n\r\n";
        let directory = exported(&Frame::new(answer.as_bytes().to_vec())).unwrap();
        let entry = |number, name, site, public| Entry { number, name, site, public };
        let all: Vec<Entry<'_>> = directory.iter().collect();
        assert_eq!(
            all,
            [
                entry("1001", "Alice A.", "berlin", Some("+4930123")),
                entry("1002", "Bob", "bonn", None),
                entry("1003", "", "", None),
            ]
        );
        let torn = answer.replace("Line-000000-000001", "Line-000000-000007");
        assert!(exported(&Frame::new(torn.into_bytes())).is_err());
    }
}
