//! An answer ready to be sent: its records as octets, to which a client's question, id and flags are added. Pure.
//!
//! The names in the records point into the question where they can, so that they come back in the letters that the
//! client chose, as a reply made record by record has them.

use hickory_server::proto::{
    ProtoError,
    op::{Message, Metadata, Query, emit_message_parts},
    rr::Record,
    serialize::binary::BinEncoder,
};

use crate::dns::{
    message::{
        question::HEADER,
        reply::{OPT, UDP_PAYLOAD},
        wire::after_record,
    },
    relay::life::life,
};

/// The bits of the second word of a header (RFC 1035 section 4.1.1; RFC 4035 section 3).
pub mod flag {
    /// A response.
    pub const QR: u16 = 0x8000;
    /// Authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Truncated.
    pub const TC: u16 = 0x0200;
    /// Recursion desired.
    pub const RD: u16 = 0x0100;
    /// Recursion available.
    pub const RA: u16 = 0x0080;
    /// Authentic data.
    pub const AD: u16 = 0x0020;
    /// Checking disabled.
    pub const CD: u16 = 0x0010;
    /// The response code.
    pub const RCODE: u16 = 0x000f;
    /// DNSSEC OK, in the flags of OPT (RFC 3225 section 3).
    pub const DO: u16 = 0x8000;
}

/// The records of an answer, without header and question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// AA, AD and the response code.
    flags: u16,
    /// Answers, authorities, additionals without OPT.
    counts: [u16; 3],
    records: Box<[u8]>,
    /// Where in `records` the TTLs are.
    ttls: Box<[u16]>,
    life: u32,
}

/// What a client's own answer has besides the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The client's id.
    pub id: u16,
    /// The flags that are the client's or the server's: RD, CD, RA.
    pub flags: u16,
    /// The question's octets.
    pub question: &'a [u8],
    /// Whether the client sent OPT, and in it DO.
    pub edns: Option<bool>,
}

/// What becomes of the TTLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// As many seconds have passed.
    Aged(u32),
    /// All are this, in seconds: the true ones have passed (RFC 8767 section 4).
    Set(u32),
}

impl Ready {
    /// The answer to `question` with these records.
    ///
    /// # Errors
    /// A record that cannot be written, or a response code that needs OPT.
    pub fn new(
        metadata: &Metadata,
        question: &Query,
        answers: &[Record],
        authorities: &[Record],
        additionals: &[Record],
    ) -> Result<Self, ProtoError> {
        if metadata.response_code.high() > 0 {
            return Err(ProtoError::from("a response code that needs OPT"));
        }
        let mut octets = Vec::new();
        let mut encoder = BinEncoder::new(&mut octets);
        let header = emit_message_parts(
            metadata,
            &mut [question].into_iter(),
            &mut answers.iter(),
            &mut authorities.iter(),
            &mut additionals.iter(),
            None,
            None,
            &mut encoder,
        )?;
        let records = octets.get(HEADER + question_length(question)..).unwrap_or_default();
        let flags = [(metadata.authoritative, flag::AA), (metadata.authentic_data, flag::AD)];
        let flags = flags.into_iter().filter_map(|(is, bit)| is.then_some(bit)).sum::<u16>()
            | u16::from(metadata.response_code.low());
        Ok(Self {
            flags,
            counts: [header.counts.answers, header.counts.authorities, header.counts.additionals],
            ttls: ttls(records).ok_or("records that do not end")?,
            records: records.into(),
            life: life(metadata.response_code, question.query_type, answers, authorities, additionals),
        })
    }

    /// What a forwarder's message says. Whoever passes it on is no authority.
    ///
    /// # Errors
    /// As [`Ready::new`]; and a message without a question.
    pub fn relayed(message: &Message) -> Result<Self, ProtoError> {
        let question = message.queries.first().ok_or("no question")?;
        let Message { metadata, answers, authorities, additionals, .. } = message;
        let mut metadata = *metadata;
        metadata.authoritative = false;
        Self::new(&metadata, question, answers, authorities, additionals)
    }

    /// For how many seconds the answer may be kept; zero: not at all.
    #[must_use]
    pub fn life(&self) -> u32 {
        self.life
    }

    /// The memory it takes, in octets.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.records.len() + 2 * self.ttls.len()
    }

    /// Whether it is of a zone of this server.
    #[must_use]
    pub fn is_authoritative(&self) -> bool {
        self.flags & flag::AA != 0
    }

    /// How many octets the answer to that client has.
    #[must_use]
    pub fn length(&self, envelope: &Envelope<'_>) -> usize {
        let opt = if envelope.edns.is_some() { OPT } else { 0 };
        HEADER + envelope.question.len() + self.records.len() + opt
    }

    /// Writes the answer to that client, in the place of what `out` held.
    pub fn write(&self, envelope: &Envelope<'_>, ttl: Ttl, out: &mut Vec<u8>) {
        out.clear();
        let [answers, authorities, additionals] = self.counts;
        let additionals = additionals + u16::from(envelope.edns.is_some());
        // RFC 4035 section 3.1.6: where we are the authority, there was nothing to check.
        let unchecked = if self.flags & flag::AA != 0 { flag::CD } else { 0 };
        let flags = flag::QR | self.flags | envelope.flags & !unchecked;
        for word in [envelope.id, flags, 1, answers, authorities, additionals] {
            out.extend(word.to_be_bytes());
        }
        out.extend_from_slice(envelope.question);
        let start = out.len();
        out.extend_from_slice(&self.records);
        if ttl != Ttl::Aged(0) {
            for at in &self.ttls {
                if let Some(octets) =
                    out.get_mut(start + usize::from(*at)..).and_then(<[u8]>::first_chunk_mut)
                {
                    *octets = ttl.of(u32::from_be_bytes(*octets)).to_be_bytes();
                }
            }
        }
        if let Some(dnssec_ok) = envelope.edns {
            // The root's name, type OPT, our size, extended code and version 0, DO, no options (RFC 6891 section 6.1.2).
            out.extend([0, 0, 41]);
            out.extend(UDP_PAYLOAD.to_be_bytes());
            out.extend([0, 0]);
            out.extend(if dnssec_ok { flag::DO } else { 0 }.to_be_bytes());
            out.extend([0, 0]);
        }
    }

    /// The answer as a message, for clients that ask for it in an unusual way.
    ///
    /// # Errors
    /// None that is expected: what was written here is read again.
    pub fn message(&self, question: &[u8], ttl: Ttl) -> Result<Message, ProtoError> {
        let mut octets = Vec::new();
        self.write(&Envelope { id: 0, flags: 0, question, edns: None }, ttl, &mut octets);
        Ok(Message::from_vec(&octets)?)
    }
}

impl Ttl {
    fn of(self, ttl: u32) -> u32 {
        match self {
            Ttl::Aged(seconds) => ttl.saturating_sub(seconds),
            Ttl::Set(seconds) => seconds,
        }
    }
}

/// The octets of a question whose name is spelled out.
fn question_length(question: &Query) -> usize {
    let labels = question.name.iter().map(|label| 1 + label.len()).sum::<usize>();
    labels + 1 + 4
}

/// Where the TTLs are in records that follow each other to the end; none where they do not end there.
fn ttls(records: &[u8]) -> Option<Box<[u16]>> {
    let mut ttls = Vec::new();
    let mut at = 0;
    while at < records.len() {
        let (ttl, end) = after_record(records, at)?;
        ttls.push(u16::try_from(ttl).ok()?);
        at = end;
    }
    (at == records.len()).then_some(ttls.into())
}

#[cfg(test)]
mod tests;
