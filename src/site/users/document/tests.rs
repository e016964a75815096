use proptest::{collection::vec, prelude::*};

use super::*;

const ANSWER: &str = "Response: Success
ActionID: synch-2
Category-000000: 1001
Templates-000000: base,other
Line-000000-000000: type=endpoint
Line-000000-000001: set_var=A=B;C
Line-000000-000002: allow=
Category-000001: 1001
Line-000001-000000: type=endpoint
Category-000002: base
IsTemplate-000002: 1
Line-000002-000000: type=endpoint
Category-000003: empty
Category-000004: 1002
Line-000004-000000: type=aor
Line-000004-000001: key==> x
";

fn frame(text: &str) -> Frame {
    Frame::new(text.replace('\n', "\r\n").into_bytes())
}

fn error(text: &str) -> DocumentError {
    Document::read(&frame(text)).unwrap_err()
}

#[test]
fn order_and_repetition_are_kept() {
    let frame = frame(ANSWER);
    let document = Document::read(&frame).unwrap();
    let names: Vec<_> = document.sections.iter().map(|section| section.name).collect();
    assert_eq!(names, [&b"1001"[..], b"1001", b"empty", b"1002"]);
    let first = &document.sections[0];
    assert_eq!(first.lines[1], Line { key: b"set_var", value: b"A=B;C" });
    assert_eq!(first.lines[2], Line { key: b"allow", value: b"" });
    assert_eq!(document.sections[3].lines[1], Line { key: b"key", value: b"=> x" });
    assert_eq!(first.values("TYPE").collect::<Vec<_>>(), [b"endpoint"]);
}

#[test]
fn nothing_is_never_no_users() {
    assert_eq!(error("Response: Success\nActionID: synch-2\n"), DocumentError::Empty);
    assert_eq!(error(""), DocumentError::Empty);
}

#[test]
fn a_part_of_a_file_may_be_empty_and_must_be_whole() {
    let nobody = frame("Response: Success\nActionID: synch-2\nNo categories found\n");
    assert_eq!(Document::read_part(&nobody), Ok(Document::default()));
    assert_eq!(Document::read(&nobody), Err(DocumentError::Empty));
    assert_eq!(Document::read_part(&frame(ANSWER)), Document::read(&frame(ANSWER)));
    assert!(Document::read_part(&frame("Category-000001: a\n")).is_err());
}

#[test]
fn a_line_left_out_anywhere_voids_the_answer() {
    let lines: Vec<&str> = ANSWER.lines().collect();
    let numbered: Vec<usize> = (2..lines.len()).filter(|at| !lines[*at].contains("Template")).collect();
    for (place, at) in numbered.iter().enumerate() {
        let mut cut = lines.clone();
        cut.remove(*at);
        let last_of_section = numbered
            .get(place + 1)
            .is_none_or(|next| lines[*at].starts_with("Line") && lines[*next].starts_with("Category"));
        let result = Document::read(&frame(&(cut.join("\n") + "\n"))).map(|_| ());
        if last_of_section {
            assert_eq!(result, Ok(()), "the numbers can't show this: the Pong behind the answer does");
        } else {
            assert!(
                matches!(result, Err(DocumentError::Numbering(NumberingError::Gap { .. }))),
                "{}: {result:?}",
                lines[*at]
            );
        }
    }
}

#[test]
fn a_gap_is_named() {
    let text = ANSWER.replace("Line-000000-000001: set_var=A=B;C\n", "");
    assert_eq!(
        error(&text).to_string(),
        "lines of the answer are missing: 'Line-000000-000002' came instead of Line-000000-000001 or Category-000001"
    );
}

#[test]
fn glued_lines_void_the_answer() {
    // As a main sent it whose writetimeout had passed: eight lines gone between two halves of one.
    let text = "Category-000000: a
Line-000000-000000: a=b
Line-000000-000001: Line-000000-000009: user_eq_phone=no
Line-000000-000010: c=d
";
    assert!(matches!(error(text), DocumentError::Numbering(NumberingError::Gap { .. })));
    for garbled in
        ["Line-0000Line-000000-000001: a=b", "Category-00001: x", "Line-000000: a=b", "half a", "Event: X"]
    {
        let text = format!("Category-000000: a\n{garbled}\n");
        assert!(
            matches!(error(&text), DocumentError::Numbering(NumberingError::Garbled { .. })),
            "{garbled}"
        );
    }
    assert!(matches!(
        error("Category-000000: a\nLine-000000-000000: ab\n"),
        DocumentError::Numbering(NumberingError::NoVariable { .. })
    ));
    assert!(matches!(
        error("Category-000000: a\nResponse: Success\n"),
        DocumentError::Numbering(NumberingError::Gap { .. })
    ));
    assert!(matches!(
        error("Line-000000-000000: a=b\n"),
        DocumentError::Numbering(NumberingError::Gap { .. })
    ));
    assert!(matches!(
        error("Category-000000: a\nLine-000001-000000: a=b\n"),
        DocumentError::Numbering(NumberingError::Gap { .. })
    ));
    assert!(matches!(
        error("Category-000000: a\nCategory-000000: a\n"),
        DocumentError::Numbering(NumberingError::Gap { .. })
    ));
}

proptest! {
    #[test]
    fn every_document_reads_back(
        sections in vec(("[ -~]{1,20}", vec(("[ -<>-~]{0,12}", "[^\n\r]{0,20}"), 0..6)), 1..8)
    ) {
        let mut text = String::from("Response: Success\r\n");
        for (category, (name, lines)) in sections.iter().enumerate() {
            text += &format!("Category-{category:06}: {name}\r\n");
            for (number, (key, value)) in lines.iter().enumerate() {
                text += &format!("Line-{category:06}-{number:06}: {key}={value}\r\n");
            }
        }
        let frame = Frame::new(text.into_bytes());
        let document = Document::read(&frame).unwrap();
        prop_assert_eq!(document.sections.len(), sections.len());
        for (found, (name, lines)) in document.sections.iter().zip(&sections) {
            prop_assert_eq!(found.name, name.as_bytes());
            let expected: Vec<_> = lines.iter().map(|(key, value)| Line { key: key.as_bytes(), value: value.as_bytes() }).collect();
            prop_assert_eq!(&found.lines, &expected);
        }
    }

    #[test]
    fn no_answer_panics(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Document::read(&Frame::new(bytes));
    }
}
