//! `/synch` at Asterisk's own HTTP server. What is answered is [`crate::operator::http`].
//!
//! Asterisk calls [`synch_asked`] on threads of its own, and has given its list back by then: an unload does not wait for it.
//! So it takes a hold of the engine first, reads the snapshot and nothing else, and sends.

use std::{
    ffi::{c_char, c_int},
    net::IpAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime},
};

use super::{current, guard::guard, host, log, sys, text};
use crate::{
    engine::host::Level,
    operator::{
        http::{self, Failures, Method, Request, Response},
        page::Place,
    },
    words::faults,
};

/// Room for an address as text (`INET6_ADDRSTRLEN`), an interface behind it included.
const ADDRESS: usize = 80;
/// Room for the prefix of http.conf (`MAX_PREFIX`).
const PREFIX: usize = 80;

/// Whether requests are answered: no longer once an unload has begun.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Logins that failed.
static FAILED: Mutex<Failures> = Mutex::new(Failures::new());

/// `/synch` at Asterisk's server; gone when dropped.
pub(super) struct Linked;

/// Links `/synch`. Nobody else in this image may have done so.
pub(super) fn link() -> Option<Linked> {
    // SAFETY: the shim links a structure of its own, which lives as long as the process; `Linked` is its only owner.
    if unsafe { sys::synch_http_link() } == 0 {
        return Some(Linked);
    }
    log::write(Level::Error, "HTTP: Asterisk did not take /synch: the page and the metrics are not shown.");
    None
}

impl Drop for Linked {
    fn drop(&mut self) {
        // SAFETY: it was linked by `link`. Who is in `synch_asked` now is in code that stays mapped, and finds no engine.
        unsafe { sys::synch_http_unlink() };
    }
}

/// From now on, requests are answered.
pub(super) fn open() {
    OPEN.store(true, Ordering::Release);
}

/// From now on, whoever asks is told that nobody is there.
pub(super) fn close() {
    OPEN.store(false, Ordering::Release);
}

/// Answers a request, on a thread of Asterisk's.
#[unsafe(no_mangle)]
extern "C" fn synch_asked(
    session: *mut sys::ast_tcptls_session_instance,
    path: *const c_char,
    method: sys::synch_method,
    headers: *mut sys::ast_variable,
) -> c_int {
    let response = guard(None, || {
        // First of all: with it, nothing that is read below goes away.
        let control = current::control().filter(|_| OPEN.load(Ordering::Acquire));
        faults::point("http");
        let Some(control) = control else { return Some(Response::away()) };
        // SAFETY: Asterisk passes a NUL-terminated path, alive during the call.
        let path = unsafe { text::from_c(path) };
        let login = login(headers);
        let request = Request {
            client: client(session),
            login: login.as_ref().map(|(name, password)| (name.as_str(), password.as_str())),
            method: method_of(method),
            path: &path,
        };
        let (prefix, now) = (prefix(), host::local_time(SystemTime::now()));
        let place = Place { prefix: &prefix, now: &now };
        let response = http::answer(&request, &control.snapshot(), place);
        if response.code == 401 && login.is_some() {
            tell_of_failure(request.client);
        }
        Some(response)
    });
    guard(-1, || send(session, method, &response.unwrap_or_else(Response::failed)))
}

fn send(
    session: *mut sys::ast_tcptls_session_instance,
    method: sys::synch_method,
    response: &Response,
) -> c_int {
    let Response { code, title, headers, body } = response;
    let (headers, body) = (text::to_c(headers), text::to_c(body));
    // SAFETY: the session is that of this call; all texts are NUL-terminated, and the shim copies them.
    unsafe {
        sys::synch_http_send(
            session,
            method,
            c_int::from(*code),
            title.as_ptr(),
            headers.as_ptr(),
            body.as_ptr(),
        )
    }
}

fn method_of(method: sys::synch_method) -> Method {
    match method {
        sys::SYNCH_GET => Method::Get,
        sys::SYNCH_HEAD => Method::Head,
        _ => Method::Other,
    }
}

fn client(session: *mut sys::ast_tcptls_session_instance) -> Option<IpAddr> {
    let mut address = [0 as c_char; ADDRESS];
    // SAFETY: the session is that of this call; the shim writes at most the given size, and ends it with a NUL.
    let address = unsafe {
        sys::synch_http_client(session, address.as_mut_ptr(), address.len());
        text::from_c(address.as_ptr())
    };
    // A link-local one has its interface behind it.
    address.split('%').next()?.trim_matches(['[', ']']).parse().ok()
}

/// Name and password of the header, where there is one.
fn login(headers: *mut sys::ast_variable) -> Option<(String, String)> {
    // SAFETY: the headers are those of this call; the result is an object of ours from here on, or NULL.
    let found = unsafe { sys::ast_http_get_auth(headers) };
    if found.is_null() {
        return None;
    }
    // SAFETY: not NULL; both are NULL or NUL-terminated, and part of the object, which is given back behind them.
    unsafe {
        let login = (text::from_c((*found).userid), text::from_c((*found).password));
        sys::synch_unref(found.cast());
        Some(login)
    }
}

/// What http.conf has in front of each path.
fn prefix() -> String {
    let mut prefix = [0 as c_char; PREFIX];
    // SAFETY: Asterisk writes at most the given size and ends it with a NUL (`ast_copy_string`).
    unsafe {
        sys::ast_http_prefix(prefix.as_mut_ptr(), c_int::try_from(prefix.len()).unwrap_or_default());
        text::from_c(prefix.as_ptr())
    }
}

/// Says in the log who tries names and passwords, for whoever reads it, such as fail2ban.
fn tell_of_failure(client: Option<IpAddr>) {
    let Some(client) = client else { return };
    let line = FAILED.lock().unwrap_or_else(PoisonError::into_inner).line(client, Instant::now());
    if let Some(line) = line {
        log::write(Level::Warning, &line);
    }
}
