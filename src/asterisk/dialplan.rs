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
//! - What is changed is never a hint. There are two of ours, for all numbers, and they are made by [`prepare`] while
//!   Asterisk loads us: with its list of modules locked, so that no module loads or reloads beside it.
//! - Where a number leads is answered by the switch and by functions, so that hardly anything has to change.

use std::{
    collections::HashMap,
    ffi::{CStr, CString, c_int},
    ptr,
};

use super::{sys, text};
use crate::{
    dialplan::{Change, Context, Extension, HINT, HINTS, Step, USERS},
    host::HostError,
};

/// Under which Asterisk knows what is ours. It keeps the pointer; the image stays mapped (`-z nodelete`).
const REGISTRAR: &CStr = c"res_synch";

/// Name of our switch: `asterisk::switch`.
pub(super) const SWITCH: &CStr = c"Synch";
/// What `dialplan show` prints behind that name: where to look for what the switch knows.
const SWITCH_DATA: &CStr = c"see 'synch show dialplan'";

/// Makes the hints, where they are not there yet. Called while Asterisk loads or reloads us.
///
/// Nothing else of ours adds a hint. When somebody subscribes to a number, Asterisk itself makes an extension with a hint
/// of the pattern, as it does for every hint of extensions.conf that is a pattern.
pub(super) fn prepare() {
    create(USERS);
    let users = text::to_c(USERS);
    for pattern in HINTS {
        if has_hint(USERS, pattern) {
            continue;
        }
        let pattern = text::to_c(pattern);
        // SAFETY: the texts are NUL-terminated and copied; of the empty data we hand a copy over that Asterisk frees. The
        // hint has a variable in it and is a pattern, so `ast_add_hint` tells no watcher of it.
        unsafe {
            sys::ast_add_extension(
                users.as_ptr(),
                0,
                pattern.as_ptr(),
                sys::PRIORITY_HINT,
                ptr::null(),
                ptr::null(),
                text::to_c(HINT).as_ptr(),
                sys::synch_strdup(c"".as_ptr()).cast(),
                Some(sys::ast_free_ptr),
                REGISTRAR.as_ptr(),
            );
        }
    }
}

/// Whether a context has a hint of ours with that pattern.
fn has_hint(context: &str, pattern: &str) -> bool {
    let lock = Lock::take();
    let Some(context) = lock.find(context) else { return false };
    let ours = context.steps_of_ours().into_iter();
    ours.filter(|step| step.priority == sys::PRIORITY_HINT)
        .any(|step| step.pattern.to_bytes() == pattern.as_bytes())
}

/// Makes a context without anything in it, where there is none of that name.
fn create(name: &str) -> bool {
    if has_context(name) {
        return true;
    }
    let name = text::to_c(name);
    // SAFETY: the name is NUL-terminated and copied, the registrar is kept and lives for ever; NULL stands for the contexts
    // in force. Asterisk takes its lock of contexts and no other.
    let made = unsafe {
        sys::ast_context_find_or_create(ptr::null_mut(), ptr::null_mut(), name.as_ptr(), REGISTRAR.as_ptr())
    };
    !made.is_null()
}

/// Makes of what Asterisk has of ours these contexts, in one step for every call. What is there is looked at, not remembered:
/// an administrator, or a merge that found his context of the same name, may have taken something away.
///
/// # Errors
/// Asterisk had no memory, or did not take something; the rest is in force.
pub(super) fn replace(new: &[Context]) -> Result<(), HostError> {
    let mut problem = None;
    for context in new {
        if !create(&context.name) {
            problem = Some(refused(&context.name));
        }
    }
    let wanted: HashMap<&str, Context> =
        new.iter().map(|context| (context.name.as_str(), context.without_hints())).collect();
    let nothing = Context::default();
    let lock = Lock::take();
    for in_force in lock.all() {
        let old = in_force.ours();
        let new = wanted.get(old.name.as_str()).unwrap_or(&nothing);
        if in_force.apply(&Change::between(&old, new), new).is_none() {
            problem = Some(refused(&old.name));
        }
    }
    problem.map_or(Ok(()), Err)
}

