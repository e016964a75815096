//! A FreePBX in the place of the lab's plain main or branch: the files that it writes, and those that it leaves to its
//! administrator.

mod users;

use std::fs;
use std::path::{Path, PathBuf};

use crate::asterisk::Asterisk;
use crate::certificates::Authority;
use crate::dialplan::PLAIN;
use crate::error::{Context, Error, Result};
use crate::net::Net;
use crate::site::Site;
use crate::version::Version;
pub use users::{User, users};

/// What such a branch has at the end of its `res_synch.conf`, as docs/freepbx.md has it.
const DIALPLAN: &str = include_str!("../conf/freepbx/dialplan.conf");

impl Site {
    /// A site whose main is a FreePBX and whose branch is not, with the files of these folders on the main.
    pub fn with_freepbx_as_main(version: Version, folders: &[PathBuf]) -> Result<Self> {
        let site = Self::with_dialplan(version)?;
        site.main.become_freepbx(&site.net, folders)?;
        // With its own file alone, chan_sip's overrides would not come: sip.conf includes them behind it.
        if version == Version::V16 {
            site.branch.edit_conf("res_synch.conf", "[sync]\n", "[sync]\nfiles = sip.conf\n")?;
        }
        site.branch.load_srtp()?;
        Ok(site)
    }

    /// A site whose branch is a FreePBX and whose main is not, with the files of these folders on the branch.
    pub fn with_freepbx_as_branch(version: Version, folders: &[PathBuf]) -> Result<Self> {
        let site = Self::with_module(version)?;
        site.branch.become_freepbx(&site.net, folders)?;
        let before = site.branch.read_conf("res_synch.conf")?.replace(PLAIN, "");
        site.branch.write_conf("res_synch.conf", &format!("{before}{DIALPLAN}"))?;
        Ok(site)
    }
}

impl Asterisk {
    /// Takes the files of these folders in the place of its own, and makes each that they include and that is not there
    /// an empty one, as FreePBX does.
    pub fn become_freepbx(&self, net: &Net, folders: &[PathBuf]) -> Result {
        let mut included = Vec::new();
        for folder in folders {
            for (name, text) in files(folder)? {
                let text = self.with_places(net, &text);
                let lines = text.lines().filter_map(|line| line.strip_prefix("#include "));
                included.extend(lines.map(|name| name.trim().to_owned()));
                self.write_conf(&name, &text)?;
            }
        }
        for name in included.iter().filter(|name| !self.path("etc").join(name).exists()) {
            self.write_conf(name, "")?;
        }
        let keys = Authority::new(&self.path("etc/keys"))?;
        keys.sign_itself("default", &format!("IP:{},DNS:pbx.example.com", self.address()))?;
        self.load_srtp()
    }

    /// Loads what encrypted audio needs.
    fn load_srtp(&self) -> Result {
        self.edit_conf("modules.conf", "load = res_crypto.so\n", "load = res_crypto.so\nload = res_srtp.so\n")
    }

    /// The lab's own files say where an address is wanted; those that lie elsewhere have addresses of their own.
    fn with_places(&self, net: &Net, text: &str) -> String {
        let [main, branch, carrier] = [net.main_address(), net.branch_address(), net.carrier_address()]
            .map(|address| address.to_string());
        let mut text = text.replace("@HOME@", self.inside("").trim_end_matches('/'));
        for (place, theirs, address) in [
            ("@MAIN@", "10.99.0.1", main),
            ("@BRANCH@", "10.99.0.2", branch),
            ("@CARRIER@", "10.99.0.12", carrier),
        ] {
            text = text.replace(place, &address);
            for end in ["\n", ":5060\n"] {
                text = text.replace(&format!("{theirs}{end}"), &format!("{address}{end}"));
            }
        }
        text
    }
}

/// The folders of a main of the lab's own.
pub fn as_main(version: Version) -> Vec<PathBuf> {
    let folders: &[&str] = match version {
        Version::V22 => &["any", "pjsip", "transports", "main", "main-22"],
        Version::V16 => &["any", "sip", "main", "main-16"],
    };
    folders.iter().map(|name| own(name)).collect()
}

/// The folders of a branch of the lab's own; FreePBX's part of it may lie elsewhere.
pub fn as_branch(theirs: Option<PathBuf>) -> Vec<PathBuf> {
    let written = theirs.map_or_else(|| vec![own("pjsip"), own("branch-22")], |folder| vec![folder]);
    [written, vec![own("any"), own("transports"), own("branch")]].concat()
}

/// A folder of the lab's own files.
pub fn own(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/freepbx").join(name)
}

/// A folder of files that lie elsewhere, such as those of an installed FreePBX: `SYNCH_FREEPBX_FILES` names where.
pub fn elsewhere(name: &str) -> Result<PathBuf> {
    let folder = std::env::var_os("SYNCH_FREEPBX_FILES").context("SYNCH_FREEPBX_FILES names no folder")?;
    match Path::new(&folder).join(name) {
        folder if folder.is_dir() => Ok(folder),
        folder => Err(Error::new(format!("{} is no folder", folder.display()))),
    }
}

/// Name and text of each configuration file in a folder.
fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let entries = fs::read_dir(folder).context(format!("reading {}", folder.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let wanted = names.filter(|name| name.ends_with(".conf"));
    let read = |name: String| {
        let path = folder.join(&name);
        let text = fs::read_to_string(&path).context(format!("reading {}", path.display()))?;
        Ok((name, text))
    };
    wanted.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever follows the page to the letter has what the tests have.
    #[test]
    fn the_page_has_the_lines_of_the_tests() {
        let page =
            include_str!("../../../docs/freepbx.md").lines().map(str::trim).collect::<Vec<_>>().join("\n");
        for file in [
            "main/manager_additional.conf",
            "main/manager_custom.conf",
            "branch/pjsip_custom_post.conf",
            "branch/extensions_custom.conf",
            "branch/manager_custom.conf",
            "branch/voicemail_custom.conf",
            "dialplan.conf",
        ] {
            let text = fs::read_to_string(own(file)).unwrap().replace("@BRANCH@", "192.168.0.254");
            assert!(page.contains(&format!("\n\n{}\n\n", text.trim())), "{file}");
        }
        let others = fs::read_to_string(own("main-22/pjsip.endpoint_custom_post.conf")).unwrap();
        let (told, _) = others.split_once("\n\n[1009]").unwrap();
        assert!(page.contains(told), "{told}");
        let peers = fs::read_to_string(own("main-16/sip_additional.conf")).unwrap();
        let (_, trunk) = peers.split_once("[Branch]\n").unwrap();
        assert!(page.contains(trunk.replace("@BRANCH@", "192.168.0.254").trim()), "{trunk}");
    }
}
