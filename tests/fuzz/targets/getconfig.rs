//! An answer to GetConfig: whole, header by header, the document and the stream make the same of it, or both say why
//! it is void; every number is there, once, in order.

use res_synch::{
    site::users::{Document, DocumentError, Line, Section},
    uplink::ami::{Action, Frame, Numbering, Part, Refusal, Session, Stream},
};

use super::assert_shown;

/// The headers behind `Response` and `ActionID`, as the main sends them.
pub fn run(octets: &[u8]) {
    let lines = octets.split(|octet| *octet == b'\n');
    let lines: Vec<&[u8]> = lines
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty() && *line != b"\r")
        .collect();
    let body: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\r\n"[..]].concat()).collect();
    let answer = [b"Response: Success\r\nActionID: synch-1\r\n", &*body, b"\r\n"].concat();
    let frame = Frame::new(answer.clone());
    let document = Document::read_part(&frame);
    match (&document, streamed(&answer)) {
        (Ok(document), Ok(streamed)) => assert_eq!(owned(document), streamed),
        (Err(DocumentError::Numbering(one)), Err(Refusal::Numbering(other))) => {
            assert_eq!(*one, other);
            assert_shown(&other.to_string());
        }
        (document, streamed) => panic!("{document:?}, but as a stream {streamed:?}"),
    }
    if document.is_ok() {
        each_number_once(&frame);
        let whole = Document::read(&frame);
        assert!(whole == document || whole == Err(DocumentError::Empty));
    }
}

type Owned = Vec<(Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>)>;

fn owned(document: &Document<'_>) -> Owned {
    let line = |line: &Line<'_>| (line.key.to_vec(), line.value.to_vec());
    let section = |section: &Section<'_>| (section.name.to_vec(), section.lines.iter().map(line).collect());
    document.sections.iter().map(section).collect()
}

fn streamed(answer: &[u8]) -> Result<Owned, Refusal> {
    let mut session = Session::new(answer.len());
    session.request(Action::GetConfig { filename: "users.conf", category: None, filter: None });
    session.feed(answer).unwrap();
    let (mut sections, mut template) = (Owned::new(), false);
    let whole = session.pour(&mut Stream::default(), &mut |part| match part {
        Part::Section(name) => {
            sections.push((name.to_vec(), Vec::new()));
            template = false;
        }
        Part::Template => {
            if !std::mem::replace(&mut template, true) {
                sections.pop();
            }
        }
        Part::Variable { key, value } if !template => {
            sections.last_mut().expect("a section").1.push((key.to_vec(), value.to_vec()));
        }
        Part::Variable { .. } | Part::Preamble | Part::Parents => {}
    })?;
    assert!(whole);
    Ok(sections)
}

/// The headers that were let through count sections and lines without a gap.
fn each_number_once(frame: &Frame) {
    let mut numbering = Numbering::default();
    let (mut section, mut line) = (0, 0);
    for (name, value) in frame.headers() {
        let wanted = match numbering.take(name, value).expect("it was let through") {
            Part::Section(_) => {
                (section, line) = (section + 1, 0);
                vec![section - 1]
            }
            Part::Variable { .. } => {
                line += 1;
                vec![section - 1, line - 1]
            }
            Part::Template | Part::Parents => vec![section - 1],
            Part::Preamble => continue,
        };
        let numbers = name.split(|octet| *octet == b'-').skip(1);
        let number = |digits| std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
        assert_eq!(numbers.map(number).collect::<Option<Vec<_>>>(), Some(wanted), "{}", name.escape_ascii());
    }
}
