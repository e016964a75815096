//! The requests of one registration (RFC 3261 section 10.2). Pure.

use std::{fmt::Write, net::SocketAddr};

use crate::uplink::sip::{request::host, response::Response};

/// Who registers where, from where.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Account: user of the address of record.
    pub username: String,
    /// Where the request goes.
    pub registrar: SocketAddr,
    /// Where calls would come in; here, nobody takes them.
    pub contact: SocketAddr,
    /// Random text that tells this registration from all others: of `Call-ID` and tag.
    pub id: String,
}

/// What one request differs in from the next.
#[derive(Clone, Copy, Debug)]
pub struct Try<'a> {
    /// Grows by one with each request.
    pub number: u32,
    /// Seconds to register for; 0 unregisters.
    pub expires: u32,
    /// The answer to a challenge.
    pub authorization: Option<&'a str>,
}

impl Registration {
    /// The Request-URI: the domain alone (RFC 3261 section 10.2).
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:{}", self.registrar)
    }

    /// The request.
    #[must_use]
    pub fn request(&self, one: &Try<'_>) -> String {
        let Self { username, registrar, contact, id } = self;
        let Try { number, expires, authorization } = one;
        let record = format!("sip:{username}@{}", host(*registrar));
        let mut text = format!(
            "REGISTER {} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {contact};rport;branch=z9hG4bK{id}-{number}\r\n\
             Max-Forwards: 70\r\n\
             From: <{record}>;tag={id}\r\n\
             To: <{record}>\r\n\
             Call-ID: {id}\r\n\
             CSeq: {number} REGISTER\r\n\
             Contact: <sip:{username}@{contact}>\r\n\
             Expires: {expires}\r\n\
             User-Agent: res_synch\r\n",
            self.uri()
        );
        if let Some(authorization) = authorization {
            // Writing into a String can't fail.
            let _ = write!(text, "Authorization: {authorization}\r\n");
        }
        text + "Content-Length: 0\r\n\r\n"
    }

    /// Whether a response is the final one to that request: not an older one's, nor a provisional one.
    #[must_use]
    pub fn is_answered(&self, number: u32, response: &Response) -> bool {
        let order = format!("{number} REGISTER");
        response.status >= 200
            && response.headers("Call-ID", "i").any(|value| value == self.id)
            && response.headers("CSeq", "").any(|value| value == order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration() -> Registration {
        Registration {
            username: "drill".to_owned(),
            registrar: "192.0.2.1:5060".parse().unwrap(),
            contact: "192.0.2.7:40000".parse().unwrap(),
            id: "abc".to_owned(),
        }
    }

    #[test]
    fn rfc3261_s8_1_1_a_request_has_the_six_headers_and_s10_2_the_domain_as_its_uri() {
        let text = registration().request(&Try { number: 2, expires: 0, authorization: Some("Digest x") });
        assert!(text.starts_with("REGISTER sip:192.0.2.1:5060 SIP/2.0\r\n"));
        for line in [
            "Via: SIP/2.0/UDP 192.0.2.7:40000;rport;branch=z9hG4bKabc-2",
            "Max-Forwards: 70",
            "From: <sip:drill@192.0.2.1>;tag=abc",
            "To: <sip:drill@192.0.2.1>",
            "Call-ID: abc",
            "CSeq: 2 REGISTER",
            "Contact: <sip:drill@192.0.2.7:40000>",
            "Expires: 0",
            "Authorization: Digest x",
        ] {
            assert!(text.split("\r\n").any(|known| known == line), "{line} in {text}");
        }
        assert!(text.ends_with("Content-Length: 0\r\n\r\n"));
    }

    #[test]
    fn an_ipv6_registrar_stands_in_brackets() {
        let (registrar, contact) =
            ("[2001:db8::1]:5060".parse().unwrap(), "[2001:db8::7]:40000".parse().unwrap());
        let registration = Registration { registrar, contact, ..registration() };
        let text = registration.request(&Try { number: 1, expires: 60, authorization: None });
        for line in [
            "REGISTER sip:[2001:db8::1]:5060 SIP/2.0",
            "Via: SIP/2.0/UDP [2001:db8::7]:40000;rport;branch=z9hG4bKabc-1",
            "From: <sip:drill@[2001:db8::1]>;tag=abc",
            "To: <sip:drill@[2001:db8::1]>",
            "Contact: <sip:drill@[2001:db8::7]:40000>",
        ] {
            assert!(text.split("\r\n").any(|known| known == line), "{line} in {text}");
        }
    }

    #[test]
    fn only_the_final_response_to_this_request_answers_it() {
        let answered = |status: u16, id: &str, number: u32| {
            let text = format!("SIP/2.0 {status} x\r\nCall-ID: {id}\r\nCSeq: {number} REGISTER\r\n\r\n");
            registration().is_answered(2, &Response::read(text.as_bytes()).unwrap())
        };
        assert!(answered(200, "abc", 2) && answered(403, "abc", 2));
        assert!(!answered(100, "abc", 2) && !answered(200, "abcd", 2) && !answered(401, "abc", 1));
    }
}