/// Takes our switch out of all contexts: it goes with us. The steps stay, and lead nowhere without it and the functions;
/// contexts and hints Asterisk could only destroy under both of its locks.
pub(super) fn remove() {
    Lock::take().all().for_each(|context| context.remove_switch());
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

/// Asterisk's lock of all contexts: while it is held, no lookup, merge or change goes on.
struct Lock;

impl Lock {
    fn take() -> Self {
        // SAFETY: a recursive mutex of Asterisk's, given back when this is dropped.
        unsafe { sys::ast_wrlock_contexts() };
        Self
    }

    fn find(&self, name: &str) -> Option<InForce<'_>> {
        let name = text::to_c(name);
        // SAFETY: the name is NUL-terminated; with the lock held, what is found stays.
        let context = unsafe { sys::ast_context_find(name.as_ptr()) };
        (!context.is_null()).then_some(InForce { context, _lock: self })
    }

    fn all(&self) -> impl Iterator<Item = InForce<'_>> {
        // SAFETY: with the lock held, the list of contexts stays as it is.
        let next = |context: *mut sys::ast_context| unsafe { sys::ast_walk_contexts(context) };
        let first = Some(next(ptr::null_mut()));
        std::iter::successors(first, move |&context| (!context.is_null()).then(|| next(context)))
            .take_while(|context| !context.is_null())
            .map(|context| InForce { context, _lock: self })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: taken by this thread in `take`.
        unsafe { sys::ast_unlock_contexts() };
    }
}

/// A context in force, which nobody else looks at while the lock is held.
struct InForce<'a> {
    context: *mut sys::ast_context,
    _lock: &'a Lock,
}

/// One step of ours.
#[derive(Debug)]
struct Placed {
    pattern: CString,
    caller: Option<CString>,
    priority: c_int,
    label: Option<String>,
    application: String,
    arguments: String,
    /// Whether the extension has steps of somebody else, too. Asterisk breaks such an extension when its first step is taken
    /// out (`ast_context_remove_extension_callerid2`), and crashes at the next merge.
    shared: bool,
}

impl Placed {
    fn is_hint(&self) -> bool {
        self.priority == sys::PRIORITY_HINT
    }
}

