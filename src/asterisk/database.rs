//! Asterisk's database, which keeps words across restarts.

use std::{ffi::c_char, path::PathBuf, ptr};

use super::{sys, text};
use crate::engine::host::HostError;

/// Returns the file that it is in.
pub(super) fn file() -> PathBuf {
    // SAFETY: Asterisk sets its paths before any module loads and never changes them.
    let path = unsafe { text::from_c(sys::ast_config_AST_DB) };
    format!("{path}.sqlite3").into()
}

/// Returns the value of that family and key. The wait is bounded: one read of a local file, under the database's own
/// lock.
pub(super) fn get(family: &str, key: &str) -> Option<String> {
    let (family, key) = (text::to_c(family), text::to_c(key));
    let mut value: *mut c_char = ptr::null_mut();
    // SAFETY: the names are NUL-terminated; on success `value` is a string that we have to free.
    let result = unsafe { sys::ast_db_get_allocated(family.as_ptr(), key.as_ptr(), &raw mut value) };
    if result != 0 || value.is_null() {
        return None;
    }
    // SAFETY: a NUL-terminated string, by ast_db_get_allocated().
    let text = unsafe { text::from_c(value) };
    // SAFETY: allocated by Asterisk for us, and not used after this.
    unsafe { sys::ast_free_ptr(value.cast()) };
    Some(text)
}

/// Returns all that is in a family, by key. The wait is bounded as that of [`get`]: one read of all keys there are.
pub(super) fn all(family: &str) -> Vec<(String, String)> {
    let c_family = text::to_c(family);
    let mut found = Vec::new();
    // SAFETY: the name is NUL-terminated; the tree is NULL or a list of ours, which is freed below.
    let tree = unsafe { sys::ast_db_gettree(c_family.as_ptr(), ptr::null()) };
    let mut entry = tree;
    while !entry.is_null() {
        // SAFETY: each entry is part of the list, which nobody else has. Both texts are NUL-terminated; the value stands in
        // the same memory, behind the entry itself.
        let (key, value, next) = unsafe {
            let value = (&raw const (*entry).data).cast::<c_char>();
            (text::from_c((*entry).key), text::from_c(value), (*entry).next)
        };
        // `/family/key`
        let key = key.strip_prefix('/').and_then(|key| key.strip_prefix(family)?.strip_prefix('/'));
        found.extend(key.map(|key| (key.to_owned(), value)));
        entry = next;
    }
    // SAFETY: ast_db_gettree() made it for us, and it is not used after this; NULL is none.
    unsafe { sys::ast_db_freetree(tree) };
    found
}

/// Writes the value, or deletes it where it is `None`.
///
/// # Errors
/// The database refused to store it.
pub(super) fn set(family: &str, key: &str, value: Option<&str>) -> Result<(), HostError> {
    let (c_family, name) = (text::to_c(family), text::to_c(key));
    // SAFETY: all texts are NUL-terminated; the database copies them.
    let result = unsafe {
        match value {
            Some(value) => sys::ast_db_put(c_family.as_ptr(), name.as_ptr(), text::to_c(value).as_ptr()),
            // Forgetting what is not there is no error.
            None => {
                sys::ast_db_del(c_family.as_ptr(), name.as_ptr());
                0
            }
        }
    };
    if result == 0 {
        return Ok(());
    }
    Err(HostError(format!(
        "Asterisk's database refused to store '{family}/{key}', so the next restart loses it"
    )))
}
