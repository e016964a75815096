//! Threads that Asterisk makes, so that `core show threads` lists them; and the name of any thread.

use std::{
    ffi::{CStr, c_char, c_void},
    io,
    panic::{self, AssertUnwindSafe},
    ptr,
};

use super::{sys, text};

/// Asterisk's own 496 KiB are too small for what runs below us.
const STACK_SIZE: usize = 2 << 20;

/// What a thread is called, and what it does.
struct Start {
    name: &'static CStr,
    body: Box<dyn FnOnce() + Send>,
}

/// A running thread; joined by [`Thread::join`], or left alone by [`Thread::leave_alone`].
#[derive(Debug)]
pub(super) struct Thread(sys::pthread_t);

impl Thread {
    /// Starts one. `name` has 15 octets at most; `listed` is what Asterisk calls it.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(
        name: &'static CStr,
        listed: &'static CStr,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let data = Box::into_raw(Box::new(Start { name, body: Box::new(body) }));
        let mut thread: sys::pthread_t = 0;
        // SAFETY: `run` takes `data` over, which is a Box<Start>; the names are constants; attributes may be NULL.
        let result = unsafe {
            sys::ast_pthread_create_stack(
                &raw mut thread,
                ptr::null_mut(),
                Some(run),
                data.cast(),
                STACK_SIZE,
                c"res_synch".as_ptr(),
                c"load".as_ptr(),
                0,
                listed.as_ptr(),
            )
        };
        if result != 0 {
            // SAFETY: no thread was made, so nobody else has taken `data` over.
            drop(unsafe { Box::from_raw(data) });
            return Err(io::Error::from_raw_os_error(result));
        }
        Ok(Self(thread))
    }

    /// Nobody waits for its end any more.
    pub(super) fn leave_alone(self) {
        // SAFETY: the thread was made joinable by `start` and, as `self` is consumed, is neither joined nor detached
        // elsewhere.
        unsafe { libc::pthread_detach(self.0) };
    }

    /// Waits for its end.
    pub(super) fn join(self) {
        // SAFETY: the thread was made joinable by `start` and, as `self` is consumed, is joined only here.
        unsafe { libc::pthread_join(self.0, ptr::null_mut()) };
    }
}

/// Name of the calling thread, whoever made it.
pub(super) fn name() -> String {
    /// 15 characters and the NUL (pthread_getname_np(3)).
    const ROOM: usize = 16;
    let mut name = [0 as c_char; ROOM];
    // SAFETY: the buffer has the room that it is told of; what is written ends with a NUL, and nothing written is the
    // empty text that it holds.
    unsafe {
        libc::pthread_getname_np(libc::pthread_self(), name.as_mut_ptr(), name.len());
        text::from_c(name.as_ptr())
    }
}

extern "C" fn run(data: *mut c_void) -> *mut c_void {
    // SAFETY: `start` made this pointer from a Box<Start> and gave it away.
    let Start { name, body } = *unsafe { Box::from_raw(data.cast::<Start>()) };
    // SAFETY: names the calling thread; the text is a constant.
    unsafe { libc::pthread_setname_np(libc::pthread_self(), name.as_ptr()) };
    // The panic hook logs; here it only must not cross into C.
    let _ = panic::catch_unwind(AssertUnwindSafe(body));
    ptr::null_mut()
}
