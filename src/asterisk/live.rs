//! The users that a channel driver knows now: asked with its own AMI action, inside the process.

use std::{
    cell::RefCell,
    ffi::{c_char, c_int},
};

use super::{sys, text};
use crate::{host::HostError, settings::Technology};

thread_local! {
    /// What Asterisk answers to an action of this thread. ast_hook_send_action() calls back on the same thread
    /// and passes nothing through, so the answer is collected here.
    static ANSWER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Names of the users. Only on our own threads: the collected answer has a destructor.
///
/// # Errors
/// The channel driver is not loaded or did not answer.
pub(super) fn users(technology: Technology) -> Result<Vec<String>, HostError> {
    let (driver, action) = match technology {
        Technology::Pjsip => ("res_pjsip", c"Action: PJSIPShowEndpoints\r\n"),
        Technology::Sip => ("chan_sip", c"Action: SIPpeers\r\n"),
    };
    let mut hook = sys::manager_custom_hook {
        file: c"res_synch".as_ptr().cast_mut(),
        helper: Some(collect),
        ..Default::default()
    };
    ANSWER.take();
    // SAFETY: the hook and the action outlive the call, which keeps neither; `file` is only read.
    let result = unsafe { sys::ast_hook_send_action(&raw mut hook, action.as_ptr()) };
    let answer = ANSWER.take();
    if result != 0 {
        return Err(HostError(format!("{driver} does not say which users it has")));
    }
    Ok(answer.lines().filter_map(|line| line.strip_prefix("ObjectName: ")).map(str::to_owned).collect())
}

extern "C" fn collect(_class: c_int, _event: *const c_char, body: *mut c_char) -> c_int {
    // SAFETY: Asterisk passes the NUL-terminated text that it would have sent.
    let part = unsafe { text::from_c(body) };
    ANSWER.with_borrow_mut(|answer| answer.push_str(&part));
    0
}
