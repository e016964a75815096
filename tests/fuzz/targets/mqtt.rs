//! What a broker sends, and what sites say over it: the same packets however they are cut, bounded memory, nothing shown
//! that is no name, and nothing left in Asterisk at the end.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use res_synch::{
    peers::{
        DeviceState, Eid, Exchange, Fact, Out, Own, Person, Show,
        exchange::{Folk, View},
        mqtt::{Heard, LONGEST_PACKET, MqttError, Publish, Session, Version},
    },
    settings::{Pattern, Shared, Taken, Technology},
    words::wording::visible,
};

use super::{assert_shown, chunks};

/// Devices of one site, and of all.
const OF_ONE: usize = 10_000;
const OF_ALL: usize = 50_000;
/// Bytes of a name that Asterisk has room for, and of a text for people.
const NAME: usize = 79;
const TEXT: usize = 800;

/// The first octets are the lengths of the pieces, the rest is what the broker sends; and once more as lines: a topic
/// behind `synch/1/` and what is said on it, a number for seconds that pass, `-` for a broken line, `+` for a new one.
pub fn run(octets: &[u8]) {
    let (sizes, sent) = octets.split_at(octets.len().min(4));
    let mut site = Site::new();
    for version in [Version::V5, Version::V3] {
        let whole = hear(version, [sent].into_iter());
        assert_eq!(hear(version, chunks(sent, sizes)), whole, "cut as {sizes:?}");
        assert_eq!(hear(version, chunks(sent, &[])), whole, "octet by octet");
        site.connect(version);
        let (heard, error) = whole;
        heard.into_iter().for_each(|one| site.hear(one));
        if let Some(error) = error {
            assert_shown(&visible(&error.to_string()));
        }
        site.disconnect();
    }
    site.connect(Version::V5);
    sent.split(|octet| *octet == b'\n').for_each(|line| site.line(line));
    site.end();
}

/// What a broker says, and how the session ends.
fn hear<'a>(version: Version, pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Heard>, Option<MqttError>) {
    let mut session = Session::new(version);
    let mut heard = Vec::new();
    for piece in pieces {
        session.feed(piece);
        loop {
            match session.heard() {
                Ok(Some(one)) => heard.push(one),
                Ok(None) => break,
                Err(error) => return (heard, Some(error)),
            }
        }
    }
    (heard, None)
}

/// A system that hears all that, and what its Asterisk was shown.
struct Site {
    exchange: Exchange,
    session: Session,
    now: Instant,
    shown: BTreeSet<([u8; 6], String)>,
}

impl Site {
    fn new() -> Self {
        let taken = Taken {
            share: Shared::ALL.into(),
            take: Shared::ALL.into(),
            devices: Pattern::any(),
            sites: Pattern::any(),
            accept: Vec::new(),
        };
        let own = Own {
            site: "berlin".to_owned(),
            boot: "b1".to_owned(),
            asterisk: "22.10.1".to_owned(),
            synch: "0.5.0".to_owned(),
            technology: Technology::Pjsip,
            answer_after: Duration::from_secs(1),
        };
        let now = Instant::now();
        let mut exchange = Exchange::new(own, taken, Duration::from_secs(10), now);
        exchange.fact(Fact::Device("PJSIP/1001".to_owned(), DeviceState::InUse));
        let alice =
            Person { number: "1001".to_owned(), name: "Alice".to_owned(), device: "PJSIP/1001".to_owned() };
        exchange.fact(Fact::People(vec![alice]));
        Self { exchange, session: Session::new(Version::V5), now, shown: BTreeSet::new() }
    }

    fn connect(&mut self, version: Version) {
        self.session = Session::new(version);
        self.exchange.connected(self.now);
        self.exchange.said(None, self.now);
        self.settle();
    }

