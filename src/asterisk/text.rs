//! Strings to and from C.

use std::ffi::{CStr, CString, c_char};

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

/// On one line, with nothing that could start another line or header: for log lines and AMI headers.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
