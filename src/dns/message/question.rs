//! What a client asks, as the tables of ready answers know it. Pure.

use hickory_server::{
    proto::rr::{Name, RecordType},
    zone_handler::MessageRequest,
};

/// Octets before the question (RFC 1035 section 4.1.1).
pub const HEADER: usize = 12;

/// The longest name (RFC 1035 section 2.3.4).
pub const MAX_NAME: usize = 255;

/// A name in small letters, as it is on the wire, then the type: what a table of one zone is looked up by. Behind it,
/// the [`Variant`] for tables of what forwarders answer.
pub type Key = Box<[u8]>;

/// What makes forwarders answer the same question differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// CD: answers that do not validate are wanted (RFC 4035 section 3.2.2).
    pub checking_disabled: bool,
    /// AD: the client wants to hear of validation (RFC 6840 section 5.7).
    pub authentic_data: bool,
    /// DO: signatures are wanted (RFC 3225).
    pub dnssec_ok: bool,
}

impl Variant {
    /// What a request asks for.
    #[must_use]
    pub fn of(request: &MessageRequest) -> Self {
        Self {
            checking_disabled: request.metadata.checking_disabled,
            authentic_data: request.metadata.authentic_data,
            dnssec_ok: request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok),
        }
    }

    /// The octet at the end of a key.
    #[must_use]
    pub fn octet(self) -> u8 {
        u8::from(self.checking_disabled) | u8::from(self.authentic_data) << 1 | u8::from(self.dnssec_ok) << 2
    }
}

/// The key of a name and a type.
#[must_use]
pub fn key(name: &Name, record_type: RecordType) -> Vec<u8> {
    let mut key = Vec::with_capacity(MAX_NAME + 3);
    for label in name.iter() {
        // A label has at most 63 octets.
        key.push(u8::try_from(label.len()).unwrap_or_default());
        key.extend(label.iter().map(u8::to_ascii_lowercase));
    }
    key.push(0);
    key.extend(u16::from(record_type).to_be_bytes());
    key
}

/// The key of what a forwarder answers to this request; none unless it has exactly one question.
#[must_use]
pub fn relayed_key(request: &MessageRequest) -> Option<Key> {
    let [question] = request.queries.queries() else {
        return None;
    };
    let mut key = key(question.name(), question.query_type());
    key.push(Variant::of(request).octet());
    Some(key.into())
}
