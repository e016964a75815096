//! The objects of res_pjsip, through Asterisk's sorcery: what is in force, and what it would make of a section.
//!
//! res_pjsip's own code runs when an object is made, and pjlib ends the process where a thread that it doesn't know
//! calls it. So all of this is done on one of res_pjsip's own threads.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
};

use super::{guard::guard, sys, text};
use crate::{
    engine::host::{HostError, Verdict},
    export::objects::Object as Said,
    site::users::{Declined, Kind},
    words::conf::ConfSection,
};

const MODULE: &CStr = c"res_pjsip";

/// `ast_sip_push_task_wait_servant()` (res_pjsip.h, which needs headers of pjproject that nobody ships).
type PushTask = unsafe extern "C" fn(
    serializer: *mut c_void,
    task: unsafe extern "C" fn(*mut c_void) -> c_int,
    data: *mut c_void,
) -> c_int;

/// Returns which of these are not in force.
///
/// # Errors
/// res_pjsip is not loaded.
pub(super) fn missing(wanted: &[(Kind, String)]) -> Result<Vec<(Kind, String)>, HostError> {
    on_its_thread(|sorcery| {
        let is_missing = |(kind, name): &&(Kind, String)| sorcery.find(*kind, name).is_none();
        wanted.iter().filter(is_missing).cloned().collect()
    })
}

/// Returns for each section whether res_pjsip accepts it, and whether the result is in force.
///
/// # Errors
/// res_pjsip is not loaded.
pub(super) fn judge(sections: &[(Kind, &ConfSection)]) -> Result<Vec<Verdict>, HostError> {
    on_its_thread(|sorcery| sections.iter().map(|(kind, section)| sorcery.judge(*kind, section)).collect())
}

/// Returns for each section whether res_pjsip would accept it without the options that are added to `declined`.
///
/// # Errors
/// res_pjsip is not loaded.
pub(super) fn try_out(
    sections: &[(Kind, &ConfSection)],
    declined: &mut Declined,
) -> Result<Vec<bool>, HostError> {
    on_its_thread(|sorcery| {
        let mut takes = |(kind, section): &(Kind, &ConfSection)| {
            declined.search(*kind, section, |section| sorcery.make(*kind, section).is_some())
        };
        sections.iter().map(&mut takes).collect()
    })
}

/// Returns the objects of a kind that have this value of an option, wherever they are kept.
///
/// # Errors
/// res_pjsip is not loaded, or knows no such kind.
pub(super) fn with(kind: Kind, key: &str, value: &str) -> Result<Vec<Said>, HostError> {
    let found = on_its_thread(|sorcery| sorcery.with(kind, key, value))?;
    found.ok_or_else(|| HostError(format!("Asterisk could not look for each {kind} of {key} {value}")))
}

/// Returns those of these objects of a kind that there are.
///
/// # Errors
/// res_pjsip is not loaded.
pub(super) fn named(kind: Kind, names: &[String]) -> Result<Vec<Said>, HostError> {
    on_its_thread(|sorcery| {
        let found = names.iter().filter_map(|name| sorcery.find(kind, name));
        found.map(|object| sorcery.said(object.0)).collect()
    })
}

/// Returns what an object of a kind has of which nothing is said.
///
/// # Errors
/// res_pjsip is not loaded, or knows no such kind.
pub(super) fn plain(kind: Kind) -> Result<Said, HostError> {
    let plain = on_its_thread(|sorcery| {
        let name = c"synch";
        let type_name = text::to_c(&kind.to_string());
        // SAFETY: the reference is ours, the texts are NUL-terminated. The object is private, and nobody is told of it.
        let object =
            Object::new(unsafe { sys::ast_sorcery_alloc(sorcery.0, type_name.as_ptr(), name.as_ptr()) });
        object.map(|object| sorcery.said(object.0))
    })?;
    plain.ok_or_else(|| HostError(format!("Asterisk made no {kind}")))
}

/// Runs something on a thread of res_pjsip, and waits for it.
fn on_its_thread<T>(work: impl FnOnce(&Sorcery) -> T) -> Result<T, HostError> {
    let not_loaded = || HostError("res_pjsip.so did not list its objects; is it loaded?".to_owned());
    // SAFETY: looks a name up among the symbols of this process.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"ast_sip_push_task_wait_servant".as_ptr()) };
    if symbol.is_null() {
        return Err(not_loaded());
    }
    // SAFETY: the function of that name has this type in Asterisk 16 to 23; res_pjsip can't be unloaded while Asterisk runs.
    let push: PushTask = unsafe { std::mem::transmute::<*mut c_void, PushTask>(symbol) };
    let mut work = Some(work);
    let mut result = None;
    let mut task = || {
        if let (Some(sorcery), Some(work)) = (Sorcery::of_res_pjsip(), work.take()) {
            result = Some(work(&sorcery));
        }
    };
    let mut task: &mut dyn FnMut() = &mut task;
    // SAFETY: the call returns after the task has ended, so what it borrows is alive; NULL lets any thread take it.
    unsafe { push(ptr::null_mut(), run, (&raw mut task).cast()) };
    result.ok_or_else(not_loaded)
}

/// # Safety
/// `data` is what `on_its_thread` passes.
unsafe extern "C" fn run(data: *mut c_void) -> c_int {
    guard(0, || {
        // SAFETY: the caller's promise.
        let task = unsafe { &mut *data.cast::<&mut dyn FnMut()>() };
        task();
        0
    })
}

/// The objects of res_pjsip.
struct Sorcery(*mut sys::ast_sorcery);

