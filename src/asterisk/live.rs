//! What a channel driver has in force now: asked with its own AMI action, inside the process.

use std::{
    cell::RefCell,
    collections::HashSet,
    ffi::{CStr, c_char, c_int},
};

use super::{guard::guard, sys, text};
use crate::{host::HostError, settings::Technology, sync::Kind};

thread_local! {
    /// What Asterisk answers to an action of this thread. ast_hook_send_action() calls back on the same thread
    /// and passes nothing through, so the answer is collected here.
    static ANSWER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// An action that lists what a channel driver has, the event that completes the list, and what it answers for an
/// empty one.
type Listing = (Kind, &'static CStr, &'static str, &'static str);

const PJSIP: [Listing; 3] = [
    (Kind::Endpoint, c"Action: PJSIPShowEndpoints\r\n", "EndpointListComplete", "No endpoints found"),
    (Kind::Aor, c"Action: PJSIPShowAors\r\n", "AorListComplete", "No AORs found"),
    (Kind::Auth, c"Action: PJSIPShowAuths\r\n", "AuthListComplete", "No Auths found"),
];
const SIP: [Listing; 1] = [(Kind::Peer, c"Action: SIPpeers\r\n", "PeerlistComplete", "No peers found")];

/// What is in force. Only on our own threads: the collected answer has a destructor.
///
/// # Errors
/// The channel driver is not loaded or did not answer.
pub(super) fn sections(technology: Technology) -> Result<HashSet<(Kind, String)>, HostError> {
    let (driver, listings) = match technology {
        Technology::Pjsip => ("res_pjsip.so", PJSIP.as_slice()),
        Technology::Sip => ("chan_sip.so", SIP.as_slice()),
    };
    let mut sections = HashSet::new();
    for (kind, action, complete, none) in listings {
        let answer = ask(action);
        // An action that nobody has registered is carried out without an error and without an answer.
        if !answer.contains(complete) && !answer.contains(none) {
            return Err(HostError(format!("{driver} does not say what it has: is it loaded?")));
        }
        let names = answer.lines().filter_map(|line| line.strip_prefix("ObjectName: "));
        sections.extend(names.map(|name| (*kind, name.to_owned())));
    }
    Ok(sections)
}

fn ask(action: &CStr) -> String {
    let mut hook = sys::manager_custom_hook {
        file: c"res_synch".as_ptr().cast_mut(),
        helper: Some(collect),
        ..Default::default()
    };
    ANSWER.take();
    // SAFETY: the hook and the action outlive the call, which keeps neither; `file` is only read.
    unsafe { sys::ast_hook_send_action(&raw mut hook, action.as_ptr()) };
    ANSWER.take()
}

extern "C" fn collect(_class: c_int, _event: *const c_char, body: *mut c_char) -> c_int {
    guard(0, || {
        // SAFETY: Asterisk passes the NUL-terminated text that it would have sent.
        let part = unsafe { text::from_c(body) };
        ANSWER.with_borrow_mut(|answer| answer.push_str(&part));
        0
    })
}
