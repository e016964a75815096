//! Contexts into Asterisk's dialplan, under our own registrar.

use std::{
    ffi::{CStr, CString, c_int},
    ptr, thread,
    time::{Duration, Instant},
};

use super::{sys, text};
use crate::{
    dialplan::{Context, Extension},
    host::{HostError, Level},
};

/// Under which Asterisk knows what is ours. It keeps the pointer; the image stays mapped (`-z nodelete`).
const REGISTRAR: &CStr = c"res_synch";

/// Name of our switch: `asterisk::switch`.
pub(super) const SWITCH: &CStr = c"Synch";

/// The first size of the table of contexts; it grows by itself.
const BUCKETS: c_int = 17;

/// No merge for so long, and whoever did the last one has looked at its includes, even with thousands of contexts.
const QUIET: Duration = Duration::from_millis(200);

/// Where Asterisk's dialplan never becomes quiet, ours goes in all the same.
const PATIENCE: Duration = Duration::from_secs(10);

/// Puts these contexts in the place of all that we had, in one step: a call sees the old dialplan or the new one.
///
/// # Errors
/// Asterisk had no memory, or did not take something; then everything is as it was before.
pub(super) fn replace(contexts: &[Context]) -> Result<(), HostError> {
    let mut draft = Draft::new()?;
    for context in contexts {
        draft.add(context)?;
    }
    wait_for_quiet();
    draft.merge();
    Ok(())
}

/// Waits until nobody else has just merged. pbx_config and pbx_ael walk all contexts after their merge without a lock, to
/// verify includes, and a merge of ours frees the very contexts they walk: Asterisk then crashes. What is left is the
/// instant between the last look and the merge.
///
/// Not with Asterisk's lock of all contexts held over our own merge: a merge takes another one first, which is Asterisk's
/// alone, and we would take the two in the other order.
fn wait_for_quiet() {
    let until = Instant::now() + PATIENCE;
    let mut before = first_context();
    loop {
        thread::sleep(QUIET);
        let now = first_context();
        if now == before || Instant::now() > until {
            return;
        }
        before = now;
    }
}

/// Address of the first of all contexts: each merge makes all of them anew.
fn first_context() -> usize {
    // SAFETY: the lock waits for a merge that is under way; the address is only compared.
    unsafe {
        sys::ast_rdlock_contexts();
        let first = sys::ast_walk_contexts(ptr::null_mut());
        sys::ast_unlock_contexts();
        first.addr()
    }
}

