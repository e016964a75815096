//! The packets in MQTT 5.

use mqtt_proto::{
    QoS, QosPid,
    v5::{
        Connack, Connect, ConnectReasonCode as Reason, DisconnectReasonCode, LastWill, Packet,
        PubackReasonCode, Publish as Message5, RetainHandling, Subscribe, SubscribeReasonCode,
        SubscriptionOptions, Unsubscribe,
    },
};

use super::{
    LONGEST_PACKET, MqttError,
    packet::{Fault, Heard, Login, Publish, Refusal, message, octets, pid, topic_filter, topic_name, words},
};

pub(super) fn connect(login: &Login<'_>) -> Result<Vec<u8>, MqttError> {
    let mut connect = Connect::new(login.client.into(), login.keepalive);
    connect.properties.max_packet_size = u32::try_from(LONGEST_PACKET).ok();
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
    let mut message = Message5::new(qos, topic_name(publish.topic)?, publish.payload.to_vec().into());
    message.retain = publish.retained;
    octets(Packet::Publish(message).encode(), publish.topic)
}

pub(super) fn subscribe(filter: &str, id: u16) -> Result<Vec<u8>, MqttError> {
    let options = SubscriptionOptions {
        max_qos: QoS::Level0,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::SendAtSubscribe,
    };
    let subscribe = Subscribe::new(pid(id), vec![(topic_filter(filter)?, options)]);
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
        Packet::Connack(connack) => Heard::Connected(admission(&connack)),
        Packet::Publish(said) => message(&said.topic_name, &said.payload, said.retain, said.qos_pid),
        Packet::Puback(puback) => Heard::Taken {
            id: puback.pid.value(),
            refused: match puback.reason_code {
                PubackReasonCode::Success | PubackReasonCode::NoMatchingSubscribers => None,
                reason => Some(words(&reason)),
            },
        },
        Packet::Suback(suback) => Heard::Subscribed {
            id: suback.pid.value(),
            refused: suback.topics.iter().find_map(|reason| match reason {
                SubscribeReasonCode::GrantedQoS0
                | SubscribeReasonCode::GrantedQoS1
                | SubscribeReasonCode::GrantedQoS2 => None,
                reason => Some(words(reason)),
            }),
        },
        Packet::Pingresp => Heard::Pong,
        Packet::Disconnect(disconnect) => Heard::Ends {
            taken_over: disconnect.reason_code == DisconnectReasonCode::SessionTakenOver,
            reason: words(&disconnect.reason_code),
        },
        Packet::Unsuback(_) | Packet::Pubrec(_) | Packet::Pubcomp(_) | Packet::Pubrel(_) => return Ok(None),
        Packet::Connect(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::Pingreq
        | Packet::Auth(_) => return Err(Fault::Client),
    }))
}

fn admission(connack: &Connack) -> Result<(), Refusal> {
    let reason = connack.reason_code;
    match reason {
        Reason::Success => Ok(()),
        Reason::UnsupportedProtocolVersion => Err(Refusal::Version),
        Reason::BadUserNameOrPassword | Reason::NotAuthorized | Reason::Banned | Reason::BadAuthMethod => {
            Err(Refusal::Login(words(&reason)))
        }
        _ => Err(Refusal::Other(words(&reason))),
    }
}
