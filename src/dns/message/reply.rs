//! What goes back to a client, and how it is cut to the size that the client takes. Pure.

use hickory_server::{
    proto::{
        ProtoError,
        op::{Edns, Metadata, ResponseCode, emit_message_parts},
        rr::Record,
        serialize::binary::BinEncoder,
    },
    zone_handler::{MessageRequest, Queries},
};

use super::question::HEADER;

/// The largest UDP message sent and asked for. It fits IPv6's least MTU, so that nothing is fragmented
/// (RFC 9715 section 3.1; DNS flag day 2020).
pub const UDP_PAYLOAD: u16 = 1232;

/// The octets of an OPT without options.
pub const OPT: usize = 11;

/// A reply without its question, which is sent back in the client's own letters.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// Id, flags and response code.
    pub metadata: Metadata,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authorities: Vec<Record>,
    /// The additional section without OPT.
    pub additionals: Vec<Record>,
    /// OPT, where the request had one (RFC 6891 section 6.1.1).
    pub edns: Option<Edns>,
}

impl Reply {
    /// A reply without records.
    #[must_use]
    pub fn new(request: &MessageRequest, code: ResponseCode, recursion_available: bool) -> Self {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = code;
        metadata.recursion_available = recursion_available;
        Self {
            metadata,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            edns: request.edns.as_ref().map(own_edns),
        }
    }

    /// The octets of the reply, where they fit.
    ///
    /// # Errors
    /// A record that cannot be written.
    pub fn encode(&self, queries: &Queries, limit: u16) -> Result<Option<Vec<u8>>, ProtoError> {
        let mut octets = Vec::new();
        let mut encoder = BinEncoder::new(&mut octets);
        // No limit of the encoder's: it holds each name against it before the name is compressed.
        // Not hickory's MessageResponse: that one spells the name of the question out again in the records.
        let header = emit_message_parts(
            &self.metadata,
            &mut queries.queries().iter(),
            &mut self.answers.iter(),
            &mut self.authorities.iter(),
            &mut self.additionals.iter(),
            self.edns.as_ref(),
            None,
            &mut encoder,
        )?;
        let whole = header.truncation == self.metadata.truncation && octets.len() <= usize::from(limit);
        Ok(whole.then_some(octets))
    }

    /// Leaves out additional records, the last set first, until the reply is as wanted; false where it never is.
    pub fn drop_additionals(&mut self, wanted: impl Fn(&Self) -> bool) -> bool {
        while !wanted(self) {
            let Some(last) = self.additionals.pop() else { return false };
            let same =
                |record: &Record| record.name == last.name && record.record_type() == last.record_type();
            while self.additionals.last().is_some_and(same) {
                self.additionals.pop();
            }
        }
        true
    }

    /// Whether it has no more octets than that.
    #[must_use]
    pub fn fits(&self, queries: &Queries, most: usize) -> bool {
        let most = u16::try_from(most).unwrap_or(u16::MAX);
        matches!(self.encode(queries, most), Ok(Some(_)))
    }

    /// The largest reply over UDP: what the client takes, and of the zone's own, which anybody may ask for, not much more
    /// than was asked with.
    #[must_use]
    pub fn udp_limit(&self, request: &MessageRequest) -> u16 {
        let taken = udp_limit(request);
        let opt = if request.edns.is_some() { OPT } else { 0 };
        match self.metadata.authoritative {
            true => taken.min(growth(HEADER + request.queries.as_bytes().len() + opt)),
            false => taken,
        }
    }

    /// The reply cut so that it fits into `limit` octets.
    ///
    /// RFC 2181 section 9: additional records go without a word, the last set first, and if that is not enough, TC tells
    /// the client to ask over TCP. OPT stays (RFC 6891 section 7): hickory by itself would fill up with records and drop it.
    #[must_use]
    pub fn cut_to(mut self, queries: &Queries, limit: u16) -> Self {
        let limit = usize::from(limit);
        if self.drop_additionals(|reply| reply.fits(queries, limit)) {
            return self;
        }
        self.answers.clear();
        self.authorities.clear();
        self.metadata.truncation = true;
        self
    }
}

/// Octets that the zone answers at most to so many over UDP; beyond that, the client is told to come over TCP, where
/// nobody can write another's address on a question. The fullest set of records of a usual zone has seven times as many.
#[must_use]
pub fn growth(request: usize) -> u16 {
    const TIMES: usize = 8;
    u16::try_from(request.saturating_mul(TIMES)).unwrap_or(u16::MAX)
}

/// The largest UDP reply to a request: what the client says it takes, but not more than goes unfragmented.
#[must_use]
pub fn udp_limit(request: &MessageRequest) -> u16 {
    // RFC 6891 section 6.2.3: below 512 counts as 512; `max_payload` sees to that.
    request.max_payload().min(UDP_PAYLOAD)
}

