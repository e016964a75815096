//! Certificates: an authority of the test's own, and what it signs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::run;
use crate::error::{Context, Result};
use crate::site::Site;

/// An authority in a folder of its own, where everything that it signs is, too.
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes one; the folder must not be there yet.
    pub fn new(folder: &Path) -> Result<Self> {
        fs::create_dir(folder).context(format!("making {}", folder.display()))?;
        let authority = Self { folder: folder.to_owned() };
        let [key, certificate] = authority.files("ca");
        run(request()
            .args(["-x509", "-days", "2", "-subj", "/CN=Authority of the lab", "-keyout"])
            .arg(key)
            .arg("-out")
            .arg(certificate))?;
        Ok(authority)
    }

    /// Signs `name.crt` for these names, such as `IP:10.0.0.1,DNS:pbx.example.com`, with its key in `name.key`. Less than
    /// no days: it has expired.
    pub fn sign(&self, name: &str, names: &str, days: i32) -> Result {
        let [key, certificate] = self.files(name);
        let [ca_key, ca_certificate] = self.files("ca");
        let wanted = self.folder.join(format!("{name}.csr"));
        run(request()
            .args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName={names}"), "-keyout"])
            .arg(key)
            .arg("-out")
            .arg(&wanted))?;
        run(Command::new("openssl")
            .args([
                "x509",
                "-req",
                "-copy_extensions",
                "copy",
                "-CAcreateserial",
                "-days",
                &days.to_string(),
                "-in",
            ])
            .arg(wanted)
            .arg("-CA")
            .arg(ca_certificate)
            .arg("-CAkey")
            .arg(ca_key)
            .arg("-out")
            .arg(certificate))?;
        Ok(())
    }

    /// Makes `name.crt` for these names, signed by nobody but itself, as docs/security.md shows it.
    pub fn sign_itself(&self, name: &str, names: &str) -> Result {
        let [key, certificate] = self.files(name);
        run(request()
            .args(["-x509", "-days", "3650", "-subj", "/CN=pbx.example.com"])
            .args(["-addext", &format!("subjectAltName={names}"), "-keyout"])
            .arg(key)
            .arg("-out")
            .arg(certificate))?;
        Ok(())
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        let [_, certificate] = self.files("ca");
        certificate
    }

    /// Key and certificate of that name.
    pub fn files(&self, name: &str) -> [PathBuf; 2] {
        ["key", "crt"].map(|end| self.folder.join(format!("{name}.{end}")))
    }
}

/// Lets the main take AMI over TLS alone, with a certificate for its address and for `pbx.example.com`, and has the branch
/// know the authority. What makes the branch use it is [`believing`].
pub fn takes_tls(site: &Site) -> Result<Authority> {
    let authority = Authority::new(&site.main.path("etc/keys"))?;
    // As long as one with its chain from a public authority: the handshake comes in several segments.
    let more: String = (0..300).map(|number| format!(",DNS:pbx{number}.example.com")).collect();
    authority.sign("main", &format!("IP:{},DNS:pbx.example.com{more}", site.main.address()), 2)?;
    let keys = site.main.inside("etc/keys");
    let tls = format!(
        "bindaddr = 127.0.0.1\ntlsenable = yes\ntlsbindaddr = 0.0.0.0:5039\ntlscertfile = {keys}/main.crt\n\
         tlsprivatekey = {keys}/main.key"
    );
    site.main.edit_conf("manager.conf", "bindaddr = 0.0.0.0", &tls)?;
    let known = site.branch.path("etc/ca.crt");
    fs::copy(authority.certificate(), known).context("the authority for the branch")?;
    Ok(authority)
}

/// The lines of `[main]` that make a branch use TLS, and believe the main that [`takes_tls`] has made.
pub fn believing(site: &Site) -> String {
    format!("tls = yes\ntls_ca_file = {}", site.branch.inside("etc/ca.crt"))
}

/// For a new key, which any Asterisk may read.
fn request() -> Command {
    let mut command = Command::new("openssl");
    command.args(["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    command
}