impl InForce<'_> {
    /// What is ours in it, but hints, and but extensions in which somebody else has steps, too.
    fn ours(&self) -> Context {
        let mut extensions: Vec<Extension> = Vec::new();
        for step in self.steps_of_ours().into_iter().filter(|step| !step.shared && !step.is_hint()) {
            let (pattern, caller) = (lossy(&step.pattern), step.caller.as_deref().map(lossy));
            let same = |last: &&mut Extension| last.pattern == pattern && last.caller == caller;
            let priority = u32::try_from(step.priority).unwrap_or_default();
            let step = Step {
                priority,
                label: step.label,
                application: step.application,
                arguments: step.arguments,
            };
            match extensions.last_mut().filter(same) {
                Some(last) => last.steps.insert(0, step),
                None => extensions.push(Extension { pattern, caller, hint: None, steps: vec![step] }),
            }
        }
        // SAFETY: as in `steps_of_ours`.
        let (name, includes, ignored, asks_synch) = unsafe {
            let name = text::from_c(sys::ast_get_context_name(self.context));
            (name, self.includes_of_ours(), self.ignored_of_ours(), self.has_switch())
        };
        let text = |texts: Vec<CString>| texts.iter().map(|text| lossy(text)).collect();
        Context { name, extensions, includes: text(includes), ignored: text(ignored), asks_synch }
    }

    /// Carries a change out, which makes it this context; `None` where Asterisk refused a part.
    fn apply(&self, change: &Change<'_>, wanted: &Context) -> Option<()> {
        if !change.out.is_empty() {
            let is_out = |step: &&Placed| {
                change.out.iter().any(|(pattern, caller)| {
                    step.pattern.to_bytes() == pattern.as_bytes()
                        && step.caller.as_deref().map(CStr::to_bytes) == caller.map(str::as_bytes)
                })
            };
            for step in self.steps_of_ours().iter().filter(is_out) {
                self.take_out(step);
            }
        }
        let put = change.put.iter().map(|extension| self.put(extension)).fold(Some(()), Option::and);
        if change.surroundings {
            self.clear_surroundings();
            // SAFETY: the texts are NUL-terminated, and Asterisk copies them. What it refuses here is there already.
            unsafe {
                for include in &wanted.includes {
                    sys::ast_context_add_include2(
                        self.context,
                        text::to_c(include).as_ptr(),
                        REGISTRAR.as_ptr(),
                    );
                }
                for pattern in &wanted.ignored {
                    sys::ast_context_add_ignorepat2(
                        self.context,
                        text::to_c(pattern).as_ptr(),
                        REGISTRAR.as_ptr(),
                    );
                }
                if wanted.asks_synch {
                    let (switch, data) = (SWITCH.as_ptr(), SWITCH_DATA.as_ptr());
                    sys::ast_context_add_switch2(self.context, switch, data, 0, REGISTRAR.as_ptr());
                }
            }
        }
        put
    }

    /// Every step and hint of ours, the last of each extension first: so the first one, by which the others hang, goes last.
    fn steps_of_ours(&self) -> Vec<Placed> {
        let mut steps = Vec::new();
        // SAFETY: with the lock held, extensions and their priorities stay as they are; the texts are NUL-terminated.
        unsafe {
            let mut extension = sys::ast_walk_context_extensions(self.context, ptr::null_mut());
            while !extension.is_null() {
                let (first, mut shared) = (steps.len(), false);
                let mut step = sys::ast_walk_extension_priorities(extension, ptr::null_mut());
                while !step.is_null() {
                    if CStr::from_ptr(sys::ast_get_extension_registrar(step)) == REGISTRAR {
                        let pattern = CStr::from_ptr(sys::ast_get_extension_name(step)).to_owned();
                        let has_caller = sys::ast_get_extension_matchcid(step) != 0;
                        let caller = has_caller
                            .then(|| CStr::from_ptr(sys::ast_get_extension_cidmatch(step)).to_owned());
                        let priority = sys::ast_get_extension_priority(step);
                        let label = sys::ast_get_extension_label(step);
                        steps.push(Placed {
                            pattern,
                            caller,
                            priority,
                            label: (!label.is_null()).then(|| text::from_c(label)),
                            application: text::from_c(sys::ast_get_extension_app(step)),
                            // Made by us, of a text.
                            arguments: text::from_c(sys::ast_get_extension_app_data(step).cast()),
                            shared: false,
                        });
                    } else {
                        shared = true;
                    }
                    step = sys::ast_walk_extension_priorities(extension, step);
                }
                if let Some(of_this) = steps.get_mut(first..) {
                    of_this.reverse();
                    of_this.iter_mut().for_each(|step| step.shared = shared);
                }
                extension = sys::ast_walk_context_extensions(self.context, extension);
            }
        }
        steps
    }

    /// Takes a step out; never a hint, for that takes Asterisk's lock of hints, and nothing of a shared extension.
    fn take_out(&self, step: &Placed) {
        if step.shared || step.is_hint() {
            return;
        }
        let caller = step.caller.as_ref().map_or(ptr::null(), |caller| caller.as_ptr());
        // SAFETY: the texts are NUL-terminated. The context's own lock is taken below that of all contexts, as everywhere
        // in Asterisk; a step that runs in a call was copied before it did.
        unsafe {
            sys::ast_context_remove_extension_callerid2(
                self.context,
                step.pattern.as_ptr(),
                step.priority,
                caller,
                c_int::from(step.caller.is_some()),
                REGISTRAR.as_ptr(),
                0,
            );
        }
    }

    fn clear_surroundings(&self) {
        // SAFETY: as in `steps_of_ours`; the texts are copies.
        unsafe {
            for include in self.includes_of_ours() {
                sys::ast_context_remove_include2(self.context, include.as_ptr(), REGISTRAR.as_ptr());
            }
            for pattern in self.ignored_of_ours() {
                sys::ast_context_remove_ignorepat2(self.context, pattern.as_ptr(), REGISTRAR.as_ptr());
            }
        }
        self.remove_switch();
    }

    /// Where there is none, Asterisk says so, and that is all.
    fn remove_switch(&self) {
        let (switch, data) = (SWITCH.as_ptr(), SWITCH_DATA.as_ptr());
        // SAFETY: the texts are constants.
        unsafe { sys::ast_context_remove_switch2(self.context, switch, data, REGISTRAR.as_ptr()) };
    }

    /// # Safety
    /// With the lock held, as it is wherever there is an `InForce`.
    unsafe fn includes_of_ours(&self) -> Vec<CString> {
        let mut found = Vec::new();
        // SAFETY: the list stays as it is; its texts are NUL-terminated.
        unsafe {
            let mut include = sys::ast_walk_context_includes(self.context, ptr::null());
            while !include.is_null() {
                if CStr::from_ptr(sys::ast_get_include_registrar(include)) == REGISTRAR {
                    found.push(CStr::from_ptr(sys::ast_get_include_name(include)).to_owned());
                }
                include = sys::ast_walk_context_includes(self.context, include);
            }
        }
        found
    }

    /// # Safety
    /// As above.
    unsafe fn ignored_of_ours(&self) -> Vec<CString> {
        let mut found = Vec::new();
        // SAFETY: as above.
        unsafe {
            let mut pattern = sys::ast_walk_context_ignorepats(self.context, ptr::null());
            while !pattern.is_null() {
                if CStr::from_ptr(sys::ast_get_ignorepat_registrar(pattern)) == REGISTRAR {
                    found.push(CStr::from_ptr(sys::ast_get_ignorepat_name(pattern)).to_owned());
                }
                pattern = sys::ast_walk_context_ignorepats(self.context, pattern);
            }
        }
        found
    }

    /// # Safety
    /// As above.
    unsafe fn has_switch(&self) -> bool {
        // SAFETY: as above.
        unsafe {
            let mut switch = sys::ast_walk_context_switches(self.context, ptr::null());
            while !switch.is_null() {
                if CStr::from_ptr(sys::ast_get_switch_registrar(switch)) == REGISTRAR {
                    return true;
                }
                switch = sys::ast_walk_context_switches(self.context, switch);
            }
        }
        false
    }

    /// Whether somebody else has steps in the extension of this pattern and caller.
    fn is_taken(&self, extension: &Extension) -> bool {
        let (pattern, caller) = (extension.pattern.as_bytes(), extension.caller.as_deref());
        // SAFETY: as in `steps_of_ours`.
        unsafe {
            let mut found = sys::ast_walk_context_extensions(self.context, ptr::null_mut());
            while !found.is_null() {
                let has_caller = sys::ast_get_extension_matchcid(found) != 0;
                let of =
                    has_caller.then(|| CStr::from_ptr(sys::ast_get_extension_cidmatch(found)).to_bytes());
                if CStr::from_ptr(sys::ast_get_extension_name(found)).to_bytes() == pattern
                    && of == caller.map(str::as_bytes)
                {
                    let mut step = sys::ast_walk_extension_priorities(found, ptr::null_mut());
                    while !step.is_null() {
                        if CStr::from_ptr(sys::ast_get_extension_registrar(step)) != REGISTRAR {
                            return true;
                        }
                        step = sys::ast_walk_extension_priorities(found, step);
                    }
                }
                found = sys::ast_walk_context_extensions(self.context, found);
            }
        }
        false
    }

    /// Puts the steps of an extension in; `None` where somebody else has one, which then stays: Asterisk can replace no step
    /// without harm (`add_priority` with `replace`).
    fn put(&self, extension: &Extension) -> Option<()> {
        if self.is_taken(extension) {
            return None;
        }
        let pattern = text::to_c(&extension.pattern);
        let caller = extension.caller.as_deref().map(text::to_c);
        let optional = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        for step in &extension.steps {
            let priority = c_int::try_from(step.priority).ok()?;
            let (label, application) = (step.label.as_deref().map(text::to_c), text::to_c(&step.application));
            // SAFETY: the texts are NUL-terminated and copied; of the arguments we hand a copy over that Asterisk frees. No
            // hint is added, so that no lock is taken but the context's own.
            let result = unsafe {
                let data = sys::synch_strdup(text::to_c(&step.arguments).as_ptr());
                sys::ast_add_extension2(
                    self.context,
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
            if result != 0 {
                return None;
            }
        }
        Some(())
    }
}

fn lossy(text: &CStr) -> String {
    text.to_string_lossy().into_owned()
}

fn refused(context: &str) -> HostError {
    HostError(format!(
        "Asterisk does not take all of context {context}: is there something of yours in it? See its log"
    ))
}
