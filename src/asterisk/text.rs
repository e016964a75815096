//! Strings to and from C.

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
};

/// For C: without NUL bytes, which C would take for the end.
pub(super) fn to_c(text: &str) -> CString {
    let bytes: Vec<u8> = text.bytes().filter(|byte| *byte != 0).collect();
    CString::new(bytes).unwrap_or_default()
}

/// From C, where NULL stands for no text.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string that stays as it is during the call.
pub(super) unsafe fn from_c(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not NULL; the rest is the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Into a buffer of C's, cut to its size, the NUL included.
///
/// # Safety
/// `buffer` has `size` bytes to write to.
pub(super) unsafe fn copy(text: &str, buffer: *mut c_char, size: usize) {
    let Some(room) = size.checked_sub(1) else { return };
    let text = to_c(text);
    let bytes = text.as_bytes();
    let length = bytes.len().min(room);
    // SAFETY: the caller's promise; `length` is within both.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr().cast(), buffer, length);
        buffer.add(length).write(0);
    }
}
