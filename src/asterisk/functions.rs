//! The functions of [`crate::operator::functions`], registered with Asterisk's dialplan.

use std::{
    ffi::{CStr, c_char, c_int},
    ptr,
};

use once_cell::sync::OnceCell;

use super::{current, database, devices, documentation, guard::guard, log, roomy::Roomy, sys, text};
use crate::{
    dialplan::{FORWARDED, FROM_MAIN, SENT_ON},
    engine::host::Level,
    operator::functions::{FUNCTIONS, Given, Phone, forward, harmless, once_each},
    site::call_settings::{CallSetting, is_off, wants_no_calls},
    words::faults,
};

const DONE: c_int = 0;
const FAILED: c_int = -1;

/// What our dialplan sets a variable to that is true.
const YES: &str = "1";

/// Room for the value of a variable: numbers of six people who have sent a call on.
const VARIABLE: u16 = 512;

/// Addresses of what Asterisk keeps in its list.
struct Registrations(Vec<*mut Registration>);

/// Asterisk writes into it whatever it knows of a function.
type Registration = Roomy<sys::ast_custom_function>;

// SAFETY: the structures are written by Asterisk under its own lock; we only hand their addresses over.
unsafe impl Send for Registrations {}
// SAFETY: as above; nothing is read through a shared reference.
unsafe impl Sync for Registrations {}

/// Made once per image and never freed: a call may hold one beyond a forced unload.
static REGISTRATIONS: OnceCell<Registrations> = OnceCell::new();

fn registrations() -> &'static [*mut Registration] {
    let make = |_| Box::into_raw(Box::new(Roomy::new(sys::ast_custom_function::default())));
    &REGISTRATIONS.get_or_init(|| Registrations(FUNCTIONS.iter().map(make).collect())).0
}

/// The registered functions; unregistered when dropped.
pub(super) struct Registered;

/// Registers every function.
pub(super) fn register() -> Registered {
    let documented = documentation::is_read();
    for (function, &registration) in FUNCTIONS.iter().zip(registrations()) {
        let synopsis = if documented { ptr::null() } else { function.synopsis.as_ptr() };
        let fresh = sys::ast_custom_function {
            name: function.name.as_ptr(),
            synopsis,
            read: Some(read),
            ..Default::default()
        };
        // SAFETY: nobody has it in a list now: written anew, because Asterisk has freed the texts that it put into it
        // the last time. It lives as long as the process; the module is our own.
        unsafe {
            registration.write(Roomy::new(fresh));
            sys::__ast_custom_function_register(Roomy::for_asterisk(registration), sys::synch_module());
        }
    }
    Registered
}

impl Drop for Registered {
    fn drop(&mut self) {
        for &registration in registrations() {
            // SAFETY: it lives as long as the process; Asterisk only takes it out of its list.
            unsafe { sys::ast_custom_function_unregister(Roomy::for_asterisk(registration)) };
        }
    }
}

/// The reader of all functions. It runs on the thread of a call, and only looks at the snapshot.
extern "C" fn read(
    channel: *mut sys::ast_channel,
    name: *const c_char,
    argument: *mut c_char,
    buffer: *mut c_char,
    size: usize,
) -> c_int {
    guard(FAILED, || {
        faults::point("function");
        // SAFETY: Asterisk passes NUL-terminated texts.
        let (name, argument) = unsafe { (text::from_c(name), text::from_c(argument)) };
        let function = FUNCTIONS.iter().find(|function| is(function.name, &name));
        let (Some(function), Some(control)) = (function, current::control()) else { return FAILED };
        let snapshot = control.snapshot();
        let given = match (function.read)(&snapshot, &argument) {
            Given::Text(given) => given,
            Given::From(device) => {
                let came = came_from(channel, &device) || variable(channel, FROM_MAIN) == YES;
                u8::from(came).to_string()
            }
            Given::Mailbox(_) if variable(channel, SENT_ON) == YES => String::new(),
            Given::Mailbox(mailbox) => mailbox,
            Given::Dial(phones) => dials(channel, &phones),
            Given::Here(phones) => {
                let is_here = |phone| !dial(channel, phone).is_empty();
                u8::from(phones.iter().any(is_here)).to_string()
            }
            Given::Forward { number, setting } => {
                let set = database::get(setting.family(), &number).unwrap_or_default();
                forward(&snapshot, &number, &set, &variable(channel, FORWARDED))
            }
            Given::Disturbed { number, devices } => {
                let stored =
                    |setting: CallSetting| database::get(setting.family(), &number).unwrap_or_default();
                let disturbed = wants_no_calls(&stored(CallSetting::DoNotDisturb))
                    || is_off(&stored(CallSetting::CallWaiting))
                        && devices.iter().any(|device| devices::is_in_use(device));
                u8::from(disturbed).to_string()
            }
            Given::Route(number) => control.desk.route(&number),
            Given::Unknown(problem) => {
                log::write(Level::Warning, &problem);
                String::new()
            }
        };
        // SAFETY: the buffer has `size` bytes.
        unsafe { text::copy(&given, buffer, size) };
        DONE
    })
}

/// A variable of a call, or as much of it as can matter; empty where it has none of that name.
fn variable(channel: *mut sys::ast_channel, name: &CStr) -> String {
    if channel.is_null() {
        return String::new();
    }
    let reference = text::to_c(&format!("${{{}}}", name.to_string_lossy()));
    let mut value = [0 as c_char; VARIABLE as usize];
    // SAFETY: the channel is that of this call, which Asterisk locks itself to copy the value; the buffer began as zeros, and
    // its last byte stays one, since it is said to be shorter.
    unsafe {
        sys::pbx_substitute_variables_helper(
            channel,
            reference.as_ptr(),
            value.as_mut_ptr(),
            c_int::from(VARIABLE) - 1,
        );
        text::from_c(value.as_ptr())
    }
}

/// Whether a channel is one of this device: `PJSIP/main-trunk-00000001`.
fn came_from(channel: *mut sys::ast_channel, device: &str) -> bool {
    if channel.is_null() {
        return false;
    }
    // SAFETY: the channel is that of this call; its name is NUL-terminated and doesn't change meanwhile.
    let name = unsafe { text::from_c(sys::ast_channel_name(channel)) };
    name.rsplit_once('-').is_some_and(|(of, _)| of.eq_ignore_ascii_case(device))
}

/// How those of these phones are dialled together that are registered here; empty where none is.
fn dials(channel: *mut sys::ast_channel, phones: &[Phone]) -> String {
    let dials = phones.iter().map(|phone| dial(channel, phone)).filter(|dial| !dial.is_empty());
    let all = dials.collect::<Vec<_>>().join("&");
    match phones {
        [_, Phone::Contacts(_), ..] => once_each(&all, devices::registered_by),
        _ => all,
    }
}

/// How a phone is dialled now; empty where it isn't registered here.
fn dial(channel: *mut sys::ast_channel, phone: &Phone) -> String {
    match phone {
        Phone::Device(device) if devices::is_there(device) => device.clone(),
        Phone::Device(_) => String::new(),
        Phone::Contacts(endpoint) => {
            devices::dial_contacts(channel, endpoint).map(|dial| harmless(&dial)).unwrap_or_default()
        }
    }
}

fn is(known: &CStr, name: &str) -> bool {
    known.to_bytes().eq_ignore_ascii_case(name.as_bytes())
}
