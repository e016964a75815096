//! The packets in MQTT 3.1.1.

use mqtt_proto::{
    QoS, QosPid,
    v3::{
        Connect, ConnectReturnCode, LastWill, Packet, Publish as Message3, Subscribe, SubscribeReturnCode,
        Unsubscribe,
    },
};

use super::{
    MqttError,
    packet::{
        Beginning, Fault, Heard, Login, Publish, Refusal, message, octets, pid, topic_filter, topic_name,
        words,
    },
};

pub(super) fn connect(login: &Login<'_>) -> Result<Vec<u8>, MqttError> {
    let mut connect = Connect::new(login.client.into(), login.keepalive);
    connect.clean_session = true;
    connect.username = (!login.username.is_empty()).then(|| login.username.into());
    connect.password = (!login.secret.is_empty()).then(|| login.secret.as_bytes().to_vec().into());
    if let Some(Publish { topic, payload, retained, .. }) = login.will {
        let mut will = LastWill::new(QoS::Level1, topic_name(topic)?, payload.to_vec().into());
        will.retain = retained;
        connect.last_will = Some(will);
    }
    octets(Packet::Connect(connect).encode(), login.client)
}

pub(super) fn publish(publish: &Publish<'_>, id: Option<u16>) -> Result<Vec<u8>, MqttError> {
    let qos = id.map_or(QosPid::Level0, |id| QosPid::Level1(pid(id)));
    let mut message = Message3::new(qos, topic_name(publish.topic)?, publish.payload.to_vec().into());
    message.retain = publish.retained;
    octets(Packet::Publish(message).encode(), publish.topic)
}

pub(super) fn subscribe(filter: &str, id: u16) -> Result<Vec<u8>, MqttError> {
    let subscribe = Subscribe::new(pid(id), vec![(topic_filter(filter)?, QoS::Level0)]);
    octets(Packet::Subscribe(subscribe).encode(), filter)
}

pub(super) fn unsubscribe(filter: &str, id: u16) -> Result<Vec<u8>, MqttError> {
    let unsubscribe = Unsubscribe::new(pid(id), vec![topic_filter(filter)?]);
    octets(Packet::Unsubscribe(unsubscribe).encode(), filter)
}

/// Returns what a whole packet says; `None` where it says nothing to us.
pub(super) fn heard(packet: &[u8]) -> Result<Option<Heard>, Fault> {
    let packet = Packet::decode(packet).map_err(|error| Fault::Codec(error.to_string()))?;
    let packet = packet.ok_or_else(|| Fault::Codec("a packet says more than it holds".to_owned()))?;
    Ok(Some(match packet {
        Packet::Connack(connack) => Heard::Connected(admission(connack.code)),
        Packet::Publish(said) => message(&said.topic_name, &said.payload, said.retain, said.qos_pid),
        Packet::Puback(id) => Heard::Taken { id: id.value(), refused: None },
        Packet::Suback(suback) => {
            let refused = suback.topics.contains(&SubscribeReturnCode::Failure);
            Heard::Subscribed { id: suback.pid.value(), refused: refused.then(|| "refused".to_owned()) }
        }
        Packet::Pingresp => Heard::Pong,
        Packet::Unsuback(_) | Packet::Pubrec(_) | Packet::Pubcomp(_) | Packet::Pubrel(_) => return Ok(None),
        Packet::Connect(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::Pingreq
        | Packet::Disconnect => return Err(Fault::Client),
    }))
}

/// Looks at the beginning of a packet (MQTT 3.1.1 section 3.3): whether it is a message of QoS 0, and about what.
pub(super) fn topic(packet: &[u8]) -> Beginning {
    const KIND_AND_QOS: u8 = 0xF6;
    if packet.first().is_none_or(|first| first & KIND_AND_QOS != 0x30) {
        return Beginning::Other;
    }
    let length = packet.iter().skip(1).position(|octet| octet & 0x80 == 0);
    let said = length.and_then(|length| packet.get(length + 2..)).unwrap_or_default();
    let Some((length, said)) = said.split_first_chunk::<2>() else { return Beginning::Torn };
    match said.get(..usize::from(u16::from_be_bytes(*length))) {
        None => Beginning::Torn,
        Some(topic) => {
            std::str::from_utf8(topic).map_or(Beginning::Other, |topic| Beginning::Message(topic.to_owned()))
        }
    }
}

fn admission(code: ConnectReturnCode) -> Result<(), Refusal> {
    match code {
        ConnectReturnCode::Accepted => Ok(()),
        ConnectReturnCode::UnacceptableProtocolVersion => Err(Refusal::Version),
        ConnectReturnCode::BadUserNameOrPassword | ConnectReturnCode::NotAuthorized => {
            Err(Refusal::Login(words(&code)))
        }
        ConnectReturnCode::IdentifierRejected | ConnectReturnCode::ServerUnavailable => {
            Err(Refusal::Other(words(&code)))
        }
    }
}
