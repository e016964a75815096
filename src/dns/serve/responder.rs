//! One request to one reply: from the zone, or from the relay.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Instant,
};

use hickory_server::{
    net::xfer::Protocol,
    proto::{
        op::{Header, LowerQuery, MessageType, ResponseCode},
        serialize::binary::{BinDecodable, BinDecoder},
    },
    server::Request,
    zone_handler::MessageRequest,
};
use parking_lot::RwLock;

use super::shared::{Counters, ZoneCell};
use crate::dns::{
    message::{reply::Reply, wire::is_whole},
    relay::{Relay, allow::Allowed, upstream},
    zone::{
        Lookup,
        answer::{Answer, answer, malformed},
        ready::Ttl,
        short_cut::Plain,
    },
};

/// Answers requests, wherever they come from.
#[derive(Clone, Debug)]
pub struct Responder {
    zone: Arc<ZoneCell>,
    relay: Arc<Relay>,
    allowed: Arc<RwLock<Allowed>>,
    counters: Arc<Counters>,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Step {
    /// Its reply.
    Reply(Reply),
    /// A name that others know: [`Responder::relayed`] asks them.
    Relay,
}

impl Responder {
    /// A responder for the zone in the cell and the forwarders of the relay.
    #[must_use]
    pub fn new(zone: Arc<ZoneCell>, relay: Arc<Relay>, allowed: Allowed, counters: Arc<Counters>) -> Self {
        Self { zone, relay, allowed: Arc::new(RwLock::new(allowed)), counters }
    }

    /// From now on these may ask for other names.
    pub fn allow(&self, allowed: Allowed) {
        *self.allowed.write() = allowed;
    }

    /// Writes the answer to a plain question, where it is at hand; false where the request goes the long way.
    pub fn at_once(&self, octets: &[u8], client: IpAddr, now: Instant, out: &mut Vec<u8>) -> bool {
        let Some(plain) = Plain::read(octets) else {
            return false;
        };
        let relays = self.relays_for(client);
        if let Some(written) =
            self.zone.with_ready(plain.zone_key(), |ready| plain.answer(ready, Ttl::Aged(0), relays, out))
        {
            if written {
                self.counters.count_own();
            }
            return written;
        }
        if !relays || !plain.recursion_desired() {
            return false;
        }
        let written = self
            .relay
            .fresh(plain.relayed_key(), now)
            .is_some_and(|served| plain.answer(&served.ready, served.ttl, true, out));
        if written {
            self.counters.count_relayed();
            self.counters.count_cached();
        }
        written
    }

    /// Takes this for a forwarder's answer to that request.
    #[cfg(test)]
    pub(in crate::dns) fn learn(
        &self,
        request: &MessageRequest,
        answer: &hickory_server::proto::op::Message,
    ) {
        self.relay.learn(request, answer);
    }

    /// Counts a question that the rate limit kept from being answered.
    pub fn count_limited(&self) {
        self.counters.count_limited();
    }

    /// The first step of a request's long way; takes no time.
    #[must_use]
    pub fn step(&self, request: &MessageRequest, client: IpAddr) -> Step {
        let relays = self.relays_for(client);
        let zone = self.zone.load();
        let reply = match answer(request, &zone, relays) {
            Answer::Reply(reply) => reply,
            Answer::Relay => return Step::Relay,
        };
        if reply.metadata.authoritative {
            self.counters.count_own();
        } else {
            self.counters.count_refused();
            // A transfer of the own zone is refused as well.
            let of_others = |question: &LowerQuery| matches!(zone.lookup(question.name()), Lookup::Outside);
            let is_refused = reply.metadata.response_code == ResponseCode::Refused;
            if !relays && is_refused && request.queries.queries().first().is_some_and(of_others) {
                match self.relay.has_forwarders() {
                    true => self.counters.count_not_allowed(),
                    false => self.counters.count_no_forwarder(),
                }
            }
        }
        Step::Reply(reply)
    }

    /// The reply to a request for another name. Takes as long as the forwarders.
    pub async fn relayed(&self, request: &MessageRequest) -> Reply {
        let answer = self.relay.ask(request).await.ok();
        let message =
            answer.and_then(|served| served.ready.message(request.queries.as_bytes(), served.ttl).ok());
        match message {
            Some(message) => {
                self.counters.count_relayed();
                upstream::reply(request, message)
            }
            None => {
                self.counters.count_relay_failure();
                self.counters.count_no_forwarder();
                Reply::new(request, ResponseCode::ServFail, true)
            }
        }
    }

    /// The reply to a request, whichever way.
    pub async fn reply(&self, request: &MessageRequest, client: IpAddr) -> Reply {
        match self.step(request, client) {
            Step::Reply(reply) => reply,
            Step::Relay => self.relayed(request).await,
        }
    }

    fn relays_for(&self, client: IpAddr) -> bool {
        self.relay.has_forwarders() && self.allowed.read().contains(client)
    }
}

/// Reads a request.
///
/// # Errors
/// It is none; with the octets of a reply, where it deserves one.
pub fn read(octets: Vec<u8>, client: SocketAddr, protocol: Protocol) -> Result<Request, Option<Vec<u8>>> {
    let header = Header::read(&mut BinDecoder::new(&octets)).ok();
    let refused = || malformed(header.as_deref()).and_then(|reply| reply.to_vec().ok());
    // hickory stops behind the last record, whatever follows, and makes room for as many as the header claims.
    if !is_whole(&octets) {
        return Err(refused());
    }
    match Request::from_bytes(octets, client, protocol) {
        Ok(request) if request.metadata.message_type == MessageType::Query => Ok(request),
        Ok(_) => Err(None),
        Err(_) => Err(refused()),
    }
}
