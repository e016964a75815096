//! A broker on a host of its own in the LAN: Debian's mosquitto, with the very files of `docs/mosquitto`, or its NATS.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;

use crate::certificates::Authority;
use crate::command::run;
use crate::error::{Context, Error, Result};
use crate::net::{Host, Net};
use crate::quarters::Quarters;
use crate::rootfs::{rabbit_rootfs, rootfs, servers_rootfs};
use crate::version::Version;
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
    /// RabbitMQ 3.10, which speaks MQTT 3.1.1 and gives no retained message to who asks with a wildcard.
    Rabbit3,
    /// RabbitMQ 4.3, which speaks MQTT 5.
    Rabbit4,
}

/// A broker. Dropped, it is killed.
pub struct Broker {
    kind: Kind,
    child: Option<Child>,
    quarters: Quarters,
}

impl Broker {
    /// Starts one with an account for each of these sites.
    pub fn start(net: &Arc<Net>, sites: &[&str]) -> Result<Self> {
        Self::of_kind(net, Kind::Mosquitto, sites)
    }

    /// Starts mosquitto 2.1, which is installed beside Asterisk 22.
    pub fn beside_asterisk(net: &Arc<Net>, sites: &[&str]) -> Result<Self> {
        Self::in_root(net, rootfs(Version::V22)?, Kind::Mosquitto, sites)
    }

    /// Starts one of that kind.
    pub fn of_kind(net: &Arc<Net>, kind: Kind, sites: &[&str]) -> Result<Self> {
        let root = match kind {
            Kind::Mosquitto | Kind::Nats => servers_rootfs()?,
            Kind::Rabbit3 => rabbit_rootfs("bookworm")?,
            Kind::Rabbit4 => rabbit_rootfs("forky")?,
        };
        Self::in_root(net, root, kind, sites)
    }

    fn in_root(net: &Arc<Net>, root: PathBuf, kind: Kind, sites: &[&str]) -> Result<Self> {
        let mut broker = Self { kind, child: None, quarters: Quarters::new(net, root, "broker")? };
        match kind {
            Kind::Mosquitto => broker.configure_mosquitto(sites)?,
            Kind::Nats => broker.configure_nats(sites)?,
            Kind::Rabbit3 | Kind::Rabbit4 => broker.configure_rabbit()?,
        }
        broker.run()?;
        if matches!(kind, Kind::Rabbit3 | Kind::Rabbit4) {
            broker.allow_at_rabbit(sites)?;
        }
        Ok(broker)
    }

    fn configure_mosquitto(&self, sites: &[&str]) -> Result {
        let conf = CONF.replace("/etc/mosquitto", self.quarters.home());
        self.quarters.write("synch.conf", &format!("{conf}\nuser root\n"))?;
        self.quarters.write("synch.acl", ACL)?;
        let accounts: String = sites.iter().map(|site| format!("{site}:{}\n", secret(site))).collect();
        let file = self.quarters.write("synch.passwd", &accounts)?;
        run(&mut self.quarters.command(&["mosquitto_passwd", "-U", &file])).map(drop)
    }

    /// Each level of a topic is one of a subject there.
    fn configure_nats(&self, sites: &[&str]) -> Result {
        let user = |site: &&str| format!("    {{ user: {site}, password: \"{}\" }}\n", secret(site));
        let users: String = sites.iter().map(user).collect();
        let conf = format!(
            "server_name: lab\njetstream {{ store_dir: \"{}/store\" }}\nmqtt {{ host: \"{}\", port: 1883 }}\n\
             authorization {{\n  users = [\n{users}  ]\n}}\n",
            self.quarters.home(),
            self.address()
        );
        self.quarters.write("synch.conf", &conf).map(drop)
    }

    fn configure_rabbit(&self) -> Result {
        // Erlang looks its own node up.
        let hosts = self.quarters.root().join("etc/hosts");
        fs::write(&hosts, "127.0.0.1 localhost\n").context(format!("writing {}", hosts.display()))?;
        self.quarters.write("plugins", "[rabbitmq_mqtt].\n")?;
        let lines = format!(
            "listeners.tcp = none\nmqtt.listeners.tcp.default = {}:1883\nmqtt.allow_anonymous = false\n",
            self.address()
        );
        self.quarters.write("rabbitmq.conf", &lines).map(drop)
    }

