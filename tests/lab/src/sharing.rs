//! Systems that share their states over a broker, and have nothing else of `res_synch`.

use std::sync::Arc;

use crate::asterisk::Asterisk;
use crate::broker::{Broker, Kind, secret};
use crate::conf::{Role, password};
use crate::error::{Context, Error, Result};
use crate::net::Net;
use crate::version::Version;
use crate::wait::{GENEROUS, until_ok};

/// The names of the systems, by their place.
pub const SITES: [&str; 3] = ["berlin", "bonn", "bern"];

/// Modules of Asterisk that the lab's other systems have no use for.
const MODULES: &str =
    "load = app_queue.so\nload = app_verbose.so\nload = res_mwi_devstate.so\nload = res_clioriginate.so\n";

/// The same of those with PJSIP: phones may watch the calls of numbers.
const MODULES_22: &str = "load = func_pjsip_endpoint.so\nload = res_pjsip_outbound_publish.so\nload = res_pjsip_exten_state.so\nload = res_pjsip_dialog_info_body_generator.so\n\
                          load = res_pjsip_pidf_body_generator.so\n";

/// What each has in its dialplan besides: the hints of the seed's own test, and numbers that set and check the device.
const DIALPLAN: &str = "
[devstate_test]
exten => 1234,hint,Custom:mystate
exten => 1235,hint,Custom:other
exten => set_inuse,1,Set(DEVICE_STATE(Custom:mystate)=INUSE)
exten => set_not_inuse,1,Set(DEVICE_STATE(Custom:mystate)=NOT_INUSE)
exten => check,1,NoOp(Custom:mystate is ${DEVICE_STATE(Custom:mystate)})
exten => leave,1,VoiceMail(1001@default,s)
exten => caller,1,Answer()
 same => n,Queue(sales)
exten => member,1,Log(NOTICE,the member is rung)
 same => n,Wait(1)
";

/// Systems in one company, each a site of its own. The broker outlives none of them.
pub struct Sharing {
    /// Berlin, bonn, bern: as many as were wanted.
    pub systems: Vec<Asterisk>,
    /// Over which they share.
    pub broker: Broker,
    /// Where they are.
    pub net: Arc<Net>,
}

impl Sharing {
    /// One system for each version; nothing runs yet but the broker. `lines` are of each one's `[state]`.
    pub fn new(versions: &[Version], lines: &str) -> Result<Self> {
        Self::over(Kind::Mosquitto, versions, lines)
    }

    /// The same over a broker of that kind.
    pub fn over(kind: Kind, versions: &[Version], lines: &str) -> Result<Self> {
        Self::beside(&[], kind, versions, lines)
    }

    /// The same over a broker that has accounts for other sites, too.
    pub fn beside(others: &[String], kind: Kind, versions: &[Version], lines: &str) -> Result<Self> {
        let net = Net::new()?;
        let accounts: Vec<&str> = SITES.into_iter().chain(others.iter().map(String::as_str)).collect();
        let broker = Broker::of_kind(&net, kind, &accounts)?;
        let roles = [Role::Main, Role::Branch, Role::Second];
        let mut systems = Vec::new();
        for ((role, site), version) in roles.into_iter().zip(SITES).zip(versions) {
            let system = Asterisk::new(&net, role, *version)?;
            system.share(site, &broker, lines)?;
            systems.push(system);
        }
        Ok(Self { systems, broker, net })
    }

    /// The same, all of them running and known to each other.
    pub fn joined(versions: &[Version], lines: &str) -> Result<Self> {
        let mut sharing = Self::new(versions, lines)?;
        sharing.start()?;
        Ok(sharing)
    }

    /// The system at that place of [`SITES`].
    pub fn at(&self, place: usize) -> Result<&Asterisk> {
        self.systems.get(place).context("there are not so many systems")
    }

    /// The same, to start and to kill it.
    pub fn at_mut(&mut self, place: usize) -> Result<&mut Asterisk> {
        self.systems.get_mut(place).context("there are not so many systems")
    }

    /// Berlin and bonn.
    pub fn both(&self) -> Result<[&Asterisk; 2]> {
        Ok([self.at(0)?, self.at(1)?])
    }

    /// Starts all, and waits until they know each other.
    pub fn start(&mut self) -> Result {
        self.systems.iter_mut().try_for_each(Asterisk::spawn)?;
        self.systems.iter_mut().try_for_each(Asterisk::wait_booted)?;
        self.wait_joined()
    }

    /// Waits until one of them is in the broker.
    pub fn wait_one_joined(&self) -> Result {
        until_ok("one to be joined", GENEROUS, || {
            let states: Result<Vec<String>> =
                self.systems.iter().map(|system| system.status("State")).collect();
            let states = states?;
            if states.iter().any(|state| state == "Joined") {
                Ok(())
            } else {
                Err(Error::new(states.join(", ")))
            }
        })
    }

