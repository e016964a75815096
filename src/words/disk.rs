//! Writes a file of ours so that the old one or the new one is on disk, whole.
//!
//! It is written under another name, flushed and renamed, so that whoever reads sees the old one or the new one, also
//! after a power cut. All of it is readable by its owner alone: it may hold secrets.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Owner only.
const FILE_MODE: u32 = 0o600;
/// Owner only.
const FOLDER_MODE: u32 = 0o700;
/// Ends the name of a file that is not in place yet: no `*.conf` of an `#include` takes it.
const TEMPORARY: &str = ".tmp";

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// The system refused.
    #[error("cannot {doing} {path}: {error}; the file in place stays as it is{}", owner_hint(error))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The rename went well, but the folder could not be flushed.
    #[error(
        "{path} is written, but its folder cannot be flushed: {error}; a power cut may bring the old file back"
    )]
    Unflushed {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
}

/// The usual cause: Asterisk once ran as root, and the files are root's.
fn owner_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            ". Give the file, its folder and everything in it to Asterisk's user: chown -R"
        }
        _ => "",
    }
}

/// A text on disk that is not in place yet. Dropped without [`Staged::commit`], it is removed.
#[derive(Debug)]
#[must_use = "a staged file is removed unless it is committed"]
pub struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

/// Returns the content of a file of ours, or `None` if there is none.
///
/// # Errors
/// When it can't be read.
pub fn read_kept(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(fault("read", path)),
    }
}

/// Replaces the content of a file of ours. Makes its folder if there is none.
///
/// # Errors
/// When it can't be written.
pub fn keep(path: &Path, text: &[u8]) -> Result<(), DiskError> {
    make_folder(folder(path))?;
    Staged::write(path, text)?.commit()
}

/// Makes a folder and its parents, if they are missing.
///
/// # Errors
/// When it can't be made.
pub fn make_folder(folder: &Path) -> Result<(), DiskError> {
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(fault("make the folder", folder))
}

impl Staged {
    /// Writes a text under a temporary name beside its target, and flushes it.
    ///
    /// # Errors
    /// When it can't be written or flushed, for example because the disk is full.
    pub fn write(target: &Path, text: &[u8]) -> Result<Self, DiskError> {
        let temporary = temporary(target);
        remove_if_there(&temporary)?;
        // create_new never follows a link and never opens a file that somebody else has made.
        let created = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&temporary);
        let mut file = created.map_err(fault("create", &temporary))?;
        let staged = Self { temporary, target: target.to_owned() };
        let written = file.write_all(text).and_then(|()| file.sync_all());
        written.map_err(fault("write", &staged.temporary))?;
        Ok(staged)
    }

    /// Where the text is for now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Puts the text in place, in one step.
    ///
    /// # Errors
    /// When it can't be renamed, or the folder can't be flushed.
    pub fn commit(self) -> Result<(), DiskError> {
        fs::rename(&self.temporary, &self.target).map_err(fault("replace", &self.target))?;
        let flushed = File::open(folder(&self.target)).and_then(|folder| folder.sync_all());
        flushed.map_err(|error| DiskError::Unflushed { path: self.target.clone(), error })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a commit it is gone already; where it can't be removed, the next store does.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Returns `.NAME.tmp` in the same folder: a rename works within one file system only.
#[must_use]
pub fn temporary(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(TEMPORARY);
    target.with_file_name(name)
}

/// Returns whether it is the name of a file that was not put in place.
#[must_use]
pub fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Removes a file, where there is one.
///
/// # Errors
/// When it is there and can't be removed.
pub fn remove_if_there(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Returns what makes an error of what the system said.
pub fn fault(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError + use<> {
    let path = path.to_owned();
    move |error| DiskError::Io { doing, path, error }
}
