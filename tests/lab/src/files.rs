//! Files of one test that are no Asterisk's.

use std::fs;
use std::path::PathBuf;

use crate::error::{Context, Result};
use crate::rootfs::lab_dir;

/// A folder for the files of one test, empty at the beginning. Dropped, it is removed.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one of that name.
    pub fn new(name: &str) -> Result<Self> {
        let path = lab_dir().join("files").join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).context(format!("making {}", path.display()))?;
        path.canonicalize().map(Self).context(format!("finding {}", path.display()))
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file, and says where it is.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).context(format!("writing {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
