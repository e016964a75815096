//! The peers of chan_sip: asked with its own AMI action, inside the process.

use std::{
    cell::RefCell,
    collections::HashSet,
    ffi::{CStr, c_char, c_int},
    time::SystemTime,
};

use super::{guard::guard, roomy::Roomy, sys, text};
use crate::{
    engine::host::HostError,
    settings::Technology,
    site::{
        contacts::{of_endpoint, of_peer},
        users::Kind,
    },
    uplink::ami::Frame,
};

thread_local! {
    /// What Asterisk answers to an action of this thread. ast_hook_send_action() calls back on the same thread
    /// and passes nothing through, so the answer is collected here.
    static ANSWER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Lists the peers; the event that completes the list, and what is answered where there is none.
const PEERS: &CStr = c"Action: SIPpeers\r\n";
const COMPLETE: &str = "PeerlistComplete";
const NONE: &str = "No peers found";

/// Returns which of these peers chan_sip lacks. To be called on our own threads only: the collected answer has a
/// destructor.
///
/// # Errors
/// chan_sip is not loaded.
pub(super) fn missing(wanted: &[(Kind, String)]) -> Result<Vec<(Kind, String)>, HostError> {
    let answer = ask(PEERS);
    // An action that nobody has registered is carried out without an error and without an answer.
    if !answer.contains(COMPLETE) && !answer.contains(NONE) {
        return Err(HostError("chan_sip.so did not list its peers; is it loaded?".to_owned()));
    }
    let found: HashSet<&str> = answer.lines().filter_map(|line| line.strip_prefix("ObjectName: ")).collect();
    Ok(wanted.iter().filter(|(_, name)| !found.contains(name.as_str())).cloned().collect())
}

/// Returns where a user's phones are registered here, asked as a branch would ask this main; `None` where Asterisk can't say
/// it: it knows nobody of that name, or has no answer of its database. To be called on our own threads only, as above.
pub(super) fn contacts(technology: Technology, user: &str) -> Option<Vec<String>> {
    // It becomes a header.
    if user.chars().any(char::is_control) {
        return None;
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let action = match technology {
        Technology::Pjsip => format!("Action: PJSIPShowEndpoint\r\nEndpoint: {user}\r\n"),
        Technology::Sip => format!("Action: SIPshowpeer\r\nPeer: {user}\r\n"),
    };
    let answer = ask(&text::to_c(&action));
    let frames: Vec<Frame> = answer
        .split("\r\n\r\n")
        .filter(|message| !message.trim().is_empty())
        .map(|message| Frame::new(format!("{}\r\n", message.trim()).into_bytes()))
        .collect();
    if frames.first().is_none_or(|answer| answer.get("Response") == Some(&b"Error"[..])) {
        return None;
    }
    let told = match technology {
        Technology::Pjsip => of_endpoint(&frames, i64::try_from(now).unwrap_or(i64::MAX)),
        Technology::Sip => frames.first().map(|frame| of_peer(frame, user)).unwrap_or_default(),
    };
    Some(told.contacts.iter().map(ToString::to_string).collect())
}

fn ask(action: &CStr) -> String {
    let mut hook = Roomy::new(sys::manager_custom_hook {
        file: c"res_synch".as_ptr().cast_mut(),
        helper: Some(collect),
        ..Default::default()
    });
    ANSWER.take();
    // SAFETY: the hook and the action outlive the call, which keeps neither; `file` is only read.
    unsafe { sys::ast_hook_send_action(Roomy::for_asterisk(&raw mut hook), action.as_ptr()) };
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
