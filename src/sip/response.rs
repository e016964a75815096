//! A SIP response as far as a client of ours needs it. Pure.

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
    /// Reads a datagram. None: it is no response of SIP 2.0.
    #[must_use]
    pub fn read(octets: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(octets);
        let mut lines = text.split("\r\n");
        let (status, reason) = lines.next()?.strip_prefix("SIP/2.0 ")?.split_once(' ')?;
        let status = status.parse().ok().filter(|status| (100..700).contains(status))?;
        let headers = lines.take_while(|line| !line.is_empty()).take(MAX_HEADERS);
        let headers = headers.filter_map(|line| line.split_once(':'));
        let headers =
            headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect();
        Some(Self { status, reason: printable(reason), headers })
    }

    /// The values of a header, as often as it stands there. `short` is its compact form (RFC 3261 section 7.3.3).
    pub fn headers<'a>(&'a self, name: &'a str, short: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |known: &str| {
            known.eq_ignore_ascii_case(name) || (!short.is_empty() && known.eq_ignore_ascii_case(short))
        };
        self.headers.iter().filter(move |(known, _)| is_it(known)).map(|(_, value)| value.as_str())
    }
}

/// Without what a log or a console would take for more than text.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(80).collect()
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
    fn what_is_no_response_is_none() {
        for text in
            ["", "OPTIONS sip:x SIP/2.0\r\n\r\n", "SIP/2.0 99 x\r\n\r\n", "SIP/2.0 abc x", "\u{0}\u{ff}"]
        {
            assert_eq!(Response::read(text.as_bytes()), None, "{text}");
        }
    }
}
