//! What goes into the exchange and comes out of it. Pure.

use std::time::Duration;

use crate::{
    peers::{Count, DeviceState, Eid, Person, Presence, SiteState},
    settings::Technology,
};

/// Who we are.
#[derive(Clone, Debug, PartialEq)]
pub struct Own {
    /// Our name.
    pub site: String,
    /// Another one after each start.
    pub boot: String,
    /// The version of this Asterisk.
    pub asterisk: String,
    /// The version of this module.
    pub synch: String,
    /// Our channel driver: the phones of the other one are shown under it.
    pub technology: Technology,
    /// How long we wait before we answer who asks for everything: another time at each site.
    pub answer_after: Duration,
}

/// Something that this Asterisk says of itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A device's state, of our own entity.
    Device(String, DeviceState),
    /// The messages in a mailbox of its own voicemail.
    Mailbox(String, Count),
    /// A person's presence.
    Presence(String, Presence),
    /// What a device is in a queue.
    Member {
        /// Which device.
        device: String,
        /// Which queue.
        queue: String,
        /// `ready`, `paused` or `paused: reason`; `None` where it is no member any more.
        word: Option<String>,
    },
    /// Who can be called here.
    People(Vec<Person>),
}

/// Something for the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out {
    /// A message that the broker keeps; an empty one deletes.
    Say {
        /// Topic.
        topic: String,
        /// Payload.
        payload: String,
        /// Whether its being taken is told by [`super::Exchange::said`].
        acknowledged: bool,
        /// Whether the broker keeps it.
        retained: bool,
    },
    /// The wish to hear topics.
    Subscribe(String),
    /// The wish to hear no more of them.
    Unsubscribe(String),
}

/// Something for Asterisk.
#[derive(Clone, Debug, PartialEq)]
pub enum Show {
    /// The state that a site gives a device.
    Device(Eid, String, DeviceState),
    /// That a site gives it none any more.
    Clear(Eid, String),
    /// The messages in a mailbox.
    Lamp(String, Count),
    /// That nobody knows of a mailbox any more.
    NoLamp(String),
    /// A person's presence.
    Presence(String, Presence),
}

/// A site that stands somewhere else than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which.
    pub site: String,
    /// Where it stood; `None` where it was not known.
    pub from: Option<SiteState>,
    /// Where it stands.
    pub to: SiteState,
    /// Why.
    pub reason: &'static str,
}
