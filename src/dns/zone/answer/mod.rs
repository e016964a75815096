//! A request and a zone make a reply, or the decision to relay. Pure.

use hickory_server::{
    proto::{
        op::{LowerQuery, Message, MessageType, Metadata, OpCode, ResponseCode},
        rr::{DNSClass, LowerName, Name, RData, Record, RecordType},
    },
    zone_handler::MessageRequest,
};

use crate::dns::{
    message::{question::HEADER, reply::Reply},
    zone::{Lookup, RecordSets, Zone},
};

/// How many times the octets of its question an answer may have with what the client did not ask for: whoever writes a
/// victim's address on a question shall gain little by it. It is enough for NAPTR with one transport and where that leads
/// to, and for SRV of two systems with their addresses; whoever needs more asks for it next.
const WITH_ADDITIONALS: usize = 5;

/// What becomes of a request.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// Answered here.
    Reply(Reply),
    /// A name of somebody else: the forwarders know.
    Relay,
}

/// Answers a request from the zone. `relays` says whether there is a forwarder for other names.
#[must_use]
pub fn answer(request: &MessageRequest, zone: &Zone, relays: bool) -> Answer {
    let plain = |code| Answer::Reply(Reply::new(request, code, relays));
    if request.metadata.op_code != OpCode::Query {
        return plain(ResponseCode::NotImp);
    }
    // RFC 6891 section 6.1.3
    if request.version() > 0 {
        return plain(ResponseCode::BADVERS);
    }
    // RFC 9619: a query has exactly one question.
    let [question] = request.queries.queries() else {
        return plain(ResponseCode::FormErr);
    };
    // The zone is of class IN and not for transfer, and neither is anything else here.
    let transfer = matches!(question.query_type(), RecordType::AXFR | RecordType::IXFR);
    if question.query_class() != DNSClass::IN || transfer {
        return plain(ResponseCode::Refused);
    }
    // Only IXFR has a use for records in a question's other sections (RFC 1995 section 3).
    if !request.answers.is_empty() || !request.authorities.is_empty() {
        return plain(ResponseCode::FormErr);
    }
    match zone.lookup(question.name()) {
        Lookup::Exists(sets) => Answer::Reply(existing(request, question, zone, sets, relays)),
        Lookup::Unknown => Answer::Reply(negative(request, question, zone, ResponseCode::NXDomain, relays)),
        // RFC 1035 section 4.1.1: without RD the client wants only what this server knows by itself.
        Lookup::Outside if relays && request.metadata.recursion_desired => Answer::Relay,
        Lookup::Outside => plain(ResponseCode::Refused),
    }
}

/// The reply to octets that are no request: all that can be said of an operation that nobody here knows is that, however
/// its message looks (RFC 8906 section 3.1.4). None where there is nothing to reply to: too short for a header, or itself a
/// reply, which two servers would send back and forth for ever.
#[must_use]
pub fn malformed(metadata: Option<&Metadata>) -> Option<Message> {
    let metadata = metadata.filter(|metadata| metadata.message_type == MessageType::Query)?;
    let known = metadata.op_code == OpCode::Query;
    let code = if known { ResponseCode::FormErr } else { ResponseCode::NotImp };
    let mut reply = Message::error_msg(metadata.id, metadata.op_code, code);
    reply.metadata.recursion_desired = metadata.recursion_desired;
    Some(reply)
}

fn existing(
    request: &MessageRequest,
    question: &LowerQuery,
    zone: &Zone,
    sets: &RecordSets,
    relays: bool,
) -> Reply {
    let records = match question.query_type() {
        // RFC 8482 section 4.1: one of the sets is answer enough, and no tool for amplification.
        RecordType::ANY => sets.values().next(),
        wanted => sets.get(&wanted),
    };
    let Some(records) = records else {
        return negative(request, question, zone, ResponseCode::NoError, relays);
    };
    let mut reply = authoritative(request, ResponseCode::NoError, relays);
    reply.answers = records.iter().map(|record| owned_by(record, question.original().name())).collect();
    reply.additionals = additional(records, zone);
    // By the shortest request for it, whatever this one has: the same question always has the same answer.
    let most = WITH_ADDITIONALS * (HEADER + request.queries.as_bytes().len());
    reply.drop_additionals(|reply| reply.fits(&request.queries, most));
    reply
}

/// NODATA and NXDOMAIN: the SOA tells how long the client may remember it (RFC 2308 section 3).
fn negative(
    request: &MessageRequest,
    question: &LowerQuery,
    zone: &Zone,
    code: ResponseCode,
    relays: bool,
) -> Reply {
    let mut reply = authoritative(request, code, relays);
    let asked = question.original().name();
    let apex = asked.trim_to(zone.origin().iter().count());
    reply.authorities = vec![owned_by(zone.negative_soa(), &apex)];
    reply
}

fn authoritative(request: &MessageRequest, code: ResponseCode, relays: bool) -> Reply {
    let mut reply = Reply::new(request, code, relays);
    reply.metadata.authoritative = true;
    // RFC 4035 section 3.1.6: there was nothing to check.
    reply.metadata.checking_disabled = false;
    reply
}

/// What a client that got these answers asks for next (RFC 1034 section 4.3.2 step 6): the SRV records that NAPTR leads
/// to (RFC 3403 section 4.2), and both kinds of addresses of every host that is named (RFC 2782; RFC 3596 section 3).
fn additional(answers: &[Record], zone: &Zone) -> Vec<Record> {
    let services = answers.iter().filter_map(|record| match &record.data {
        RData::NAPTR(naptr) => Some(LowerName::from(&naptr.replacement)),
        _ => None,
    });
    let mut additional: Vec<Record> =
        services.flat_map(|service| zone.records(&service, RecordType::SRV)).cloned().collect();
    for host in hosts(answers.iter().chain(&additional)) {
        for record_type in [RecordType::A, RecordType::AAAA] {
            additional.extend_from_slice(zone.records(&host, record_type));
        }
    }
    additional
}

/// The hosts that these records name, each once.
fn hosts<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<LowerName> {
    let mut hosts = Vec::new();
    for record in records {
        let host = match &record.data {
            RData::NS(name) => LowerName::from(&name.0),
            RData::SRV(srv) => LowerName::from(&srv.target),
            _ => continue,
        };
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// The record under the name as the client wrote it: some compare the letters' case too (0x20), as a proof that the
/// reply is to their question.
fn owned_by(record: &Record, name: &Name) -> Record {
    let mut record = record.clone();
    record.name = name.clone();
    record
}

#[cfg(test)]
mod tests;