    /// Accounts, each with the rights of docs/state.md.
    fn allow_at_rabbit(&self, sites: &[&str]) -> Result {
        let control = |words: &[&str]| run(self.rabbit("rabbitmqctl").args(words)).map(drop);
        for site in sites {
            control(&["add_user", site, &secret(site)])?;
            control(&["set_permissions", site, ".*", ".*", ".*"])?;
            let (write, read) = ("^synch\\.1\\.{username}\\..+", "^synch\\.1\\..+");
            control(&["set_topic_permissions", "-p", "/", site, "amq.topic", write, read])?;
        }
        Ok(())
    }

    /// A program of RabbitMQ's, for the node of this broker.
    fn rabbit(&self, program: &str) -> Command {
        let mut command =
            self.quarters.command(&["env", "RABBITMQ_NODENAME=rabbit@localhost", "LC_ALL=C.UTF-8"]);
        command.arg(format!("HOME={}", self.quarters.home()));
        command.arg(format!("RABBITMQ_MNESIA_BASE={}", self.quarters.inside("mnesia")));
        command.arg(format!("RABBITMQ_LOG_BASE={}", self.quarters.home()));
        command.arg(format!("RABBITMQ_ENABLED_PLUGINS_FILE={}", self.quarters.inside("plugins")));
        command.arg(format!("RABBITMQ_CONFIG_FILE={}", self.quarters.inside("rabbitmq.conf")));
        command.arg(format!("/usr/lib/rabbitmq/bin/{program}"));
        command
    }

    /// Runs it, in the place of one that was killed.
    pub fn run(&mut self) -> Result {
        let conf = self.quarters.inside("synch.conf");
        let with_conf = |program| self.quarters.command(&[program, "-c", &conf]);
        let mut command = match self.kind {
            Kind::Mosquitto => with_conf("mosquitto"),
            Kind::Nats => with_conf("nats-server"),
            Kind::Rabbit3 | Kind::Rabbit4 => self.rabbit("rabbitmq-server"),
        };
        self.child = Some(self.quarters.spawn(&mut command, "log")?);
        until_ok("the broker to listen", GENEROUS, || {
            std::net::TcpStream::connect((self.address(), 1883)).context("connecting to the broker").map(drop)
        })
        .map_err(|error| {
            let log = fs::read_to_string(self.quarters.path("log")).unwrap_or_default();
            Error::new(format!("{error}\n{log}"))
        })
    }

    /// Runs anew with this access list in the place of its own.
    pub fn run_with_acl(&mut self, acl: &str) -> Result {
        self.kill();
        self.quarters.write("synch.acl", acl)?;
        self.run()
    }

    /// Runs anew and keeps what it knows on its disk, as Debian's does.
    pub fn remember(&mut self) -> Result {
        self.kill();
        let conf =
            fs::read_to_string(self.quarters.path("synch.conf")).context("reading the broker's file")?;
        let home = self.quarters.home();
        self.quarters
            .write("synch.conf", &format!("{conf}persistence true\npersistence_location {home}/\n"))?;
        self.run()
    }

    /// Has it write down now what it knows, and waits until it has.
    pub fn save(&self) -> Result {
        let pid = self.child.as_ref().context("the broker does not run")?.id();
        run(Command::new("kill").args(["-USR1", &pid.to_string()]))?;
        let file = self.quarters.path("mosquitto.db");
        until_ok("the broker to write", GENEROUS, || fs::metadata(&file).context(file.display()).map(drop))
    }

    /// Runs anew and takes TLS as well, with a certificate for its address that the authority signs which this returns.
    pub fn take_tls(&mut self) -> Result<Authority> {
        self.kill();
        let authority = Authority::new(&self.quarters.path("keys"))?;
        authority.sign("broker", &format!("IP:{}", self.address()), 2)?;
        let conf =
            fs::read_to_string(self.quarters.path("synch.conf")).context("reading the broker's file")?;
        let keys = self.quarters.inside("keys");
        let lines = format!(
            "listener 8883\ncafile {keys}/ca.crt\ncertfile {keys}/broker.crt\nkeyfile {keys}/broker.key\n"
        );
        self.quarters.write("synch.conf", &format!("{conf}{lines}"))?;
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

    /// Its process.
    pub fn pid(&self) -> Result<u32> {
        self.child.as_ref().map(Child::id).context("the broker was not started")
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.quarters.address()
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        self.quarters.host()
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
        let mut command = self.quarters.command(&[program]);
        command.args(["-h", &self.address().to_string(), "-u", site, "-P", &secret(site)]);
        command
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
