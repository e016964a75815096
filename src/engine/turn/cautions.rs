//! Warnings about the settings at each start: settings that work, but that an attacker could use.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{
    dns::local_domain,
    settings::{Main, Password, Settings, State, is_here},
    verdict::probe::THIS_MACHINE,
};

/// The file that the settings are from.
const CONF: &str = "res_synch.conf";

/// The permission to read for everybody who is neither the owner nor in the group.
const OTHERS_MAY_READ: u32 = 0o004;

/// Returns all warnings, one line each. `folder` is that of Asterisk's configuration.
pub(in crate::engine) fn cautions(settings: &Settings, folder: &Path) -> Vec<String> {
    let files = secrets(settings, folder).into_iter().filter(|path| others_may_read(path));
    let files = files.map(|path| {
        let path = path.display();
        format!("{path} holds a password, and every user of this machine may read it: chmod o= {path}")
    });
    let to_main = settings.main.as_ref().and_then(on_the_way);
    let to_broker = settings.state.as_ref().and_then(on_the_way_to_broker);
    let on_the_way = to_main.into_iter().chain(to_broker);
    on_the_way.chain(asks_itself(settings)).chain(asks_mdns(settings)).chain(files).collect()
}

/// Warns where `[main] host` is this machine, as with a tunnel for AMI: SIP would reach our own Asterisk.
fn asks_itself(settings: &Settings) -> Option<String> {
    let main = settings.main.as_ref()?;
    let here = settings.probe.sip && main.sip.address.is_none() && main.is_here();
    here.then(|| {
        format!("The main is not probed over SIP: {} {THIS_MACHINE}. Until then only AMI decides", main.host)
    })
}

/// Warns of a domain that some phones ask mDNS for, where nothing answers.
fn asks_mdns(settings: &Settings) -> Option<String> {
    local_domain(settings.dns.as_ref()?).map(|text| format!("[dns] {text}"))
}

/// Warns of a connection to the main that can be read or changed on the way.
fn on_the_way(main: &Main) -> Option<String> {
    let host = &main.host;
    match &main.tls {
        None if !main.is_here() => Some(format!(
            "[main] tls = no: anybody on the way between this branch and {host} can read the users' passwords and \
             impersonate the main; see docs/security.md"
        )),
        Some(tls) if !tls.verify => Some(format!(
            "[main] tls_verify = no: anybody on the way between this branch and {host} can impersonate the main; \
             set tls_ca_file"
        )),
        _ => None,
    }
}

/// Warns of a connection to a broker that can be read or changed on the way.
fn on_the_way_to_broker(state: &State) -> Option<String> {
    match &state.tls {
        None => state.hosts.iter().find(|host| !is_here(host)).map(|host| {
            format!(
                "[state] tls = no: anybody on the way between this site and {host} can read the account's password \
                 and speak for this site; set tls = yes"
            )
        }),
        Some(tls) if !tls.verify => Some(format!(
            "[state] tls_verify = no: anybody on the way between this site and {} can pretend to be the broker; set \
             tls_ca_file",
            state.hosts.join(" or ")
        )),
        _ => None,
    }
}

/// Returns the files with a password that synch reads.
fn secrets(settings: &Settings, folder: &Path) -> Vec<PathBuf> {
    let main = settings.main.iter().map(|main| (Some(&main.password), &main.tls));
    let state = settings.state.iter().map(|state| (state.password.as_ref(), &state.tls));
    let mut files = vec![folder.join(CONF)];
    if let Some(Password::InFile(path)) = settings.http.as_ref().map(|http| &http.password) {
        files.push(path.clone());
    }
    for (password, tls) in main.chain(state) {
        if let Some(Password::InFile(path)) = password {
            files.push(path.clone());
        }
        if let Some(certificate) = tls.as_ref().and_then(|tls| tls.certificate.as_ref()) {
            files.push(certificate.key_file.clone());
        }
    }
    // One file for both is told of once.
    files.sort();
    files.dedup();
    files
}

