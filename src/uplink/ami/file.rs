//! Opens files that the settings name, so that none of them can block us.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Opens a regular file for reading.
///
/// # Errors
/// It is not a regular file, or the system refuses to open it.
pub(crate) fn open(path: &Path) -> Result<File, String> {
    let told = |error: io::Error| error.to_string();
    // A pipe would keep us waiting: it is opened without waiting, and then not read.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(told)?;
    if !file.metadata().map_err(told)?.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn only_a_regular_file_is_opened_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(open(&path).unwrap_err().contains("No such file"));
        assert_eq!(open(folder.path()).unwrap_err(), "it is not a regular file");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        assert_eq!(open(&path).unwrap_err(), "it is not a regular file");
        fs::remove_file(&path).unwrap();
        fs::write(&path, "x").unwrap();
        assert!(open(&path).is_ok());
    }
}
