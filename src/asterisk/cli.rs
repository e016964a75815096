//! The commands of [`crate::operator::cli`], registered with Asterisk's CLI.

use std::{
    ffi::{c_char, c_int},
    ptr,
    time::SystemTime,
};

use once_cell::sync::OnceCell;

use super::{current, devices, guard::guard, host, roomy::Roomy, sys, text};
use crate::{
    operator::cli::{Answer, Asked, COMMANDS, CliCommand},
    words::{faults, wording::visible_lines},
};

/// Results of a handler (`cli.h`): small numbers in the place of a pointer.
const SUCCESS: *mut c_char = ptr::null_mut();
const SHOW_USAGE: *mut c_char = ptr::without_provenance_mut(1);
const FAILURE: *mut c_char = ptr::without_provenance_mut(2);

/// What Asterisk keeps in its list while the command is registered, and the command it stands for behind it.
#[repr(C)]
struct Entry {
    /// First, so that Asterisk's pointer to it is a pointer to the whole.
    entry: Roomy<sys::ast_cli_entry>,
    command: &'static CliCommand,
}

/// Addresses of the entries.
struct Entries(Vec<*mut Entry>);

// SAFETY: the entries are written by Asterisk under its own lock; we only hand their addresses over.
unsafe impl Send for Entries {}
// SAFETY: as above; nothing is read through a shared reference.
unsafe impl Sync for Entries {}

/// Made once per image and never freed: ast_cli_unregister() refuses a command that is running, and says nothing of
/// it, so Asterisk may keep a pointer to an entry beyond the unload.
static ENTRIES: OnceCell<Entries> = OnceCell::new();

fn entries() -> &'static [*mut Entry] {
    let make = |command: &'static CliCommand| {
        let entry = sys::ast_cli_entry {
            summary: command.summary.as_ptr(),
            handler: Some(handle),
            ..Default::default()
        };
        Box::into_raw(Box::new(Entry { entry: Roomy::new(entry), command }))
    };
    &ENTRIES.get_or_init(|| Entries(COMMANDS.iter().map(make).collect())).0
}

/// The registered commands; unregistered when dropped.
pub(super) struct Registered;

/// Registers every command that isn't.
pub(super) fn register() -> Registered {
    for &entry in entries() {
        // SAFETY: the entry lives as long as the process. Asterisk takes this text away as it lets go of the entry.
        if !unsafe { (*entry).entry.get()._full_cmd }.is_null() {
            continue;
        }
        // SAFETY: the entry lives as long as the process; the module is our own.
        unsafe { sys::__ast_cli_register(Roomy::for_asterisk(&raw mut (*entry).entry), sys::synch_module()) };
    }
    Registered
}

impl Drop for Registered {
    fn drop(&mut self) {
        for &entry in entries() {
            // SAFETY: the entry lives as long as the process, whether or not Asterisk lets go of it.
            unsafe { sys::ast_cli_unregister(Roomy::for_asterisk(&raw mut (*entry).entry)) };
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
            sys::CLI_GENERATE => unsafe {
                complete(command, &*args);
                ptr::null_mut()
            },
            // SAFETY: as above.
            _ => unsafe { run(command, &*args) },
        }
    })
}

/// Gives Asterisk every completion of the word, at the first of its questions; it asks for the n-th.
///
/// # Safety
/// `args` are those of a CLI_GENERATE call.
unsafe fn complete(command: &CliCommand, args: &sys::ast_cli_args) {
    let (Some(control), 0) = (current::control(), args.n) else { return };
    // SAFETY: `word` is NUL-terminated, by Asterisk's CLI.
    let word = unsafe { text::from_c(args.word) };
    let position = usize::try_from(args.pos).unwrap_or_default();
    let candidates = (command.complete)(&control.snapshot(), position);
    for candidate in candidates.iter().filter(|candidate| candidate.starts_with(&word)) {
        // SAFETY: the shim copies a NUL-terminated string; Asterisk takes the copy over and frees it.
        unsafe { sys::ast_cli_completion_add(sys::synch_strdup(text::to_c(candidate).as_ptr())) };
    }
}

/// # Safety
/// `args` are those of a CLI_HANDLER call.
unsafe fn run(command: &CliCommand, args: &sys::ast_cli_args) -> *mut c_char {
    let count = usize::try_from(args.argc).unwrap_or_default();
    // SAFETY: `argv` holds `argc` NUL-terminated words, by Asterisk's CLI.
    let words: Vec<String> = (0..count).map(|index| unsafe { text::from_c(*args.argv.add(index)) }).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    faults::point("cli");
    let Some(control) = current::control() else {
        // SAFETY: `fd` is the console of this call.
        unsafe { sys::ast_cli(args.fd, c"synch is not loaded.\n".as_ptr()) };
        return FAILURE;
    };
    let now = host::local_time(SystemTime::now());
    let asked = Asked { control: &control, words: &words, now, is_there: devices::is_there };
    let (answer, result) = match (command.run)(&asked) {
        Answer::Text(text) => (text, SUCCESS),
        Answer::Failure(text) => (text, FAILURE),
        Answer::Usage => return SHOW_USAGE,
    };
    let answer = text::to_c(&visible_lines(&answer));
    // SAFETY: `fd` is the console of this call; "%s" takes one string.
    unsafe { sys::ast_cli(args.fd, c"%s".as_ptr(), answer.as_ptr()) };
    result
}
