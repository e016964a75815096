//! Memory that is not used.

/// Gives it back to the system, as Asterisk's own command `malloc trim` does.
#[cfg(target_env = "gnu")]
pub(super) fn give_back() {
    // SAFETY: malloc_trim(3) may be called by any thread at any time; it waits for no lock but malloc's own.
    unsafe { libc::malloc_trim(0) };
}

/// Other C libraries give it back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(super) fn give_back() {}
