//! One main, one branch and phones, in a network of their own: where most tests start.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::ami::Ami;
use crate::asterisk::Asterisk;
use crate::conf::Role;
use crate::dns::a_record;
use crate::error::{Error, Result};
use crate::net::Net;
use crate::phone::{Phone, Settings};
use crate::version::Version;
use crate::wait::{GENEROUS, until_ok};

/// The name that the site's phones register at.
pub const NAME: &str = "sip.voice.example.com";

/// A branch site and its main. Nothing runs yet: change files, then start what is wanted.
pub struct Site {
    /// The main system, behind the WAN.
    pub main: Asterisk,
    /// The branch, in the LAN.
    pub branch: Asterisk,
    /// The network. Last, so that it goes last.
    pub net: Arc<Net>,
}

impl Site {
    /// Main and branch of that version, with their files, without the module.
    pub fn new(version: Version) -> Result<Self> {
        let net = Net::new()?;
        let main = Asterisk::new(&net, Role::Main, version)?;
        let branch = Asterisk::new(&net, Role::Branch, version)?;
        Ok(Self { main, branch, net })
    }

    /// The same, with the module on the branch, loaded at every start.
    pub fn with_module(version: Version) -> Result<Self> {
        let site = Self::new(version)?;
        site.branch.install_module()?;
        site.branch.load_module_at_start()?;
        Ok(site)
    }

    /// A site in normal service: users synced, the name pointing to the main.
    pub fn in_service(version: Version) -> Result<Self> {
        let mut site = Self::with_module(version)?;
        site.serve()?;
        match a_record(site.branch.address(), NAME)? {
            address if address == site.main.address() => Ok(site),
            other => Err(Error::new(format!("{NAME} is {other} in normal service"))),
        }
    }

    /// Starts main and branch, and waits until the users are synced and the main serves.
    pub fn serve(&mut self) -> Result {
        self.start()?;
        self.wait_status("Service", "Normal")?;
        self.wait_status("Sync", "Synced")
    }

    /// Starts main and branch, both at once.
    pub fn start(&mut self) -> Result {
        self.main.spawn()?;
        self.branch.spawn()?;
        self.main.wait_booted()?;
        self.branch.wait_booted()
    }

    /// Switches on a phone that asks the branch's DNS, registering as the site's phones do.
    pub fn phone(&self, user: &str) -> Result<Phone> {
        Phone::new(&self.net, user, &self.phone_settings())
    }

    /// What the site's phones are told.
    pub fn phone_settings(&self) -> Settings {
        Settings::with_dns(SocketAddr::from((self.branch.address(), 53)))
    }

    /// Switches on a phone that registers at that system and no other, and waits until it has.
    pub fn phone_at(&self, system: &Asterisk, user: &str) -> Result<Phone> {
        self.phone_told(system, user, self.phone_settings())
    }

    /// The same, told this besides.
    pub fn phone_told(&self, system: &Asterisk, user: &str, settings: Settings) -> Result<Phone> {
        let registrar = system.address().to_string();
        let phone = Phone::new(&self.net, user, &Settings { registrar, ..settings })?;
        system.wait_registered(user)?;
        Ok(phone)
    }

    /// Waits until `synch show dialplan` has this text, or has it no more.
    pub fn wait_dialplan(&self, text: &str, wanted: bool) -> Result {
        until_ok(&format!("{text} to be dialled: {wanted}"), GENEROUS, || {
            let shown = self.branch.rx("synch show dialplan")?;
            if shown.contains(text) == wanted { Ok(()) } else { Err(Error::new(shown)) }
        })
    }

    /// Gives the branch's manager interface an account of the class system alone; its secret is `NAME-secret`.
    pub fn add_account(&self, name: &str) -> Result {
        let accounts = self.branch.read_conf("manager.conf")?;
        let account = format!("\n[{name}]\nsecret = {name}-secret\nread = system\nwrite = system\n");
        self.branch.write_conf("manager.conf", &(accounts + &account))
    }

    /// Logs in at the branch's manager interface, with such an account.
    pub fn login(&self, name: &str) -> Result<Ami> {
        Ami::login(self.branch.address(), name, &format!("{name}-secret"))
    }

    /// One value of `synch show status json` on the branch.
    pub fn status(&self, key: &str) -> Result<String> {
        self.branch.status(key)
    }

    /// Waits until the status says so.
    pub fn wait_status(&self, key: &str, wanted: &str) -> Result {
        self.branch.wait_status(key, wanted)
    }

    /// Waits until the branch answers that address for the phones' name.
    pub fn wait_name(&self, wanted: Ipv4Addr) -> Result {
        until_ok(&format!("{NAME} to be {wanted}"), GENEROUS, || {
            match a_record(self.branch.address(), NAME)? {
                found if found == wanted => Ok(()),
                found => Err(Error::new(format!("it is {found}"))),
            }
        })
    }

    /// How often the phones have been sent somewhere, the first time included.
    pub fn moves(&self) -> Result<usize> {
        let history = self.branch.rx("synch show history")?;
        Ok(history.lines().filter(|line| line.split_whitespace().nth(1) == Some("Service")).count())
    }

    /// Starts the main first, then the branch: one that once saw the main dead would wait before it calls it well.
    pub fn start_main_first(&mut self) -> Result {
        self.main.start()?;
        self.branch.start()?;
        self.wait_status("Service", "Normal")
    }

    /// Takes the main away as a crash does.
    pub fn kill_main(&mut self) -> Result {
        self.main.kill_9()
    }

    /// Takes the way to the main away, silently.
    pub fn lose_wan(&mut self) -> Result {
        self.net.blackhole()
    }

    /// Brings both back.
    pub fn heal(&mut self) -> Result {
        self.net.restore()?;
        if self.main.is_running() { Ok(()) } else { self.main.start() }
    }
}
