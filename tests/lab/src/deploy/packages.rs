//! Packages of the lab's module, under the versions that a fleet goes through.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::asterisk::module_file;
use crate::command::run;
use crate::error::{Context, Error, Result};
use crate::version::Version;

/// What is in a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed {
    /// The module, which calls itself by the package's version.
    Well,
    /// One that Asterisk does not load: it says that it was built with other options.
    NotLoadable,
    /// One that loads, and does not understand its main.
    NotSyncing,
    /// One that calls itself by another version than the package.
    OtherVersion,
}

/// Makes the package of that version for Asterisk 22 in this folder.
pub fn package(folder: &Path, number: &str, packed: Packed) -> Result<PathBuf> {
    package_for(Version::V22, folder, number, packed)
}

/// The same for that version.
pub fn package_for(version: Version, folder: &Path, number: &str, packed: Packed) -> Result<PathBuf> {
    let major = version.number();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = own_version()?;
    let module = module_file(major);
    let mut octets =
        fs::read(&module).context(format!("reading {}: `make test` builds it", module.display()))?;
    if packed != Packed::OtherVersion {
        replace(&mut octets, &own, number)?;
    }
    match packed {
        Packed::Well | Packed::OtherVersion => {}
        Packed::NotLoadable => {
            let sum = "1fb7f5c06d7a2052e38d021b3d8ca151";
            replace(&mut octets, sum, &sum.replace('1', "2"))?;
        }
        Packed::NotSyncing => replace(&mut octets, "GetConfig", "GetConfix")?,
    }
    let changed = folder.join(format!("res_synch-{number}.so"));
    fs::write(&changed, octets).context(format!("writing {}", changed.display()))?;
    let mut package = Command::new(repository.join("packaging/deb/package"));
    package.env("ASTERISK_INCLUDE", repository.join("asterisk-headers").join(major));
    // A module of the tests is large: it is not packed for anybody.
    package.env("DPKG_DEB_COMPRESSOR_LEVEL", "0");
    package.arg(major).arg(&changed).arg(folder).arg(number);
    let path = run(&mut package)?.trim().to_owned();
    fs::remove_file(&changed).context(format!("removing {}", changed.display()))?;
    Ok(PathBuf::from(path))
}

/// The version that the module of this repository calls itself.
pub fn own_version() -> Result<String> {
    let cargo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let cargo = fs::read_to_string(cargo).context("reading Cargo.toml")?;
    let version = cargo.lines().find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).context("Cargo.toml has no version")
}

/// Puts one word in the place of another of the same length, wherever it stands.
fn replace(octets: &mut [u8], from: &str, to: &str) -> Result {
    if from.len() != to.len() {
        return Err(Error::new(format!("{from} and {to} are not of one length")));
    }
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let places: Vec<usize> = octets
        .windows(from.len())
        .enumerate()
        .filter(|(_, found)| *found == from)
        .map(|(place, _)| place)
        .collect();
    if places.is_empty() {
        return Err(Error::new(format!("the module has no {}", String::from_utf8_lossy(from))));
    }
    for place in places {
        if let Some(found) = octets.get_mut(place..place + to.len()) {
            found.copy_from_slice(to);
        }
    }
    Ok(())
}
