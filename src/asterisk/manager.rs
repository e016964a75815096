//! The actions of [`crate::operator::actions`], registered with Asterisk's manager interface.

use std::{
    ffi::{CStr, c_int},
    ptr,
    time::SystemTime,
};

use super::{current, documentation, guard::guard, host, sys, text};
use crate::{
    engine::host::Level,
    operator::actions::{ACTIONS, Action, Class, Headers, Reply},
    words::{faults, wording::visible},
};

/// The registered actions; unregistered when dropped.
pub(super) struct Registered;

/// Registers every action. Asterisk takes the help texts from the XML documentation where that is installed;
/// without the file it would log a warning for each action, so then the short texts go along.
pub(super) fn register() -> Registered {
    let documented = documentation::is_read();
    for action in &ACTIONS {
        let class = match action.class {
            Class::Reading => sys::EVENT_FLAG_SYSTEM | sys::EVENT_FLAG_REPORTING,
            Class::Changing => sys::EVENT_FLAG_SYSTEM,
        };
        if !register_one(action.name, class, handle, action.synopsis, documented) {
            let name = action.name.to_string_lossy();
            super::log::write(
                Level::Warning,
                &format!("AMI action {name} could not be registered and is not available."),
            );
        }
    }
    Registered
}

/// What Asterisk calls for an action.
pub(super) type Handler = extern "C" fn(*mut sys::mansession, *const sys::message) -> c_int;

/// Registers one action of that class. Its texts are constants, and the handler is asked until it is unregistered. Returns
/// whether Asterisk took it.
pub(super) fn register_one(
    name: &'static CStr,
    class: u32,
    handler: Handler,
    synopsis: &'static CStr,
    documented: bool,
) -> bool {
    let synopsis = if documented { ptr::null() } else { synopsis.as_ptr() };
    // SAFETY: the texts are constants; Asterisk calls the handler until the action is unregistered; the module is our own, so
    // it is referenced when a call begins.
    let result = unsafe {
        sys::ast_manager_register2(
            name.as_ptr(),
            class as c_int,
            Some(handler),
            sys::synch_module(),
            synopsis,
            synopsis,
        )
    };
    result == 0
}

impl Drop for Registered {
    fn drop(&mut self) {
        for action in &ACTIONS {
            // SAFETY: the name is a constant. A call that runs meanwhile is of code that stays mapped, and finds
            // no engine.
            unsafe { sys::ast_manager_unregister(action.name.as_ptr()) };
        }
    }
}

/// The handler of all actions. Another result than 0 would end the caller's session.
extern "C" fn handle(session: *mut sys::mansession, message: *const sys::message) -> c_int {
    let request = Request { session, message };
    let answered = guard(false, || {
        faults::point("ami");
        let name = request.header(c"Action");
        let action = ACTIONS.iter().find(|action| action.name.to_string_lossy().eq_ignore_ascii_case(&name));
        match (action, current::control()) {
            (Some(action), Some(control)) => {
                let read = |name: &'static CStr| (name, request.header(name));
                let headers = Headers(action.arguments.iter().copied().map(read).collect());
                request.answer(action, (action.run)(&control, &headers, host::local_time(SystemTime::now())));
            }
            _ => request.error("synch is not running"),
        }
        true
    });
    if !answered {
        // The caller would wait for ever. What can panic has run; this can't.
        guard((), || request.error("synch failed to answer; see Asterisk's log"));
    }
    0
}

/// One call of an action, alive during that call.
struct Request {
    session: *mut sys::mansession,
    message: *const sys::message,
}

impl Request {
    fn header(&self, name: &CStr) -> String {
        // SAFETY: the message is Asterisk's and alive during the call; the result is never NULL and part of it.
        unsafe { text::from_c(sys::astman_get_header(self.message, name.as_ptr().cast_mut())) }
    }

    fn answer(&self, action: &Action, reply: Reply) {
        match reply {
            Reply::Done(text) => {
                let text = text::to_c(&visible(&text));
                // SAFETY: session and message are those of this call; the text is only read.
                unsafe { sys::astman_send_ack(self.session, self.message, text.as_ptr().cast_mut()) };
            }
            Reply::Error(text) => self.error(&text),
            Reply::Fields(fields) => {
                let headers: Vec<_> = fields.iter().map(|(key, value)| (*key, value.to_string())).collect();
                self.append(
                    &("Response: Success\r\n".to_owned() + &self.action_id() + &lines(&headers) + "\r\n"),
                );
            }
            Reply::List { event, complete, items } => self.list(action, event, complete, &items),
        }
    }

    fn error(&self, text: &str) {
        let text = text::to_c(&visible(text));
        // SAFETY: session and message are those of this call; the text is only read.
        unsafe { sys::astman_send_error(self.session, self.message, text.as_ptr().cast_mut()) };
    }

    fn list(&self, action: &Action, event: &str, complete: &str, items: &[Vec<(&str, String)>]) {
        let announcement = text::to_c(&format!("{} list will follow", action.name.to_string_lossy()));
        let complete = text::to_c(complete);
        let id = self.action_id();
        let count = c_int::try_from(items.len()).unwrap_or(c_int::MAX);
        // SAFETY: session and message are those of this call; the texts are only read.
        unsafe {
            let (text, flag) = (announcement.as_ptr().cast_mut(), c"start".as_ptr().cast_mut());
            sys::astman_send_listack(self.session, self.message, text, flag);
        }
        for item in items {
            self.append(&format!("Event: {event}\r\n{id}{}\r\n", lines(item)));
        }
        // SAFETY: as above; the pair closes the list.
        unsafe {
            sys::astman_send_list_complete_start(self.session, self.message, complete.as_ptr(), count);
            sys::astman_send_list_complete_end(self.session);
        }
    }

    fn action_id(&self) -> String {
        match self.header(c"ActionID") {
            id if id.is_empty() => id,
            id => format!("ActionID: {}\r\n", visible(&id)),
        }
    }

    fn append(&self, text: &str) {
        let text = text::to_c(text);
        // SAFETY: the session is that of this call; "%s" takes one string.
        unsafe { sys::astman_append(self.session, c"%s".as_ptr(), text.as_ptr()) };
    }
}

fn lines(headers: &[(&str, String)]) -> String {
    headers.iter().map(|(key, value)| format!("{key}: {}\r\n", visible(value))).collect()
}
