//! Hints of ours, added while nobody builds a dialplan.
//!
//! `ast_add_extension` has the lock of contexts when it takes that of hints, as a merge has. pbx_config takes them the other
//! way round for each hint that it builds (see the module above). So nothing is added from when it has read its file, which a
//! hook of Asterisk's configuration tells, until it has merged: [`Building`] decides. While we add, it waits in the hook,
//! where it has no lock of the dialplan yet.
//!
//! pbx_ael builds in the same way, and tells nobody; it loads before Asterisk is up, when only the loader's own thread adds
//! anything here.

use std::{
    ffi::{CStr, c_int},
    io, ptr,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{REGISTRAR, create, in_force::Lock, refused, sys, text};
use crate::{
    asterisk::guard::guard,
    dialplan::{Building, Hint, USERS, building::Contexts},
    engine::host::HostError,
};

/// Whose contexts are made of extensions.conf.
const PBX_CONFIG: &CStr = c"pbx_config";
const EXTENSIONS_CONF: &CStr = c"extensions.conf";

/// Asterisk has no flags for hooks; the one name that it gives is for none.
const NO_FLAGS: sys::config_hook_flags = sys::butt;

/// Hints are added within a second. A thread that takes longer hangs in Asterisk and must not block the others.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a waiting thread checks whether [`BUILDING`] is free.
const LOOK: Duration = Duration::from_millis(1);

/// How far pbx_config is. A thread that holds this lock takes the lock of contexts after it. It is a std lock, because
/// pbx_config runs on a thread of Asterisk.
static BUILDING: Mutex<Option<Building>> = Mutex::new(None);
/// Whether pbx_config waits to begin. A thread that adds hints then stops after the present one.
static WAITED_FOR: AtomicBool = AtomicBool::new(false);

/// The hook; gone when dropped.
pub(in crate::asterisk) struct Registered;

/// Asks to be told when pbx_config begins.
///
/// # Errors
/// Asterisk had no memory, or hangs.
pub(in crate::asterisk) fn register(fully_booted: bool) -> io::Result<Registered> {
    // Modules load one after the other: at boot none is in the middle of it now.
    let Some(mut building) = lock_in_time() else {
        return Err(io::Error::other(
            "a thread from before the last unload still hangs in Asterisk's dialplan; restart Asterisk",
        ));
    };
    *building = fully_booted.then(|| Building::unseen(contexts(), Instant::now()));
    drop(building);
    // SAFETY: the texts are constants; the function stays mapped (`-z nodelete`), whoever is in it when the hook goes.
    let result = unsafe {
        sys::ast_config_hook_register(
            REGISTRAR.as_ptr(),
            EXTENSIONS_CONF.as_ptr(),
            PBX_CONFIG.as_ptr(),
            NO_FLAGS,
            Some(begins),
        )
    };
    if result == 0 {
        Ok(Registered)
    } else {
        Err(io::Error::other(
            "Asterisk could not register a hook for extensions.conf; it may be out of memory",
        ))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: the name is a constant.
        unsafe { sys::ast_config_hook_unregister(REGISTRAR.as_ptr()) };
    }
}

/// pbx_config has read its file, and has no lock of the dialplan (`config_hook_exec`).
extern "C" fn begins(conf: *mut sys::ast_config) -> c_int {
    guard((), || {
        // SAFETY: a copy made for this hook, which has to free it.
        unsafe { sys::ast_config_destroy(conf) };
        WAITED_FOR.store(true, Ordering::SeqCst);
        let building = lock_in_time();
        WAITED_FOR.store(false, Ordering::SeqCst);
        let Some(mut building) = building else { return };
        let begun = Building::begin(building.as_ref(), contexts(), Instant::now());
        *building = Some(begun);
    });
    0
}

/// Locks [`BUILDING`]. Returns `None` where another thread holds it for longer than [`PATIENCE`].
fn lock_in_time() -> Option<MutexGuard<'static, Option<Building>>> {
    let end = Instant::now() + PATIENCE;
    loop {
        match BUILDING.try_lock() {
            Ok(building) => return Some(building),
            Err(TryLockError::Poisoned(error)) => return Some(error.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= end => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
        }
    }
}

/// Returns whether some of these hints are missing.
pub(in crate::asterisk) fn lacks(hints: &[Hint]) -> bool {
    !hints.is_empty() && !missing(hints).is_empty()
}

/// Adds the hints that are missing, and returns whether all exist now. An existing hint of a number stays.
///
/// Only where no other module can add hints at the same time: with Asterisk's module list locked. Some look for contexts with
/// the hints locked (res_parking with `parkinghints`, seen to hang), and here it is the other way round.
///
/// # Errors
/// Asterisk had no memory.
pub(in crate::asterisk) fn add(hints: &[Hint]) -> Result<bool, HostError> {
    if hints.is_empty() {
        return Ok(true);
    }
    let mut building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    if building.as_ref().is_some_and(|building| !building.is_over(&contexts(), Instant::now())) {
        return Ok(false);
    }
    *building = None;
    if !create(USERS, &Lock::take()) {
        return Err(refused(USERS));
    }
    for hint in missing(hints) {
        if WAITED_FOR.load(Ordering::SeqCst) {
            return Ok(false);
        }
        if !put(hint) {
            return Err(refused(USERS));
        }
    }
    Ok(true)
}

fn missing(hints: &[Hint]) -> Vec<&Hint> {
    let there = Lock::take().find(USERS).map(|users| users.hints()).unwrap_or_default();
    hints.iter().filter(|hint| !there.contains(&hint.number)).collect()
}

fn put(hint: &Hint) -> bool {
    // SAFETY: the texts are NUL-terminated and copied; of the empty data we hand a copy over that Asterisk frees.
    let result = unsafe {
        sys::ast_add_extension(
            text::to_c(USERS).as_ptr(),
            0,
            text::to_c(&hint.number).as_ptr(),
            sys::PRIORITY_HINT,
            ptr::null(),
            ptr::null(),
            text::to_c(&hint.devices).as_ptr(),
            sys::synch_strdup(c"".as_ptr()).cast(),
            Some(sys::ast_free_ptr),
            REGISTRAR.as_ptr(),
        )
    };
    result == 0
}

/// Names and addresses of all contexts in force.
fn contexts() -> Contexts {
    Lock::take().all().map(|context| (context.name(), context.address())).collect()
}
