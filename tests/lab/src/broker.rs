//! A broker on a host of its own in the LAN: Debian's mosquitto, with the very files of `docs/mosquitto`, or its NATS.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::certificates::Authority;
use crate::command::run;
use crate::error::{Context, Result};
use crate::net::{Host, Net};
use crate::rootfs::servers_rootfs;
use crate::wait::{GENEROUS, until_ok};

const CONF: &str = include_str!("../../../docs/mosquitto/synch.conf");
const ACL: &str = include_str!("../../../docs/mosquitto/synch.acl");

/// The password of an account at the broker.
pub fn secret(site: &str) -> String {
    format!("broker-{site}")
}

/// Which program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// mosquitto 2.0, which speaks MQTT 5.
    Mosquitto,
    /// nats-server 2.9, which speaks MQTT 3.1.1.
    Nats,
}

/// A broker. Dropped, it is killed.
pub struct Broker {
    kind: Kind,
    child: Option<Child>,
    root: PathBuf,
    /// Its folder, as it sees it.
    home: String,
    host: Host,
}

impl Broker {
    /// Starts one with an account for each of these sites.
    pub fn start(net: &Arc<Net>, sites: &[&str]) -> Result<Self> {
        Self::of_kind(net, Kind::Mosquitto, sites)
    }

    /// Starts one of that kind.
    pub fn of_kind(net: &Arc<Net>, kind: Kind, sites: &[&str]) -> Result<Self> {
        let root = servers_rootfs()?;
        let host = net.phone_host("broker")?;
        let home = format!("/lab/{}/broker", net.name());
        let mut broker = Self { kind, child: None, root, home, host };
        let folder = broker.path("");
        fs::create_dir_all(&folder).context(format!("making {}", folder.display()))?;
        match kind {
            Kind::Mosquitto => broker.configure_mosquitto(sites)?,
            Kind::Nats => broker.configure_nats(sites)?,
        }
        broker.run()?;
        Ok(broker)
    }

    fn configure_mosquitto(&self, sites: &[&str]) -> Result {
        let conf = CONF.replace("/etc/mosquitto", &self.home);
        self.write("synch.conf", &format!("{conf}\nuser root\n"))?;
        self.write("synch.acl", ACL)?;
        self.write("synch.passwd", "")?;
        sites.iter().try_for_each(|site| {
            let file = format!("{}/synch.passwd", self.home);
            run(self.chroot().args(["mosquitto_passwd", "-b", &file, site, &secret(site)])).map(drop)
        })
    }

    /// Each level of a topic is one of a subject there.
    fn configure_nats(&self, sites: &[&str]) -> Result {
        let user = |site: &&str| format!("    {{ user: {site}, password: \"{}\" }}\n", secret(site));
        let users: String = sites.iter().map(user).collect();
        let conf = format!(
            "server_name: lab\njetstream {{ store_dir: \"{}/store\" }}\nmqtt {{ host: \"{}\", port: 1883 }}\n\
             authorization {{\n  users = [\n{users}  ]\n}}\n",
            self.home,
            self.address()
        );
        self.write("synch.conf", &conf)
    }

    /// Runs it, in the place of one that was killed.
    pub fn run(&mut self) -> Result {
        let mut command = self.host.command(&["chroot"]);
        let program = match self.kind {
            Kind::Mosquitto => "mosquitto",
            Kind::Nats => "nats-server",
        };
        command.arg(&self.root).args([program, "-c", &format!("{}/synch.conf", self.home)]);
        let log = fs::File::create(self.path("log")).context("making the broker's log")?;
        let copy = log.try_clone().context("sharing the broker's log")?;
        command.stdin(Stdio::null()).stdout(copy).stderr(log);
        self.child = Some(command.spawn().context(format!("starting {program}"))?);
        until_ok("the broker to listen", GENEROUS, || {
            std::net::TcpStream::connect((self.address(), 1883)).context("connecting to the broker").map(drop)
        })
    }

    /// Runs anew with this access list in the place of its own.
    pub fn run_with_acl(&mut self, acl: &str) -> Result {
        self.kill();
        self.write("synch.acl", acl)?;
        self.run()
    }

    /// Runs anew and takes TLS as well, with a certificate for its address that the authority signs which this returns.
    pub fn take_tls(&mut self) -> Result<Authority> {
        self.kill();
        let authority = Authority::new(&self.path("keys"))?;
        authority.sign("broker", &format!("IP:{}", self.address()), 2)?;
        let conf = fs::read_to_string(self.path("synch.conf")).context("reading the broker's file")?;
        let keys = format!("{}/keys", self.home);
        let lines = format!(
            "listener 8883\ncafile {keys}/ca.crt\ncertfile {keys}/broker.crt\nkeyfile {keys}/broker.key\n"
        );
        self.write("synch.conf", &format!("{conf}{lines}"))?;
        self.run()?;
        Ok(authority)
    }

    /// Kills it, as a power failure would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.host.address
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// What it keeps on topics that fit `filter`, a line each: topic and payload.
    pub fn retained(&self, site: &str, filter: &str) -> Result<Vec<String>> {
        let output = self.client("mosquitto_sub", site).args(["-v", "-t", filter, "-W", "1"]).output();
        let output = output.context("asking the broker")?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }

    /// Has an account say something that is kept.
    pub fn publish(&self, site: &str, topic: &str, payload: &str) -> Result {
        let message: &[&str] = if payload.is_empty() { &["-n"] } else { &["-m", payload] };
        run(self.client("mosquitto_pub", site).args(["-r", "-t", topic]).args(message)).map(drop)
    }

    /// A client of mosquitto's, logged in as that account.
    pub fn client(&self, program: &str, site: &str) -> Command {
        let mut command = self.chroot();
        command.args([program, "-h", &self.address().to_string(), "-u", site, "-P", &secret(site)]);
        command
    }

    fn chroot(&self) -> Command {
        let mut command = self.host.command(&["chroot"]);
        command.arg(&self.root);
        command
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.join(self.home.trim_start_matches('/')).join(file)
    }

    fn write(&self, file: &str, text: &str) -> Result {
        let path = self.path(file);
        fs::write(&path, text).context(format!("writing {}", path.display()))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(self.path(""));
        if let Some(lab) = self.path("").parent() {
            let _ = fs::remove_dir(lab);
        }
    }
}
