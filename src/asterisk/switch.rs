//! The switch of our contexts: where a number leads is decided by [`crate::dialplan::door`] at each call, so that Asterisk's
//! dialplan need not change for it.
//!
//! Asterisk asks with its lock of contexts held, and asks for hints even in the middle of a merge, with the lock of hints
//! held besides. So only the snapshot is looked at, and other contexts of the administrator's: that lock may be taken again
//! by the thread that has it (`conlock` is a recursive mutex), and pbx_loopback does the same.

use std::{
    cell::Cell,
    ffi::{c_char, c_int},
};

use once_cell::sync::OnceCell;

use super::{current, dialplan::SWITCH, guard::guard, roomy::Roomy, sys, text};
use crate::{
    dialplan::{Question, Way},
    engine::host::Level,
    words::faults,
};

/// Priority of a first step; a number has no other here, for it goes on elsewhere.
const FIRST: c_int = 1;
const NO: c_int = 0;
const FAILED: c_int = -1;

/// The function of Asterisk that tells whether one of the administrator's contexts has a number.
type Lookup =
    unsafe extern "C" fn(*mut sys::ast_channel, *const c_char, *const c_char, c_int, *const c_char) -> c_int;

thread_local! {
    /// Whether this thread is asking the administrator's contexts for us. One of them may include one of ours, which asks
    /// them again. Without a destructor, for the threads are Asterisk's.
    static BEYOND: Cell<bool> = const { Cell::new(false) };
}

/// While the administrator's contexts are asked.
struct Asking;

impl Asking {
    /// Begins to ask; `None` where this thread does already.
    fn begin() -> Option<Self> {
        (!BEYOND.replace(true)).then_some(Self)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        BEYOND.set(false);
    }
}

/// Address of what Asterisk keeps in its list.
struct Registration(*mut Roomy<sys::ast_switch>);

// SAFETY: the structure is written by Asterisk under its own lock; we only hand its address over.
unsafe impl Send for Registration {}
// SAFETY: as above; nothing is read through a shared reference.
unsafe impl Sync for Registration {}

/// Made once per image and never freed: Asterisk takes no reference while it asks a switch.
static REGISTRATION: OnceCell<Registration> = OnceCell::new();

fn registration() -> *mut sys::ast_switch {
    let make = || {
        Registration(Box::into_raw(Box::new(Roomy::new(sys::ast_switch {
            name: SWITCH.as_ptr(),
            description: c"Users and numbers that can be dialled at this branch".as_ptr(),
            exists: Some(exists),
            canmatch: Some(can_match),
            exec: Some(run),
            matchmore: Some(match_more),
            ..Default::default()
        }))))
    };
    Roomy::for_asterisk(REGISTRATION.get_or_init(make).0)
}

/// The registered switch; unregistered when dropped.
pub(super) struct Registered;

/// Registers it.
pub(super) fn register() -> Registered {
    faults::point("switch");
    // SAFETY: the structure lives as long as the process.
    if unsafe { sys::ast_register_switch(registration()) } != 0 {
        let text = "The dialplan switch of synch could not be registered, so only emergency numbers can be \
                    dialled.";
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

/// A number that is dialled, as Asterisk passes it to a switch.
#[derive(Clone, Copy)]
struct Dialled {
    channel: *mut sys::ast_channel,
    context: *const c_char,
    number: *const c_char,
    caller: *const c_char,
}

impl Dialled {
    /// Returns the first of these contexts of the administrator that answers.
    fn first_of<'a>(&self, contexts: &[&'a str], lookup: Lookup) -> Option<&'a str> {
        let _asking = Asking::begin()?;
        let has = |context: &&&str| {
            let context = text::to_c(context);
            // SAFETY: the texts are NUL-terminated, ours and Asterisk's own; the channel is that of this call, or NULL.
            unsafe { lookup(self.channel, context.as_ptr(), self.number, FIRST, self.caller) != 0 }
        };
        contexts.iter().find(has).copied()
    }

    /// Answers a question about it.
    fn answers(&self, question: Question, lookup: Lookup) -> bool {
        // SAFETY: Asterisk passes NUL-terminated texts to a switch.
        let (context, number) = unsafe { (text::from_c(self.context), text::from_c(self.number)) };
        let Some(control) = current::control() else { return false };
        let snapshot = control.snapshot();
        let Some(door) = snapshot.door(&context) else { return false };
        door.people(question, &number) || self.first_of(&door.beyond(), lookup).is_some()
    }

    /// Sends the call on.
    fn go(&self) -> c_int {
        // SAFETY: as above.
        let (context, number) = unsafe { (text::from_c(self.context), text::from_c(self.number)) };
        let Some(control) = current::control() else { return FAILED };
        let snapshot = control.snapshot();
        let Some(door) = snapshot.door(&context) else { return FAILED };
        let target = match door.way(&number) {
            Way::To(context) => Some(context.to_owned()),
            Way::FirstOf(contexts) => self.first_of(&contexts, sys::ast_exists_extension).map(str::to_owned),
        };
        // What was there a moment ago is gone.
        let Some(target) = target else { return FAILED };
        let target = text::to_c(&target);
        // SAFETY: the channel is that of this call, on its own thread; Asterisk copies the texts.
        unsafe { sys::ast_explicit_goto(self.channel, target.as_ptr(), self.number, FIRST) }
    }
}

/// Turns a question into the callback that Asterisk calls on a switch.
macro_rules! question {
    ($name:ident, $question:expr, $lookup:expr) => {
        extern "C" fn $name(
            channel: *mut sys::ast_channel,
            context: *const c_char,
            number: *const c_char,
            priority: c_int,
            caller: *const c_char,
            _data: *const c_char,
        ) -> c_int {
            guard(NO, || {
                faults::point("switch");
                let dialled = Dialled { channel, context, number, caller };
                c_int::from(priority == FIRST && dialled.answers($question, $lookup))
            })
        }
    };
}

question!(exists, Question::Is, sys::ast_exists_extension);
question!(can_match, Question::CanBe, sys::ast_canmatch_extension);
question!(match_more, Question::CanBeMore, sys::ast_matchmore_extension);

/// Sends the call on to where its number leads.
extern "C" fn run(
    channel: *mut sys::ast_channel,
    context: *const c_char,
    number: *const c_char,
    _priority: c_int,
    caller: *const c_char,
    _data: *const c_char,
) -> c_int {
    guard(FAILED, || Dialled { channel, context, number, caller }.go())
}
