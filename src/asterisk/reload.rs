//! Reloading another module, and asking for one, through Asterisk's own API.

use std::cell::Cell;

use super::{
    reference::{Reference, asterisk_ends},
    sys, text,
};
use crate::engine::host::ReloadError;

/// Our own name, as Asterisk has it.
const OURS: &str = "res_synch.so";

thread_local! {
    /// The work that this thread does instead of our own reload. Asterisk calls that reload on the same thread and
    /// passes nothing.
    static ERRAND: Cell<Option<*mut dyn FnMut()>> = const { Cell::new(None) };
}

/// Reloads a module and waits for it. The module list of Asterisk is locked meanwhile, so whoever calls this has
/// entered the gate (`crate::engine::gate`), and a reference keeps Asterisk from unloading us under the call.
///
/// # Errors
/// Anything but "done": Asterisk did not carry it out.
pub(super) fn reload(module: &str) -> Result<(), ReloadError> {
    let name = text::to_c(module);
    let Some(_reference) = Reference::take(c"reload") else {
        return Err(ReloadError::Failed(format!("{module} was not reloaded: Asterisk ends")));
    };
    // SAFETY: the name is NUL-terminated and only read during the call.
    let result = unsafe { sys::ast_module_reload(name.as_ptr()) };
    let problem = match result {
        sys::AST_MODULE_RELOAD_SUCCESS => return Ok(()),
        sys::AST_MODULE_RELOAD_QUEUED => "Asterisk is still starting and has only queued the reload",
        sys::AST_MODULE_RELOAD_NOT_FOUND if module.contains("voicemail") => {
            "it is not loaded; load it, or set [voicemail] enabled = no"
        }
        sys::AST_MODULE_RELOAD_NOT_FOUND => {
            "it is not loaded; load it, or set [sync] technology to the one in use"
        }
        sys::AST_MODULE_RELOAD_IN_PROGRESS => return Err(ReloadError::InProgress),
        sys::AST_MODULE_RELOAD_UNINITIALIZED => "it is not initialized",
        sys::AST_MODULE_RELOAD_NOT_IMPLEMENTED => "it does not support a reload",
        _ => "it reported an error; see the lines above in the log",
    };
    Err(ReloadError::Failed(format!("{module} was not reloaded: {problem}")))
}

/// Returns whether a module is loaded. The module list of Asterisk is locked meanwhile, as for [`reload`].
pub(super) fn is_loaded(module: &str) -> bool {
    let name = text::to_c(module);
    if asterisk_ends() {
        return false;
    }
    // SAFETY: the name is NUL-terminated and only read during the call.
    unsafe { sys::ast_module_check(name.as_ptr()) != 0 }
}

/// Does something as a reload of our own: no other module is loaded, reloaded or unloaded meanwhile.
///
/// # Errors
/// As [`reload`]; nothing was done then.
pub(super) fn with_list_locked<T>(work: impl FnOnce() -> T) -> Result<T, ReloadError> {
    let (mut work, mut result) = (Some(work), None);
    let mut errand = || result = work.take().map(|work| work());
    let errand: &mut dyn FnMut() = &mut errand;
    // SAFETY: only the lifetime changes; it is taken away again before what it borrows goes.
    let errand = unsafe { std::mem::transmute::<*mut dyn FnMut(), *mut (dyn FnMut() + 'static)>(errand) };
    ERRAND.set(Some(errand));
    let reloaded = reload(OURS);
    ERRAND.take();
    reloaded?;
    result.ok_or(ReloadError::InProgress)
}

/// Runs the work that this thread has set for our reload. Returns `false` where none is set: an ordinary reload.
pub(super) fn run_errand() -> bool {
    let Some(errand) = ERRAND.take() else { return false };
    // SAFETY: set by `with_list_locked` of this thread, which is still in it.
    unsafe { (*errand)() };
    true
}