    fn disconnect(&mut self) {
        self.exchange.disconnected(self.now);
        self.settle();
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Message(message) => {
                assert!(message.id != Some(0));
                message.id.map(|id| self.session.acknowledge(id));
                self.exchange.message(&message.topic, &message.payload, message.retained, self.now);
            }
            Heard::Taken { refused, .. } => {
                refused.iter().for_each(|text| assert_shown(text));
                self.exchange.said(refused, self.now);
            }
            Heard::Ends { reason, .. } => assert_shown(&reason),
            Heard::TooLong { topic, length } => {
                assert!(topic.len() <= usize::from(u16::MAX) && length > LONGEST_PACKET);
                self.exchange.too_long(&topic, self.now);
            }
            Heard::Connected(_) | Heard::Subscribed { .. } | Heard::Pong => {}
        }
        self.settle();
    }

    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        match &*text {
            "+" => self.connect(Version::V5),
            "-" => self.disconnect(),
            seconds if seconds.parse::<u8>().is_ok() => {
                self.now += Duration::from_secs(seconds.parse::<u8>().unwrap_or_default().into());
                self.exchange.tick(self.now);
                self.settle();
            }
            said => {
                let (topic, payload) = said.split_once(' ').unwrap_or((said, ""));
                let topic = format!("synch/1/{topic}");
                self.exchange.message(&topic, payload.as_bytes(), topic.len() % 2 == 0, self.now);
                self.settle();
            }
        }
    }

    /// Takes all that is due, and looks at it.
    fn settle(&mut self) {
        while let Some(out) = self.exchange.next_out(self.now) {
            let octets = match &out {
                Out::Say { topic, payload, acknowledged, retained } => {
                    let (acknowledged, retained) = (*acknowledged, *retained);
                    let message = Publish { topic, payload: payload.as_bytes(), retained, acknowledged };
                    self.session.publish(&message).map(|(octets, _)| octets)
                }
                Out::Subscribe(filter) => self.session.subscribe(filter).map(|(octets, _)| octets),
                Out::Unsubscribe(filter) => self.session.unsubscribe(filter),
            };
            assert!(octets.is_ok(), "{out:?}");
        }
        while let Some(show) = self.exchange.next_show(self.now) {
            self.show(show);
        }
        while let Some(moved) = self.exchange.next_move() {
            assert_name(&moved.site);
        }
        let view = self.exchange.view(self.now);
        look_at(&view);
        look_at_folk(&self.exchange.folk());
    }

    fn show(&mut self, show: Show) {
        match show {
            Show::Device(Eid(eid), device, _) => {
                assert_name(&device);
                self.shown.insert((eid, device));
            }
            Show::Clear(Eid(eid), device) => drop(self.shown.remove(&(eid, device))),
            Show::Lamp(mailbox, _) | Show::NoLamp(mailbox) => assert_name(&mailbox),
            Show::Presence(provider, presence) => {
                assert_name(&provider);
                for text in [presence.state, presence.subtype, presence.message] {
                    assert!(!text.contains(',') && !text.chars().any(char::is_control), "{text:?}");
                    assert!(text.len() <= TEXT, "{text}");
                }
            }
        }
    }

    /// Everything that Asterisk was shown is taken back.
    fn end(mut self) {
        for show in self.exchange.take_back().into_iter().flatten() {
            self.show(show);
        }
        assert!(self.shown.is_empty(), "{:?}", self.shown);
        assert!(self.exchange.leave().iter().all(|out| matches!(out, Out::Say { retained: true, .. })));
    }
}

fn look_at(view: &View) {
    let of_sites: usize = view.sites.iter().map(|site| site.devices).sum();
    assert!(view.taken == of_sites && of_sites <= OF_ALL, "{of_sites}");
    for site in &view.sites {
        assert!(site.devices <= OF_ONE, "{}", site.devices);
        assert_name(&site.name);
        [&site.asterisk, &site.synch]
            .into_iter()
            .filter(|text| !text.is_empty())
            .for_each(|text| assert_name(text));
    }
}

fn look_at_folk(folk: &Folk) {
    assert!(folk.people.len() <= OF_ALL);
    for (number, person) in &*folk.people {
        [number, &person.site, &person.device].into_iter().for_each(|text| assert_name(text));
        assert!(person.name.is_empty() || is_name(&person.name), "{:?}", person.name);
        // What stands in a hint is nothing that Asterisk carries out.
        assert!(!person.device.contains(['$', '{', '&', ',', ' ', '"']), "{}", person.device);
    }
    folk.presences
        .iter()
        .for_each(|(name, state)| [name, state].into_iter().for_each(|text| assert_name(text)));
    for (device, agent) in &folk.agents {
        assert_name(device);
        for (queue, word) in agent {
            assert_name(queue);
            assert_shown(word);
        }
    }
}

fn assert_name(text: &str) {
    assert!(is_name(text), "{} bytes: {text:?}", text.len());
}

fn is_name(text: &str) -> bool {
    (1..=NAME).contains(&text.len()) && !text.chars().any(char::is_control)
}
