//! Our contexts in Asterisk's dialplan.
//!
//! Asterisk's own ways of replacing contexts (`ast_merge_contexts_and_delete`, `ast_context_destroy`) take its lock of
//! contexts and then that of hints. Whoever adds a hint takes them the other way round: `ast_add_hint` has the lock of hints
//! and tells the watchers, and the manager's (`manager_state_cb`) asks for the lock of contexts. pbx_config does that for
//! every hint of extensions.conf while it builds what it will merge. Two threads that meet so never go on, and with them
//! every call. So:
//!
//! - Nothing is merged and no context is destroyed. Contexts are made once, and stay; what is in them is changed in place,
//!   with the lock of contexts held for one whole change, so that a call sees the old or the new one. Under it only the
//!   lock of the one context is taken, as Asterisk itself does. pbx_config and pbx_ael walk over contexts without any lock
//!   when they have merged: none goes away under them.
//! - What is changed is never a hint. They are added, by [`hints`] alone, while nobody builds a dialplan, and stay.
//! - Where a number leads is answered by the switch and by functions, so that hardly anything has to change.

use std::{collections::HashMap, ffi::CStr, ptr};

pub(super) mod hints;
mod in_force;

use self::in_force::Lock;
use super::{load::Load, sys, text};
use crate::{
    dialplan::{Change, Context},
    engine::host::HostError,
    words::faults,
};

/// The registrar under which Asterisk lists our contexts and extensions. Asterisk keeps the pointer; the image stays
/// mapped (`-z nodelete`).
const REGISTRAR: &CStr = c"res_synch";

/// Name of our switch: `asterisk::switch`.
pub(super) const SWITCH: &CStr = c"Synch";
/// The hint that `dialplan show` prints after that name: where to see what the switch knows.
const SWITCH_DATA: &CStr = c"see 'synch show dialplan'";

/// Creates an empty context where there is none of that name. With the lock held: Asterisk takes it again, and no other.
fn create(name: &str, lock: &Lock) -> bool {
    if lock.find(name).is_some() {
        return true;
    }
    let name = text::to_c(name);
    // SAFETY: the name is NUL-terminated and copied, the registrar is kept and lives for ever; NULL stands for the contexts
    // in force.
    let made = unsafe {
        sys::ast_context_find_or_create(ptr::null_mut(), ptr::null_mut(), name.as_ptr(), REGISTRAR.as_ptr())
    };
    !made.is_null()
}

/// Replaces our contexts in Asterisk by these, in one step for every call. The present contexts are read and not
/// remembered: the administrator, or a merge with a context of the same name, may have removed something.
///
/// # Errors
/// Asterisk had no memory, or rejected something; the rest is in force.
pub(super) fn replace(load: Load, new: &[Context]) -> Result<(), HostError> {
    let wanted: HashMap<&str, Context> =
        new.iter().map(|context| (context.name.as_str(), context.without_hints())).collect();
    let nothing = Context::default();
    faults::point("replace");
    let lock = Lock::take();
    // Looked at with the lock held, which may have been waited for all the time.
    if load.is_over() {
        return Ok(());
    }
    let mut problem = None;
    for context in new {
        if !create(&context.name, &lock) {
            problem = Some(refused(&context.name));
        }
    }
    for in_force in lock.all() {
        let old = in_force.ours();
        let new = wanted.get(old.name.as_str()).unwrap_or(&nothing);
        if in_force.apply(&Change::between(&old, new), new).is_none() {
            problem = Some(refused(&old.name));
        }
    }
    problem.map_or(Ok(()), Err)
}

/// Removes our switch from all contexts, because it ends with the module. The steps stay and lead nowhere without the
/// switch and the functions. Asterisk could destroy contexts and hints only under both of its locks.
///
/// Where the module was loaded again meanwhile, the switch is that load's, and stays.
pub(super) fn remove(load: Load) {
    faults::point("remove");
    let lock = Lock::take();
    if !load.is_followed() {
        lock.all().for_each(|context| context.remove_switch());
    }
}

/// The registrar of the context of that name, where there is one that isn't ours.
pub(super) fn other_owner(name: &str) -> Option<String> {
    let name = text::to_c(name);
    // SAFETY: the name is NUL-terminated; the lock keeps the context alive while its registrar is read.
    let owner = unsafe {
        sys::ast_rdlock_contexts();
        let context = sys::ast_context_find(name.as_ptr());
        let owner = (!context.is_null()).then(|| text::from_c(sys::ast_get_context_registrar(context)));
        sys::ast_unlock_contexts();
        owner
    };
    owner.filter(|owner| owner.as_bytes() != REGISTRAR.to_bytes())
}

/// Returns whether another registrar has extensions in the context of that name. Of two extensions with the same
/// number, Asterisk keeps the one added last.
pub(super) fn is_shared(name: &str) -> bool {
    let name = text::to_c(name);
    // SAFETY: the name is NUL-terminated; the lock keeps context and extensions alive while they are looked at, which
    // is how ast_walk_context_extensions() is meant to be used.
    unsafe {
        sys::ast_rdlock_contexts();
        let context = sys::ast_context_find(name.as_ptr());
        let mut shared = false;
        if !context.is_null() {
            sys::ast_rdlock_context(context);
            let mut extension = sys::ast_walk_context_extensions(context, ptr::null_mut());
            while !extension.is_null() && !shared {
                shared = CStr::from_ptr(sys::ast_get_extension_registrar(extension)) != REGISTRAR;
                extension = sys::ast_walk_context_extensions(context, extension);
            }
            sys::ast_unlock_context(context);
        }
        sys::ast_unlock_contexts();
        shared
    }
}

/// Whether our switch is asked in the context of that name.
pub(super) fn asks_synch(name: &str) -> bool {
    Lock::take().find(name).is_some_and(|context| context.asks_synch())
}

/// Whether there is a context of that name.
pub(super) fn has_context(name: &str) -> bool {
    let name = text::to_c(name);
    // SAFETY: the name is NUL-terminated; the result is only compared.
    unsafe { !sys::ast_context_find(name.as_ptr()).is_null() }
}

/// Whether Asterisk has this application.
pub(super) fn has_application(name: &str) -> bool {
    let name = text::to_c(name);
    // SAFETY: the name is NUL-terminated; the result is only compared.
    unsafe { !sys::pbx_findapp(name.as_ptr()).is_null() }
}

/// Whether Asterisk has this function.
pub(super) fn has_function(name: &str) -> bool {
    let name = text::to_c(name);
    // SAFETY: the name is NUL-terminated; the result is only compared.
    unsafe { !sys::ast_custom_function_find(name.as_ptr()).is_null() }
}

/// Returns whether this number leads to a step in that context.
pub(super) fn leads_on(context: &str, number: &str) -> bool {
    let (context, number) = (text::to_c(context), text::to_c(number));
    // SAFETY: both texts are NUL-terminated; neither a channel nor a caller is needed to look.
    unsafe {
        sys::ast_exists_extension(ptr::null_mut(), context.as_ptr(), number.as_ptr(), 1, ptr::null()) != 0
    }
}

fn refused(context: &str) -> HostError {
    HostError(format!(
        "Asterisk rejected part of context {context}; check whether extensions.conf has a context of that name, \
         and see Asterisk's log"
    ))
}
