//! A branch machine as it comes: Debian's Asterisk 22 or 16 with Debian's files, in a root file system of its own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::systemd::Systemd;
use crate::command::{run, words};
use crate::error::{Context, Error, Result};
use crate::net::{Host, Net};
use crate::overlay::Overlay;
use crate::rootfs::{fleet_rootfs, lab_dir, systemd_rootfs};
use crate::version::Version;
use crate::wait::{GENEROUS, PHONES_RETRY, until, until_ok};

/// What stands for `systemctl start asterisk` and `systemctl restart asterisk`.
const START: &str = include_str!("../../conf/deploy/start-asterisk");
/// How long a command at the console may take.
const ANSWER: &str = "60";

/// The machine. Dropped, its Asterisk is killed and the machine is gone; its log and settings are kept aside.
pub struct Machine {
    name: &'static str,
    version: Version,
    host: Host,
    /// None: nothing but Asterisk runs in it.
    systemd: Option<Systemd>,
    overlay: Overlay,
}

impl Machine {
    /// Makes one in the LAN. Its Asterisk does not run yet.
    pub fn new(net: &Arc<Net>, name: &'static str, version: Version) -> Result<Self> {
        Self::of(net.phone_host(name)?, &net.name(), name, version)
    }

    /// The same machine after its disk was lost: as it comes, at the same address.
    pub fn anew(self) -> Result<Self> {
        let (name, version, host) = (self.name, self.version, self.host.clone());
        let lab = host.namespace.split('-').next().unwrap_or_default().to_owned();
        drop(self);
        Self::of(host, &lab, name, version)
    }

    /// Makes one in the LAN that its own systemd has booted, with Debian's Asterisk 22 as a service.
    pub fn with_systemd(net: &Arc<Net>, name: &'static str) -> Result<Self> {
        let host = net.phone_host(name)?;
        let overlay = Overlay::new(&format!("{}-{name}", net.name()), &systemd_rootfs()?)?;
        let mut machine = Self { name, version: Version::V22, host, systemd: None, overlay };
        fs::write(machine.path("etc/hostname"), format!("{name}\n")).context("naming a machine")?;
        machine.systemd = Some(Systemd::boot(&machine.host, &machine.root())?);
        Ok(machine)
    }

    fn of(host: Host, lab: &str, name: &'static str, version: Version) -> Result<Self> {
        let overlay = Overlay::new(&format!("{lab}-{name}"), &fleet_rootfs(version)?)?;
        let machine = Self { name, version, host, systemd: None, overlay };
        let start = machine.path("usr/local/sbin/start-asterisk");
        fs::write(&start, START).context(format!("writing {}", start.display()))?;
        run(words(&["chmod", "755"]).arg(&start))?;
        fs::write(machine.path("etc/hostname"), format!("{name}\n")).context("naming a machine")?;
        Ok(machine)
    }

