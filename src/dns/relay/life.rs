//! For how long an answer may be kept. Pure.

use hickory_server::proto::{
    op::ResponseCode,
    rr::{RData, Record, RecordType},
};

/// A positive answer is asked for again after a day, whatever its TTL says (RFC 8767 section 4 allows a week).
const MAX_LIFE: u32 = 86_400;

/// RFC 2308 section 5: one to three hours are sensible for what does not exist.
const MAX_NEGATIVE_LIFE: u32 = 10_800;

/// For how many seconds an answer to a question for `asked` may be kept; zero: not at all.
#[must_use]
pub fn life(
    code: ResponseCode,
    asked: RecordType,
    answers: &[Record],
    authorities: &[Record],
    additionals: &[Record],
) -> u32 {
    let least = answers.iter().chain(authorities).chain(additionals).map(ttl_of).min();
    let given = |record: &Record| record.record_type() == asked || asked == RecordType::ANY;
    match code {
        ResponseCode::NoError if answers.iter().any(given) => least.unwrap_or(0).min(MAX_LIFE),
        // RFC 2308 section 5: MINIMUM and the SOA's own TTL bound it, and without SOA nothing is kept. An alias may lead
        // to what does not exist (section 2.2).
        ResponseCode::NoError | ResponseCode::NXDomain => {
            let minimum = authorities.iter().find_map(|record| match &record.data {
                RData::SOA(soa) => Some(soa.minimum),
                _ => None,
            });
            let bound = minimum.unwrap_or(0).min(MAX_NEGATIVE_LIFE);
            least.unwrap_or(0).min(bound)
        }
        _ => 0,
    }
}

/// RFC 2181 section 8: a TTL with the highest bit set is zero.
fn ttl_of(record: &Record) -> u32 {
    if i32::try_from(record.ttl).is_ok() { record.ttl } else { 0 }
}
