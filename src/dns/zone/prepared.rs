//! The answers of a zone to the questions that phones ask, made once by the long way. Pure.

use std::{collections::HashMap, net::Ipv4Addr};

use hickory_server::{
    net::xfer::Protocol,
    proto::{
        op::{Message, MessageType, OpCode, Query},
        rr::{LowerName, Name, RecordType},
    },
    server::Request,
};

use super::{
    answer::{Answer, answer},
    ready::Ready,
};
use crate::dns::{
    message::question::{Key, key},
    zone::Zone,
};

/// What phones ask for at any name, whether there is such a record or not (RFC 3263).
const ASKED: [RecordType; 4] = [RecordType::A, RecordType::AAAA, RecordType::SRV, RecordType::NAPTR];

/// The zone's answers by question. Names that do not exist are not among them: there is no end of those.
#[must_use]
pub fn prepared(zone: &Zone) -> HashMap<Key, Ready> {
    let mut prepared = HashMap::new();
    for (name, sets) in zone.names() {
        for record_type in sets.keys().copied().chain(ASKED) {
            if let Some(ready) = prepare(zone, name, record_type) {
                prepared.insert(key(name, record_type).into(), ready);
            }
        }
    }
    prepared
}

/// None where the answer is not of the kind that can be prepared; such a question goes the long way.
fn prepare(zone: &Zone, name: &LowerName, record_type: RecordType) -> Option<Ready> {
    let mut query = Message::new(0, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(Name::from(name), record_type));
    let nobody = (Ipv4Addr::UNSPECIFIED, 0).into();
    let request = Request::from_bytes(query.to_vec().ok()?, nobody, Protocol::Tcp).ok()?;
    let Answer::Reply(reply) = answer(&request, zone, false) else {
        return None;
    };
    let question = query.queries.first()?;
    Ready::new(&reply.metadata, question, &reply.answers, &reply.authorities, &reply.additionals).ok()
}
