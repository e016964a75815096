//! What is said on a topic: short words that a person reads with any MQTT client. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::topic::{is_name, is_plain};
use crate::words::wording::visible;

/// The longest payload but that of people.
pub(super) const LONGEST: usize = 1024;
/// The longest list of people: some three thousand.
pub(super) const LONGEST_PEOPLE: usize = 256 * 1024;
/// The longest text of a presence that is shown at a phone.
const MAX_MESSAGE: usize = 200;
/// Queues of one agent.
const MAX_QUEUES: usize = 32;
/// The longest name of a person.
const MAX_PERSON: usize = 79;

/// The state of a device, in Asterisk's words and its order of weight (`ast_devstate_aggregate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceState {
    /// There is no such device.
    Invalid,
    /// It is not known.
    Unknown,
    /// It is not registered.
    Unavailable,
    /// It is idle.
    NotInUse,
    /// It holds a call.
    OnHold,
    /// It rings.
    Ringing,
    /// It is in a call.
    InUse,
    /// It takes no more calls.
    Busy,
    /// It is in a call and rings.
    RingInUse,
}

impl DeviceState {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Invalid, "INVALID"),
        (Self::Unknown, "UNKNOWN"),
        (Self::Unavailable, "UNAVAILABLE"),
        (Self::NotInUse, "NOT_INUSE"),
        (Self::OnHold, "ONHOLD"),
        (Self::Ringing, "RINGING"),
        (Self::InUse, "INUSE"),
        (Self::Busy, "BUSY"),
        (Self::RingInUse, "RINGINUSE"),
    ];

    /// Returns Asterisk's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.into_iter().find_map(|(state, word)| (state == self).then_some(word)).unwrap_or_default()
    }

    /// Returns the state that a word names.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(state, known)| (known == word).then_some(state))
    }

    /// Returns whether the device is there. Only then others are told of it: absent means not here.
    #[must_use]
    pub fn is_there(self) -> bool {
        self >= Self::NotInUse
    }
}

/// Messages in a mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Not heard yet.
    pub new: u32,
    /// Heard.
    pub old: u32,
}

/// Whether a person wants to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Asterisk's word: `dnd`, `away`.
    pub state: String,
    /// A word of the organisation's own.
    pub subtype: String,
    /// A text for people.
    pub message: String,
}

/// The queues that a device is a member of: `ready`, `paused` or `paused: reason`.
pub type Agent = BTreeMap<String, String>;

/// Somebody who can be called at a site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person {
    /// What is dialled.
    pub number: String,
    /// What the person is called.
    pub name: String,
    /// Whose state the person's is.
    pub device: String,
}

/// What a site says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SiteWord {
    /// It is there.
    Joined {
        /// Another one after each start.
        boot: String,
        /// The version of its Asterisk.
        asterisk: String,
        /// The version of its module.
        synch: String,
    },
    /// Its connection broke: the broker says so for it.
    Lost,
    /// It said good-bye.
    Left,
}

impl SiteWord {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Joined { boot, asterisk, synch } => format!("joined {boot} {asterisk} {synch}"),
            Self::Lost => "lost".to_owned(),
            Self::Left => "left".to_owned(),
        }
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let text = text(payload, LONGEST)?;
        let mut words = text.split(' ');
        let mut next = || cut(&visible(words.next().unwrap_or_default()));
        match next().as_str() {
            "joined" => Some(Self::Joined { boot: next(), asterisk: next(), synch: next() }),
            "lost" => Some(Self::Lost),
            "left" => Some(Self::Left),
            _ => None,
        }
    }
}

/// Reads the state of a device; only one that is there is said.
pub(super) fn device_state(payload: &[u8]) -> Option<DeviceState> {
    DeviceState::of_word(text(payload, LONGEST)?).filter(|state| state.is_there())
}

