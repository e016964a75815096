use proptest::{collection::vec, prelude::*};

use super::*;

/// Everything that a reader hands out for these chunks, in order; the end of it where a frame was too long.
fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Result<Frame, FrameTooLong>> {
    let mut reader = FrameReader::new(limit);
    let mut found = Vec::new();
    for chunk in chunks {
        reader.feed(chunk).unwrap();
        loop {
            match reader.take_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => found.push(Ok(frame)),
                Err(error) => {
                    found.push(Err(error));
                    return found;
                }
            }
        }
    }
    found
}

fn only(bytes: &[u8]) -> Frame {
    let mut all = frames([bytes], SHORT_FRAME);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).unwrap()
}

fn text(frame: &Frame) -> Vec<(String, String)> {
    let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    frame.headers().map(|(name, value)| (string(name), string(value))).collect()
}

#[test]
fn headers_keep_every_byte_of_the_value() {
    let frame = only(b"Response: Success\r\nLine-000000-000001: set_var=A=B:C \r\nX:\r\nY:  two\r\n\r\n");
    let expected =
        [("Response", "Success"), ("Line-000000-000001", "set_var=A=B:C "), ("X", ""), ("Y", " two")];
    assert_eq!(text(&frame), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(frame.get("line-000000-000001"), Some(&b"set_var=A=B:C "[..]));
    assert_eq!(frame.get("Line"), None);
}

#[test]
fn a_lone_carriage_return_is_part_of_the_value() {
    assert_eq!(only(b"A: b\rC: d\r\n\r\n").get("A"), Some(&b"b\rC: d"[..]));
}

#[test]
fn sloppy_line_ends_are_read() {
    for bytes in [
        &b"A: b\nC: d\n\n"[..],
        b"A: b\r\nC: d\r\n\n",
        b"A: b\nC: d\n\r\n",
        b"\r\n\n\r\nA: b\r\nC: d\r\n\r\n\r\n\n",
    ] {
        let frame = only(bytes);
        assert_eq!((frame.get("A"), frame.get("C")), (Some(&b"b"[..]), Some(&b"d"[..])), "{bytes:?}");
    }
}

#[test]
fn a_line_without_colon_is_a_name() {
    let frame =
        only(b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\nReportBlock:\r\nrest of it\r\n\r\n");
    assert_eq!(frame.get("Response"), Some(&b"Success"[..]));
    assert_eq!(frame.get("ReportBlock"), Some(&b""[..]));
    assert_eq!(frame.get("rest of it"), Some(&b""[..]));
}

#[test]
fn the_banner_is_a_line_of_its_own() {
    let mut reader = FrameReader::new(SHORT_FRAME);
    reader.feed(b"Asterisk Call Man").unwrap();
    assert_eq!(reader.take_line(64), Ok(None));
    reader.feed(b"ager/11.0.0\r\nResponse: Success\r\n\r\n").unwrap();
    assert_eq!(reader.take_line(64).unwrap().unwrap(), b"Asterisk Call Manager/11.0.0");
    assert_eq!(reader.take_frame().unwrap().unwrap().get("Response"), Some(&b"Success"[..]));
    assert_eq!(reader.take_frame(), Ok(None));
}

#[test]
fn a_frame_is_bounded_whole_or_not() {
    for bytes in [&b"A: bcdefgh\r\n\r\n"[..], b"A: bcdefghijklmnopq", b"A: b\r\nA: b\r\nA: b\r\n"] {
        for size in 1..=bytes.len() {
            assert_eq!(frames(bytes.chunks(size), 13), [Err(FrameTooLong { limit: 13 })], "{bytes:?}");
        }
    }
    let longest = b"A: bcdefg\r\n\r\n";
    assert_eq!(frames([&longest[..]], 13), [Ok(Frame::new(longest.to_vec()))]);
}

#[test]
fn an_endless_run_of_blank_lines_takes_no_room() {
    let mut reader = FrameReader::new(16);
    for _ in 0..1000 {
        reader.feed(b"\r\n\r\n\n").unwrap();
        assert_eq!(reader.take_frame(), Ok(None));
    }
    assert!(reader.buffer.len() <= 5);
}

/// Pieces that AMI streams are made of, and pieces of broken ones.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"Response: Success\r\n".to_vec()),
        Just(b"Line-000003-000006: Line-0000".to_vec()),
        Just(b"Asterisk Call Manager/11.0.0\r\n".to_vec()),
        vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn chunking_makes_no_difference(
        pieces in vec(piece(), 0..40),
        cuts in vec(1_usize..20, 1..20),
        limit in prop_oneof![Just(24_usize), Just(SHORT_FRAME)],
    ) {
        let stream = pieces.concat();
        let whole = frames([stream.as_slice()], limit);
        let bytewise = frames(stream.chunks(1), limit);
        prop_assert_eq!(&whole, &bytewise);
        let mut chunks = Vec::new();
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, behind) = rest.split_at((*cut).min(rest.len()));
            chunks.push(chunk);
            rest = behind;
        }
        prop_assert_eq!(&whole, &frames(chunks, limit));
    }

    #[test]
    fn every_frame_comes_out_as_it_went_in(values in vec("[ -~]{0,30}", 1..20)) {
        let stream: String = values.iter().map(|value| format!("Key: {value}\r\n\r\n")).collect();
        let found = frames([stream.as_bytes()], SHORT_FRAME);
        prop_assert_eq!(found.len(), values.len());
        for (frame, value) in found.iter().zip(&values) {
            prop_assert_eq!(frame.as_ref().unwrap().get("Key"), Some(value.as_bytes()));
        }
    }
}
