//! Whether what came is the answer to what was asked.

use super::{Request, response::Response};

/// The answers that are no life: whoever sends them says that he, or whom he asked, can't serve (RFC 3261 sections
/// 21.4.9, 21.5.1 and 21.5.4). A proxy in front of a main that is gone sends them, and an Asterisk whose queues are full.
const NO_LIFE: [u16; 3] = [408, 500, 503];

/// Returns the status of the final answer to `request`. `None`: it is no answer, only a provisional one, or one to
/// something else.
///
/// An answer repeats Via, CSeq and Call-ID (RFC 3261 section 8.2.6.2), and belongs to the request whose branch and
/// method it has (section 17.1.3).
#[must_use]
pub fn answer(bytes: &[u8], request: &Request) -> Option<u16> {
    let response = Response::read(bytes)?;
    let via = response.headers("Via", "v").next()?;
    // Blanks may be around each sign, as where a header goes on in the next line (RFC 4475 section 3.1.1.1).
    let mut parameters = via.split(';').filter_map(|part| part.split_once('='));
    let (_, branch) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("branch"))?;
    let call_id = response.headers("Call-ID", "i").next()?;
    let (number, method) = response.headers("CSeq", "").next()?.split_once([' ', '\t'])?;
    let ours = branch.trim() == request.branch
        && call_id == request.call_id
        && (number, method.trim()) == ("1", request.method);
    (ours && response.status >= FINAL).then_some(response.status)
}

/// The least status of a final answer (RFC 3261 section 7.2). A proxy sends provisional ones whoever lives behind it.
const FINAL: u16 = 200;

/// Whether somebody who serves answers like this.
#[must_use]
pub fn is_life(status: u16) -> bool {
    !NO_LIFE.contains(&status)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::Transport;

    fn request() -> Request {
        let (main, own) = ("10.0.0.254:5060".parse().unwrap(), "192.0.2.1:40000".parse().unwrap());
        Request::new(main, own, Transport::Udp, Some("1001"), 0xabc)
    }

    /// As `chan_pjsip` of Asterisk 22 answers.
    const UNAUTHORIZED: &str = "SIP/2.0 401 Unauthorized\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:40000;rport=40000;received=192.0.2.1;branch=z9hG4bK0000000000000abc\r\n\
        Call-ID: 0000000000000abc\r\n\
        From: <sip:1001@10.0.0.254>;tag=abc\r\n\
        To: <sip:10.0.0.254>;tag=z9hG4bK0000000000000abc\r\n\
        CSeq: 1 OPTIONS\r\n\
        WWW-Authenticate: Digest realm=\"asterisk\",nonce=\"1\",algorithm=MD5,qop=\"auth\"\r\n\
        Server: main\r\n\
        Content-Length:  0\r\n\r\n";

    #[test]
    fn any_final_status_is_an_answer() {
        assert_eq!(answer(UNAUTHORIZED.as_bytes(), &request()), Some(401));
        for (line, status) in [
            ("100 Trying", None),
            ("183 Session Progress", None),
            ("200 OK", Some(200)),
            ("503 Service Unavailable", Some(503)),
        ] {
            let text = UNAUTHORIZED.replace("401 Unauthorized", line);
            assert_eq!(answer(text.as_bytes(), &request()), status);
        }
        let compact = UNAUTHORIZED.replace("Via:", "v :").replace("Call-ID:", "i:");
        assert_eq!(answer(compact.as_bytes(), &request()), Some(401));
    }

    #[test]
    fn who_says_that_he_cannot_serve_does_not_live() {
        for status in [408, 500, 503] {
            assert!(!is_life(status), "{status}");
        }
        for status in [200, 302, 401, 403, 404, 405, 481, 501, 600] {
            assert!(is_life(status), "{status}");
        }
    }

    /// RFC 3261 section 7.3.1: a line that begins with a space goes on with the header before it.
    #[test]
    fn a_folded_header_is_one() {
        let text =
            UNAUTHORIZED.replace(";rport=40000", "\r\n ;rport=40000").replace(";branch", "\r\n\t;branch");
        assert_eq!(answer(text.as_bytes(), &request()), Some(401));
        let text =
            UNAUTHORIZED.replace(";branch=", "\r\n  ; Branch\r\n\t= ").replace("1 OPTIONS", "1\r\n  OPTIONS");
        assert_eq!(answer(text.as_bytes(), &request()), Some(401));
    }

    /// `useragent=Zürich` of a configuration in Latin-1.
    #[test]
    fn an_answer_with_an_octet_that_is_no_utf_8_is_an_answer() {
        let (head, behind) = UNAUTHORIZED.split_once("main").unwrap();
        let bytes = [head.as_bytes(), b"Z\xfcrich", behind.as_bytes()].concat();
        assert_eq!(answer(&bytes, &request()), Some(401));
    }

    #[test]
    fn the_answer_to_something_else_is_none() {
        for (from, to) in [
            ("branch=z9hG4bK0000000000000abc", "branch=z9hG4bK0000000000000abd"),
            ("Call-ID: 0000000000000abc", "Call-ID: x"),
            ("CSeq: 1 OPTIONS", "CSeq: 2 OPTIONS"),
            ("CSeq: 1 OPTIONS", "CSeq: 1 BYE"),
            ("SIP/2.0 401", "SIP/3.0 401"),
            ("SIP/2.0 401 Unauthorized", "OPTIONS sip:x SIP/2.0"),
            ("401", "099"),
            ("401", "+401"),
            ("\r\n\r\n", "\r\n"),
        ] {
            assert_eq!(answer(UNAUTHORIZED.replacen(from, to, 1).as_bytes(), &request()), None, "{to}");
        }
        assert_eq!(answer(request().text.as_bytes(), &request()), None);
    }

    proptest! {
        /// Rule 1 of the map: nothing that comes can end us.
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0..600_usize) {
            let _ = answer(&bytes, &request());
            let whole = UNAUTHORIZED.as_bytes();
            let part = &whole[..cut.min(whole.len() - 1)];
            prop_assert_eq!(answer(part, &request()), None);
        }
    }
}
