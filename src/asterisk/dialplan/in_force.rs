//! Contexts in force, looked at and changed with Asterisk's lock of contexts held.

use std::{
    collections::HashSet,
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
        let (name, includes, ignored) = unsafe {
            let name = text::from_c(sys::ast_get_context_name(self.context));
            (name, self.includes_of_ours(), self.ignored_of_ours())
        };
        let text = |texts: Vec<CString>| texts.iter().map(|text| lossy(text)).collect();
        Context {
            name,
            extensions,
            includes: text(includes),
            ignored: text(ignored),
            asks_synch: self.asks_synch(),
        }
    }

    /// The numbers that it has hints of ours for.
    pub(super) fn hints(&self) -> HashSet<String> {
        self.steps_of_ours().iter().filter(|step| step.is_hint()).map(|step| lossy(&step.pattern)).collect()
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        // SAFETY: with the lock held, the context is there; its name is NUL-terminated.
        unsafe { text::from_c(sys::ast_get_context_name(self.context)) }
    }

    /// Where it is, only to be compared: a merge puts another one in its place.
    pub(super) fn address(&self) -> usize {
        self.context.addr()
    }

    /// Carries a change out, which makes it this context; `None` where Asterisk refused a part.
    pub(super) fn apply(&self, change: &Change<'_>, wanted: &Context) -> Option<()> {
        if !change.out.is_empty() {
            let out: HashSet<_> = change
                .out
                .iter()
                .map(|(pattern, caller)| (pattern.as_bytes(), caller.map(str::as_bytes)))
                .collect();
            let is_out = |step: &&Placed| {
                out.contains(&(step.pattern.to_bytes(), step.caller.as_deref().map(CStr::to_bytes)))
            };
            for step in self.steps_of_ours().iter().filter(is_out) {
                self.take_out(step);
            }
        }
        let taken = if change.put.is_empty() { HashSet::new() } else { self.taken() };
        let put = change.put.iter().map(|extension| self.put(extension, &taken)).fold(Some(()), Option::and);
        if change.surroundings {
            self.surround(wanted);
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

    /// Gives it the includes, patterns for dial tone and switch that it is to have. What stays is not touched: Asterisk
    /// walks over the includes without any lock when it has merged (`ast_context_verify_includes`).
    fn surround(&self, wanted: &Context) {
        // SAFETY: as in `steps_of_ours`; the texts are NUL-terminated copies, and Asterisk makes its own. What it refuses to
        // add is there already.
        unsafe {
            let (old, new) = (self.includes_of_ours(), to_c_all(&wanted.includes));
            let stay = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
            for include in old.iter().skip(stay) {
                sys::ast_context_remove_include2(self.context, include.as_ptr(), REGISTRAR.as_ptr());
            }
            for include in new.iter().skip(stay) {
                sys::ast_context_add_include2(self.context, include.as_ptr(), REGISTRAR.as_ptr());
            }
            let (old, new) = (self.ignored_of_ours(), to_c_all(&wanted.ignored));
            for pattern in old.iter().filter(|pattern| !new.contains(pattern)) {
                sys::ast_context_remove_ignorepat2(self.context, pattern.as_ptr(), REGISTRAR.as_ptr());
            }
            for pattern in new.iter().filter(|pattern| !old.contains(pattern)) {
                sys::ast_context_add_ignorepat2(self.context, pattern.as_ptr(), REGISTRAR.as_ptr());
            }
        }
        if !wanted.asks_synch {
            self.remove_switch();
        } else if !self.asks_synch() {
            let (switch, data) = (SWITCH.as_ptr(), SWITCH_DATA.as_ptr());
            // SAFETY: the texts are constants.
            unsafe { sys::ast_context_add_switch2(self.context, switch, data, 0, REGISTRAR.as_ptr()) };
        }
    }

    /// Where there is one.
    pub(super) fn remove_switch(&self) {
        if self.asks_synch() {
            let (switch, data) = (SWITCH.as_ptr(), SWITCH_DATA.as_ptr());
            // SAFETY: the texts are constants.
            unsafe { sys::ast_context_remove_switch2(self.context, switch, data, REGISTRAR.as_ptr()) };
        }
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

    /// Whether our switch is asked there.
    pub(super) fn asks_synch(&self) -> bool {
        // SAFETY: with the lock held, the list stays as it is; its texts are NUL-terminated.
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

    /// Patterns and callers of the extensions in which somebody else has steps.
    fn taken(&self) -> HashSet<(CString, Option<CString>)> {
        let mut taken = HashSet::new();
        // SAFETY: as in `steps_of_ours`.
        unsafe {
            let mut extension = sys::ast_walk_context_extensions(self.context, ptr::null_mut());
            while !extension.is_null() {
                let mut step = sys::ast_walk_extension_priorities(extension, ptr::null_mut());
                while !step.is_null() && CStr::from_ptr(sys::ast_get_extension_registrar(step)) == REGISTRAR {
                    step = sys::ast_walk_extension_priorities(extension, step);
                }
                if !step.is_null() {
                    let has_caller = sys::ast_get_extension_matchcid(extension) != 0;
                    let caller = has_caller
                        .then(|| CStr::from_ptr(sys::ast_get_extension_cidmatch(extension)).to_owned());
                    taken.insert((CStr::from_ptr(sys::ast_get_extension_name(extension)).to_owned(), caller));
                }
                extension = sys::ast_walk_context_extensions(self.context, extension);
            }
        }
        taken
    }

    /// Puts the steps of an extension in; `None` where somebody else has one, which then stays: Asterisk can replace no step
    /// without harm (`add_priority` with `replace`).
    fn put(&self, extension: &Extension, taken: &HashSet<(CString, Option<CString>)>) -> Option<()> {
        let place = (text::to_c(&extension.pattern), extension.caller.as_deref().map(text::to_c));
        if taken.contains(&place) {
            return None;
        }
        let (pattern, caller) = place;
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

fn to_c_all(texts: &[String]) -> Vec<CString> {
    texts.iter().map(|text| text::to_c(text)).collect()
}
