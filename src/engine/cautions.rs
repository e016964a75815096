//! What an administrator should know of the settings at each start: they work, and somebody could make use of them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::settings::{Main, Password};

/// The file that the settings are from.
const CONF: &str = "res_synch.conf";

/// Whoever is neither the owner nor in the group.
const OTHERS_MAY_READ: u32 = 0o004;

/// All of it, a line each. `folder` is that of Asterisk's configuration.
pub(super) fn cautions(main: &Main, folder: &Path) -> Vec<String> {
    let files = secrets(main, folder).into_iter().filter(|path| others_may_read(path));
    let files = files.map(|path| {
        let path = path.display();
        format!("{path} holds a password, and every user of this machine may read it: chmod o= {path}")
    });
    on_the_way(main).into_iter().chain(files).collect()
}

/// What is said to the main can be read or changed on the way.
fn on_the_way(main: &Main) -> Option<String> {
    let host = &main.host;
    match &main.tls {
        None if !main.is_here() => Some(format!(
            "[main] tls = no: whoever is between this branch and {host} can read the users' passwords and pass for \
             the main; see README, Security"
        )),
        Some(tls) if !tls.verify => Some(format!(
            "[main] tls_verify = no: whoever is between this branch and {host} can pass for the main; set tls_ca_file"
        )),
        _ => None,
    }
}

/// Files with a password that we read.
fn secrets(main: &Main, folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![folder.join(CONF)];
    if let Password::InFile(path) = &main.password {
        files.push(path.clone());
    }
    if let Some(certificate) = main.tls.as_ref().and_then(|tls| tls.certificate.as_ref()) {
        files.push(certificate.key_file.clone());
    }
    files
}

/// A file that isn't there is told of where it is needed.
fn others_may_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & OTHERS_MAY_READ != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Tls;

    fn told(main: &Main) -> Vec<String> {
        cautions(main, Path::new("/nonexistent"))
    }

    #[test]
    fn a_main_in_clear_is_told_of_unless_it_is_here() {
        assert!(told(&Main::example())[0].starts_with("[main] tls = no: whoever is between"));
        let here = Main { host: "127.0.0.1".to_owned(), ..Main::example() };
        assert!(told(&here).is_empty());
        let tls = |verify| {
            let tls = Tls { verify, ca_file: None, name: "x".to_owned(), certificate: None };
            Main { tls: Some(tls), ..Main::example() }
        };
        assert!(told(&tls(true)).is_empty());
        assert!(told(&tls(false))[0].starts_with("[main] tls_verify = no"));
    }

    #[test]
    fn a_password_that_everybody_may_read_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let password = Password::InFile(path.clone());
        let main = Main { host: "localhost".to_owned(), password, ..Main::example() };
        for (mode, expected) in [(0o640, 0), (0o644, 1)] {
            for file in [&path, &folder.path().join(CONF)] {
                fs::write(file, "x").unwrap();
                fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
            }
            let told = cautions(&main, folder.path());
            assert_eq!(told.len(), 2 * expected, "{told:?}");
            assert!(told.iter().all(|text| text.ends_with("secret") || text.ends_with(CONF)), "{told:?}");
        }
    }
}