impl Count {
    pub(super) fn text(self) -> String {
        format!("{} {}", self.new, self.old)
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        /// A mailbox holds 9,999 messages (`MAXMSGLIMIT` of `app_voicemail.c`).
        const MOST: u32 = 9999;
        let (new, old) = text(payload, LONGEST)?.split_once(' ')?;
        let count = |text: &str| text.parse().ok().filter(|count| *count <= MOST);
        Some(Self { new: count(new)?, old: count(old)? })
    }
}

impl Presence {
    /// Asterisk's words (`ast_presence_state2str`).
    const STATES: [&'static str; 7] = ["not_set", "unavailable", "available", "away", "xa", "chat", "dnd"];

    pub(super) fn text(&self) -> String {
        let fields = [("state", &self.state), ("subtype", &self.subtype), ("message", &self.message)];
        let fields = fields.map(|(key, value)| (key.to_owned(), Value::String(value.clone())));
        Value::Object(Map::from_iter(fields)).to_string()
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_str(text(payload, LONGEST)?).ok()?;
        let field = |key: &str| -> String {
            let text = value.get(key).and_then(Value::as_str).unwrap_or_default();
            // A comma would begin the next argument of PRESENCE_STATE().
            visible(text).chars().filter(|character| *character != ',').take(MAX_MESSAGE).collect()
        };
        let presence = Self { state: field("state"), subtype: field("subtype"), message: field("message") };
        Self::STATES.contains(&presence.state.as_str()).then_some(presence)
    }
}

/// Returns an agent as it is said.
pub(super) fn agent_text(agent: &Agent) -> String {
    let queues = agent.iter().map(|(queue, word)| (queue.clone(), Value::String(word.clone())));
    Value::Object(Map::from_iter(queues)).to_string()
}

/// Reads an agent.
pub(super) fn agent(payload: &[u8]) -> Option<Agent> {
    let value: Value = serde_json::from_str(text(payload, LONGEST)?).ok()?;
    let queues = value.as_object()?;
    let known = |word: &str| word == "ready" || word == "paused" || word.starts_with("paused: ");
    let read = |(queue, word): (&String, &Value)| {
        let word = word.as_str().filter(|word| known(word))?;
        is_name(queue).then(|| (queue.clone(), visible(word)))
    };
    (queues.len() <= MAX_QUEUES).then(|| queues.iter().filter_map(read).collect())
}

/// Returns people as they are said: as many as there is room for.
pub(super) fn people_text(people: &[Person]) -> String {
    let mut text = String::from("[");
    for person in people {
        let fields = [("number", &person.number), ("name", &person.name), ("device", &person.device)];
        let fields = fields.map(|(key, value)| (key.to_owned(), Value::String(value.clone())));
        let one = Value::Object(Map::from_iter(fields)).to_string();
        if text.len() + one.len() + 2 > LONGEST_PEOPLE {
            break;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&one);
    }
    text.push(']');
    text
}

/// Reads people: those who can be called.
pub(super) fn people(payload: &[u8]) -> Option<Vec<Person>> {
    let value: Value = serde_json::from_str(text(payload, LONGEST_PEOPLE)?).ok()?;
    let person = |value: &Value| {
        let field = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let (number, device) = (field("number"), field("device"));
        let dialled = (1..=32).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'#' | b'+'));
        (dialled && is_name(device) && is_plain(device)).then(|| Person {
            number: number.to_owned(),
            name: cut(&visible(field("name"))),
            device: device.to_owned(),
        })
    };
    Some(value.as_array()?.iter().filter_map(person).collect())
}

/// Returns as much of a person's name as Asterisk has room for.
pub(super) fn cut(name: &str) -> String {
    name.char_indices()
        .take_while(|(at, letter)| at + letter.len_utf8() <= MAX_PERSON)
        .map(|(_, letter)| letter)
        .collect()
}

