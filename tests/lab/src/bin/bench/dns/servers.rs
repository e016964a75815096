//! The other name servers: Debian's nsd, knot, unbound and dnsmasq, each with one worker and what we answer, too.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lab::dns::{RecordType, Transport, ask_with, question};
use lab::error::Context;
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Result, Site};

/// Their folder in the root file system.
const FOLDER: &str = "lab-dns";

/// The zone that is upstream of everybody: any name of example.org has an address.
const UPSTREAM: &str =
    "$TTL 3600\n@ SOA ns hostmaster 1 300 300 300 300\n@ NS ns\nns A 192.0.2.53\n* A 192.0.2.1\n";

/// One server, for as long as it is kept.
pub struct Server {
    /// Its name.
    pub name: &'static str,
    /// Its port.
    pub port: u16,
    child: Child,
}

impl Server {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All of them.
pub struct Servers {
    address: Ipv4Addr,
    upstream: Server,
    echo: Server,
    authoritative: Vec<Server>,
    resolvers: Vec<Server>,
}

impl Servers {
    /// Starts all, on ports of the branch's address.
    pub fn start(site: &Site, root: &Path) -> Result<Self> {
        let address = site.branch.address();
        let start = Start { site, root, address };
        let own = format!(
            "$TTL 30\n@ SOA ns hostmaster 1 300 300 300 30\n@ NS ns\nns A {address}\nsip A {address}\n@ A {address}\n"
        );
        start.file("own.zone", &own)?;
        start.file("upstream.zone", UPSTREAM)?;
        let upstream = start.nsd("upstream", 5301, "example.org")?;
        let echo = start.echo(5302)?;
        let authoritative = vec![
            start.nsd("nsd", 5303, "voice.example.com")?,
            start.knot(5304)?,
            start.unbound("unbound", 5305, &upstream)?,
            start.dnsmasq("dnsmasq", 5306, &upstream)?,
        ];
        let resolvers =
            vec![start.unbound("unbound", 5307, &upstream)?, start.dnsmasq("dnsmasq", 5308, &upstream)?];
        let servers = Self { address, upstream, echo, authoritative, resolvers };
        servers.wait()?;
        Ok(servers)
    }

    /// Who knows the names outside the zone.
    pub fn upstream(&self) -> SocketAddr {
        (self.address, self.upstream.port).into()
    }

    /// The bare echo.
    pub fn echo(&self) -> &Server {
        &self.echo
    }

    /// Those that have the phones' name.
    pub fn authoritative(&self) -> &[Server] {
        &self.authoritative
    }

    /// Those that have a cache.
    pub fn resolvers(&self) -> &[Server] {
        &self.resolvers
    }

    fn wait(&self) -> Result {
        for server in self.authoritative.iter().chain(&self.resolvers).chain([&self.upstream]) {
            let name = if server.name == "upstream" { "www.example.org" } else { NAME };
            until_ok(&format!("{} to answer", server.name), GENEROUS, || {
                let question = question(name, RecordType::A)?;
                let answer = ask_with((self.address, server.port).into(), &question, Transport::Udp)?;
                answer.answers.first().context("an answer without address").map(drop)
            })?;
        }
        Ok(())
    }
}

/// Starts a server in the branch's namespace.
struct Start<'a> {
    site: &'a Site,
    root: &'a Path,
    address: Ipv4Addr,
}

impl Start<'_> {
    fn nsd(&self, name: &'static str, port: u16, zone: &str) -> Result<Server> {
        let (address, file) = (self.address, if name == "upstream" { "upstream.zone" } else { "own.zone" });
        // Its limit of 200 answers a second to one client is off, as ours is.
        self.file(
            &format!("{name}.conf"),
            &format!(
                "server:\n ip-address: {address}@{port}\n server-count: 1\n username: \"\"\n chroot: \"\"\n \
                 zonesdir: \"/{FOLDER}\"\n database: \"\"\n pidfile: \"/{FOLDER}/{name}.pid\"\n \
                 xfrdfile: \"/{FOLDER}/{name}.xfrd\"\n zonelistfile: \"/{FOLDER}/{name}.list\"\n \
                 rrl-ratelimit: 0\n rrl-whitelist-ratelimit: 0\nremote-control:\n control-enable: no\n\
                 zone:\n name: \"{zone}\"\n zonefile: \"{file}\"\n"
            ),
        )?;
        self.spawn(name, port, &["nsd", "-d", "-c", &format!("/{FOLDER}/{name}.conf")])
    }

    fn knot(&self, port: u16) -> Result<Server> {
        let address = self.address;
        self.file(
            "knot.conf",
            &format!(
                "server:\n  rundir: /{FOLDER}\n  listen: {address}@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
                 background-workers: 1\ndatabase:\n  storage: /{FOLDER}/knot\nzone:\n  - domain: voice.example.com\n    \
                 storage: /{FOLDER}\n    file: own.zone\n"
            ),
        )?;
        fs::create_dir_all(self.root.join(FOLDER).join("knot")).context("making knot's folder")?;
        self.spawn("knot", port, &["knotd", "-c", &format!("/{FOLDER}/knot.conf")])
    }

    fn unbound(&self, name: &'static str, port: u16, upstream: &Server) -> Result<Server> {
        let (address, file, above) = (self.address, format!("unbound-{port}.conf"), upstream.port);
        self.file(
            &file,
            &format!(
                "server:\n num-threads: 1\n interface: {address}\n port: {port}\n access-control: 0.0.0.0/0 allow\n \
                 do-daemonize: no\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n \
                 module-config: \"iterator\"\n local-zone: \"voice.example.com.\" static\n \
                 local-data: \"{NAME}. 30 IN A {address}\"\n\
                 remote-control:\n control-enable: no\n\
                 forward-zone:\n name: \".\"\n forward-addr: {address}@{above}\n"
            ),
        )?;
        self.spawn(name, port, &["unbound", "-d", "-c", &format!("/{FOLDER}/{file}")])
    }

    fn dnsmasq(&self, name: &'static str, port: u16, upstream: &Server) -> Result<Server> {
        let (address, above) = (self.address, upstream.port);
        let (port_option, listen) = (format!("--port={port}"), format!("--listen-address={address}"));
        let (record, server) =
            (format!("--host-record={NAME},{address},30"), format!("--server={address}#{above}"));
        let fixed = ["--keep-in-foreground", "--conf-file=/dev/null", "--bind-interfaces", "--no-hosts"];
        let more = ["--no-resolv", "--cache-size=10000", "--user=root", "--pid-file="];
        let options = [&["dnsmasq"][..], &fixed, &more, &[&port_option, &listen, &record, &server]].concat();
        self.spawn(name, port, &options)
    }

    fn echo(&self, port: u16) -> Result<Server> {
        let program = std::env::current_exe().context("the path of this program")?;
        let mut command = self.site.branch.host().command(&[&program.display().to_string(), "echo"]);
        command.arg(SocketAddr::from((self.address, port)).to_string());
        started("echo", port, &mut command)
    }

    fn spawn(&self, name: &'static str, port: u16, line: &[&str]) -> Result<Server> {
        let mut command = self.site.branch.host().command(&["chroot"]);
        command.arg(self.root).args(line);
        started(name, port, &mut command)
    }

    fn file(&self, name: &str, text: &str) -> Result {
        let folder = self.root.join(FOLDER);
        fs::create_dir_all(&folder).context("making the servers' folder")?;
        fs::write(folder.join(name), text).context(name)
    }
}

fn started(name: &'static str, port: u16, command: &mut Command) -> Result<Server> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    Ok(Server { name, port, child: child.context(format!("starting {name}"))? })
}
