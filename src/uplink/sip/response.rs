//! A SIP response as far as we need it, out of whatever octets come. Pure.

use crate::words::wording::visible;

/// Letters of a reason that are shown; the longest honest one has 31.
const MAX_REASON: usize = 80;

/// Headers of a response that are looked at; more is none of an honest server's.
const MAX_HEADERS: usize = 128;

/// A response, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// The words behind it.
    pub reason: String,
    headers: Vec<(String, String)>,
}

impl Response {
    /// Reads a datagram, or what has come of a stream. None: it is no response of SIP 2.0, or not yet its whole head.
    #[must_use]
    pub fn read(octets: &[u8]) -> Option<Self> {
        // Not of UTF-8 everywhere: the server's name is in the letters of its configuration.
        let text = String::from_utf8_lossy(octets);
        let (head, _) = text.split_once("\r\n\r\n")?;
        // A header may go on in the next line (RFC 3261 section 7.3.1).
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut lines = head.split("\r\n");
        let line = lines.next()?.strip_prefix("SIP/2.0 ")?;
        // A server that gives no reason may leave out the space before it, too.
        let (status, reason) = line.split_once(' ').unwrap_or((line, ""));
        // parse() takes a sign.
        let digits = status.bytes().all(|byte| byte.is_ascii_digit());
        let status = status.parse().ok().filter(|status| digits && (100..700).contains(status))?;
        let headers = lines.take(MAX_HEADERS).filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        Some(Self { status, reason: visible(&reason.chars().take(MAX_REASON).collect::<String>()), headers })
    }

    /// The values of a header, as often as it stands there. `short` is its compact form (RFC 3261 section 7.3.3).
    pub fn headers<'a>(&'a self, name: &'a str, short: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |known: &str| {
            known.eq_ignore_ascii_case(name) || (!short.is_empty() && known.eq_ignore_ascii_case(short))
        };
        self.headers.iter().filter(move |(known, _)| is_it(known)).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_and_headers_are_read_whatever_their_case() {
        let text = b"SIP/2.0 401 Unauthorized\r\nI: 7@x\r\ncseq : 2 REGISTER\r\nWWW-Authenticate: a\r\nwww-authenticate: b\r\n\r\nv: no";
        let response = Response::read(text).unwrap();
        assert_eq!((response.status, response.reason.as_str()), (401, "Unauthorized"));
        assert_eq!(response.headers("Call-ID", "i").collect::<Vec<_>>(), ["7@x"]);
        assert_eq!(response.headers("CSeq", "").collect::<Vec<_>>(), ["2 REGISTER"]);
        assert_eq!(response.headers("WWW-Authenticate", "").count(), 2);
        assert_eq!(response.headers("Via", "v").count(), 0);
    }

    #[test]
    fn a_response_without_a_reason_is_one() {
        for text in ["SIP/2.0 200 \r\n\r\n", "SIP/2.0 200\r\n\r\n"] {
            let response = Response::read(text.as_bytes()).unwrap();
            assert_eq!((response.status, response.reason.as_str()), (200, ""));
        }
    }

    #[test]
    fn what_is_no_response_is_none() {
        for text in [
            "",
            "OPTIONS sip:x SIP/2.0\r\n\r\n",
            "SIP/2.0 99 x\r\n\r\n",
            "SIP/2.0 +200 x\r\n\r\n",
            "SIP/2.0 abc x\r\n\r\n",
            "SIP/2.0 200 x\r\nv: cut off\r\n",
            "\u{0}\u{ff}",
        ] {
            assert_eq!(Response::read(text.as_bytes()), None, "{text}");
        }
    }
}
