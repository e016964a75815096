//! One request to one reply: from the zone, or from the forwarders.

use std::{future::Future, pin::Pin, sync::Arc};

use hickory_server::{
    net::runtime::Time,
    proto::op::{Header, HeaderCounts, ResponseCode},
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::MessageRequest,
};

use super::{
    answer::{Answer, answer},
    relay::Relay,
    reply::{Reply, udp_limit},
    shared::{Counters, ZoneCell},
    upstream,
};

/// Answers requests, wherever they come from.
#[derive(Clone, Debug)]
pub struct Responder {
    zone: Arc<ZoneCell>,
    relay: Arc<Relay>,
    counters: Arc<Counters>,
}

impl Responder {
    /// A responder for the zone in the cell and the forwarders of the relay.
    #[must_use]
    pub fn new(zone: Arc<ZoneCell>, relay: Relay, counters: Arc<Counters>) -> Self {
        Self { zone, relay: Arc::new(relay), counters }
    }

    /// The reply to a request. Takes no time but for names that are relayed.
    pub async fn reply(&self, request: &MessageRequest) -> Reply {
        let reply = match answer(request, &self.zone.load(), self.relay.has_forwarders()) {
            Answer::Reply(reply) => reply,
            Answer::Relay => return self.relayed(request).await,
        };
        if reply.metadata.authoritative {
            self.counters.count_own();
        } else {
            self.counters.count_refused();
        }
        reply
    }

    async fn relayed(&self, request: &MessageRequest) -> Reply {
        match self.relay.ask(request).await {
            Ok(message) => {
                self.counters.count_relayed();
                upstream::reply(request, message)
            }
            Err(_) => {
                self.counters.count_relay_failure();
                Reply::new(request, ResponseCode::ServFail, true)
            }
        }
    }

    async fn reply_over_udp(&self, request: &Request, mut client: impl ResponseHandler) -> ResponseInfo {
        let reply = self.reply(request).await.cut_to(&request.queries, udp_limit(request));
        match client.send_response(reply.message(&request.queries)).await {
            Ok(sent) => sent,
            // The client asks again; there is nobody else to tell.
            Err(_) => Header { metadata: reply.metadata, counts: HeaderCounts::default() }.into(),
        }
    }
}

/// What hickory's server calls for each UDP request. Written out as `async_trait` would: one use is not worth a crate.
impl RequestHandler for Responder {
    fn handle_request<'a, 'b, 'c, R: ResponseHandler + 'c, T: Time + 'c>(
        &'a self,
        request: &'b Request,
        client: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'c>>
    where
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        Box::pin(self.reply_over_udp(request, client))
    }
}
