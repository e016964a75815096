//! The commands of [`crate::operator::cli`], registered with Asterisk's CLI.

use std::{
    ffi::{c_char, c_int},
    ptr,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use once_cell::sync::OnceCell;

use super::{
    current, devices, guard::guard, host, log, reference::asterisk_ends, roomy::Roomy, sys, text,
    thread::Thread,
};
use crate::{
    engine::host::Level,
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
// SAFETY: as above; what we read of them is written only where `tell` has Asterisk do so, one at a time.
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

/// Whether Asterisk is to know the commands.
static WANTED: AtomicBool = AtomicBool::new(false);
/// One at a time tells Asterisk.
static TELLING: Mutex<()> = Mutex::new(());
/// How long a load or an unload waits until Asterisk was told.
const PATIENCE: Duration = Duration::from_secs(1);

/// The registered commands; unregistered when dropped.
pub(super) struct Registered;

/// Registers every command.
pub(super) fn register() -> Registered {
    want(true);
    Registered
}

impl Drop for Registered {
    fn drop(&mut self) {
        want(false);
    }
}

/// Has Asterisk know the commands from now on, or no more.
///
/// On a thread of its own: that takes Asterisk's lock of commands, and here its module list is locked. Whoever completes
/// `module unload` at a console has the one and waits for the other, so neither would ever go on.
fn want(wanted: bool) {
    WANTED.store(wanted, Ordering::Release);
    let told = Arc::new((Mutex::new(false), Condvar::new()));
    let tells = Arc::clone(&told);
    let thread = Thread::start(c"synch/commands", c"synch commands", move || {
        tell(&TELLING.lock().unwrap_or_else(PoisonError::into_inner));
        *tells.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        tells.1.notify_all();
    });
    let Ok(thread) = thread else {
        // As every other module of Asterisk does it. An unload leaves them there, where they are of no use.
        if let Ok(telling) = TELLING.try_lock()
            && wanted
        {
            tell(&telling);
        }
        return;
    };
    if asterisk_ends() {
        // What the entries lead to is freed behind this.
        thread.join();
        return;
    }
    let (is_told, signal) = &*told;
    let is_told = is_told.lock().unwrap_or_else(PoisonError::into_inner);
    let waited = signal.wait_timeout_while(is_told, PATIENCE, |is_told| !*is_told);
    if waited.is_ok_and(|(_, waited)| waited.timed_out()) {
        let what = if wanted { "come" } else { "go" };
        let text =
            format!("Asterisk's list of commands is in use; those of synch {what} as soon as it is free.");
        log::write(Level::Warning, &text);
    }
    thread.leave_alone();
}

fn tell(_one: &MutexGuard<'_, ()>) {
    faults::point("commands");
    let wanted = WANTED.load(Ordering::Acquire);
    for &entry in entries() {
        // SAFETY: the entry lives as long as the process.
        let entry = Roomy::for_asterisk(unsafe { &raw mut (*entry).entry });
        // SAFETY: as above. Asterisk has this text as long as it has the entry.
        let is_known = !unsafe { (&raw const (*entry)._full_cmd).read() }.is_null();
        match (wanted, is_known) {
            // SAFETY: as above; the module is our own.
            (true, false) => unsafe {
                sys::__ast_cli_register(entry, sys::synch_module());
            },
            // SAFETY: as above, whether or not Asterisk lets go of it.
            (false, true) => unsafe {
                sys::ast_cli_unregister(entry);
            },
            (true, true) | (false, false) => {}
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
    let Some(control) = current::control() else { return FAILURE };
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
