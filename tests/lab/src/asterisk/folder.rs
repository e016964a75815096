//! An Asterisk's folder: what it holds at the beginning, and what is kept of it at the end.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::is_there;
use crate::audio::write_tone;
use crate::error::{Context, Error, Result};
use crate::rootfs::lab_dir;
use crate::version::Version;

const PROMPT: Duration = Duration::from_millis(50);
/// What voicemail says before it records. The lab's own are short: it goes on without listening to anybody.
const PROMPTS: [&str; 15] = [
    "vm-theperson",
    "vm-isunavail",
    "vm-isonphone",
    "vm-intro",
    "beep",
    "digits/0",
    "digits/1",
    "digits/2",
    "digits/3",
    "digits/4",
    "digits/5",
    "digits/6",
    "digits/7",
    "digits/8",
    "digits/9",
];

/// Makes the folder `home` in the root file system `root`. Modules and data are the root file system's, by links, in
/// folders of its own: so each Asterisk has its own `res_synch.so`.
pub fn make(root: &Path, home: &Path) -> Result {
    if is_there(home) {
        fs::remove_dir_all(home).context(format!("removing {}", home.display()))?;
    }
    for name in [
        "etc",
        "modules",
        "data/documentation/thirdparty",
        "data/sounds/en/digits",
        "var/keys",
        "spool",
        "run",
        "log",
    ] {
        let dir = home.join(name);
        fs::create_dir_all(&dir).context(format!("making {}", dir.display()))?;
    }
    link_all(root, &modules_dir(root)?, &home.join("modules"))?;
    let data = root.join("usr/share/asterisk");
    link_all(root, &data, &home.join("data"))?;
    link_all(root, &data.join("documentation"), &home.join("data/documentation"))?;
    let sounds = home.join("data/sounds/en");
    PROMPTS.iter().try_for_each(|name| write_tone(&sounds.join(format!("{name}.wav")), 1000, PROMPT))
}

/// Copies the module and its documentation in, each renamed into place: a file that a process has mapped stays whole.
pub fn install_module(version: Version, home: &Path) -> Result {
    install_module_from(&module_file(&version.to_string()), home)
}

/// The same with that file for the module.
pub fn install_module_from(module: &Path, home: &Path) -> Result {
    if !module.exists() {
        let text = format!("{} is not there: `make test` builds it", module.display());
        return Err(Error::new(text));
    }
    replace(module, &home.join("modules/res_synch.so"))?;
    let name = "res_synch-en_US.xml";
    let documentation = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    if documentation.exists() {
        replace(&documentation, &home.join("data/documentation/thirdparty").join(name))?;
    }
    Ok(())
}

/// The module that was built as `22`, `16`, `faults-22`: `target/lab/modules/res_synch-22.so`, or what `SYNCH_MODULE_22`
/// names.
pub fn module_file(built: &str) -> PathBuf {
    match std::env::var_os(format!("SYNCH_MODULE_{built}")) {
        Some(path) => PathBuf::from(path),
        None => lab_dir().join(format!("modules/res_synch-{built}.so")),
    }
}

/// Keeps what is left of `home` as `kept`, without the links.
pub fn keep(home: &Path, kept: &Path) {
    for links in ["modules", "data"] {
        let _ = fs::remove_dir_all(home.join(links));
    }
    let _ = fs::remove_dir_all(kept);
    if let Some(parent) = kept.parent() {
        let _ = fs::create_dir_all(parent);
    }
    if fs::rename(home, kept).is_err() {
        // Another file system: then nothing is kept.
        let _ = fs::remove_dir_all(home);
    }
    // The lab's own folder goes with the last Asterisk in it.
    if let Some(lab) = home.parent() {
        let _ = fs::remove_dir(lab);
    }
}

fn replace(from: &Path, to: &Path) -> Result {
    let new = to.with_extension("new");
    fs::copy(from, &new).context(format!("copying {} to {}", from.display(), new.display()))?;
    fs::rename(&new, to).context(format!("renaming {}", new.display()))
}

/// Links every entry of `from` into `to`, except those that are there already.
fn link_all(root: &Path, from: &Path, to: &Path) -> Result {
    for entry in fs::read_dir(from).context(format!("reading {}", from.display()))? {
        let name = entry.context(format!("reading {}", from.display()))?.file_name();
        let link = to.join(&name);
        if is_there(&link) {
            continue;
        }
        let inside = from.strip_prefix(root).context("a path outside of the root file system")?;
        let target = Path::new("/").join(inside).join(&name);
        symlink(&target, &link).context(format!("linking {}", link.display()))?;
    }
    Ok(())
}

/// Where Debian keeps Asterisk's modules: from 18 on in a folder named after the machine's architecture.
fn modules_dir(root: &Path) -> Result<PathBuf> {
    let lib = root.join("usr/lib");
    let entries = fs::read_dir(&lib).context(format!("reading {}", lib.display()))?;
    let mut dirs = entries.flatten().map(|entry| entry.path()).chain([lib.clone()]);
    dirs.find_map(|dir| Some(dir.join("asterisk/modules")).filter(|modules| modules.is_dir()))
        .context(format!("{} has no Asterisk modules", lib.display()))
}