fn text(payload: &[u8], limit: usize) -> Option<&str> {
    std::str::from_utf8(payload.get(..payload.len().min(limit + 1))?).ok().filter(|text| text.len() <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_of_states_is_asterisks() {
        let ranks = [
            "INVALID",
            "UNKNOWN",
            "UNAVAILABLE",
            "NOT_INUSE",
            "ONHOLD",
            "RINGING",
            "INUSE",
            "BUSY",
            "RINGINUSE",
        ];
        let states: Vec<DeviceState> = ranks.iter().filter_map(|word| DeviceState::of_word(word)).collect();
        assert!(states.is_sorted() && states.len() == ranks.len());
        assert_eq!(device_state(b"INUSE"), Some(DeviceState::InUse));
        for payload in [&b"UNAVAILABLE"[..], b"inuse", b"", b"\xFF"] {
            assert_eq!(device_state(payload), None);
        }
    }

    #[test]
    fn what_is_said_is_read_as_it_was_meant() {
        let joined = SiteWord::Joined {
            boot: "4f".to_owned(),
            asterisk: "22.10.1".to_owned(),
            synch: "0.5.0".to_owned(),
        };
        for word in [joined, SiteWord::Lost, SiteWord::Left] {
            assert_eq!(SiteWord::read(word.text().as_bytes()), Some(word));
        }
        let count = Count { new: 3, old: 1 };
        assert_eq!(count.text(), "3 1");
        assert_eq!(Count::read(b"3 1"), Some(count));
        let presence =
            Presence { state: "dnd".to_owned(), subtype: String::new(), message: "lunch".to_owned() };
        assert_eq!(Presence::read(presence.text().as_bytes()), Some(presence));
        let agent_of = Agent::from([
            ("q1".to_owned(), "ready".to_owned()),
            ("q2".to_owned(), "paused: lunch".to_owned()),
        ]);
        assert_eq!(agent_text(&agent_of), r#"{"q1":"ready","q2":"paused: lunch"}"#);
        assert_eq!(agent(agent_text(&agent_of).as_bytes()), Some(agent_of));
        let alice =
            Person { number: "1001".to_owned(), name: "Alice".to_owned(), device: "PJSIP/1001".to_owned() };
        assert_eq!(
            people(people_text(&[alice.clone(), alice.clone()]).as_bytes()),
            Some(vec![alice.clone(), alice])
        );
        assert_eq!(people(b"[]"), Some(Vec::new()));
    }

    #[test]
    fn what_a_hostile_site_says_is_bounded_and_printable() {
        for payload in ["10000 0", "-1 0", "1", "1 2 3", ""] {
            assert_eq!(Count::read(payload.as_bytes()), None, "{payload}");
        }
        let long = format!(r#"{{"state":"dnd","message":"{}"}}"#, "x".repeat(2000));
        assert_eq!(Presence::read(long.as_bytes()), None);
        let presence = Presence::read(br#"{"state":"dnd","subtype":"a,b","message":"x\u0007y\nz"}"#).unwrap();
        assert_eq!(presence.subtype, "ab");
        assert!(!presence.message.chars().any(char::is_control), "{presence:?}");
        for payload in [r#"{"state":"Dnd"}"#, "{}", "[]", "dnd", r#"{"state":7}"#] {
            assert_eq!(Presence::read(payload.as_bytes()), None, "{payload}");
        }
        assert_eq!(agent(br#"{"q":"gone","q\n2":"ready"}"#), Some(Agent::new()));
        let people = people(
            br#"[{"number":"1001","name":"A\u0000","device":"PJSIP/1001"},{"number":"1;2","device":"x"},7]"#,
        );
        assert_eq!(people.map(|people| people.len()), Some(1));
    }

    #[test]
    fn more_people_than_there_is_room_for_are_left_out() {
        let person = |number: usize| Person {
            number: number.to_string(),
            name: "Alice Example".to_owned(),
            device: format!("PJSIP/{number}"),
        };
        let all: Vec<Person> = (0..10_000).map(person).collect();
        let text = people_text(&all);
        assert!(text.len() <= LONGEST_PEOPLE);
        let read = people(text.as_bytes()).unwrap();
        assert!(read.len() > 2_500 && read[..] == all[..read.len()]);
    }
}
