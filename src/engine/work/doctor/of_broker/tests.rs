use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use super::*;
use crate::{
    engine::{crew::worker::on_a_worker, event::Teller, stand_in::StandIn},
    operator::control::Reply,
    settings,
    words::conf::ConfSection,
};

/// What a broker was told to keep, topic and payload, in this order.
type Kept = Vec<(Vec<u8>, Vec<u8>)>;

const OWN_TOPIC: &[u8] = b"synch/1/berlin/doctor";

/// What a broker on the loopback does.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    /// Refuses what is foreign with the word that MQTT 5 has for it.
    Refuses,
    /// The same with no word, and in MQTT 3.1.1 alone.
    Drops,
    /// Closes the connection for what is foreign.
    Closes,
    /// Takes everything.
    TakesAll,
    /// Refuses everything.
    TakesNone,
    /// Lets nobody in.
    LetsNobodyIn,
}

/// Serves connections until one has said good-bye.
fn serve(listener: &TcpListener, does: Does) -> Kept {
    let mut kept = Kept::new();
    loop {
        let (mut line, _) = listener.accept().unwrap();
        if converse(&mut line, does, &mut kept).is_none() {
            return kept;
        }
    }
}

/// `Some`: the connection was ended by the broker, and another one may come.
fn converse(line: &mut TcpStream, does: Does, kept: &mut Kept) -> Option<()> {
    let mut is_v5 = false;
    loop {
        let mut head = [0; 2];
        if line.read_exact(&mut head).is_err() {
            return None;
        }
        // Nothing that the doctor says is longer.
        assert!(head[1] < 0x80);
        let mut body = vec![0; head[1].into()];
        line.read_exact(&mut body).unwrap();
        match head[0] >> 4 {
            1 => {
                is_v5 = body[6] == 5;
                assert!(String::from_utf8_lossy(&body).contains("synch-berlin-doctor"));
                match (does, is_v5) {
                    (Does::Drops, true) => return Some(()),
                    (Does::LetsNobodyIn, _) => line.write_all(b"\x20\x03\x00\x86\x00").unwrap(),
                    (_, true) => line.write_all(b"\x20\x03\x00\x00\x00").unwrap(),
                    (_, false) => line.write_all(b"\x20\x02\x00\x00").unwrap(),
                }
            }
            8 if is_v5 => line.write_all(&[0x90, 4, body[0], body[1], 0, 0]).unwrap(),
            8 => line.write_all(&[0x90, 3, body[0], body[1], 0]).unwrap(),
            3 => {
                let (topic, rest) = body[2..].split_at(body[1].into());
                let is_confirmed = head[0] & 6 != 0;
                let (id, rest) = rest.split_at(if is_confirmed { 2 } else { 0 });
                let payload = &rest[usize::from(is_v5)..];
                let is_taken = match does {
                    Does::TakesAll => true,
                    Does::TakesNone => false,
                    _ => topic == OWN_TOPIC,
                };
                if !is_taken && does == Does::Closes {
                    return None;
                }
                if is_confirmed && (is_taken || does == Does::Drops) {
                    line.write_all(&[&[0x40, 2], id].concat()).unwrap();
                } else if is_confirmed {
                    line.write_all(&[&[0x40, 4], id, &[0x87, 0]].concat()).unwrap();
                }
                if is_taken {
                    kept.push((topic.to_vec(), payload.to_vec()));
                    let length = 2 + topic.len() + usize::from(is_v5) + payload.len();
                    let head = [0x30, u8::try_from(length).unwrap(), 0, u8::try_from(topic.len()).unwrap()];
                    let properties = &[0][..usize::from(is_v5)];
                    line.write_all(&[&head, topic, properties, payload].concat()).unwrap();
                }
            }
            14 => return None,
            _ => {}
        }
    }
}

fn look(hosts: &'static str, port: u16) -> doctor::Broker {
    let port = port.to_string();
    let lines = [("host", hosts), ("port", &port), ("site", "berlin"), ("secret", "x")];
    let section = ConfSection::new("state", lines);
    let settings = Arc::new(settings::read(&[section]).unwrap());
    let host = Arc::new(StandIn::default());
    let kit = host.kit(&settings);
    on_a_worker(move |stop| {
        let brokers = Examining::brokers_of(&settings, &kit).unwrap();
        let (kit, settings) = (kit.clone(), Arc::clone(&settings));
        let (reply, teller) = (Reply::default(), Teller::new(1, crossbeam_channel::unbounded().0));
        let examining = Examining { kit, settings, access: None, brokers, reply, teller };
        let state = examining.settings.state.as_ref().unwrap();
        examining.look_at_brokers(state, &Hangup::new(), stop).unwrap()
    })
}

/// Returns what was found at a broker that does so, and what it was left with.
fn found(does: Does) -> (doctor::Broker, Kept) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let broker = thread::spawn(move || serve(&listener, does));
    let found = look("127.0.0.1", port);
    (found, broker.join().unwrap())
}

#[test]
fn what_a_broker_makes_of_own_and_foreign_topics_is_found() {
    let refused = OwnTopic::Refused("not authorized".to_owned());
    for (does, version, own, foreign) in [
        (Does::Refuses, "MQTT 5", OwnTopic::Taken, ForeignTopic::Refused),
        (Does::Drops, "MQTT 3.1.1", OwnTopic::Taken, ForeignTopic::Refused),
        (Does::Closes, "MQTT 5", OwnTopic::Taken, ForeignTopic::Refused),
        (Does::TakesAll, "MQTT 5", OwnTopic::Taken, ForeignTopic::Taken),
        (Does::TakesNone, "MQTT 5", refused, ForeignTopic::Unknown),
    ] {
        let (found, kept) = found(does);
        assert!(found.away.is_empty(), "{found:?}");
        let there = found.there.unwrap();
        assert_eq!((&*there.version, &there.own, there.foreign), (version, &own, foreign));
        assert!(there.is_elsewhere, "The stand-in calls no address its own.");
        // Nothing is left at the broker.
        let last = kept.iter().rfind(|(topic, _)| topic == OWN_TOPIC);
        assert!(last.is_none_or(|(_, payload)| payload.is_empty()), "{kept:?}");
        assert_eq!(last.is_some(), own == OwnTopic::Taken);
    }
}

#[test]
fn a_broker_that_lets_nobody_in_is_told_with_the_reason() {
    let (found, _) = found(Does::LetsNobodyIn);
    assert!(found.there.is_none());
    let [(host, problem)] = &*found.away else { panic!("{found:?}") };
    assert_eq!(host, "127.0.0.1");
    assert!(problem.contains("bad user name or password"), "{problem}");
}

#[test]
fn the_next_broker_is_asked_where_nobody_listens_at_the_first() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let broker = thread::spawn(move || serve(&listener, Does::Refuses));
    let found = look("127.0.0.9,127.0.0.1", port);
    broker.join().unwrap();
    assert_eq!(found.there.map(|there| there.host), Some("127.0.0.1".to_owned()));
    let [(host, problem)] = &*found.away else { panic!("{:?}", found.away) };
    assert!(host == "127.0.0.9" && problem.contains("check host and port in [state]"), "{problem}");
}
