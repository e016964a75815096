//! The commands of [`crate::cli`], registered with Asterisk's CLI.

use std::{
    ffi::{c_char, c_int},
    ptr,
    time::SystemTime,
};

use super::{current, guard::guard, host, sys, text};
use crate::cli::{Answer, COMMANDS, CliCommand};

/// Results of a handler (`cli.h`): small numbers in the place of a pointer.
const SUCCESS: *mut c_char = ptr::null_mut();
const SHOW_USAGE: *mut c_char = ptr::without_provenance_mut(1);
const FAILURE: *mut c_char = ptr::without_provenance_mut(2);

/// What Asterisk keeps in its list while the command is registered, and the command it stands for behind it.
#[repr(C)]
struct Entry {
    /// First, so that Asterisk's pointer to it is a pointer to the whole.
    entry: sys::ast_cli_entry,
    command: &'static CliCommand,
}

/// The registered commands; unregistered when dropped.
pub(super) struct Registered(Vec<*mut Entry>);

// SAFETY: the entries are written by Asterisk under its own lock; we only hand their addresses back.
unsafe impl Send for Registered {}
// SAFETY: as above; nothing is read through a shared reference.
unsafe impl Sync for Registered {}

/// Registers every command.
pub(super) fn register() -> Registered {
    let mut registered = Registered(Vec::new());
    for command in &COMMANDS {
        let entry = sys::ast_cli_entry {
            summary: command.summary.as_ptr(),
            handler: Some(handle),
            ..Default::default()
        };
        let entry = Box::into_raw(Box::new(Entry { entry, command }));
        registered.0.push(entry);
        // SAFETY: the entry stays where it is until `drop` has unregistered it; the module is our own.
        unsafe { sys::__ast_cli_register(&raw mut (*entry).entry, sys::synch_module()) };
    }
    registered
}

impl Drop for Registered {
    fn drop(&mut self) {
        for entry in self.0.drain(..) {
            // SAFETY: registered by `register`. Asterisk refuses this only while the command runs, and then it
            // holds a reference that keeps the module from being unloaded at all.
            let refused = unsafe { sys::ast_cli_unregister(&raw mut (*entry).entry) };
            if refused == 0 {
                // SAFETY: made by Box::into_raw and, unregistered, no longer known to Asterisk.
                drop(unsafe { Box::from_raw(entry) });
            }
        }
    }
}

/// The handler of all commands, in Asterisk's three phases.
extern "C" fn handle(
    entry: *mut sys::ast_cli_entry,
    phase: c_int,
    args: *mut sys::ast_cli_args,
) -> *mut c_char {
    guard(FAILURE, || {
        // SAFETY: Asterisk passes the entry that we registered, which is the head of an `Entry`.
        let command = unsafe { (*entry.cast::<Entry>()).command };
        match phase {
            sys::CLI_INIT => {
                // SAFETY: during CLI_INIT the handler has to fill these fields; both texts are constants, which
                // Asterisk does not change (the field is not const because other modules build theirs).
                unsafe {
                    (*entry).command = command.words.as_ptr().cast_mut();
                    (*entry).usage = command.usage.as_ptr();
                }
                if command.at_shutdown {
                    // SAFETY: sets a field of the entry, which CLI_INIT is there for.
                    unsafe { sys::ast_cli_allow_at_shutdown(entry) };
                }
                SUCCESS
            }
            // SAFETY: outside CLI_INIT Asterisk passes the arguments, alive during the call.
            sys::CLI_GENERATE => unsafe { complete(command, &*args) },
            // SAFETY: as above.
            _ => unsafe { run(command, &*args) },
        }
    })
}

/// The n-th completion of the word, or NULL.
///
/// # Safety
/// `args` are those of a CLI_GENERATE call.
unsafe fn complete(command: &CliCommand, args: &sys::ast_cli_args) -> *mut c_char {
    let Some(control) = current::control() else { return ptr::null_mut() };
    // SAFETY: `word` is NUL-terminated, by Asterisk's CLI.
    let word = unsafe { text::from_c(args.word) };
    let position = usize::try_from(args.pos).unwrap_or_default();
    let wanted = usize::try_from(args.n).unwrap_or_default();
    let candidates = (command.complete)(&control.snapshot(), position);
    let found = candidates.into_iter().filter(|candidate| candidate.starts_with(&word)).nth(wanted);
    found.map_or(ptr::null_mut(), |found| {
        // SAFETY: the shim copies a NUL-terminated string; Asterisk frees the copy.
        unsafe { sys::synch_strdup(text::to_c(&found).as_ptr()) }
    })
}

/// # Safety
/// `args` are those of a CLI_HANDLER call.
unsafe fn run(command: &CliCommand, args: &sys::ast_cli_args) -> *mut c_char {
    let count = usize::try_from(args.argc).unwrap_or_default();
    // SAFETY: `argv` holds `argc` NUL-terminated words, by Asterisk's CLI.
    let words: Vec<String> = (0..count).map(|index| unsafe { text::from_c(*args.argv.add(index)) }).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(control) = current::control() else { return FAILURE };
    let (answer, result) = match (command.run)(&control, &words, host::local_time(SystemTime::now())) {
        Answer::Text(text) => (text, SUCCESS),
        Answer::Failure(text) => (text, FAILURE),
        Answer::Usage => return SHOW_USAGE,
    };
    let answer = text::to_c(&answer);
    // SAFETY: `fd` is the console of this call; "%s" takes one string.
    unsafe { sys::ast_cli(args.fd, c"%s".as_ptr(), answer.as_ptr()) };
    result
}
