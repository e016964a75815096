use super::*;
use crate::ami::frame::FrameTooLong;

const CONFIG: &str = "Category-000000: 1001\r\nTemplates-000000: base\r\nLine-000000-000000: type=endpoint\r\n\
    Category-000001: base\r\nIsTemplate-000001: 1\r\n";

fn told(part: Part<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match part {
        Part::Section(name) => format!("[{}]", text(name)),
        Part::Variable { key, value } => format!("{}={}", text(key), text(value)),
        other => format!("{other:?}"),
    }
}

fn read(address: SocketAddr) -> (Vec<String>, Result<(), LinkError>) {
    let mut parts = Vec::new();
    let mut link = Link::for_config(address, &settings(), &Hangup::new(), crypto(), 1 << 14);
    let query = Query::named("pjsip.conf", "1001").and_filter("type=\"endpoint\"");
    let result = link.stream_config(&query, ample(), &mut |part| parts.push(told(part)));
    (parts, result)
}

#[test]
fn each_part_is_handed_on_in_order() {
    let (address, main) = main_that(1, |mut request| {
        if request.is("GetConfig") {
            let asked = ["Filename: pjsip.conf", "Category: 1001", "Filter: type=\"endpoint\""];
            assert_eq!(request.lines[2..], asked);
            let before = "Event: Hangup\r\nA: b\r\n\r\nResponse: Error\r\nActionID: other\r\n\r\n\
                Response: Success\r\nActionID: other\r\nCategory-000007: x\r\n\r\n";
            request.stream.write_all(before.as_bytes()).unwrap();
        }
        request.serve(CONFIG);
        true
    });
    let (parts, result) = read(address);
    result.unwrap();
    assert_eq!(parts, ["[1001]", "Parents", "type=endpoint", "[base]", "Template"]);
    main.join().unwrap();
}

#[test]
fn a_gap_ends_it() {
    let (address, main) = main_that(1, |mut request| {
        request.serve("Category-000000: 1001\r\nLine-000000-000001: type=endpoint\r\n");
        true
    });
    let refusal = refusal(read(address).1);
    assert!(matches!(refusal, Refusal::Numbering(NumberingError::Gap { .. })), "{refusal:?}");
    main.join().unwrap();
}

#[test]
fn a_refusal_without_end_ends_it() {
    let (address, main) = main_that(1, |mut request| {
        if request.is("GetConfig") {
            request.stream.write_all(b"Response: Error\r\n").unwrap();
            while request.stream.write_all(&b"Message: no\r\n".repeat(100)).is_ok() {}
            return false;
        }
        request.serve("");
        true
    });
    let refusal = refusal(read(address).1);
    assert_eq!(refusal, Refusal::TooLong(FrameTooLong { limit: SHORT_FRAME }));
    main.join().unwrap();
}

#[test]
fn a_stream_without_a_pong_behind_it_is_void() {
    let (address, main) = main_that(1, |mut request| {
        request.serve(CONFIG);
        !request.is("GetConfig")
    });
    let error = transport(read(address).1);
    assert!(matches!(error, TransportError::LinesLost), "{error:?}");
    main.join().unwrap();
}

#[test]
fn a_refused_stream_says_why() {
    for error in ["Message: Config file not found", "ActionID: synch-3\r\nMessage: Config file not found"] {
        let (address, main) = main_that(1, move |mut request| {
            if request.is("GetConfig") {
                let text = format!("Response: Error\r\n{error}\r\n\r\n");
                request.stream.write_all(text.as_bytes()).unwrap();
                return true;
            }
            request.serve("");
            true
        });
        let (parts, result) = read(address);
        assert_eq!(refusal(result).to_string(), "GetConfig refused: Config file not found");
        assert!(parts.is_empty());
        main.join().unwrap();
    }
}

#[test]
fn an_endless_line_ends_it() {
    let (address, main) = main_that(1, |mut request| {
        if request.is("GetConfig") {
            let _ = request.stream.write_all(b"Response: Success\r\nActionID: synch-3\r\nCategory-000000: ");
            while request.stream.write_all(&[b'x'; 1024]).is_ok() {}
            return false;
        }
        request.serve("");
        true
    });
    let refusal = refusal(read(address).1);
    assert!(matches!(&refusal, Refusal::TooLong(error) if error.limit == SHORT_FRAME), "{refusal:?}");
    main.join().unwrap();
}
