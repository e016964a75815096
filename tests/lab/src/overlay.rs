//! A root file system of a test's own, over one that all share: what is installed in it stays in it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{IN_ROOT, run, words};
use crate::error::{Context, Result};
use crate::rootfs::lab_dir;

/// Dropped, it is gone with all that was written.
pub struct Overlay {
    folder: PathBuf,
}

impl Overlay {
    /// Makes one of that name, in which everything is as in `below`.
    pub fn new(name: &str, below: &Path) -> Result<Self> {
        let folder = lab_dir().join("overlay").join(name);
        let overlay = Self { folder };
        // What a killed run left.
        overlay.remove();
        for part in ["upper", "work", "root"] {
            let path = overlay.folder.join(part);
            fs::create_dir_all(&path).context(format!("making {}", path.display()))?;
        }
        let folder = overlay.folder.canonicalize().context("finding an overlay")?;
        let (below, at) = (below.display(), folder.display());
        let options = format!("lowerdir={below},upperdir={at}/upper,workdir={at}/work");
        let mount = ["mount", "-t", "overlay", "overlay", "-o", &options];
        run(words(&mount).arg(folder.join("root")))?;
        Ok(overlay)
    }

    /// Where it is.
    pub fn root(&self) -> PathBuf {
        let root = self.folder.join("root");
        root.canonicalize().unwrap_or(root)
    }

    /// What a command in it prints.
    pub fn run(&self, line: &[&str]) -> Result<String> {
        run(words(&["unshare", "--mount", "sh", "-c", IN_ROOT]).arg(self.root()).args(line))
    }

    /// Lets its apt do something with packages. It asks nobody and no other machine.
    pub fn apt(&self, line: &[&str]) -> Result<String> {
        let quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-y"];
        let alone = ["-o", "APT::Sandbox::User=root", "-o", "Dpkg::Use-Pty=0"];
        self.run(&[&quiet[..], &alone[..], line].concat())
    }

    fn remove(&self) {
        let root = self.folder.join("root");
        if root.is_dir() {
            // Not there, or not mounted: then there is nothing to do.
            let _ = run(words(&["umount", "--lazy"]).arg(&root));
        }
        // Only what is not mounted any more: removing through a mount would be harmless, too, for below nothing is written.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        self.remove();
    }
}
