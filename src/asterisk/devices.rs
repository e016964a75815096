//! Whether a device can be reached from here, as its channel driver tells; whether voicemail has a box.

use std::{ffi::c_char, ptr};

use super::{sys, text};

/// Whether it is registered, or where Asterisk has its fixed address.
pub(super) fn is_there(device: &str) -> bool {
    let device = text::to_c(device);
    // SAFETY: the name is NUL-terminated and only read. Asterisk answers out of its cache, or asks the channel driver.
    let state = unsafe { sys::ast_device_state(device.as_ptr()) };
    !matches!(state, sys::AST_DEVICE_UNAVAILABLE | sys::AST_DEVICE_INVALID)
}

/// Whether voicemail has this mailbox.
pub(super) fn has_mailbox(name: &str) -> bool {
    let call = text::to_c(&format!("VM_INFO({name},exists)"));
    let mut answer = [0 as c_char; 8];
    // SAFETY: the function needs no channel to look; the buffer has the given size, and the text is copied.
    let result =
        unsafe { sys::ast_func_read(ptr::null_mut(), call.as_ptr(), answer.as_mut_ptr(), answer.len()) };
    // SAFETY: Asterisk ends what it writes with a NUL, and the buffer began as one.
    result == 0 && unsafe { text::from_c(answer.as_ptr()) } == "1"
}