impl Sorcery {
    fn of_res_pjsip() -> Option<Self> {
        // SAFETY: the name is NUL-terminated; the result is NULL or a reference of ours.
        let sorcery = unsafe { sys::ast_sorcery_retrieve_by_module_name(MODULE.as_ptr()) };
        (!sorcery.is_null()).then_some(Self(sorcery))
    }

    fn find(&self, kind: Kind, name: &str) -> Option<Object> {
        let (kind, name) = (text::to_c(&kind.to_string()), text::to_c(name));
        // SAFETY: the reference is ours, the texts are NUL-terminated.
        Object::new(unsafe { sys::ast_sorcery_retrieve_by_id(self.0, kind.as_ptr(), name.as_ptr()) })
    }

    /// Returns the object that res_pjsip makes of a section, or `None` where it refuses the section. The object is
    /// private.
    fn make(&self, kind: Kind, section: &ConfSection) -> Option<Object> {
        let (kind, name) = (text::to_c(&kind.to_string()), text::to_c(&section.name));
        // SAFETY: as in `find`.
        let object = Object::new(unsafe { sys::ast_sorcery_alloc(self.0, kind.as_ptr(), name.as_ptr()) })?;
        let options = Options::new(section);
        // SAFETY: object and options are ours; what is applied is copied.
        let refused = unsafe { sys::ast_sorcery_objectset_apply(self.0, object.0, options.0) };
        (refused == 0).then_some(object)
    }

    /// Returns the objects with that value of an option; `None` where they could not be looked for.
    fn with(&self, kind: Kind, key: &str, value: &str) -> Option<Vec<Said>> {
        let (kind, key, value) = (text::to_c(&kind.to_string()), text::to_c(key), text::to_c(value));
        let mut all = Vec::new();
        let mut take = |object| all.push(self.said(object));
        let mut take: &mut dyn FnMut(*mut c_void) = &mut take;
        // SAFETY: the reference is ours, the texts are NUL-terminated; `take` is alive during the call, and passed on to
        // `synch_found` on this thread.
        let asked = unsafe {
            sys::synch_find(self.0, kind.as_ptr(), key.as_ptr(), value.as_ptr(), (&raw mut take).cast())
        };
        (asked == 0).then_some(all)
    }

    /// Returns what an object says of itself.
    fn said(&self, object: *mut c_void) -> Said {
        // SAFETY: the object is one of sorcery's, and alive during the call; its name is a part of it.
        let name = unsafe { octets(sys::ast_sorcery_object_get_id(object)) };
        Said {
            name,
            options: self.options(object, sys::AST_HANDLER_ONLY_STRING),
            lists: self.options(object, sys::AST_HANDLER_ONLY_LIST),
        }
    }

    fn options(
        &self,
        object: *mut c_void,
        how: sys::ast_sorcery_field_handler_flags,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        // SAFETY: as in `said`; the list is made for us.
        let list = Options(unsafe { sys::ast_sorcery_objectset_create2(self.0, object, how) });
        let mut options = Vec::new();
        let mut next = list.0.cast_const();
        // SAFETY: NULL or a variable of the list, which is freed behind this.
        while let Some(found) = unsafe { next.as_ref() } {
            // SAFETY: name and value of a variable are NUL-terminated strings in the same allocation.
            options.push(unsafe { (octets(found.name), octets(found.value)) });
            next = found.next;
        }
        options
    }

    fn judge(&self, kind: Kind, section: &ConfSection) -> Verdict {
        let Some(wanted) = self.make(kind, section) else { return Verdict::Refused };
        let Some(found) = self.find(kind, &section.name) else { return Verdict::Missing };
        let mut changes: *mut sys::ast_variable = ptr::null_mut();
        // SAFETY: both objects are of this kind and ours to read; the list of changes is ours to free.
        let compared = unsafe { sys::ast_sorcery_diff(self.0, found.0, wanted.0, &raw mut changes) };
        let differs = compared != 0 || !changes.is_null();
        drop(Options(changes));
        if differs { Verdict::Different } else { Verdict::InForce }
    }
}

impl Drop for Sorcery {
    fn drop(&mut self) {
        // SAFETY: gives back our own reference.
        unsafe { sys::synch_unref(self.0.cast()) };
    }
}

/// # Safety
/// `text` is NULL or a NUL-terminated string that stays as it is during the call.
unsafe fn octets(text: *const c_char) -> Vec<u8> {
    if text.is_null() {
        return Vec::new();
    }
    // SAFETY: not NULL; the rest is the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_bytes().to_vec()
}

/// An object was found, on the thread of whoever called `synch_find`.
#[unsafe(no_mangle)]
extern "C" fn synch_found(found: *mut c_void, object: *mut c_void) {
    guard((), || {
        // SAFETY: it is what `Sorcery::with` passes, which waits for this call.
        let take = unsafe { &mut *found.cast::<&mut dyn FnMut(*mut c_void)>() };
        take(object);
    });
}

/// An object, and our reference to it.
struct Object(*mut c_void);

impl Object {
    fn new(object: *mut c_void) -> Option<Self> {
        (!object.is_null()).then_some(Self(object))
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: gives back our own reference.
        unsafe { sys::synch_unref(self.0) };
    }
}

/// A list of options, in Asterisk's form.
struct Options(*mut sys::ast_variable);

impl Options {
    fn new(section: &ConfSection) -> Self {
        let mut list = ptr::null_mut();
        for variable in section.variables.iter().rev() {
            let (key, value) = (text::to_c(&variable.key), text::to_c(&variable.value));
            // SAFETY: the texts are NUL-terminated and copied; the new head of the list is ours.
            list = unsafe { sys::synch_variable(key.as_ptr(), value.as_ptr(), list) };
        }
        Self(list)
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the list is ours, or empty.
        unsafe { sys::ast_variables_destroy(self.0) };
    }
}
