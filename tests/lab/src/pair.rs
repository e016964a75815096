//! A site with two branch machines, each with the module, and phones that have both for name servers.

use std::net::{Ipv4Addr, SocketAddr};

use crate::asterisk::Asterisk;
use crate::conf::Role;
use crate::error::Result;
use crate::phone::{Phone, Settings};
use crate::site::Site;
use crate::version::Version;

/// Two branch machines that know nothing of each other. The site's own is the phones' first name server.
pub struct Pair {
    /// The other one.
    pub second: Asterisk,
    /// Main, first branch, network.
    pub site: Site,
}

impl Pair {
    /// Both branch machines with the module and a dialplan of their own; nothing runs yet.
    pub fn new(version: Version) -> Result<Self> {
        let site = Site::with_dialplan(version)?;
        let second = Asterisk::new(&site.net, Role::Second, version)?;
        second.install_module()?;
        second.load_module_at_start()?;
        second.give_dialplan()?;
        Ok(Self { second, site })
    }

    /// A pair in normal service: users synced on both, and both name the main.
    pub fn in_service(version: Version) -> Result<Self> {
        let mut pair = Self::new(version)?;
        pair.serve()?;
        Ok(pair)
    }

    /// Starts all three, and waits until the users are synced on both branch machines and the main serves.
    pub fn serve(&mut self) -> Result {
        self.second.spawn()?;
        self.site.serve()?;
        self.second.wait_booted()?;
        [&self.site.branch, &self.second].into_iter().try_for_each(|branch| {
            branch.wait_status("Service", "Normal")?;
            branch.wait_status("Sync", "Synced")?;
            branch.wait_status("Dialplan", "in force")
        })
    }

    /// The addresses of both branch machines, the first one first.
    pub fn addresses(&self) -> [Ipv4Addr; 2] {
        [self.site.branch.address(), self.second.address()]
    }

    /// What the site's phones are told.
    pub fn phone_settings(&self) -> Settings {
        let dns = self.addresses().map(|address| SocketAddr::from((address, 53)));
        Settings { dns: dns.to_vec(), ..self.site.phone_settings() }
    }

    /// Switches on a phone that has both for name servers, and is registered where they send it.
    pub fn phone(&self, user: &str) -> Result<Phone> {
        Phone::new(&self.site.net, user, &self.phone_settings())
    }

    /// Kills the main, and waits until both branch machines serve.
    pub fn begin_outage(&mut self) -> Result {
        self.site.kill_main()?;
        [&self.site.branch, &self.second].into_iter().try_for_each(|branch| {
            branch.wait_status("Service", "Failover")?;
            branch.wait_status("Dialplan", "in force")
        })
    }
}