/// Returns whether every user of this machine may read it. A missing file is reported where it is needed.
fn others_may_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.permissions().mode() & OTHERS_MAY_READ != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        settings::{self, Sip, Tls},
        words::conf::ConfSection,
    };

    fn settings(main: &Main) -> Settings {
        let lines = [("host", "192.0.2.1"), ("username", "u"), ("secret", "s")];
        let off = |name| ConfSection::new(name, [("enabled", "no")]);
        let read = settings::read(&[ConfSection::new("main", lines), off("sync"), off("dns")]).unwrap();
        Settings { main: Some(main.clone()), ..read }
    }

    fn told(main: &Main) -> Vec<String> {
        cautions(&settings(main), Path::new("/nonexistent"))
    }

    #[test]
    fn a_sip_that_would_be_our_own_is_told_of() {
        let here = Main { host: "127.0.0.1".to_owned(), ..Main::example() };
        let told = told(&here).join("");
        assert!(
            told.starts_with("The main is not probed over SIP: 127.0.0.1 is an address of this"),
            "{told}"
        );
        let named = Sip { address: Some([192, 0, 2, 1].into()), ..here.sip };
        assert!(
            super::cautions(&settings(&Main { sip: named, ..here }), Path::new("/nonexistent")).is_empty()
        );
    }

    #[test]
    fn a_main_in_clear_is_told_of_unless_it_is_here() {
        assert!(told(&Main::example())[0].starts_with("[main] tls = no: anybody on the way between"));
        let here = Main { host: "127.0.0.1".to_owned(), ..Main::example() };
        assert!(told(&here).iter().all(|text| !text.contains("tls")));
        let tls = |verify| {
            let tls = Tls { verify, ca_file: None, name: "x".to_owned(), certificate: None };
            Main { tls: Some(tls), ..Main::example() }
        };
        assert!(told(&tls(true)).is_empty());
        assert!(told(&tls(false))[0].starts_with("[main] tls_verify = no"));
    }

    fn told_of_state(folder: &Path, lines: &[(&'static str, &str)]) -> Vec<String> {
        let state = ConfSection::new("state", lines.iter().copied());
        cautions(&settings::read(&[state]).unwrap(), folder)
    }

    #[test]
    fn a_broker_in_clear_is_told_of_unless_it_is_here() {
        let told = |lines: &[(&'static str, &str)]| told_of_state(Path::new("/nonexistent"), lines);
        assert!(told(&[("host", "127.0.0.1")]).is_empty());
        assert!(told(&[("host", "localhost,10.0.0.5")])[0].starts_with("[state] tls = no: anybody"));
        assert!(told(&[("host", "10.0.0.5"), ("tls", "yes")]).is_empty());
        let unverified = told(&[("host", "10.0.0.5"), ("tls", "yes"), ("tls_verify", "no")]);
        assert!(unverified[0].starts_with("[state] tls_verify = no"), "{unverified:?}");
    }

    #[test]
    fn a_password_of_a_broker_that_everybody_may_read_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("broker-secret");
        let lines = [("host", "localhost"), ("secret_file", path.to_str().unwrap())];
        for (mode, expected) in [(0o640, 0), (0o644, 1)] {
            fs::write(&path, "x").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let told = told_of_state(folder.path(), &lines);
            assert_eq!(told.len(), expected, "{told:?}");
            assert!(told.iter().all(|text| text.ends_with("broker-secret")), "{told:?}");
        }
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
            let told = cautions(&settings(&main), folder.path());
            let told: Vec<String> = told.into_iter().filter(|text| text.contains("chmod")).collect();
            assert_eq!(told.len(), 2 * expected, "{told:?}");
            assert!(told.iter().all(|text| text.ends_with("secret") || text.ends_with(CONF)), "{told:?}");
        }
    }
}
