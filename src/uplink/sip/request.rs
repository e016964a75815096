//! One request outside of any dialog.
//!
//! What Asterisk answers to a stranger and what it logs of it decides the method; both were tried on 22 (PJSIP) and on
//! 16 (`chan_sip`). OPTIONS in the name of a user goes the way of every call, through the queues and threads that a
//! sick Asterisk is stuck in, and is answered (401, 404, 200) without a line in the log. OPTIONS in a name that PJSIP
//! doesn't know is answered, too, but logged as "No matching endpoint found" each time, which is what fail2ban bans
//! for. So where no user is known, it is a BYE to a call that isn't there: answered with 481 (RFC 3261 section 15.1.2),
//! and logged nowhere.

use std::net::SocketAddr;

use crate::{settings::Transport, words::uri::is_user};

/// A request to be sent, and what its answer must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What goes over the wire.
    pub text: String,
    /// The parameter of the Via header (RFC 3261 section 8.1.1.7).
    pub branch: String,
    /// The Call-ID header.
    pub call_id: String,
    /// The method, as CSeq repeats it.
    pub method: &'static str,
    /// Whether the answer shows that what calls go through works, too.
    pub is_deep: bool,
}

impl Request {
    /// From `own` to `main`, in the name of `user`, where a user is known whose name fits. `token` makes it unlike any
    /// other request.
    #[must_use]
    pub fn new(
        main: SocketAddr,
        own: SocketAddr,
        transport: Transport,
        user: Option<&str>,
        token: u64,
    ) -> Self {
        let user = user.filter(|user| is_user(user));
        let (method, to_tag) = match user {
            Some(_) => ("OPTIONS", ""),
            None => ("BYE", ";tag=0"),
        };
        let (via, uri) = match transport {
            Transport::Udp => ("UDP", format!("sip:{main}")),
            Transport::Tcp => ("TCP", format!("sip:{main};transport=tcp")),
        };
        // RFC 3261 section 8.1.1.7: the cookie says that the branch is unique.
        let branch = format!("z9hG4bK{token:016x}");
        let call_id = format!("{token:016x}");
        let from = user.unwrap_or("synch");
        // RFC 3581: `rport` brings the answer back through an address translation.
        let text = format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{via} {own};rport;branch={branch}\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{from}@{host}>;tag={token:x}\r\n\
             To: <sip:{main}>{to_tag}\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: 1 {method}\r\n\
             Contact: <sip:{from}@{own}>\r\n\
             User-Agent: res_synch\r\n\
             Content-Length: 0\r\n\r\n",
            host = host(main),
        );
        Self { text, branch, call_id, method, is_deep: user.is_some() }
    }
}

/// An address without its port, as a URI has it (RFC 3261 section 25.1, `IPv6reference`).
pub(crate) fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(user: Option<&str>) -> Request {
        let (main, own) = ("10.0.0.254:5060".parse().unwrap(), "192.0.2.1:40000".parse().unwrap());
        Request::new(main, own, Transport::Udp, user, 0xabc)
    }

    #[test]
    fn a_known_user_asks_for_options() {
        let expected = "OPTIONS sip:10.0.0.254:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.1:40000;rport;branch=z9hG4bK0000000000000abc\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:1001@10.0.0.254>;tag=abc\r\n\
             To: <sip:10.0.0.254:5060>\r\n\
             Call-ID: 0000000000000abc\r\n\
             CSeq: 1 OPTIONS\r\n\
             Contact: <sip:1001@192.0.2.1:40000>\r\n\
             User-Agent: res_synch\r\n\
             Content-Length: 0\r\n\r\n";
        assert_eq!(request(Some("1001")).text, expected);
    }

    #[test]
    fn without_a_user_it_is_what_leaves_no_line_in_the_mains_log() {
        let Request { text, method, is_deep, .. } = request(None);
        assert_eq!((method, is_deep), ("BYE", false));
        // RFC 3261 section 12.2.1.1: only a request in a dialog has a To tag.
        assert!(text.contains("To: <sip:10.0.0.254:5060>;tag=0\r\n"), "{text}");
    }

    #[test]
    fn no_name_of_a_user_becomes_a_header() {
        for user in ["10 01", "a>\r\nVia: x", "zoë", "", &"1".repeat(80)] {
            assert_eq!(request(Some(user)), request(None), "{user}");
        }
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        let (main, own) = ("[2001:db8::1]:5060".parse().unwrap(), "[2001:db8::2]:40000".parse().unwrap());
        let text = Request::new(main, own, Transport::Tcp, Some("1001"), 1).text;
        assert!(text.starts_with("OPTIONS sip:[2001:db8::1]:5060;transport=tcp SIP/2.0\r\n"), "{text}");
        assert!(text.contains("From: <sip:1001@[2001:db8::1]>;tag=1\r\n"), "{text}");
    }
}
