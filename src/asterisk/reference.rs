//! Who needs our module: Asterisk unloads none that is referred to. And Asterisk's end, which frees what it knows of the module
//! behind its unload (`modules_shutdown`).

use std::{
    ffi::CStr,
    sync::atomic::{AtomicBool, Ordering},
};

use super::sys;

/// Whether what Asterisk knows of us is freed soon.
static IS_FREED: AtomicBool = AtomicBool::new(false);

/// Whether an unload is the last one: Asterisk ends, and doesn't care for the answer.
pub(super) fn asterisk_ends() -> bool {
    // SAFETY: reads a flag of Asterisk's.
    unsafe { sys::ast_shutdown_final() != 0 }
}

/// Has no reference counted from now on, because the counter is about to be freed; or has them counted again.
pub(super) fn forget_all(is_freed: bool) {
    IS_FREED.store(is_freed, Ordering::Release);
}

/// A reference of our own; given back when dropped.
pub(super) struct Reference(&'static CStr);

impl Reference {
    /// Takes one; `None` where Asterisk ends: it would pass over us then, and take away what our threads use.
    pub(super) fn take(why: &'static CStr) -> Option<Self> {
        if asterisk_ends() {
            return None;
        }
        refer(why);
        Some(Self(why))
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        refer_no_more(self.0);
    }
}

/// The module without the reference that Asterisk took for the call that we are in; taken again when dropped.
pub(super) struct Released(&'static CStr);

impl Released {
    /// Gives it back: the module may be unloaded.
    pub(super) fn new(why: &'static CStr) -> Self {
        refer_no_more(why);
        Self(why)
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        // Asterisk gives it back when the call ends.
        refer(self.0);
    }
}

fn refer(why: &CStr) {
    if !IS_FREED.load(Ordering::Acquire) {
        // SAFETY: synch_module() returns our own handle, which is there until Asterisk ends: the image stays mapped, and its
        // destructor runs at exit() alone. The texts are constants.
        unsafe { sys::__ast_module_ref(sys::synch_module(), c"res_synch".as_ptr(), 0, why.as_ptr()) };
    }
}

fn refer_no_more(why: &CStr) {
    if !IS_FREED.load(Ordering::Acquire) {
        // SAFETY: as in `refer`; gives back what was taken there, or by Asterisk.
        unsafe { sys::__ast_module_unref(sys::synch_module(), c"res_synch".as_ptr(), 0, why.as_ptr()) };
    }
}
