//! Contexts in force, looked at and changed with Asterisk's lock of contexts held.

use std::{
    ffi::{CStr, CString, c_int},
    ptr,
};

use super::{REGISTRAR, SWITCH, SWITCH_DATA, sys, text};
use crate::dialplan::{Change, Context, Extension, Step};

/// Asterisk's lock of all contexts: while it is held, no lookup, merge or change goes on.
pub(super) struct Lock;

impl Lock {
    pub(super) fn take() -> Self {
        // SAFETY: a recursive mutex of Asterisk's, given back when this is dropped.
        unsafe { sys::ast_wrlock_contexts() };
        Self
    }

    pub(super) fn find(&self, name: &str) -> Option<InForce<'_>> {
        let name = text::to_c(name);
        // SAFETY: the name is NUL-terminated; with the lock held, what is found stays.
        let context = unsafe { sys::ast_context_find(name.as_ptr()) };
        (!context.is_null()).then_some(InForce { context, _lock: self })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = InForce<'_>> {
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
pub(super) struct InForce<'a> {
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
    pub(super) fn ours(&self) -> Context {
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

    /// Whether it has a hint of ours with that pattern.
    pub(super) fn has_hint(&self, pattern: &str) -> bool {
        let steps = self.steps_of_ours();
        steps.iter().any(|step| step.is_hint() && step.pattern.to_bytes() == pattern.as_bytes())
    }

    /// Carries a change out, which makes it this context; `None` where Asterisk refused a part.
    pub(super) fn apply(&self, change: &Change<'_>, wanted: &Context) -> Option<()> {
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
    pub(super) fn remove_switch(&self) {
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
