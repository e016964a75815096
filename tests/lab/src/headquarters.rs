//! A main with the module: what it gives to its branches, asked for by clients of the test's own.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::ami::{Ami, Message};
use crate::asterisk::Asterisk;
use crate::error::{Context, Error, Result};
use crate::site::Site;
use crate::version::Version;
use crate::wait::{GENEROUS, until_ok};

/// The site whose users the main's files have.
pub const SITE: &str = "berlin";
/// Another one, which has users 2001 and 2002.
pub const OTHER: &str = "ulm";

/// How the account of a site stands in manager.conf: docs/main.md has the same lines.
pub fn account(name: &str) -> String {
    format!(
        "\n[{name}]\nsecret = {name}-secret\nread =\nwrite = log\nwritetimeout = 10000\ndisplayconnects = no\n"
    )
}

/// `res_synch.conf` of a main.
pub fn conf(version: Version) -> String {
    let technology = match version {
        Version::V22 => "pjsip",
        Version::V16 => "sip",
    };
    format!(
        "[export]\nsites = manager\ntechnology = {technology}\n\n\
         [site {SITE}]\nfilter_value = ^HeadOffice$\n\n\
         [site {OTHER}]\nfilter_value = ^DevOps$\n"
    )
}

/// A site whose main has the module and these accounts of sites, and is not started yet. The branch has no module.
pub fn main_with_sites(version: Version, names: &[&str]) -> Result<Site> {
    let site = Site::new(version)?;
    site.main.install_module()?;
    site.main.load_module_at_start()?;
    site.main.write_conf("res_synch.conf", &conf(version))?;
    let accounts: String = names.iter().map(|name| account(name)).collect();
    site.main.write_conf("manager_custom.conf", &accounts)?;
    Ok(site)
}

/// Gives the branch of such a site the module, and the account that its main has for it.
pub fn give_account(site: &Site) -> Result {
    site.branch.install_module()?;
    site.branch.load_module_at_start()?;
    let account = format!("username = {SITE}\nsecret = {SITE}-secret");
    site.branch.edit_conf("res_synch.conf", "username = synch\nsecret = SomePasswordHere", &account)?;
    let filter = "filter_key = accountcode\nfilter_value = ^HeadOffice$\n";
    site.branch.edit_conf("res_synch.conf", filter, "")
}

/// The password of an account.
pub fn secret(name: &str) -> String {
    format!("{name}-secret")
}

/// The key by which a session proves to be of a site.
pub fn key(secret: &str, nonce: &str, site: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).context("a key of HMAC")?;
    mac.update(format!("synch1{nonce}{site}").as_bytes());
    Ok(mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A session of an account that has logged in and proved nothing yet.
pub fn login(main: &Asterisk, name: &str) -> Result<Ami> {
    Ami::login(main.address(), name, &format!("{name}-secret"))
}

/// A session that has proved to be of its site.
pub fn session(main: &Asterisk, name: &str) -> Result<Ami> {
    until_ok(&format!("a session of {name}"), GENEROUS, || {
        let mut ami = login(main, name)?;
        let answer = prove(&mut ami, name, &format!("{name}-secret"))?;
        if answer.is_success() { Ok(ami) } else { Err(Error::new(format!("{answer:?}"))) }
    })
}

/// Asks for a nonce.
pub fn nonce(ami: &mut Ami) -> Result<String> {
    Ok(ami.action("SynchHello", &[])?.need("Nonce")?.to_owned())
}

/// Asks for a nonce, and answers it.
pub fn prove(ami: &mut Ami, site: &str, secret: &str) -> Result<Message> {
    let nonce = nonce(ami)?;
    let key = key(secret, &nonce, site)?;
    ami.action("SynchHello", &[("Site", site), ("Key", &key)])
}

/// All values of a header.
pub fn all<'m>(message: &'m Message, name: &str) -> Vec<&'m str> {
    message.fields().iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

/// The names of a manifest.
pub fn users(message: &Message) -> Vec<&str> {
    all(message, "User").into_iter().filter_map(|user| user.rsplit_once(' ')).map(|(name, _)| name).collect()
}

/// The lines of sections, as GetConfig has them: without their numbers.
pub fn sections(message: &Message) -> Vec<String> {
    let is_line = |name: &str| name.starts_with("Category-") || name.starts_with("Line-");
    let kind = |name: &str| if name.starts_with("Category-") { "[" } else { "" };
    message
        .fields()
        .iter()
        .filter(|(name, _)| is_line(name))
        .map(|(name, value)| format!("{}{value}", kind(name)))
        .collect()
}

/// Waits until the main says that a site is there, or on its own: `Here`, `Alone`.
pub fn wait_branch(main: &Asterisk, site: &str, state: &str) -> Result {
    until_ok(&format!("{site} to be {state}"), GENEROUS, || {
        let shown = main.rx(&format!("synch show branch {site}"))?;
        if shown.contains(&format!("State       : {state}:")) { Ok(()) } else { Err(Error::new(shown)) }
    })
}
