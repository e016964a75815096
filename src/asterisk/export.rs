//! The main's side at Asterisk's manager interface: the actions of branches, which are of class log, that nobody else's
//! are. What is answered is [`crate::export::desk`].
//!
//! Asterisk holds a reference to the module during an action. One that waits gives it back meanwhile: else the module
//! could not be unloaded for as long as a branch is connected. The image stays mapped, so it comes back into code that is
//! there.

use std::{
    collections::{BTreeSet, VecDeque},
    ffi::{CStr, CString, c_char, c_int, c_void},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    channels, conf, current, documentation, guard::guard, host, log, manager, reference::Released, sys, text,
};
use crate::{
    engine::host::Level,
    export::{
        desk::{Around, Desk, Header, Order, Reply, Visit},
        waits::Reason,
    },
    words::{faults, reload, wording::visible},
};

/// Carries an action out.
type Run = fn(&Desk, &Mutex<Visit>, Header<'_>, &dyn Around) -> Reply;

/// One action.
struct Action {
    name: &'static CStr,
    synopsis: &'static CStr,
    run: Run,
}

const ACTIONS: [Action; 3] = [
    Action { name: c"SynchHello", synopsis: c"Prove which site a session is of.", run: Desk::hello },
    Action { name: c"SynchExport", synopsis: c"Give a branch what its site has.", run: Desk::export },
    Action {
        name: c"SynchWait",
        synopsis: c"Wait until something that a site has is another.",
        run: Desk::wait,
    },
];

/// Octets of an answer that are handed to Asterisk at a time: it keeps a buffer as large for each session.
const AT_A_TIME: usize = 32 * 1024;
/// Logins whose address is remembered: for whoever sends a wrong key, which comes soon after.
const LOGINS: usize = 4096;

/// Where each session came from, the newest last: SessionID and address.
static LOGGED_IN: Mutex<VecDeque<(String, String)>> = Mutex::new(VecDeque::new());
/// One at a time looks whether a session has its visit: an HTTP session may ask twice at once.
static VISITS: Mutex<()> = Mutex::new(());
/// Whether a unload has begun.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// The registered actions; unregistered when dropped.
pub(super) struct Registered;

/// Registers the actions, and hears what the main says.
pub(super) fn register() -> Registered {
    if let Some(control) = current::control() {
        control.desk.open();
    }
    CLOSED.store(false, Ordering::Release);
    // Of sessions that came while nobody listened nothing is known, and Asterisk uses the names of ended ones again.
    LOGGED_IN.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let documented = documentation::is_read();
    for action in &ACTIONS {
        let class = sys::EVENT_FLAG_LOG;
        if !manager::register_one(action.name, class, handle, action.synopsis, documented) {
            let name = action.name.to_string_lossy();
            log::write(
                Level::Error,
                &format!("AMI action {name} could not be registered: no branch is served."),
            );
        }
    }
    // SAFETY: the shim registers a structure of its own, once: `Registered` is its only owner.
    unsafe {
        sys::synch_main_listen();
        sys::synch_at_exit();
    }
    Registered
}

impl Registered {
    /// Ends all waits, in a second at most.
    pub(super) fn close() {
        CLOSED.store(true, Ordering::Release);
        end_waits(if host::shuts_down() { Reason::Shutdown } else { Reason::Unload });
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        for action in &ACTIONS {
            // SAFETY: the name is a constant. A call that runs meanwhile is in code that stays mapped.
            unsafe { sys::ast_manager_unregister(action.name.as_ptr()) };
        }
        // SAFETY: what was registered in `register`; none of the two waits for a call of ours.
        unsafe {
            sys::synch_main_listen_no_more();
            sys::synch_not_at_exit();
        }
        Self::close();
    }
}

fn end_waits(reason: Reason) {
    let gone = current::control().is_none_or(|control| control.desk.close(reason));
    if !gone {
        log::write(Level::Warning, "A session of a branch does not end its wait; it is left alone.");
    }
}

/// Asterisk ends.
#[unsafe(no_mangle)]
extern "C" fn synch_exits() {
    guard((), || end_waits(Reason::Shutdown));
}

/// An event of the manager interface, on any thread of Asterisk's. It never waits.
#[unsafe(no_mangle)]
extern "C" fn synch_main_said(event: *const c_char, body: *const c_char) -> c_int {
    guard(0, || {
        // SAFETY: Asterisk passes the NUL-terminated name of the event, alive during the call.
        let event = unsafe { CStr::from_ptr(event) };
        if ![c"Reload", c"ContactStatus", c"PeerStatus", c"SuccessfulAuth"].contains(&event) {
            return 0;
        }
        // SAFETY: as above: the text that it would send.
        let body = unsafe { text::from_c(body) };
        let get = |key: &str| {
            let line = body.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            line.map(str::trim).unwrap_or_default().to_owned()
        };
        if event == c"SuccessfulAuth" {
            remember_login(get("SessionID"), &get("RemoteAddress"));
            return 0;
        }
        let Some(control) = current::control() else { return 0 };
        if event == c"ContactStatus" {
            control.desk.reader.tell(Order::Phone(get("EndpointName")));
        } else if event == c"PeerStatus" {
            control.desk.reader.tell(Order::Phone(get("Peer").trim_start_matches("SIP/").to_owned()));
        } else {
            let module = reload::plain(&get("Module"));
            // The accounts of sites are in manager.conf.
            if module == "manager" || reload::matters(&module) {
                control.desk.main_reloads();
            }
        }
        0
    })
}

/// `IPV4/TCP/10.0.0.1/5038`
fn remember_login(session: String, address: &str) {
    let mut parts = address.split('/').skip(2);
    let (Some(host), Some(port)) = (parts.next(), parts.next()) else { return };
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut known = LOGGED_IN.lock().unwrap_or_else(PoisonError::into_inner);
    known.push_back((session, address));
    while known.len() > LOGINS {
        known.pop_front();
    }
}

/// A session has ended.
#[unsafe(no_mangle)]
extern "C" fn synch_visit_ends(visit: *mut c_void) {
    guard((), || {
        if !visit.is_null() {
            // SAFETY: it was made by `visit_of`, and Asterisk ends a session once.
            drop(unsafe { Arc::from_raw(visit.cast::<Mutex<Visit>>().cast_const()) });
        }
    });
}

/// The handler of all actions. Another result than 0 ends the caller's session.
extern "C" fn handle(session: *mut sys::mansession, message: *const sys::message) -> c_int {
    let call = Call { session, message };
    let reply = guard(None, || {
        faults::point("export");
        let name = call.header("Action");
        let action = ACTIONS.iter().find(|action| action.name.to_string_lossy().eq_ignore_ascii_case(&name));
        match (action, current::control()) {
            (Some(action), Some(control)) if !CLOSED.load(Ordering::Acquire) => {
                let Some(visit) = call.visit(&control.desk) else {
                    return Some(failed("has no memory left"));
                };
                Some((action.run)(&control.desk, &visit, &|name| call.header(name), &call))
            }
            _ => Some(failed("is not running")),
        }
    });
    guard(-1, || {
        let reply = reply.unwrap_or_else(|| failed("failed to answer; see Asterisk's log"));
        call.answer(&reply);
        if reply.ends { -1 } else { 0 }
    })
}

fn failed(how: &str) -> Reply {
    let headers = format!("Message: synch {how}\r\n").into_bytes();
    Reply { is_success: false, headers, ends: false, place: None }
}

/// One call of an action, alive during that call.
struct Call {
    session: *mut sys::mansession,
    message: *const sys::message,
}

impl Call {
    fn header(&self, name: &str) -> String {
        let name = text::to_c(name);
        // SAFETY: the message is Asterisk's and alive during the call; the result is never NULL and part of it.
        unsafe { text::from_c(sys::astman_get_header(self.message, name.as_ptr().cast_mut())) }
    }

    /// Returns what is known of the session; of one from before an unload, nothing.
    fn visit(&self, desk: &Arc<Desk>) -> Option<Arc<Mutex<Visit>>> {
        let _one = VISITS.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the session is that of this call.
        let kept = unsafe { sys::synch_visit(self.session) }.cast::<Mutex<Visit>>().cast_const();
        if kept.is_null() {
            let visit = Arc::new(Mutex::new(Visit::new(Arc::clone(desk))));
            let raw = Arc::into_raw(Arc::clone(&visit)).cast_mut().cast::<c_void>();
            // SAFETY: the session is that of this call, and keeps what `Arc::into_raw` gave until `synch_visit_ends`.
            if unsafe { sys::synch_visit_keep(self.session, raw) } != 0 {
                synch_visit_ends(raw);
                return None;
            }
            return Some(visit);
        }
        // SAFETY: it is what `Arc::into_raw` gave above; the session, which lives during this call, holds one count of it.
        let visit = unsafe {
            Arc::increment_strong_count(kept);
            Arc::from_raw(kept)
        };
        let mut inner = visit.lock().unwrap_or_else(PoisonError::into_inner);
        if !inner.is_at(desk) {
            *inner = Visit::new(Arc::clone(desk));
        }
        drop(inner);
        Some(visit)
    }

    fn answer(&self, reply: &Reply) {
        let response = if reply.is_success { "Success" } else { "Error" };
        let mut all = format!("Response: {response}\r\n").into_bytes();
        let id = self.header("ActionID");
        if !id.is_empty() {
            all.extend(format!("ActionID: {}\r\n", visible(&id)).into_bytes());
        }
        all.extend(&reply.headers);
        all.extend(b"\r\n");
        for part in all.chunks(AT_A_TIME) {
            let part: Vec<u8> = part.iter().copied().filter(|octet| *octet != 0).collect();
            let part = CString::new(part).unwrap_or_default();
            // SAFETY: the session is that of this call; "%s" takes one string.
            unsafe { sys::astman_append(self.session, c"%s".as_ptr(), part.as_ptr()) };
        }
    }
}

impl Around for Call {
    fn secret(&self, account: &str) -> Option<String> {
        // As Asterisk does for each login: it may have been changed. A reload takes the new one up there.
        let sections = conf::load(std::path::Path::new("manager.conf")).ok()?;
        let account =
            sections.iter().rfind(|section| section.name == account && section.name != "general")?;
        account.variables.iter().rfind(|line| line.key == "secret").map(|line| line.value.clone())
    }

    fn draw(&self) -> Option<u128> {
        let mut drawn = [0_u8; 16];
        // SAFETY: writes at most so many octets into them.
        let got = unsafe { libc::getrandom(drawn.as_mut_ptr().cast(), drawn.len(), 0) };
        (usize::try_from(got) == Ok(drawn.len())).then(|| u128::from_ne_bytes(drawn))
    }

    fn address(&self) -> Option<String> {
        /// Room for an address as `%p` writes it.
        const ROOM: usize = 32;
        let mut id = [0 as c_char; ROOM];
        // SAFETY: the session is that of this call; so many octets may be written.
        let id = unsafe {
            sys::synch_session_id(self.session, id.as_mut_ptr(), ROOM);
            text::from_c(id.as_ptr())
        };
        let known = LOGGED_IN.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().rfind(|(session, _)| *session == id).map(|(_, address)| address.clone())
    }

    fn report(&self, account: &str, nonce: &str) {
        let from = self.address();
        let account = visible(account);
        let address = from.as_deref().unwrap_or("an unknown address");
        log::write(
            Level::Warning,
            &format!("A session from {address} gave a wrong key for site '{account}': its session is ended."),
        );
        let (account, nonce) = (text::to_c(&account), text::to_c(nonce));
        let remote = text::to_c(from.as_deref().unwrap_or_default());
        // SAFETY: the session is that of this call; the texts are NUL-terminated and copied.
        unsafe { sys::synch_report_key(self.session, account.as_ptr(), nonce.as_ptr(), remote.as_ptr()) };
    }

    fn wait(&self, wait: &mut dyn FnMut()) {
        let _released = Released::new(c"wait");
        wait();
    }

    fn calls(&self, users: &BTreeSet<&str>) -> usize {
        let snapshot = current::control().map(|control| control.snapshot());
        let export = snapshot.as_ref().and_then(|snapshot| snapshot.settings.export.as_ref());
        export.map_or(0, |export| channels::calls_of(export.technology, users))
    }

    fn is_booted(&self) -> bool {
        host::fully_booted()
    }
}
