//! MQTT as a client of one broker: octets in, packets out, and the other way round. Pure.
//!
//! - `packet`: what is said and heard, in one form for both versions
//! - `v5`, `v3`: that form in MQTT 5 and in MQTT 3.1.1
//! - `frame`: where one packet ends, before the codec sees it

mod frame;
mod packet;
mod v3;
mod v5;

pub use packet::{Heard, Login, Message, Publish, Refusal};

use frame::{Frame, split};
use packet::Beginning;

/// The longest packet that is taken from a broker, which a broker of MQTT 5 is told: twice what the people of a large
/// system take.
pub const LONGEST_PACKET: usize = 512 * 1024;

/// The most letters of what the codec says is wrong.
const LONGEST_PROBLEM: usize = 200;

/// The version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 5.
    V5,
    /// MQTT 3.1.1, which NATS and older RabbitMQ speak.
    V3,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V5 => "MQTT 5",
            Self::V3 => "MQTT 3.1.1",
        })
    }
}

/// Why a session is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MqttError {
    /// A packet is longer than we take.
    #[error("the broker sent a packet of {0} bytes; {LONGEST_PACKET} are taken at most")]
    TooLong(usize),
    /// The octets are no MQTT of this version.
    #[error("the broker does not speak {version}: {problem}")]
    Malformed {
        /// What was expected.
        version: Version,
        /// What the codec says.
        problem: String,
    },
    /// A packet that only clients send.
    #[error("the broker sent a packet that only clients send")]
    Unexpected,
    /// A packet that comes before the broker has let us in.
    #[error("the broker speaks before it has let us in")]
    Early,
    /// What we want to say has no place in a packet.
    #[error("'{0}' is no topic")]
    Topic(String),
}

/// One connection to a broker, as octets. The socket stays with whoever has it.
#[derive(Debug)]
pub struct Session {
    version: Version,
    /// What has come, the first of it heard already.
    incoming: Vec<u8>,
    heard: usize,
    /// Octets that are still to come of a packet that is left out.
    left_out: usize,
    last_id: u16,
}

impl Session {
    /// Makes a session in which nothing was said yet.
    #[must_use]
    pub const fn new(version: Version) -> Self {
        Self { version, incoming: Vec::new(), heard: 0, left_out: 0, last_id: 0 }
    }

    /// Returns what has to be said first.
    ///
    /// # Errors
    /// The topic of the will is none.
    pub fn connect(&self, login: &Login<'_>) -> Result<Vec<u8>, MqttError> {
        match self.version {
            Version::V5 => v5::connect(login),
            Version::V3 => v3::connect(login),
        }
    }

    /// Takes in what the broker sent. [`Self::heard`] gives what it says.
    pub fn feed(&mut self, octets: &[u8]) {
        // Once a chunk, not once a packet: a chunk has hundreds.
        self.incoming.drain(..self.heard);
        self.heard = 0;
        let left_out = self.left_out.min(octets.len());
        self.left_out -= left_out;
        self.incoming.extend_from_slice(octets.get(left_out..).unwrap_or_default());
    }

    /// Returns the next packet; `None` where none is whole yet.
    ///
    /// # Errors
    /// The session is of no use any more.
    pub fn heard(&mut self) -> Result<Option<Heard>, MqttError> {
        loop {
            let rest = self.incoming.get(self.heard..).unwrap_or_default();
            let length = match split(rest) {
                Frame::Whole(length) => length,
                Frame::Torn => return Ok(None),
                // A broker of MQTT 5 was told how much we take. One of 3.1.1 passes on what a site says, however long: that
                // must not cut us off from all the others.
                Frame::TooLong(length) if self.version == Version::V5 => {
                    return Err(MqttError::TooLong(length));
                }
                Frame::TooLong(length) => match v3::topic(rest) {
                    Beginning::Torn => return Ok(None),
                    Beginning::Other => return Err(MqttError::TooLong(length)),
                    Beginning::Message(topic) => {
                        let there = rest.len().min(length);
                        self.heard += there;
                        self.left_out = length - there;
                        return Ok(Some(Heard::TooLong { topic, length }));
                    }
                },
                Frame::Malformed => return Err(self.malformed("no packet begins so")),
            };
            let packet = rest.get(..length).unwrap_or_default();
            let heard = match self.version {
                Version::V5 => v5::heard(packet),
                Version::V3 => v3::heard(packet),
            };
            self.heard += length;
            match heard {
                Ok(Some(heard)) => return Ok(Some(heard)),
                // A step of a QoS that we never use.
                Ok(None) => {}
                Err(packet::Fault::Codec(problem)) => return Err(self.malformed(&problem)),
                Err(packet::Fault::Client) => return Err(MqttError::Unexpected),
            }
        }
    }

    /// Returns a message as it goes to the broker. One that is acknowledged gets a number, which [`Heard::Taken`] repeats.
    ///
    /// # Errors
    /// The topic is none.
    pub fn publish(&mut self, publish: &Publish<'_>) -> Result<(Vec<u8>, Option<u16>), MqttError> {
        let id = publish.acknowledged.then(|| self.next_id());
        let octets = match self.version {
            Version::V5 => v5::publish(publish, id),
            Version::V3 => v3::publish(publish, id),
        }?;
        Ok((octets, id))
    }

    /// Returns the wish to hear what is said on topics, and the number that [`Heard::Subscribed`] repeats. QoS 0: mosquitto
    /// drops all but about a thousand retained messages of a subscription with QoS 1.
    ///
    /// # Errors
    /// The filter is none.
    pub fn subscribe(&mut self, filter: &str) -> Result<(Vec<u8>, u16), MqttError> {
        let id = self.next_id();
        let octets = match self.version {
            Version::V5 => v5::subscribe(filter, id),
            Version::V3 => v3::subscribe(filter, id),
        }?;
        Ok((octets, id))
    }

    /// Returns the wish to hear no more of them.
    ///
    /// # Errors
    /// The filter is none.
    pub fn unsubscribe(&mut self, filter: &str) -> Result<Vec<u8>, MqttError> {
        let id = self.next_id();
        match self.version {
            Version::V5 => v5::unsubscribe(filter, id),
            Version::V3 => v3::unsubscribe(filter, id),
        }
    }

    /// Returns the acknowledgement of a message that came with QoS 1.
    #[must_use]
    pub fn acknowledge(&self, id: u16) -> Vec<u8> {
        // Type 4, remaining length 2: the same octets in both versions (MQTT 5 section 3.4.2.1).
        let [high, low] = id.to_be_bytes();
        vec![0x40, 2, high, low]
    }

    /// Returns a sign of life, which [`Heard::Pong`] answers. The same octets in both versions.
    #[must_use]
    pub fn ping() -> Vec<u8> {
        vec![0xC0, 0]
    }

    /// Returns the good-bye after which the broker forgets our will. The same octets in both versions.
    #[must_use]
    pub fn disconnect() -> Vec<u8> {
        vec![0xE0, 0]
    }

    /// Never zero (MQTT 5 section 2.2.1).
    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }

    fn malformed(&self, problem: &str) -> MqttError {
        // A topic that is none stands in it, of up to 64 KiB.
        let problem = problem.chars().take(LONGEST_PROBLEM).collect();
        MqttError::Malformed { version: self.version, problem }
    }
}

#[cfg(test)]
mod tests;
