//! What is answered to a request to `/synch` at Asterisk's HTTP server. Pure; `asterisk::http` listens and sends.
//!
//! Nothing of a request is in any answer. Nothing is changed by one: whoever may change something has the CLI, AMI or
//! Ansible.
//!
//! - `failures`: what the log hears of those who may not

mod failures;

pub use failures::Failures;

use std::{ffi::CStr, net::IpAddr};

use crate::operator::{
    metrics,
    page::{self, AGAIN, Place},
    status::Snapshot,
};

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who asks; `None` where that can't be told.
    pub client: Option<IpAddr>,
    /// Name and password, where they are given.
    pub login: Option<(&'a str, &'a str)>,
    /// How it is asked.
    pub method: Method,
    /// What is behind `/synch/`.
    pub path: &'a str,
}

/// How something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// For all of it.
    Get,
    /// For the headers alone.
    Head,
    /// To change something.
    Other,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The code of HTTP.
    pub code: u16,
    /// What that says.
    pub title: &'static CStr,
    /// The headers, each with its end of line.
    pub headers: String,
    /// All else.
    pub body: String,
}

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a browser may do with any answer: show it. It runs and loads nothing, and puts it into no frame.
const RULES: &str = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'\r\n\
     X-Content-Type-Options: nosniff\r\n\
     Referrer-Policy: no-referrer\r\n";

impl Response {
    fn new(code: u16, title: &'static CStr, kind: &str, body: impl Into<String>) -> Self {
        Self { code, title, headers: format!("Content-Type: {kind}\r\n{RULES}"), body: body.into() }
    }

    fn with(mut self, header: &str) -> Self {
        self.headers += header;
        self.headers += "\r\n";
        self
    }

    /// Nobody is there who could answer.
    #[must_use]
    pub fn away() -> Self {
        Self::later("synch is being loaded or unloaded.\n")
    }

    /// Nobody can have given the right password.
    fn without_password() -> Self {
        Self::later("The password of this page cannot be read; see Asterisk's log.\n")
    }

    /// A browser that shows the page goes on asking: it would stop at an answer without a `Refresh`.
    fn later(body: &str) -> Self {
        Self::new(503, c"Service Unavailable", TEXT, body)
            .with(&format!("Retry-After: {AGAIN}\r\nRefresh: {AGAIN}"))
    }

    /// A bug of ours.
    #[must_use]
    pub fn failed() -> Self {
        Self::new(500, c"Internal Server Error", TEXT, "synch failed to answer; see Asterisk's log.\n")
    }
}

/// Answers a request.
#[must_use]
pub fn answer(request: &Request<'_>, snapshot: &Snapshot, place: Place<'_>) -> Response {
    let mut response = respond(request, snapshot, place);
    if request.method == Method::Head && response.code >= 400 {
        // Asterisk leaves out the body of an answer to HEAD only where all is well (`ast_http_send`).
        response.body.clear();
    }
    response
}

fn respond(request: &Request<'_>, snapshot: &Snapshot, place: Place<'_>) -> Response {
    let access = &snapshot.http;
    // Just loaded, it is not known yet who may read.
    let is_open = access.secret.is_some() || !access.problem.is_empty();
    if snapshot.settings.http.is_none() || !is_open {
        return Response::away();
    }
    if !request.client.is_some_and(|client| access.permits(client)) {
        return Response::new(403, c"Forbidden", TEXT, "This page is not shown to your network.\n");
    }
    if access.secret.is_none() {
        return Response::without_password();
    }
    if !request.login.is_some_and(|(username, password)| access.knows(username, password)) {
        return Response::new(401, c"Unauthorized", TEXT, "This page needs a name and a password.\n")
            .with("WWW-Authenticate: Basic realm=\"synch\", charset=\"UTF-8\"");
    }
    if request.method == Method::Other {
        return Response::new(405, c"Method Not Allowed", TEXT, "Nothing can be changed here.\n")
            .with("Allow: GET, HEAD");
    }
    match request.path {
        "" => Response::new(200, c"OK", HTML, page::html(snapshot, place)).with(&format!("Refresh: {AGAIN}")),
        "status.json" => Response::new(200, c"OK", JSON, page::json(snapshot, place.now)),
        "metrics" => Response::new(200, c"OK", METRICS, metrics::text(snapshot)),
        _ => Response::new(404, c"Not Found", TEXT, "There is no such page.\n"),
    }
}

#[cfg(test)]
mod tests;
