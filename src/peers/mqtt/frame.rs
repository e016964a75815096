//! Where a packet ends (MQTT 5 section 2.1): the codec gets whole packets only, and no endless one.

use super::LONGEST_PACKET;

/// What the octets that have come begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A packet of so many octets.
    Whole(usize),
    /// Not all of a packet.
    Torn,
    /// A packet of so many octets, which is too long.
    TooLong(usize),
    /// No packet.
    Malformed,
}

/// The most octets that say how long a packet is (section 1.5.5).
const LENGTH_OCTETS: usize = 4;

/// Looks for the end of the first packet.
pub(super) fn split(octets: &[u8]) -> Frame {
    if octets.first().is_some_and(|first| !is_control(*first)) {
        return Frame::Malformed;
    }
    let mut remaining = 0usize;
    for (place, octet) in octets.iter().skip(1).take(LENGTH_OCTETS).enumerate() {
        remaining |= usize::from(octet & 0x7F) << (7 * place);
        if octet & 0x80 == 0 {
            let length = 2 + place + remaining;
            return match length {
                _ if length > LONGEST_PACKET => Frame::TooLong(length),
                _ if length > octets.len() => Frame::Torn,
                _ => Frame::Whole(length),
            };
        }
    }
    if octets.len() > LENGTH_OCTETS { Frame::Malformed } else { Frame::Torn }
}

/// Returns whether a packet of a broker or a client begins so (section 2.1.3): whoever speaks something else is found out
/// before as much has come as a length of its would say.
const fn is_control(octet: u8) -> bool {
    match octet >> 4 {
        3 => true,
        6 | 8 | 10 => octet & 0x0F == 2,
        kind => kind != 0 && octet & 0x0F == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_ends_where_its_length_says() {
        for (octets, expected) in [
            (&b""[..], Frame::Torn),
            (b"\xD0", Frame::Torn),
            (b"\xD0\x00", Frame::Whole(2)),
            (b"\xD0\x00\xD0\x00", Frame::Whole(2)),
            (b"\x30\x03ab", Frame::Torn),
            (b"\x30\x03abc", Frame::Whole(5)),
            (b"\x30\x80", Frame::Torn),
            (b"\x30\xFF\xFF\xFF\x7F", Frame::TooLong(268_435_460)),
            (b"\x30\xFF\xFF\xFF\xFF", Frame::Malformed),
            (b"HTTP", Frame::Malformed),
            (b"\x15", Frame::Malformed),
        ] {
            assert_eq!(split(octets), expected, "{octets:02x?}");
        }
    }
}