    /// Its name, which is the site's.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.host.address
    }

    /// Its root file system.
    pub fn root(&self) -> PathBuf {
        self.overlay.root()
    }

    /// Where a file of it is: `etc/asterisk/res_synch.conf`.
    pub fn path(&self, file: &str) -> PathBuf {
        self.overlay.root().join(file)
    }

    /// A file's text.
    pub fn read(&self, file: &str) -> Result<String> {
        let path = self.path(file);
        fs::read_to_string(&path).context(format!("reading {}", path.display()))
    }

    /// Its systemd.
    pub fn systemd(&self) -> Option<&Systemd> {
        self.systemd.as_ref()
    }

    /// What Ansible has had its systemd note of each task, in which no password is.
    pub fn journal_keeps_secrets(&self) -> Result {
        let journal = self.run(&["journalctl", "--no-pager"])?;
        if !journal.contains("Invoked with") {
            return Err(Error::new(format!("no word of Ansible: {journal}")));
        }
        super::has_no_secret(&journal)
    }

    /// What a command in it prints.
    pub fn run(&self, line: &[&str]) -> Result<String> {
        let enter = self.systemd.as_ref().map(Systemd::command);
        run(enter.unwrap_or_else(|| self.host.chroot(&self.root())).args(line))
    }

    /// Starts its Asterisk, and does not wait until it is up.
    pub fn start(&self) -> Result {
        match self.systemd {
            Some(_) => self.run(&["systemctl", "start", "asterisk"]),
            None => self.run(&["/usr/local/sbin/start-asterisk"]),
        }
        .map(drop)
    }

    /// Waits until its Asterisk is up.
    pub fn wait_booted(&self) -> Result {
        until_ok(&format!("{} to boot", self.name), GENEROUS, || self.rx("core waitfullybooted").map(drop))
    }

    /// What a command at its console says.
    pub fn rx(&self, command: &str) -> Result<String> {
        let bounded = ["timeout", "--kill-after=1", ANSWER];
        let console = ["/usr/sbin/asterisk", "-rx", command];
        match self.systemd {
            Some(_) => self.run(&[&bounded[..], &console].concat()),
            None => run(words(&bounded).arg("chroot").arg(self.root()).args(console)),
        }
    }

    /// One value of `synch show status json`.
    pub fn status(&self, key: &str) -> Result<String> {
        let text = self.rx("synch show status json")?;
        let json: serde_json::Value =
            serde_json::from_str(&text).context(format!("reading the status of {}: {text}", self.name))?;
        match json.pointer(&format!("/0/{key}")) {
            Some(serde_json::Value::String(value)) => Ok(value.clone()),
            Some(value) => Ok(value.to_string()),
            None => Err(Error::new(format!("the status has no {key}: {text}"))),
        }
    }

    /// Waits until the status says so.
    pub fn wait_status(&self, key: &str, wanted: &str) -> Result {
        until_ok(&format!("{key} of {} to be {wanted}", self.name), GENEROUS, || match self.status(key)? {
            found if found == wanted => Ok(()),
            found => Err(Error::new(format!("{key} is {found}; {:?}", self.status(&format!("{key}Reason"))))),
        })
    }

    /// Waits until that user is registered with it.
    pub fn wait_registered(&self, user: &str) -> Result {
        until_ok(&format!("{user} to register at {}", self.name), PHONES_RETRY, || {
            let contacts = self.rx("pjsip show contacts")?;
            if contacts.contains(&format!("{user}/sip:")) { Ok(()) } else { Err(Error::new(contacts)) }
        })
    }

    /// The process of its Asterisk, as it is seen in the machine.
    pub fn pid(&self) -> Result<u32> {
        let text = match self.systemd {
            Some(_) => self.run(&["systemctl", "show", "--property=MainPID", "--value", "asterisk"])?,
            None => self.read("run/asterisk/asterisk.pid")?,
        };
        text.trim().parse().context(format!("asterisk.pid of {} says {text}", self.name))
    }

    /// When its Asterisk has begun: another after each restart, even in the same process.
    pub fn began(&self) -> Result<String> {
        let text = self.rx("core show settings")?;
        let line = text.lines().find(|line| line.contains("Startup time:"));
        line.map(|line| line.trim().to_owned()).context(format!("no startup time in {text}"))
    }

    /// Kills its Asterisk, as a power cut would. A systemd starts it again.
    pub fn kill(&self) {
        if self.systemd.is_some() {
            let _ = self.run(&["systemctl", "kill", "--signal=KILL", "asterisk"]);
            return;
        }
        let Ok(pid) = self.pid() else { return };
        // Only where it is this machine's own: after a restart the number may be somebody else's.
        let own = fs::read_link(format!("/proc/{pid}/root")).is_ok_and(|root| root == self.root());
        if own {
            let _ = run(&mut words(&["kill", "-9", &pid.to_string()]));
            let gone = || !Path::new(&format!("/proc/{pid}")).exists();
            let _ = until("Asterisk to be gone", GENEROUS, gone);
        }
        let _ = fs::remove_file(self.path("run/asterisk/asterisk.pid"));
        let _ = fs::remove_file(self.path("run/asterisk/asterisk.ctl"));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let journal = self.systemd.as_ref().map(|systemd| systemd.output(&["journalctl", "--no-pager"]));
        self.kill();
        let test = std::thread::current().name().unwrap_or("main").replace("::", "-");
        let kept = lab_dir().join("last").join(test).join(self.name);
        let _ = fs::remove_dir_all(&kept);
        let _ = fs::create_dir_all(&kept);
        if let Some(journal) = journal {
            let _ = fs::write(kept.join("journal"), journal);
        }
        for file in [
            "var/log/asterisk/messages.log",
            "var/log/asterisk/messages",
            "etc/asterisk/res_synch.conf",
            "etc/asterisk/pjsip.conf",
        ] {
            let name = file.rsplit('/').next().unwrap_or(file);
            let _ = fs::copy(self.path(file), kept.join(name));
        }
    }
}
