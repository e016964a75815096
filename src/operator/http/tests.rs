use std::sync::Arc;

use super::*;
use crate::{
    dns::relay::allow::Allowed,
    operator::{access::Access, status::tests::snapshot},
    settings::{self, Secret},
    words::conf::ConfSection,
};

/// A branch that shows its page to 10.0.0.0/8.
fn shown() -> Snapshot {
    let mut snapshot = snapshot();
    let http = [("enabled", "yes"), ("username", "monitor"), ("secret", "canary"), ("permit", "10.0.0.0/8")];
    let main = [("host", "10.0.0.254"), ("username", "synch"), ("secret", "canary")];
    let off = |name| ConfSection::new(name, [("enabled", "no")]);
    let sections = [ConfSection::new("main", main), ConfSection::new("http", http), off("sync"), off("dns")];
    let settings = settings::read(&sections).unwrap();
    let allowed = Allowed::new(&settings.http.as_ref().unwrap().permit, Vec::new());
    let secret = Some(Secret::new("canary"));
    snapshot.http =
        Arc::new(Access { username: "monitor".to_owned(), secret, allowed, problem: String::new() });
    snapshot.settings = Arc::new(settings);
    snapshot
}

fn request(path: &str) -> Request<'_> {
    let login = Some(("monitor", "canary"));
    Request { client: "10.1.2.3".parse().ok(), login, method: Method::Get, path }
}

fn answered(request: &Request<'_>, snapshot: &Snapshot) -> Response {
    answer(request, snapshot, Place { prefix: "", now: "20260102030405" })
}

#[test]
fn what_is_asked_rightly_is_answered() {
    let snapshot = shown();
    for (path, kind, part) in [
        ("", HTML, "<title>"),
        ("status.json", JSON, "{\"status\":{\"Timestamp\":\"20260102030405\""),
        ("metrics", METRICS, "\nsynch_info{"),
    ] {
        for method in [Method::Get, Method::Head] {
            let answer = answered(&Request { method, ..request(path) }, &snapshot);
            assert_eq!((answer.code, answer.title), (200, c"OK"), "{path}");
            assert!(answer.headers.starts_with(&format!("Content-Type: {kind}\r\n")), "{}", answer.headers);
            // Of HEAD, Asterisk sends the length alone.
            assert!(answer.body.contains(part), "{}", answer.body);
            assert!(!answer.body.contains("canary"));
        }
    }
    assert!(answered(&request(""), &snapshot).headers.contains("\r\nRefresh: 10\r\n"));
    assert!(!answered(&request("metrics"), &snapshot).headers.contains("Refresh"));
}

#[test]
fn whoever_may_not_read_reads_nothing() {
    let snapshot = shown();
    let right = request("metrics");
    for (request, code) in [
        (Request { client: None, ..right.clone() }, 403),
        (Request { client: "11.0.0.1".parse().ok(), ..right.clone() }, 403),
        // The network comes first: nobody tries passwords from elsewhere.
        (Request { client: "11.0.0.1".parse().ok(), login: None, ..right.clone() }, 403),
        (Request { login: None, ..right.clone() }, 401),
        (Request { login: Some(("monitor", "x")), ..right.clone() }, 401),
        (Request { login: Some(("x", "canary")), ..right.clone() }, 401),
        (Request { login: Some(("", "")), method: Method::Other, ..right.clone() }, 401),
        (Request { method: Method::Other, ..right.clone() }, 405),
        (Request { path: "nothing", ..right.clone() }, 404),
        (Request { path: "metrics/", ..right.clone() }, 404),
        (Request { path: "METRICS", ..right.clone() }, 404),
        (Request { path: "../synch/metrics", ..right.clone() }, 404),
    ] {
        let answer = answered(&request, &snapshot);
        assert_eq!(answer.code, code, "{request:?}");
        assert!(answer.headers.contains("default-src 'none'") && !answer.body.is_empty());
        assert_eq!(answer.headers.contains("\r\nWWW-Authenticate: Basic "), code == 401);
        assert_eq!(answer.headers.contains("\r\nAllow: GET, HEAD\r\n"), code == 405);
        let head = answered(&Request { method: Method::Head, ..request }, &snapshot);
        assert!(head.code == 200 || head.body.is_empty());
    }
    let here = Request { client: "127.0.0.1".parse().ok(), ..right };
    assert_eq!(answered(&here, &snapshot).code, 200);
}

#[test]
fn nobody_may_read_before_there_is_a_password() {
    let mut snapshot = shown();
    snapshot.http = Arc::default();
    assert_eq!(answered(&request("metrics"), &snapshot), Response::away(), "before it is known who may read");
    let access = Access { secret: None, problem: "gone".to_owned(), ..(*shown().http).clone() };
    snapshot.http = Arc::new(access);
    let answer = answered(&request("metrics"), &snapshot);
    assert_eq!((answer.code, answer.body.contains("password")), (503, true), "{}", answer.body);
    // Whose network is not permitted does not hear of it.
    let stranger = Request { client: "11.0.0.1".parse().ok(), ..request("metrics") };
    assert_eq!(answered(&stranger, &snapshot).code, 403);
    let mut snapshot = shown();
    snapshot.settings = super::super::status::tests::snapshot().settings;
    assert_eq!(answered(&request("metrics"), &snapshot), Response::away());
}

#[test]
fn whoever_is_told_to_come_later_does() {
    for header in ["\r\nRetry-After: 10\r\n", "\r\nRefresh: 10\r\n"] {
        assert!(Response::away().headers.contains(header), "{}", Response::away().headers);
    }
    assert!(Response::away().headers.ends_with("\r\n"));
}

#[test]
fn nothing_of_a_request_is_in_an_answer() {
    let snapshot = shown();
    let odd = "<script>alert(1)</script>\r\nX-Header: x";
    let right = request("");
    for request in [
        Request { path: odd, ..right.clone() },
        Request { login: Some((odd, odd)), ..right.clone() },
        Request { path: odd, login: None, ..right.clone() },
        Request { path: odd, method: Method::Other, ..right },
    ] {
        let Response { headers, body, .. } = answered(&request, &snapshot);
        assert!(!headers.contains("X-Header") && !body.contains("script"), "{headers}{body}");
    }
}