/// Takes all of ours out: nothing of ours in the place of what we had. Not with ast_context_destroy(), which leaves an
/// extension broken that somebody else's steps share with ours, and the next merge then crashes.
pub(super) fn remove() {
    if let Err(error) = replace(&[]) {
        super::log::write(Level::Error, &error.to_string());
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

/// Whether somebody else has extensions in the context of that name: of two of one number, Asterisk has the one that came
/// last.
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

/// Whether somebody who dials this in that context gets to a step.
pub(super) fn leads_on(context: &str, number: &str) -> bool {
    let (context, number) = (text::to_c(context), text::to_c(number));
    // SAFETY: both texts are NUL-terminated; neither a channel nor a caller is needed to look.
    unsafe {
        sys::ast_exists_extension(ptr::null_mut(), context.as_ptr(), number.as_ptr(), 1, ptr::null()) != 0
    }
}

/// Contexts that are not in force yet.
struct Draft {
    contexts: *mut sys::ast_context,
    table: *mut sys::ast_hashtab,
}

impl Draft {
    fn new() -> Result<Self, HostError> {
        // SAFETY: the functions are those with which Asterisk keeps its own table of contexts (pbx.c); the names are
        // constants.
        let table = unsafe {
            sys::_ast_hashtab_create(
                BUCKETS,
                Some(sys::ast_hashtab_compare_contexts),
                Some(sys::ast_hashtab_resize_java),
                Some(sys::ast_hashtab_newsize_java),
                Some(sys::ast_hashtab_hash_contexts),
                0,
                c"res_synch".as_ptr(),
                0,
                c"dialplan".as_ptr(),
            )
        };
        if table.is_null() {
            return Err(refused("a dialplan"));
        }
        Ok(Self { contexts: ptr::null_mut(), table })
    }

    fn add(&mut self, context: &Context) -> Result<(), HostError> {
        let name = text::to_c(&context.name);
        // SAFETY: list and table are our own and belong together; the texts are NUL-terminated.
        let made = unsafe {
            sys::ast_context_find_or_create(
                &raw mut self.contexts,
                self.table,
                name.as_ptr(),
                REGISTRAR.as_ptr(),
            )
        };
        if made.is_null() {
            return Err(refused(&format!("context {}", context.name)));
        }
        for extension in &context.extensions {
            // SAFETY: `made` is a context of this draft, which nobody else knows yet.
            if unsafe { add_extension(made, extension) }.is_none() {
                return Err(refused(&format!("{} in context {}", extension.pattern, context.name)));
            }
        }
        // SAFETY: as above; Asterisk copies the texts. What it refuses here is there already.
        unsafe {
            for include in &context.includes {
                sys::ast_context_add_include2(made, text::to_c(include).as_ptr(), REGISTRAR.as_ptr());
            }
            for pattern in &context.ignored {
                sys::ast_context_add_ignorepat2(made, text::to_c(pattern).as_ptr(), REGISTRAR.as_ptr());
            }
            if context.asks_directory {
                sys::ast_context_add_switch2(made, SWITCH.as_ptr(), c"".as_ptr(), 0, REGISTRAR.as_ptr());
            }
        }
        Ok(())
    }

    /// Into force. Asterisk takes list and table over.
    fn merge(mut self) {
        // SAFETY: both are whole and ours to give away.
        unsafe {
            sys::ast_merge_contexts_and_delete(&raw mut self.contexts, self.table, REGISTRAR.as_ptr());
        }
        std::mem::forget(self);
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Only after a refusal, which means that memory has run out. ast_context_destroy() works on the contexts in
        // force, and nothing of Asterisk's frees a list that was never merged (pbx_config leaves it behind, too).
        // SAFETY: the table is ours; it does not own the contexts in it.
        unsafe { sys::ast_hashtab_destroy(self.table, None) };
    }
}

/// # Safety
/// `context` is one that nobody else uses.
unsafe fn add_extension(context: *mut sys::ast_context, extension: &Extension) -> Option<()> {
    let caller = extension.caller.as_deref().map(text::to_c);
    let pattern = text::to_c(&extension.pattern);
    let add = |priority: c_int, label: Option<&str>, application: &str, arguments: &str| {
        let (label, application) = (label.map(text::to_c), text::to_c(application));
        let optional = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        // SAFETY: the texts are NUL-terminated and copied; of the arguments we hand a copy over that Asterisk frees. Without
        // the lock of the context, which nobody else knows yet: adding a hint takes locks that come before it.
        let result = unsafe {
            let data = sys::synch_strdup(text::to_c(arguments).as_ptr());
            sys::ast_add_extension2_nolock(
                context,
                0,
                pattern.as_ptr(),
                priority,
                optional(&label),
                optional(&caller),
                application.as_ptr(),
                data.cast(),
                Some(sys::ast_free_ptr),
                REGISTRAR.as_ptr(),
                ptr::null(),
                0,
            )
        };
        (result == 0).then_some(())
    };
    if let Some(hint) = &extension.hint {
        add(sys::PRIORITY_HINT, None, hint, "")?;
    }
    for step in &extension.steps {
        let priority = c_int::try_from(step.priority).ok()?;
        add(priority, step.label.as_deref(), &step.application, &step.arguments)?;
    }
    Some(())
}

fn refused(what: &str) -> HostError {
    HostError(format!("Asterisk does not take {what}: the dialplan stays as it is; see its log"))
}
