//! The synced file and its numbered versions on disk: the only file I/O of this folder.
//!
//! A file is written under another name, flushed and renamed, so that whoever reads sees the old one or the new one,
//! whole, also after a power cut. All of it is readable by its owner alone: it holds secrets.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Owner only.
const FILE_MODE: u32 = 0o600;
/// Owner only.
const FOLDER_MODE: u32 = 0o700;
/// Ends the name of a file that is not in place yet: no `*.conf` of an `#include` takes it.
const TEMPORARY: &str = ".tmp";

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
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
    /// Something else has the name of the synced file.
    #[error("{0} is not a regular file: remove it; nothing is written until then")]
    NotAFile(PathBuf),
    /// No version of that number is kept.
    #[error("there is no version {number}; `synch show versions` lists those that are kept")]
    NoVersion {
        /// Number asked for.
        number: u64,
    },
}

/// The usual cause: Asterisk once ran as root, and the files are root's.
fn owner_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => {
            ". Asterisk's user has to own the file, its folder and what is in it: chown -R"
        }
        _ => "",
    }
}

/// A version that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number; a later version has a higher one.
    pub number: u64,
    /// When it was written.
    pub time: SystemTime,
    /// Size in bytes.
    pub size: u64,
}

/// Where the synced file and its versions are.
#[derive(Debug)]
pub struct Store {
    output: PathBuf,
    versions: PathBuf,
    keep: usize,
}

/// A text on disk that is not in place yet. Dropped without [`Staged::commit`], it is removed.
#[derive(Debug)]
#[must_use = "a staged file is removed unless it is committed"]
pub struct Staged {
    temporary: PathBuf,
    target: PathBuf,
}

impl Store {
    /// A store for the file `output`; `versions` is the folder of the versions, of which the newest `keep` are kept.
    /// Removes what a killed process has left half-written.
    ///
    /// # Errors
    /// When the folder of the versions can't be made.
    pub fn new(output: PathBuf, versions: PathBuf, keep: usize) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&versions);
        made.map_err(fault("make the folder", &versions))?;
        remove_if_there(&temporary(&output))?;
        let left_over = |entry: fs::DirEntry| Some(entry.path()).filter(|path| is_temporary(path));
        for path in entries(&versions)?.into_iter().filter_map(left_over) {
            remove_if_there(&path)?;
        }
        Ok(Self { output, versions, keep: keep.max(1) })
    }

    /// What is in place; none where there is no file.
    ///
    /// # Errors
    /// When there is one and it can't be read.
    pub fn read_current(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match fs::metadata(&self.output) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault("read", &self.output)(error)),
            // A pipe would block the reader for ever.
            Ok(found) if !found.is_file() => Err(StoreError::NotAFile(self.output.clone())),
            Ok(_) => fs::read(&self.output).map(Some).map_err(fault("read", &self.output)),
        }
    }

    /// Writes a text next to the file in place, for a last check before [`Staged::commit`].
    ///
    /// # Errors
    /// When it can't be written, flushed or, for want of space, kept.
    pub fn stage(&self, text: &[u8]) -> Result<Staged, StoreError> {
        Staged::write(&self.output, text)
    }

    /// The versions that are kept, oldest first.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn versions(&self) -> Result<Vec<Version>, StoreError> {
        let version = |entry: fs::DirEntry| {
            let number = number_of(&entry.path())?;
            let found = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some(Version { number, time: found.modified().ok()?, size: found.len() })
        };
        let mut versions: Vec<_> = entries(&self.versions)?.into_iter().filter_map(version).collect();
        versions.sort_unstable_by_key(|version| version.number);
        Ok(versions)
    }

    /// The text of a version.
    ///
    /// # Errors
    /// When it is not kept or can't be read.
    pub fn read_version(&self, number: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.version_path(number);
        fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::NoVersion { number },
            _ => fault("read", &path)(error),
        })
    }

    /// Keeps a text as the newest version, unless the newest is the same already; lets go of the oldest ones.
    /// Returns the number of the version that holds it.
    ///
    /// # Errors
    /// When it can't be written, or an old one can't be read or removed.
    pub fn add_version(&self, text: &[u8]) -> Result<u64, StoreError> {
        let mut kept: Vec<u64> = self.versions()?.iter().map(|version| version.number).collect();
        if let Some(newest) = kept.last().copied()
            && self.read_version(newest)? == text
        {
            return Ok(newest);
        }
        let number = kept.last().map_or(1, |newest| newest + 1);
        Staged::write(&self.version_path(number), text)?.commit()?;
        kept.push(number);
        for old in kept.iter().rev().skip(self.keep) {
            remove_if_there(&self.version_path(*old))?;
        }
        Ok(number)
    }

    /// What is kept beside the folder of the versions under that name; none where nothing is.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read_beside(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read_kept(&self.versions.with_file_name(name))
    }

    /// Keeps something beside the folder of the versions, in the place of what had that name.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_beside(&self, name: &str, text: &[u8]) -> Result<(), StoreError> {
        Staged::write(&self.versions.with_file_name(name), text)?.commit()
    }

    /// Where the text of a version is.
    #[must_use]
    pub fn version_path(&self, number: u64) -> PathBuf {
        self.versions.join(format!("{number:06}.conf"))
    }
}

/// What a file of ours holds; none where there is none.
///
/// # Errors
/// When it can't be read.
pub fn read_kept(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).map_err(fault("read", path)),
    }
}

/// Puts a text in the place of what a file of ours holds; makes its folder where there is none.
///
/// # Errors
/// When it can't be written.
pub fn keep(path: &Path, text: &[u8]) -> Result<(), StoreError> {
    let folder = folder(path);
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(fault("make the folder", folder))?;
    Staged::write(path, text)?.commit()
}

impl Staged {
    fn write(target: &Path, text: &[u8]) -> Result<Self, StoreError> {
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
    pub fn commit(self) -> Result<(), StoreError> {
        fs::rename(&self.temporary, &self.target).map_err(fault("replace", &self.target))?;
        let flushed = File::open(folder(&self.target)).and_then(|folder| folder.sync_all());
        flushed.map_err(|error| StoreError::Unflushed { path: self.target.clone(), error })
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a commit it is gone already; where it can't be removed, the next store does.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// `.NAME.tmp` in the same folder: a rename works within one file system only.
fn temporary(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(TEMPORARY);
    target.with_file_name(name)
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn number_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".conf")?;
    let number: u64 = digits.parse().ok()?;
    (digits == format!("{number:06}")).then_some(number)
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, StoreError> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect);
    listed.map_err(fault("list", folder))
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("remove", path)(error)),
        _ => Ok(()),
    }
}

fn fault(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |error| StoreError::Io { doing, path, error }
}

#[cfg(test)]
mod tests;
