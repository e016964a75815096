//! The password of the account: given in the settings, or read from its file.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::file;
use crate::settings::{Password, Secret};

/// Bytes of such a file at most: AMI takes lines of 1024.
const LIMIT: u64 = 1024;

/// The password cannot be read from its file.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the password from {}: {problem}", path.display())]
pub struct PasswordError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, and what it must have.
    pub problem: String,
}

/// Returns the present password. A file is read each time, so that a new password needs no reload.
///
/// # Errors
/// Its file holds no valid password.
pub fn password(of: &Password) -> Result<Secret, PasswordError> {
    match of {
        Password::Given(secret) => Ok(secret.clone()),
        Password::InFile(path) => read(path).map_err(|problem| PasswordError { path: path.clone(), problem }),
    }
}

fn read(path: &Path) -> Result<Secret, String> {
    let told = |error: io::Error| error.to_string();
    let file = file::open(path)?;
    let mut text = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut text).map_err(told)?;
    let text = String::from_utf8(text).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() || line.len() as u64 > LIMIT || line.chars().any(char::is_control) {
        return Err(format!("it must have one line of at most {LIMIT} bytes"));
    }
    Ok(Secret::new(line))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_one_line_of_a_file_is_the_password_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let file = Password::InFile(path.clone());
        for (text, expected) in [("canary\n", "canary"), ("other ; = \r\n", "other ; = "), ("x", "x")] {
            fs::write(&path, text).unwrap();
            assert_eq!(password(&file).unwrap().expose(), expected);
        }
        for bad in ["", "\n", "two\nlines\n", &"x".repeat(2000)] {
            fs::write(&path, bad).unwrap();
            let error = password(&file).unwrap_err().to_string();
            assert!(error.contains("/secret: it must have one line"), "{error}");
        }
        fs::write(&path, b"\xff\n").unwrap();
        assert!(password(&file).unwrap_err().to_string().contains("UTF-8"));
        assert!(
            password(&Password::InFile(folder.path().to_owned()))
                .unwrap_err()
                .to_string()
                .contains("not a regular file")
        );
        fs::remove_file(&path).unwrap();
        assert!(password(&file).unwrap_err().to_string().contains("No such file"));
    }
}
