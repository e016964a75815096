//! What a site of the test's own says to a broker, in MQTT 5.

use std::fmt::Display;

use mqtt_proto::v5::{Connect, LastWill, Packet, Publish, RetainHandling, Subscribe, SubscriptionOptions};
use mqtt_proto::{Pid, QoS, QosPid, TopicFilter, TopicName, VarBytes};

use crate::broker::secret;
use crate::error::{Context, Error, Result};

/// The packet with which a site logs in, with its will. It is to say something within one and a half times `keepalive`.
pub fn login(site: &str, keepalive: u16) -> Result<Vec<u8>> {
    let mut will =
        LastWill::new(QoS::Level1, topic_name(&format!("synch/1/{site}/site"))?, b"lost".to_vec().into());
    will.retain = true;
    let mut connect = Connect::new(format!("synch-{site}").into(), keepalive);
    connect.username = Some(site.into());
    connect.password = Some(secret(site).into_bytes().into());
    connect.last_will = Some(will);
    octets(Packet::Connect(connect).encode())
}

/// Whether these octets begin with the word of a broker that lets one in.
pub fn lets_in(answer: &[u8]) -> bool {
    // CONNACK, its length, whether there was a session, and the reason.
    answer.first() == Some(&0x20) && answer.get(3) == Some(&0)
}

/// The packet with which something is said.
pub fn publish(topic: &str, payload: &str, retained: bool) -> Result<Vec<u8>> {
    let mut publish = Publish::new(QosPid::Level0, topic_name(topic)?, payload.as_bytes().to_vec().into());
    publish.retain = retained;
    octets(Packet::Publish(publish).encode())
}

/// The packet that asks for topics. `id` is not zero.
pub fn subscribe(filter: &str, id: u16) -> Result<Vec<u8>> {
    let options = SubscriptionOptions {
        max_qos: QoS::Level0,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAtSubscribe,
    };
    let topics = vec![(TopicFilter::try_from(filter).map_err(wrong(filter))?, options)];
    let id = Pid::try_from(id).map_err(wrong("a packet without a number"))?;
    octets(Packet::Subscribe(Subscribe::new(id, topics)).encode())
}

fn topic_name(topic: &str) -> Result<TopicName> {
    TopicName::try_from(topic).map_err(wrong(topic))
}

fn wrong<E: std::fmt::Debug>(what: &str) -> impl FnOnce(E) -> Error {
    let what = what.to_owned();
    move |error| Error::new(format!("{what}: {error:?}"))
}

fn octets<E: Display>(packet: Result<VarBytes, E>) -> Result<Vec<u8>> {
    packet.map(|packet| packet.as_ref().to_vec()).context("a packet")
}
