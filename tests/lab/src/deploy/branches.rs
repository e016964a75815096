//! A main and its branches under Ansible's care: what the tests of a fleet begin with.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Deploy, Machine, Packed, Played, machines, package};
use crate::asterisk::Asterisk;
use crate::conf::Role;
use crate::error::{Context, Result};
use crate::net::Net;
use crate::phone::{Phone, Settings};
use crate::version::Version;

/// A main and its branches.
pub struct Branches {
    /// The main.
    pub main: Asterisk,
    /// The branches' machines.
    pub machines: Vec<Machine>,
    /// What plays on them.
    pub deploy: Deploy,
    /// Their network.
    pub net: Arc<Net>,
}

/// Each site's name, and the account codes of its users.
pub const SITES: [(&str, &str); 3] =
    [("berlin", "HeadOffice"), ("bonn", "DevOps"), ("kiel", "(HeadOffice|DevOps)")];

impl Branches {
    /// As many of the sites, not installed yet.
    pub fn new<const N: usize>(names: [&'static str; N]) -> Result<Self> {
        let net = Net::new()?;
        let mut main = Asterisk::new(&net, Role::Main, Version::V22)?;
        main.start()?;
        let machines = machines(&net, names)?;
        let deploy = Deploy::new(&net, &machines.iter().collect::<Vec<_>>())?;
        for (name, account) in SITES {
            deploy.site(name, &own(account, None))?;
        }
        let branches = Self { main, machines, deploy, net };
        branches.make("1.0.0", Packed::Well)?;
        Ok(branches)
    }

    /// The same, in service with 1.0.0.
    pub fn in_service<const N: usize>(names: [&'static str; N]) -> Result<Self> {
        let branches = Self::new(names)?;
        branches.play_well(&["site.yml"])?;
        Ok(branches)
    }

    /// Makes a package of that version for them.
    pub fn make(&self, number: &str, packed: Packed) -> Result {
        package(&self.deploy.path("packages"), number, packed).map(drop)
    }

    /// The machine of that name.
    pub fn machine(&self, name: &str) -> Result<&Machine> {
        self.machines.iter().find(|machine| machine.name() == name).context(format!("no machine {name}"))
    }

    /// A play that ends well and says no password.
    pub fn play_well(&self, line: &[&str]) -> Result<Played> {
        let played = self.deploy.play_well(&[line, &["-vvv"]].concat())?;
        played.keeps_secrets()?;
        Ok(played)
    }

    /// A play that fails and says no password.
    pub fn play_badly(&self, line: &[&str]) -> Result<Played> {
        let played = self.deploy.play_badly(&[line, &["-vvv"]].concat())?;
        played.keeps_secrets()?;
        Ok(played)
    }

    /// Switches a phone on that asks the name server of that site.
    pub fn phone(&self, site: &str, user: &str) -> Result<Phone> {
        let dns = SocketAddr::from((self.machine(site)?.address(), 53));
        Phone::new(&self.net, user, &Settings::with_dns(dns))
    }

    /// The archives of a site, the oldest first.
    pub fn archives(&self, site: &str) -> Result<Vec<PathBuf>> {
        let folder = self.deploy.path("backups").join(site);
        let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in &paths {
            let mode = fs::metadata(path).context(path.display())?.mode() & 0o7777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
        Ok(paths)
    }

    /// The timestamp of the newest archive of a site.
    pub fn newest(&self, site: &str) -> Result<String> {
        let path = self.archives(site)?.pop().context(format!("{site} has no archive"))?;
        let name = path.file_name().context("an archive without a name")?.to_string_lossy().into_owned();
        Ok(name.trim_end_matches(".tar.gz").to_owned())
    }

    /// When the Asterisks began, in the machines' order.
    pub fn began(&self) -> Result<Vec<String>> {
        self.machines.iter().map(Machine::began).collect()
    }

    /// Every branch has that version and serves as it is to.
    pub fn all_run(&self, version: &str) -> Result {
        self.machines.iter().try_for_each(|machine| {
            for (key, wanted) in [("Version", version), ("Sync", "Synced"), ("Service", "Normal")] {
                assert_eq!(machine.status(key)?, wanted, "{key} of {}", machine.name());
            }
            Ok(())
        })
    }
}

/// What is a site's own.
pub fn own(account: &str, version: Option<&str>) -> String {
    let version = version.map(|version| format!("synch_version: {version}\n")).unwrap_or_default();
    format!("{version}synch_site:\n  sync: {{filter_value: '^{account}$'}}\n")
}
