//! Hands the metrics to `res_prometheus` where it is loaded: an Asterisk from 17 on may have it.
//!
//! Nobody may hold a reference to it, and it may go at any time but these: while Asterisk's module list is locked by this
//! very thread, as at our load, reload and unload. So it is looked for and called only then. It is opened by its path: found
//! by name among all that is loaded (`RTLD_DEFAULT`), glibc would make it a dependency of ours, which is never unmapped, and
//! each later unload of it would fail.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    mem,
};

use super::{current, guard::guard, sys, text};
use crate::operator::metrics;

/// `struct prometheus_callback` (res_prometheus.h, which Asterisk 16 has not).
#[repr(C)]
struct Callback {
    name: *const c_char,
    function: extern "C" fn(*mut *mut sys::ast_str),
}

// SAFETY: it is never written, and points to a constant and to a function.
unsafe impl Sync for Callback {}

/// res_prometheus keeps its address, so it lives as long as the process.
static CALLBACK: Callback = Callback { name: c"synch".as_ptr(), function: append };

type Register = unsafe extern "C" fn(*const Callback) -> c_int;
type Unregister = unsafe extern "C" fn(*const Callback);

/// Registers our metrics, once, where the module is loaded now. Asterisk's module list has to be locked by this thread.
pub(super) fn register() {
    let Some(module) = Module::open() else { return };
    module.unregister();
    if let Some(found) = module.function(c"prometheus_callback_register") {
        // SAFETY: the function of this name is declared so (res_prometheus.h).
        let register = unsafe { mem::transmute::<*mut c_void, Register>(found) };
        // SAFETY: the callback lives as long as the process; the module is loaded as long as the list is locked.
        unsafe { register(&raw const CALLBACK) };
    }
}

/// Takes them back. Asterisk's module list has to be locked by this thread.
pub(super) fn unregister() {
    if let Some(module) = Module::open() {
        module.unregister();
    }
}

/// The loaded module, as long as this lives.
struct Module(*mut c_void);

impl Module {
    /// `None` where it is not loaded.
    fn open() -> Option<Self> {
        // SAFETY: Asterisk sets its paths before any module loads and never changes them.
        let folder = unsafe { text::from_c(sys::ast_config_AST_MODULE_DIR) };
        let path = text::to_c(&format!("{folder}/res_prometheus.so"));
        // SAFETY: a NUL-terminated path; nothing is loaded or run by this, only found (RTLD_NOLOAD).
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOLOAD | libc::RTLD_LAZY) };
        // Made only then: dropped, it is given back, and glibc does not take NULL.
        if handle.is_null() { None } else { Some(Self(handle)) }
    }

    fn unregister(&self) {
        if let Some(found) = self.function(c"prometheus_callback_unregister") {
            // SAFETY: the function of this name is declared so (res_prometheus.h).
            let unregister = unsafe { mem::transmute::<*mut c_void, Unregister>(found) };
            // SAFETY: it compares names, and the callback lives as long as the process.
            unsafe { unregister(&raw const CALLBACK) };
        }
    }

    fn function(&self, name: &CStr) -> Option<*mut c_void> {
        // SAFETY: the handle is open; the name is NUL-terminated.
        let found = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, given back once.
        unsafe { libc::dlclose(self.0) };
    }
}

/// Adds our metrics to a scrape, on a thread of Asterisk's.
extern "C" fn append(output: *mut *mut sys::ast_str) {
    guard((), || {
        let Some(control) = current::control() else { return };
        let metrics = text::to_c(&metrics::text(&control.snapshot()));
        // SAFETY: res_prometheus passes the text that it gathers, alive during the call; the shim copies ours.
        unsafe { sys::synch_append(output, metrics.as_ptr()) };
    });
}
