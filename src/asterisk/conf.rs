//! Configuration files, read by Asterisk's own loader.

use std::{
    collections::BTreeSet,
    ffi::{CStr, OsStr, c_char},
    fs::File,
    io,
    path::{Path, PathBuf},
    ptr,
};

use super::{sys, text};
use crate::{
    engine::host::{HostError, Octets},
    export::Section,
    words::conf::{ConfSection, ConfVariable},
};

/// The folder that they are in, as `asterisk.conf` has it.
pub(super) fn dir() -> PathBuf {
    // SAFETY: Asterisk sets its paths before any module loads and never changes them.
    unsafe { text::from_c(sys::ast_config_AST_CONFIG_DIR) }.into()
}

/// Reads one file: a path, or a name in Asterisk's configuration folder. Neither the loader's cache nor realtime
/// is asked: the caller wants what is in the file now.
///
/// # Errors
/// The file is missing or Asterisk calls it invalid.
pub(super) fn load(path: &Path) -> Result<Vec<ConfSection>, HostError> {
    load_besides(path, None)
}

/// Reads the same, but leaves out the sections that come from the file of that name.
///
/// # Errors
/// As [`load`].
pub(super) fn load_besides(path: &Path, file: Option<&str>) -> Result<Vec<ConfSection>, HostError> {
    let name = text::to_c(&path.to_string_lossy());
    let flags = sys::ast_flags { flags: sys::CONFIG_FLAG_NOCACHE | sys::CONFIG_FLAG_NOREALTIME };
    // SAFETY: both texts are NUL-terminated and only read during the call.
    let config = unsafe { sys::ast_config_load2(name.as_ptr(), c"res_synch".as_ptr(), flags) };
    // SAFETY: the shim compares the pointer, which may be NULL, with Asterisk's special values; it does not follow it.
    let state = unsafe { sys::synch_config_state(config) };
    match state {
        sys::SYNCH_CONFIG_LOADED => {
            let loaded = Loaded(config);
            Ok(loaded.sections(file))
        }
        // Asterisk says the same of a file that it may not read.
        sys::SYNCH_CONFIG_MISSING if is_forbidden(path) => Err(HostError(format!(
            "{0} can't be read by Asterisk's user: chgrp asterisk {0}; chmod 640 {0}",
            dir().join(path).display()
        ))),
        sys::SYNCH_CONFIG_MISSING => Err(HostError(format!("{} is missing", path.display()))),
        _ => Err(HostError(format!("{} is invalid; see the lines above in the log", path.display()))),
    }
}

fn is_forbidden(path: &Path) -> bool {
    let opened = File::open(dir().join(path));
    opened.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Reads one file as GetConfig does, octet by octet, a table of extconfig.conf included; with the files that it is made of.
/// `None`: there is none of that name.
///
/// # Errors
/// Asterisk calls it invalid.
pub(super) fn load_octets(path: &Path) -> Result<Option<Octets>, HostError> {
    let name = text::to_c(&path.to_string_lossy());
    let flags = sys::ast_flags { flags: sys::CONFIG_FLAG_NOCACHE };
    // SAFETY: both texts are NUL-terminated and only read during the call.
    let config = unsafe { sys::ast_config_load2(name.as_ptr(), c"res_synch".as_ptr(), flags) };
    // SAFETY: as in `load_besides`.
    match unsafe { sys::synch_config_state(config) } {
        sys::SYNCH_CONFIG_LOADED => Ok(Some(Loaded(config).octets())),
        sys::SYNCH_CONFIG_MISSING if is_forbidden(path) => {
            Err(HostError(format!("{} can't be read by Asterisk's user", path.display())))
        }
        sys::SYNCH_CONFIG_MISSING => Ok(None),
        _ => Err(HostError(format!("{} is invalid; see the lines above in the log", path.display()))),
    }
}

/// A loaded configuration; given back to Asterisk when dropped.
struct Loaded(*mut sys::ast_config);

impl Loaded {
    fn sections(&self, besides: Option<&str>) -> Vec<ConfSection> {
        let mut sections = Vec::new();
        let mut category: *mut c_char = ptr::null_mut();
        loop {
            // SAFETY: the configuration is loaded and ours; `category` is NULL or what the last call returned,
            // which is how ast_category_browse() tells sections of one name apart.
            category = unsafe { sys::ast_category_browse(self.0, category) };
            if category.is_null() {
                return sections;
            }
            // SAFETY: ast_category_browse() returned a NUL-terminated name that the configuration owns.
            let name = unsafe { text::from_c(category) };
            let is_from = |file: &str| Path::new(&self.file(category)).file_name() == Some(OsStr::new(file));
            if !besides.is_some_and(is_from) {
                sections.push(ConfSection { name, variables: self.variables(category) });
            }
        }
    }

    fn octets(&self) -> Octets {
        let (mut sections, mut files) = (Vec::new(), BTreeSet::new());
        let mut category: *mut c_char = ptr::null_mut();
        let mut last = String::new();
        loop {
            // SAFETY: as in `sections`.
            category = unsafe { sys::ast_category_browse(self.0, category) };
            if category.is_null() {
                return (sections, files);
            }
            // SAFETY: ast_category_browse() returned a NUL-terminated name that the configuration owns.
            let mut section = Section::new(unsafe { CStr::from_ptr(category) }.to_bytes());
            // SAFETY: as in `variables`.
            let mut variable = unsafe { sys::ast_variable_browse(self.0, category) };
            // SAFETY: NULL or a variable that the configuration owns, alive until it is destroyed.
            while let Some(found) = unsafe { variable.as_ref() } {
                // SAFETY: name and value of a variable are NUL-terminated strings in the same allocation, never NULL.
                let (key, value) = unsafe { (CStr::from_ptr(found.name), CStr::from_ptr(found.value)) };
                section.push(key.to_bytes(), value.to_bytes());
                if !found.file.is_null() {
                    // SAFETY: the file of a variable is a NUL-terminated string in the same allocation.
                    let file = unsafe { text::from_c(found.file) };
                    if file != last {
                        files.insert(PathBuf::from(&file));
                        last = file;
                    }
                }
                variable = found.next;
            }
            sections.push(section);
        }
    }

    /// Returns the file that holds the first variable of the section browsed last.
    fn file(&self, category: *const c_char) -> String {
        // SAFETY: `category` is the pointer of the last ast_category_browse(), by which the list is found.
        let variable = unsafe { sys::ast_variable_browse(self.0, category) };
        // SAFETY: NULL or a variable that the configuration owns, alive until it is destroyed.
        let first = unsafe { variable.as_ref() };
        // SAFETY: the file of a variable is a NUL-terminated string in the same allocation.
        first.map_or_else(String::new, |first| unsafe { text::from_c(first.file) })
    }

    /// Returns the variables of the section browsed last.
    fn variables(&self, category: *const c_char) -> Vec<ConfVariable> {
        let mut variables = Vec::new();
        // SAFETY: `category` is the pointer of the last ast_category_browse(), by which the list is found.
        let mut variable = unsafe { sys::ast_variable_browse(self.0, category) };
        // SAFETY: NULL or a variable that the configuration owns, alive until it is destroyed.
        while let Some(found) = unsafe { variable.as_ref() } {
            // SAFETY: name and value of a variable are NUL-terminated strings in the same allocation.
            let (key, value) = unsafe { (text::from_c(found.name), text::from_c(found.value)) };
            variables.push(ConfVariable { key, value });
            variable = found.next;
        }
        variables
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: ast_config_load2() gave us this configuration and it is destroyed only here.
        unsafe { sys::ast_config_destroy(self.0) };
    }
}
