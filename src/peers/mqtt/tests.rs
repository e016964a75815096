use super::*;

fn login() -> Login<'static> {
    let will = Publish { topic: "synch/1/berlin/site", payload: b"lost", retained: true, acknowledged: true };
    Login { client: "synch-berlin", username: "berlin", secret: "x", keepalive: 15, will: Some(will) }
}

fn all(version: Version, octets: &[u8]) -> Result<Vec<Heard>, MqttError> {
    let mut session = Session::new(version);
    let mut heard = Vec::new();
    // As TCP likes it: octet by octet.
    for octet in octets {
        session.feed(&[*octet]);
        while let Some(one) = session.heard()? {
            heard.push(one);
        }
    }
    Ok(heard)
}

#[test]
fn a_login_names_its_version_and_its_will() {
    for (version, level) in [(Version::V5, 5), (Version::V3, 4)] {
        let octets = Session::new(version).connect(&login()).unwrap();
        assert_eq!(octets.first(), Some(&0x10));
        assert_eq!(octets.get(4..9), Some(&[b'M', b'Q', b'T', b'T', level][..]));
        let text = String::from_utf8_lossy(&octets);
        for part in ["synch-berlin", "synch/1/berlin/site", "lost"] {
            assert!(text.contains(part), "{version}: {part}");
        }
        let octets = Session::new(version).connect(&Login { will: None, ..login() }).unwrap();
        assert!(!String::from_utf8_lossy(&octets).contains("lost"), "{version}");
    }
}

#[test]
fn packets_are_heard_in_pieces_and_in_both_versions() {
    let connected = Heard::Connected(Ok(()));
    assert_eq!(all(Version::V5, b"\x20\x03\x00\x00\x00"), Ok(vec![connected.clone()]));
    assert_eq!(all(Version::V3, b"\x20\x02\x00\x00\xD0\x00"), Ok(vec![connected, Heard::Pong]));
    let version = Heard::Connected(Err(Refusal::Version));
    assert_eq!(all(Version::V5, b"\x20\x03\x00\x84\x00"), Ok(vec![version.clone()]));
    assert_eq!(all(Version::V3, b"\x20\x02\x00\x01"), Ok(vec![version]));
    let login = Heard::Connected(Err(Refusal::Login("not authorized".to_owned())));
    assert_eq!(all(Version::V5, b"\x20\x03\x00\x87\x00"), Ok(vec![login.clone()]));
    assert_eq!(all(Version::V3, b"\x20\x02\x00\x05"), Ok(vec![login]));
}

#[test]
fn a_message_comes_back_as_it_was_said() {
    for version in [Version::V5, Version::V3] {
        for acknowledged in [false, true] {
            let publish = Publish {
                topic: "synch/1/berlin/device/PJSIP/1001",
                payload: b"INUSE",
                retained: true,
                acknowledged,
            };
            let (octets, id) = Session::new(version).publish(&publish).unwrap();
            let message =
                Message { topic: publish.topic.to_owned(), payload: b"INUSE".to_vec(), retained: true, id };
            assert_eq!(all(version, &octets), Ok(vec![Heard::Message(message)]));
            assert_eq!(id, acknowledged.then_some(1));
        }
    }
}

#[test]
fn refusals_have_words() {
    let taken = |refused: Option<&str>| Ok(vec![Heard::Taken { id: 7, refused: refused.map(str::to_owned) }]);
    assert_eq!(all(Version::V5, b"\x40\x02\x00\x07"), taken(None));
    assert_eq!(all(Version::V5, b"\x40\x04\x00\x07\x87\x00"), taken(Some("not authorized")));
    assert_eq!(all(Version::V3, b"\x40\x02\x00\x07"), taken(None));
    let subscribed = Heard::Subscribed { id: 7, refused: Some("refused".to_owned()) };
    assert_eq!(all(Version::V3, b"\x90\x03\x00\x07\x80"), Ok(vec![subscribed]));
    let ends = Heard::Ends { taken_over: true, reason: "session taken over".to_owned() };
    assert_eq!(all(Version::V5, b"\xE0\x02\x8E\x00"), Ok(vec![ends]));
}