    /// Waits until each of those that run knows all others of them.
    pub fn wait_joined(&mut self) -> Result {
        let running: Vec<bool> = self.systems.iter_mut().map(Asterisk::is_running).collect();
        let others = running.iter().filter(|running| **running).count() - 1;
        for (system, _) in self.systems.iter().zip(running).filter(|(_, running)| *running) {
            system.wait_status("State", "Joined")?;
            until_ok("all sites to be joined", GENEROUS, || {
                let sites = system.rx("synch show sites")?;
                if sites.matches("Joined").count() >= others { Ok(()) } else { Err(Error::new(sites)) }
            })?;
        }
        Ok(())
    }
}

/// `res_synch.conf` of a system that only shares its states.
pub fn state(site: &str, broker: &Broker, lines: &str) -> String {
    let (host, secret) = (broker.address(), secret(site));
    format!("[state]\nhost = {host}\nsecret = {secret}\nsite = {site}\n{lines}\n")
}

impl Asterisk {
    /// Gives it the module with nothing but `[state]`, and what the lab does with states.
    pub fn share(&self, site: &str, broker: &Broker, lines: &str) -> Result {
        self.install_module()?;
        let modules = self.read_conf("modules.conf")?;
        let watching = if self.version == Version::V22 { MODULES_22 } else { "" };
        self.write_conf("modules.conf", &format!("{modules}{MODULES}{watching}load = res_synch.so\n"))?;
        let dialplan = self.read_conf("extensions.conf")?;
        self.write_conf("extensions.conf", &format!("{dialplan}{DIALPLAN}"))?;
        self.write_conf("queues.conf", "[general]\n")?;
        self.write_conf("res_synch.conf", &state(site, broker, lines))
    }

    /// The same beside what its `res_synch.conf` has already.
    pub fn share_besides(&self, site: &str, broker: &Broker, lines: &str) -> Result {
        let before = self.read_conf("res_synch.conf")?;
        self.share(site, broker, lines)?;
        self.write_conf("res_synch.conf", &format!("{before}\n{}", state(site, broker, lines)))
    }

    /// Gives it a user of its own with one phone. PJSIP only.
    pub fn add_phone(&self, user: &str, name: &str) -> Result {
        let section = format!(
            "[{user}]\ntype = endpoint\ntransport = transport-udp\ncontext = from-internal\ncallerid = {name} <{user}>\ndisallow = all\n\
             allow = ulaw\naors = {user}\nauth = {user}\n\n[{user}]\ntype = aor\nmax_contacts = 1\n\n\
             [{user}]\ntype = auth\nusername = {user}\npassword = {}\n",
            password(user)
        );
        let pjsip = self.read_conf("pjsip.conf")?;
        self.write_conf("pjsip.conf", &format!("{pjsip}\n{section}"))
    }

    /// What `DEVICE_STATE()` gives.
    pub fn device_state(&self, device: &str) -> Result<String> {
        let mut ami = self.ami()?;
        let answer = ami.action("Getvar", &[("Variable", &format!("DEVICE_STATE({device})"))])?;
        Ok(answer.get("Value").unwrap_or_default().to_owned())
    }

    /// Waits until `DEVICE_STATE()` gives that.
    pub fn wait_device(&self, device: &str, wanted: &str) -> Result {
        until_ok(&format!("{device} to be {wanted}"), GENEROUS, || {
            let state = self.device_state(device)?;
            if state == wanted { Ok(()) } else { Err(Error::new(format!("it is {state}"))) }
        })
    }

    /// Sets a device of the administrator's own.
    pub fn set_device(&self, device: &str, state: &str) -> Result {
        let mut ami = self.ami()?;
        let variable = format!("DEVICE_STATE({device})");
        ami.action("Setvar", &[("Variable", &variable), ("Value", state)]).map(drop)
    }

    /// The state of the hint of a number, as `core show hints` has it.
    pub fn hint(&self, number: &str) -> Result<String> {
        let hints = self.rx(&format!("core show hint {number}"))?;
        let state = hints.split("State:").nth(1).unwrap_or_default();
        Ok(state.split_whitespace().next().unwrap_or_default().to_owned())
    }

    /// Waits until the hint of a number shows that nobody uses the device.
    pub fn wait_dark(&self, number: &str) -> Result {
        until_ok(&format!("the hint of {number} to be dark"), GENEROUS, || {
            let state = self.hint(number)?;
            if ["Idle", "Unavailable"].contains(&&*state) { Ok(()) } else { Err(Error::new(state)) }
        })
    }

    /// Waits until the hint of a number shows that.
    pub fn wait_hint(&self, number: &str, wanted: &str) -> Result {
        until_ok(&format!("the hint of {number} to show {wanted}"), GENEROUS, || {
            let state = self.hint(number)?;
            if state == wanted { Ok(()) } else { Err(Error::new(format!("it shows {state}"))) }
        })
    }
}