/// OPT towards a client or a forwarder: our own size, DO as it was asked (RFC 3225 section 3), and no options, which
/// belong to one hop (RFC 6891 section 6.2.6).
#[must_use]
pub fn own_edns(theirs: &Edns) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD).set_dnssec_ok(theirs.flags().dnssec_ok);
    edns
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_server::proto::{
        op::Message,
        rr::{
            RData, RecordType,
            rdata::{A, CNAME},
        },
    };

    use super::*;
    use crate::dns::stand_in::{edns, name, request};

    fn addresses(count: u8) -> Vec<Record> {
        let record = |last| Ipv4Addr::new(10, 0, 0, last);
        (0..count).map(|last| Record::from_rdata(name("a.example."), 1, RData::A(A(record(last))))).collect()
    }

    #[test]
    fn rfc1035_s4_2_1_without_edns_512_octets_is_the_limit() {
        let request = request("a.example.", RecordType::A, |_| ());
        assert_eq!(udp_limit(&request), 512);
        let mut reply = Reply::new(&request, ResponseCode::NoError, true);
        reply.answers = addresses(100);
        let cut = reply.cut_to(&request.queries, udp_limit(&request));
        assert!(cut.metadata.truncation && cut.answers.is_empty());
    }

    #[test]
    fn rfc6891_s6_2_5_the_clients_size_holds_up_to_ours() {
        for (theirs, limit) in [(0, 512), (511, 512), (900, 900), (1232, 1232), (4096, 1232), (65535, 1232)] {
            let request = request("a.example.", RecordType::A, |message| {
                message.set_edns(edns(0, theirs));
            });
            assert_eq!(udp_limit(&request), limit, "{theirs}");
        }
    }

    #[test]
    fn rfc6891_s7_a_cut_reply_keeps_its_opt() {
        let request = request("a.example.", RecordType::A, |message| {
            message.set_edns(edns(0, 4096));
        });
        let mut reply = Reply::new(&request, ResponseCode::NoError, true);
        reply.answers = addresses(200);
        let limit = udp_limit(&request);
        let octets = reply.cut_to(&request.queries, limit).encode(&request.queries, limit).unwrap().unwrap();
        let message = Message::from_vec(&octets).unwrap();
        assert!(message.metadata.truncation);
        assert_eq!(message.edns.unwrap().max_payload(), UDP_PAYLOAD);
        assert_eq!(message.queries.len(), 1);
    }

    #[test]
    fn rfc2181_s9_additional_records_are_left_out_without_tc() {
        let request = request("a.example.", RecordType::A, |_| ());
        let mut reply = Reply::new(&request, ResponseCode::NoError, true);
        (reply.answers, reply.additionals) = (addresses(3), addresses(100));
        let cut = reply.cut_to(&request.queries, 512);
        assert!(!cut.metadata.truncation && cut.additionals.is_empty());
        assert_eq!(cut.answers.len(), 3);
    }

    #[test]
    fn rfc2181_s9_additional_sets_are_kept_whole_or_left_out() {
        let of = |owner, count| {
            let mut records = addresses(count);
            records.iter_mut().for_each(|record| record.name = name(owner));
            records
        };
        let request = request("a.example.", RecordType::A, |_| ());
        let mut reply = Reply::new(&request, ResponseCode::NoError, true);
        reply.answers = addresses(3);
        reply.additionals = [of("b.example.", 10), of("c.example.", 20), of("d.example.", 1)].concat();
        let cut = reply.cut_to(&request.queries, 512);
        assert!(!cut.metadata.truncation);
        assert_eq!(cut.additionals, of("b.example.", 10));
    }

    #[test]
    fn what_fits_is_left_alone() {
        let request = request("a.example.", RecordType::A, |_| ());
        let mut reply = Reply::new(&request, ResponseCode::NoError, true);
        (reply.answers, reply.additionals) = (addresses(3), addresses(3));
        assert_eq!(reply.clone().cut_to(&request.queries, 512), reply);
    }

    #[test]
    fn what_fits_to_the_octet_fits() {
        let request = request("a.example.", RecordType::CNAME, |_| ());
        let mut reply = Reply::new(&request, ResponseCode::NoError, true);
        // The last name takes two octets; written out, it would take eleven.
        reply.answers =
            vec![Record::from_rdata(name("b.example."), 1, RData::CNAME(CNAME(name("a.example."))))];
        let size = u16::try_from(reply.encode(&request.queries, u16::MAX).unwrap().unwrap().len()).unwrap();
        assert!(reply.encode(&request.queries, size).unwrap().is_some());
        assert!(reply.encode(&request.queries, size - 1).unwrap().is_none());
    }

    #[test]
    fn every_limit_that_a_client_may_name_is_kept() {
        let request = request("a.example.", RecordType::A, |message| {
            message.set_edns(edns(0, 4096));
        });
        let mut reply = Reply::new(&request, ResponseCode::NoError, true);
        reply.answers = addresses(40);
        for limit in 512..=UDP_PAYLOAD {
            let octets = reply.clone().cut_to(&request.queries, limit).encode(&request.queries, limit);
            assert!(octets.unwrap().is_some_and(|octets| octets.len() <= usize::from(limit)), "{limit}");
        }
    }
}