#[test]
fn what_is_no_packet_of_a_broker_ends_the_session() {
    for octets in
        [&b"HTTP/1.1 400 Bad Request"[..], b"\x00\x00", b"\xD0\xFF\xFF\xFF\xFF\x01", b"\x20\x01\x00"]
    {
        for version in [Version::V5, Version::V3] {
            assert!(matches!(all(version, octets), Err(MqttError::Malformed { .. })), "{octets:?}");
        }
    }
    assert_eq!(all(Version::V5, b"\xC0\x00"), Err(MqttError::Unexpected));
    assert_eq!(all(Version::V5, b"\x30\xFF\xFF\xFF\x7F"), Err(MqttError::TooLong(268_435_460)));
    // A topic with a wildcard, as long as one may be.
    let topic = [&[0x30, 0x82, 0x80, 0x02, 0x80, 0x00][..], &[b'#'; 0x8000]].concat();
    let told = all(Version::V3, &topic).unwrap_err().to_string();
    assert!(told.contains("topic") && told.len() < 300, "{told}");
    // QoS 1 with the number 0.
    assert!(all(Version::V3, b"\x32\x05\x00\x01a\x00\x00").is_err());
}

#[test]
fn numbers_of_packets_are_never_zero() {
    let mut session = Session::new(Version::V5);
    session.last_id = u16::MAX;
    assert_eq!(session.subscribe("synch/1/+/site").unwrap().1, 1);
    assert!(session.subscribe("a/#/b").is_err());
    let publish = Publish { topic: "a/+", payload: b"", retained: false, acknowledged: false };
    assert_eq!(session.publish(&publish), Err(MqttError::Topic("a/+".to_owned())));
}

#[test]
fn a_message_that_is_too_long_is_left_out_where_the_broker_does_not_know_how_much_we_take() {
    let topic = "synch/1/bern/people";
    let message = |first: u8| {
        let payload = vec![b'x'; LONGEST_PACKET];
        let publish = Publish { topic, payload: &payload, retained: true, acknowledged: false };
        let (mut octets, _) = Session::new(Version::V3).publish(&publish).unwrap();
        octets[0] = first;
        octets
    };
    let long = message(0x31);
    let length = long.len();
    let left_out = Heard::TooLong { topic: topic.to_owned(), length };
    // What comes behind it is heard, however it is cut.
    let octets = [&b"\xD0\x00"[..], &long, b"\xD0\x00", &long, b"\xD0\x00"].concat();
    let expected = [Heard::Pong, left_out.clone(), Heard::Pong, left_out, Heard::Pong];
    assert_eq!(all(Version::V3, &octets).unwrap(), expected);
    let mut session = Session::new(Version::V3);
    session.feed(&octets);
    let whole: Vec<Heard> = std::iter::from_fn(|| session.heard().unwrap()).collect();
    assert_eq!(whole, expected);
    // Nothing of it is kept.
    let mut session = Session::new(Version::V3);
    for chunk in b"\x31\xFF\xFF\xFF\x7F\x00\x01a".chunks(4).chain(std::iter::repeat_n(&[0; 4096][..], 1_000))
    {
        session.feed(chunk);
        let _ = session.heard().unwrap();
        assert!(session.incoming.len() <= 4096);
    }
    // One of QoS 1 wants an answer, and what is no message can't be so long.
    assert_eq!(all(Version::V3, &message(0x33)), Err(MqttError::TooLong(length)));
    assert_eq!(all(Version::V3, &message(0x90)), Err(MqttError::TooLong(length)));
    assert_eq!(all(Version::V5, &long), Err(MqttError::TooLong(length)));
}
