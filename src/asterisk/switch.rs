//! The switch that asks the directory of the other sites: twenty thousand numbers without as many extensions.

use std::ffi::{c_char, c_int};

use once_cell::sync::OnceCell;

use super::{current, dialplan::SWITCH, guard::guard, sys, text};
use crate::{dialplan::ELSEWHERE, directory::Directory, faults, host::Level};

/// Priority of a first step.
const FIRST: c_int = 1;
const NO: c_int = 0;
const FAILED: c_int = -1;

/// Address of what Asterisk keeps in its list.
struct Registration(*mut sys::ast_switch);

// SAFETY: the structure is written by Asterisk under its own lock; we only hand its address over.
unsafe impl Send for Registration {}
// SAFETY: as above; nothing is read through a shared reference.
unsafe impl Sync for Registration {}

/// Made once per image and never freed: Asterisk takes no reference while it asks a switch.
static REGISTRATION: OnceCell<Registration> = OnceCell::new();

fn registration() -> *mut sys::ast_switch {
    let make = || {
        Registration(Box::into_raw(Box::new(sys::ast_switch {
            name: SWITCH.as_ptr(),
            description: c"Users of other sites, as synch knows them".as_ptr(),
            exists: Some(exists),
            canmatch: Some(can_match),
            exec: Some(run),
            matchmore: Some(match_more),
            ..Default::default()
        })))
    };
    REGISTRATION.get_or_init(make).0
}

/// The registered switch; unregistered when dropped.
pub(super) struct Registered;

/// Registers it.
pub(super) fn register() -> Registered {
    // SAFETY: the structure lives as long as the process.
    if unsafe { sys::ast_register_switch(registration()) } != 0 {
        let text = "The switch of synch could not be registered: users of other sites can't be dialled.";
        super::log::write(Level::Warning, text);
    }
    Registered
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: the structure lives as long as the process; Asterisk only takes it out of its list.
        unsafe { sys::ast_unregister_switch(registration()) };
    }
}

/// Asks the directory about a number that somebody dials; it has nothing but first steps.
///
/// # Safety
/// `number` is what Asterisk passes to a switch: NUL-terminated.
unsafe fn ask(number: *const c_char, priority: c_int, question: fn(&Directory, &str) -> bool) -> c_int {
    guard(NO, || {
        faults::point("switch");
        // SAFETY: the caller's promise.
        let number = unsafe { text::from_c(number) };
        let control = current::control().filter(|_| priority == FIRST);
        let found = control.is_some_and(|control| question(&control.snapshot().sync.directory, &number));
        c_int::from(found)
    })
}

/// Makes of a question what Asterisk asks a switch.
macro_rules! question {
    ($name:ident, $question:expr) => {
        extern "C" fn $name(
            _channel: *mut sys::ast_channel,
            _context: *const c_char,
            number: *const c_char,
            priority: c_int,
            _caller: *const c_char,
            _data: *const c_char,
        ) -> c_int {
            // SAFETY: Asterisk passes a NUL-terminated number.
            unsafe { ask(number, priority, $question) }
        }
    };
}

question!(exists, |directory, number| directory.get(number).is_some());
question!(can_match, Directory::begins_with);
question!(match_more, Directory::is_longer_than);

/// Sends the call on to the extension that knows the ways to other sites.
extern "C" fn run(
    channel: *mut sys::ast_channel,
    _context: *const c_char,
    number: *const c_char,
    _priority: c_int,
    _caller: *const c_char,
    _data: *const c_char,
) -> c_int {
    guard(FAILED, || {
        let context = text::to_c(ELSEWHERE);
        // SAFETY: the channel is that of this call, on its own thread; Asterisk copies the texts.
        unsafe { sys::ast_explicit_goto(channel, context.as_ptr(), number, FIRST) }
    })
}
