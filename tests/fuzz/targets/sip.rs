//! What comes in over SIP: an answer, a challenge, or nothing; and nothing of it becomes a line of ours.

use std::net::SocketAddr;

use res_synch::{
    operator::drill::{
        digest::{Asked, Challenge},
        register::{Registration, Try},
    },
    settings::Transport,
    uplink::sip::{Request, answer, response::Response},
};

use super::assert_shown;

/// A datagram, or all that came of a stream.
pub fn run(octets: &[u8]) {
    let (main, own) = (SocketAddr::from(([10, 0, 0, 254], 5060)), SocketAddr::from(([192, 0, 2, 1], 40_000)));
    let request = Request::new(main, own, Transport::Udp, Some("1001"), 0xabc);
    let status = answer(octets, &request);
    let Some(response) = Response::read(octets) else { return assert_eq!(status, None) };
    assert!((100..700).contains(&response.status));
    assert!(status.is_none_or(|status| status == response.status));
    assert_shown(&response.reason);
    let registration =
        Registration { username: "drill".to_owned(), registrar: main, contact: own, id: "abc".to_owned() };
    let answered = registration.is_answered(1, &response);
    assert!(!answered || response.status >= 200);
    let asked =
        Asked { username: "drill", secret: "s", method: "REGISTER", uri: "sip:10.0.0.254", cnonce: "c" };
    let md5 = |text: &str| format!("{:032x}", text.len());
    for challenge in response.headers("WWW-Authenticate", "").filter_map(Challenge::read) {
        let authorization = challenge.answer(&asked, md5);
        assert!(!authorization.chars().any(char::is_control), "{authorization:?}");
        let lines = |one: &Try<'_>| registration.request(one).split("\r\n").count();
        let one = Try { number: 2, expires: 60, authorization: Some(&authorization) };
        assert_eq!(lines(&one), lines(&Try { authorization: None, ..one }) + 1);
    }
}
