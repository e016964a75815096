//! What is said to a broker and heard of it, in one form for both versions. Pure.

use mqtt_proto::{Pid, QosPid, TopicFilter, TopicName, VarBytes};

use super::MqttError;

/// How we introduce ourselves.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The name under which the broker knows this connection; another one of the same name is put out.
    pub client: &'a str,
    /// The account; empty where the broker wants none.
    pub username: &'a str,
    /// Its password; empty where it has none.
    pub secret: &'a str,
    /// Seconds after which the broker may ask itself whether we are still there.
    pub keepalive: u16,
    /// What the broker says for us once we are gone without a good-bye.
    pub will: Option<Publish<'a>>,
}

/// A message of ours.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// What it is about.
    pub topic: &'a str,
    /// What is said.
    pub payload: &'a [u8],
    /// Whether the broker keeps it for who comes later. An empty one that is retained deletes what was.
    pub retained: bool,
    /// Whether the broker is to say that it has taken it (QoS 1).
    pub acknowledged: bool,
}

/// A message of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub topic: String,
    /// What is said.
    pub payload: Vec<u8>,
    /// Whether it was said before we asked for it.
    pub retained: bool,
    /// The number under which the broker wants to be told that we have it.
    pub id: Option<u16>,
}

/// What a broker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It lets us in, or why it does not.
    Connected(Result<(), Refusal>),
    /// A message.
    Message(Message),
    /// A message that is longer than we take, and is left out.
    TooLong {
        /// What it is about.
        topic: String,
        /// How long its packet is.
        length: usize,
    },
    /// It has taken our message of that number, or why not.
    Taken {
        /// The number that [`super::Session::publish`] gave.
        id: u16,
        /// Why not.
        refused: Option<String>,
    },
    /// We hear the topics from now on, or why not.
    Subscribed {
        /// The number that [`super::Session::subscribe`] gave.
        id: u16,
        /// Why not.
        refused: Option<String>,
    },
    /// It lives.
    Pong,
    /// It ends the connection.
    Ends {
        /// Whether another connection has come under our name.
        taken_over: bool,
        /// Its word for the reason.
        reason: String,
    },
}

/// What a packet begins with that is too long to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beginning {
    /// That can't be seen yet.
    Torn,
    /// It is a message about this topic, which nobody wants to be told that we have.
    Message(String),
    /// Anything else.
    Other,
}

/// Why a broker lets us not in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not speak this version.
    Version,
    /// Name or password is wrong, or the account may not come in.
    Login(String),
    /// Anything else.
    Other(String),
}

/// What is wrong with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The codec's words.
    Codec(String),
    /// Only clients send it.
    Client,
}

/// Returns a topic as the codec has it.
pub(super) fn topic_name(topic: &str) -> Result<TopicName, MqttError> {
    TopicName::try_from(topic).map_err(|_| MqttError::Topic(topic.to_owned()))
}

/// Returns a filter of topics as the codec has it.
pub(super) fn topic_filter(filter: &str) -> Result<TopicFilter, MqttError> {
    TopicFilter::try_from(filter).map_err(|_| MqttError::Topic(filter.to_owned()))
}

/// Returns the number of a packet as the codec has it; ours are never zero.
pub(super) fn pid(id: u16) -> Pid {
    Pid::try_from(id).unwrap_or_default()
}

/// Returns a message of the codec's in our form. One of QoS 2, for which we never ask, wants no answer of ours.
pub(super) fn message(topic: &TopicName, payload: &[u8], retained: bool, qos: QosPid) -> Heard {
    let id = match qos {
        QosPid::Level1(id) => Some(id.value()),
        QosPid::Level0 | QosPid::Level2(_) => None,
    };
    Heard::Message(Message { topic: topic.to_string(), payload: payload.to_vec(), retained, id })
}

/// Octets that the codec makes of a packet. It fails for what is longer than a packet may be, which nothing of ours is.
pub(super) fn octets<E: std::fmt::Display>(
    encoded: Result<VarBytes, E>,
    topic: &str,
) -> Result<Vec<u8>, MqttError> {
    encoded.map(|octets| octets.as_ref().to_vec()).map_err(|_| MqttError::Topic(topic.to_owned()))
}

/// A word of the codec's, as a person reads it: `NotAuthorized` as `not authorized`.
pub(super) fn words(name: &impl std::fmt::Debug) -> String {
    let mut text = String::new();
    for (place, character) in format!("{name:?}").chars().enumerate() {
        if character.is_ascii_uppercase() && place > 0 {
            text.push(' ');
        }
        text.push(character.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_words() {
        #[derive(Debug)]
        struct BadUserNameOrPassword;
        assert_eq!(words(&BadUserNameOrPassword), "bad user name or password");
    }
}
