use std::io::Read;

use socket2::SockRef;

use super::*;
use crate::uplink::ami::frame::FrameTooLong;

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
        assert_eq!(
            refusal(result).to_string(),
            "GetConfig refused: Config file not found; the main has no such file"
        );
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

/// What becomes of an answer without end within these bounds, how many connections that takes for it and a Ping behind it.
fn broken_off(bounds: &Bounds<'_>) -> Poured {
    let (address, main) = main_that(2, |mut request| {
        if !request.is("GetConfig") {
            request.serve("");
            return true;
        }
        let _ = request.stream.write_all(b"Response: Success\r\nActionID: synch-3\r\n");
        for number in 0..1_000_000 {
            let line = format!("Category-{number:06}: 1001\r\n");
            if request.stream.write_all(line.as_bytes()).is_err() {
                return false;
            }
        }
        panic!("nobody has broken it off");
    });
    let mut link = Link::for_config(address, &settings(), &Hangup::new(), crypto(), 1 << 14);
    let poured = link.stream_piece(&Query::whole("x"), ample(), bounds, &mut |_| {}).unwrap();
    assert!(!link.is_open());
    assert!(link.timing().bytes > 0);
    // The next question is asked over a new one.
    link.ping(ample()).unwrap();
    link.close();
    drop(link);
    main.join().unwrap();
    poured
}

#[test]
fn an_answer_is_broken_off_where_it_is_too_long_or_comes_at_a_bad_time() {
    assert_eq!(broken_off(&Bounds { bytes: 100_000, goes_on: &|| true }), Poured::TooLong);
    let looks = std::cell::Cell::new(0);
    let goes_on = || {
        looks.set(looks.get() + 1);
        looks.get() < 5
    };
    assert_eq!(broken_off(&Bounds { bytes: usize::MAX, goes_on: &goes_on }), Poured::BrokenOff);
}

#[test]
fn an_answer_that_falls_silent_is_broken_off_too() {
    let (address, main) = main_that(1, |mut request| {
        if request.is("GetConfig") {
            request
                .stream
                .write_all(b"Response: Success\r\nActionID: synch-3\r\nCategory-000000: 1\r\n")
                .unwrap();
            return true;
        }
        request.serve("");
        true
    });
    let mut link = Link::for_config(address, &settings(), &Hangup::new(), crypto(), 1 << 14);
    let begun = Instant::now();
    // As long as probes wait before they are late.
    let goes_on = || begun.elapsed() < Duration::from_millis(500);
    let bounds = Bounds { bytes: usize::MAX, goes_on: &goes_on };
    let poured = link.stream_piece(&Query::whole("x"), ample(), &bounds, &mut |_| {}).unwrap();
    assert_eq!(poured, Poured::BrokenOff);
    drop(link);
    main.join().unwrap();
}

/// Bytes that the system keeps for a link that reads nothing, of a main that writes all it can.
fn kept_back(main: &mut TcpStream) -> usize {
    main.set_nonblocking(true).unwrap();
    let (line, mut sent, until) = ([b'x'; 512], 0, Instant::now() + Duration::from_millis(500));
    while Instant::now() < until {
        match main.write(&line) {
            Ok(count) => sent += count,
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
    sent
}

#[test]
fn a_connection_that_is_narrowed_lets_less_be_on_its_way_and_can_be_widened_again() {
    const NARROW: usize = 4 << 10;
    let (to_test, from_main) = std::sync::mpsc::channel();
    let (address, main) = main_that(1, move |mut request| {
        request.serve("");
        if request.is("Login") {
            to_test.send(request.stream).unwrap();
            return false;
        }
        true
    });
    let mut link = Link::for_probe(address, &settings(), &Hangup::new(), crypto());
    link.connect(ample()).unwrap();
    main.join().unwrap();
    let mut main = from_main.recv().unwrap();
    SockRef::from(&main).set_send_buffer_size(NARROW).unwrap();
    let mut reader = TcpStream::from(link.as_fd().unwrap().try_clone_to_owned().unwrap());
    let mut drain = || {
        reader.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut buffer = [0; 1 << 12];
        while reader.read(&mut buffer).is_ok_and(|count| count > 0) {}
    };
    link.narrow(NARROW);
    // What the main was told of before.
    kept_back(&mut main);
    drain();
    let narrow = kept_back(&mut main);
    assert!(narrow <= NARROW * 6, "{narrow}");
    drain();
    link.narrow(1 << 20);
    // The window opens as it is used.
    for _ in 0..3 {
        kept_back(&mut main);
        drain();
    }
    let wide = kept_back(&mut main);
    assert!(wide > narrow * 4, "{wide} after {narrow}");
}
