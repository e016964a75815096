//! The synced file and its numbered versions on disk: the only file I/O of this folder.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::words::disk::{
    DiskError, Staged, fault, is_temporary, make_folder, read_kept, remove_if_there, temporary,
};

/// A version that can't be had, or a file operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
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

impl Store {
    /// A store for the file `output`; `versions` is the folder of the versions, of which the newest `keep` are kept.
    /// Removes what a killed process has left half-written.
    ///
    /// # Errors
    /// When the folder of the versions can't be made.
    pub fn new(output: PathBuf, versions: PathBuf, keep: usize) -> Result<Self, StoreError> {
        make_folder(&versions)?;
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
            Err(error) => Err(fault("read", &self.output)(error).into()),
            // A pipe would block the reader for ever.
            Ok(found) if !found.is_file() => Err(StoreError::NotAFile(self.output.clone())),
            Ok(_) => Ok(read_kept(&self.output)?),
        }
    }

    /// Writes a text next to the file in place, for a last check before [`Staged::commit`].
    ///
    /// # Errors
    /// When it can't be written, flushed or, for want of space, kept.
    pub fn stage(&self, text: &[u8]) -> Result<Staged, DiskError> {
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
            _ => fault("read", &path)(error).into(),
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
        Ok(read_kept(&self.versions.with_file_name(name))?)
    }

    /// Keeps something beside the folder of the versions, in the place of what had that name.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write_beside(&self, name: &str, text: &[u8]) -> Result<(), StoreError> {
        Ok(Staged::write(&self.versions.with_file_name(name), text)?.commit()?)
    }

    /// Where the text of a version is.
    #[must_use]
    pub fn version_path(&self, number: u64) -> PathBuf {
        self.versions.join(format!("{number:06}.conf"))
    }
}

fn number_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".conf")?;
    let number: u64 = digits.parse().ok()?;
    (digits == format!("{number:06}")).then_some(number)
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, DiskError> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect);
    listed.map_err(fault("list", folder))
}

#[cfg(test)]
mod tests;
