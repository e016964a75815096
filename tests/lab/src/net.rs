//! Namespaces, links, and the ways to cut them.
//!
//! One namespace, `synchN-net`, holds the bridge of the LAN and routes between it and the WAN. It is apart from the
//! machine's own network: no firewall rule or forwarding switch of the machine matters or changes.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::command::{IN_ROOT, run, run_with, words};
use crate::error::{Context, Error, Result};
use crate::rootfs::forget;

/// Held by a lab as long as its process lives; the kernel lets go of it whatever becomes of the process.
const LOCKS: &str = "/run/synch-lab";

/// The network of one lab, removed when the last user of it is dropped.
pub struct Net {
    number: u8,
    next_host: AtomicU8,
    _lock: File,
}

/// A host in a namespace of its own.
#[derive(Clone)]
pub struct Host {
    /// The name of the namespace.
    pub namespace: String,
    /// Its address.
    pub address: Ipv4Addr,
    // Processes in the namespace need it to be there.
    _net: Arc<Net>,
}

impl Net {
    /// Builds a network that is nobody else's: bridge, router, and a link for the test process itself.
    pub fn new() -> Result<Arc<Self>> {
        clean();
        for number in 1..=250 {
            if let Some(lock) = try_lock(number)? {
                let net = Arc::new(Self { number, next_host: AtomicU8::new(10), _lock: lock });
                forget(&net.name());
                net.build()?;
                return Ok(net);
            }
        }
        Err(Error::new("250 labs run on this machine: no number is free"))
    }

    /// `synch3`: what all names of this lab begin with.
    pub fn name(&self) -> String {
        format!("synch{}", self.number)
    }

    /// The test process's own address in the LAN: where it can be a main, a DNS forwarder, an AMI client.
    pub fn own_address(&self) -> Ipv4Addr {
        self.lan(1)
    }

    /// The main's address, behind the WAN.
    pub fn main_address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 78, self.number, 2)
    }

    /// The branch's address, in the LAN.
    pub fn branch_address(&self) -> Ipv4Addr {
        self.lan(2)
    }

    /// The carrier's address: in the LAN, as the site's own line to it does not cross the WAN.
    pub fn carrier_address(&self) -> Ipv4Addr {
        self.lan(3)
    }

    /// The address of the site's second branch machine, in the LAN.
    pub fn second_address(&self) -> Ipv4Addr {
        self.lan(4)
    }

    /// Makes the main's host, behind the WAN.
    pub fn main_host(self: &Arc<Self>) -> Result<Host> {
        let namespace = format!("{}-main", self.name());
        let router = self.router();
        run(&mut words(&["ip", "netns", "add", &namespace]))?;
        batch(
            &router,
            &format!(
                "link add wan type veth peer name eth0 netns {namespace}\n\
                 address add 10.78.{n}.1/24 dev wan\n\
                 link set wan up\n",
                n = self.number
            ),
        )?;
        self.host(namespace, self.main_address(), Ipv4Addr::new(10, 78, self.number, 1))
    }

    /// Makes the branch's host, in the LAN.
    pub fn branch_host(self: &Arc<Self>) -> Result<Host> {
        self.lan_host("branch", self.branch_address())
    }

    /// Makes the carrier's host, in the LAN.
    pub fn carrier_host(self: &Arc<Self>) -> Result<Host> {
        self.lan_host("carrier", self.carrier_address())
    }

    /// Makes the host of the site's second branch machine, in the LAN.
    pub fn second_host(self: &Arc<Self>) -> Result<Host> {
        self.lan_host("second", self.second_address())
    }

    /// Makes one more host in the LAN, for a phone or a name server.
    pub fn phone_host(self: &Arc<Self>, name: &str) -> Result<Host> {
        let address = self.lan(self.next_host.fetch_add(1, Ordering::Relaxed));
        self.lan_host(name, address)
    }

    /// Pulls the cable of a host in the LAN: its address is gone, and nobody says so.
    pub fn unplug(&self, host: &Host) -> Result {
        batch(&self.router(), &format!("link set p{} down\n", host.address.octets()[3]))
    }

    /// Plugs it in again.
    pub fn plug_in(&self, host: &Host) -> Result {
        batch(&self.router(), &format!("link set p{} up\n", host.address.octets()[3]))
    }

    /// Takes the WAN link down, as a pulled cable does: the router says that the main can't be reached.
    pub fn cut_wan(&self) -> Result {
        batch(&self.router(), "link set wan down\n")
    }

    /// Drops silently all that goes to or comes from the main: nobody says anything.
    pub fn blackhole(&self) -> Result {
        self.drop_packets("")
    }

    /// Drops silently what matches `rule` between LAN and WAN; `tcp dport 5038` takes the AMI alone.
    pub fn drop_packets(&self, rule: &str) -> Result {
        self.filter(rule, "drop")
    }

    /// Refuses what matches `rule` between LAN and WAN, as a host does where nobody listens.
    pub fn reject_packets(&self, rule: &str) -> Result {
        let verdict = if rule.starts_with("tcp") { "reject with tcp reset" } else { "reject" };
        self.filter(rule, verdict)
    }

    /// Refuses what matches `rule` between LAN and WAN in nft's words, such as `reject with icmp admin-prohibited`. Linux
    /// says so once a second, and drops what comes between.
    pub fn reject_packets_with(&self, rule: &str, verdict: &str) -> Result {
        self.filter(rule, verdict)
    }

    fn filter(&self, rule: &str, verdict: &str) -> Result {
        // The WAN by name: where bridges are filtered, too, what passes inside the LAN comes through here as well.
        let table = format!(
            "table ip lab {{ chain forward {{ type filter hook forward priority 0; \
             iifname wan {rule} counter {verdict}; oifname wan {rule} counter {verdict}; }}; }}\n"
        );
        run_with(Command::new("ip").args(["netns", "exec", &self.router(), "nft", "-f", "-"]), &table)
            .map(drop)
    }

    /// Heals everything that [`Self::cut_wan`], [`Self::blackhole`] and [`Self::drop_packets`] did.
    pub fn restore(&self) -> Result {
        let router = self.router();
        run(&mut words(&["ip", "netns", "exec", &router, "nft", "flush", "ruleset"]))?;
        batch(&router, "link set wan up\n")
    }

    /// Makes the WAN a slow line: `256kbit`, with so many milliseconds of packets that wait at either end before others are
    /// dropped. [`Self::restore`] leaves it as it is. The main's host has to be there.
    pub fn slow_wan(&self, rate: &str, queue_ms: u32) -> Result {
        let main = format!("{}-main", self.name());
        let latency = format!("{queue_ms}ms");
        for (namespace, device) in [(self.router(), "wan"), (main, "eth0")] {
            let tc = ["tc", "-n", &namespace, "qdisc", "replace", "dev", device, "root"];
            run(words(&tc).args(["tbf", "rate", rate, "burst", "2kb", "latency", &latency]))?;
        }
        Ok(())
    }

    /// Bytes that the main has sent over the WAN so far.
    pub fn bytes_from_main(&self) -> Result<u64> {
        self.wan_bytes("rx_bytes")
    }

    /// Bytes that were sent to the main over the WAN so far.
    pub fn bytes_to_main(&self) -> Result<u64> {
        self.wan_bytes("tx_bytes")
    }

    fn wan_bytes(&self, counter: &str) -> Result<u64> {
        let file = format!("/sys/class/net/wan/statistics/{counter}");
        let text = run(&mut words(&["ip", "netns", "exec", &self.router(), "cat", &file]))?;
        text.trim().parse().context(format!("reading {file}"))
    }

    fn router(&self) -> String {
        format!("{}-net", self.name())
    }

    fn lan(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number, host)
    }

    fn build(&self) -> Result {
        let (router, name, n) = (self.router(), self.name(), self.number);
        // Without a hardware address of its own, a bridge takes the lowest one of its ports: it would change as phones
        // are plugged in, and hosts that know the old one would talk to nobody.
        run(&mut words(&["ip", "netns", "add", &router]))?;
        batch(
            &router,
            &format!(
                "link set lo up\n\
                 link add lan address 02:00:00:00:00:fe type bridge\n\
                 address add 10.77.{n}.254/24 dev lan\n\
                 link set lan up\n\
                 link add {name}-test type veth peer name test\n\
                 link set {name}-test netns {pid}\n\
                 link set test master lan up\n",
                pid = std::process::id()
            ),
        )?;
        run_with(
            &mut words(&["ip", "-batch", "-"]),
            &format!(
                "address add 10.77.{n}.1/24 dev {name}-test\n\
                 link set {name}-test up\n\
                 route add 10.78.{n}.0/24 via 10.77.{n}.254\n"
            ),
        )?;
        run(&mut words(&["ip", "netns", "exec", &router, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]))
            .map(drop)
    }

    fn lan_host(self: &Arc<Self>, name: &str, address: Ipv4Addr) -> Result<Host> {
        let namespace = format!("{}-{name}", self.name());
        run(&mut words(&["ip", "netns", "add", &namespace]))?;
        let link = format!(
            "link add p{host} type veth peer name eth0 netns {namespace}\n\
             link set p{host} master lan up\n",
            host = address.octets()[3]
        );
        batch(&self.router(), &link)?;
        self.host(namespace, address, self.lan(254))
    }

    fn host(self: &Arc<Self>, namespace: String, address: Ipv4Addr, gateway: Ipv4Addr) -> Result<Host> {
        batch(
            &namespace,
            &format!(
                "link set lo up\n\
                 address add {address}/24 dev eth0\n\
                 link set eth0 up\n\
                 route add default via {gateway}\n"
            ),
        )?;
        Ok(Host { namespace, address, _net: Arc::clone(self) })
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        remove(self.number);
    }
}

impl Host {
    /// A command that runs in this host's namespace.
    pub fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).args(line);
        command
    }

    /// A command that runs in this host's namespace and in that root file system, with its own /proc: the namespace of mounts
    /// that `ip netns exec` makes is private, and goes with the process.
    pub fn chroot(&self, root: &Path) -> Command {
        let mut command = self.command(&["sh", "-c", IN_ROOT]);
        command.arg(root);
        command
    }

    /// Octets and packets that have come and gone by its link so far, with their Ethernet headers.
    pub fn traffic(&self) -> Result<[u64; 2]> {
        let counter = |name: &str| format!("/sys/class/net/eth0/statistics/{name}");
        let files = ["rx_bytes", "tx_bytes", "rx_packets", "tx_packets"].map(counter);
        let text = run(self.command(&["cat"]).args(&files))?;
        let numbers: Vec<u64> = text.lines().filter_map(|line| line.parse().ok()).collect();
        let [rx, tx, rx_packets, tx_packets] =
            <[u64; 4]>::try_from(numbers).map_err(|_| Error::new(format!("the counters are {text}")))?;
        Ok([rx + tx, rx_packets + tx_packets])
    }

    /// Whether `address` answers a ping from here, within a second.
    pub fn reaches(&self, address: Ipv4Addr) -> bool {
        run(&mut self.command(&["ping", "-c", "1", "-W", "1", &address.to_string()])).is_ok()
    }
}

/// Removes what killed runs left: labs whose lock nobody holds.
fn clean() {
    for number in left_over() {
        // The lock is kept until all is removed, so that nobody builds on it meanwhile.
        if let Ok(Some(_lock)) = try_lock(number) {
            remove(number);
        }
    }
}

/// Removes the lab of that number: the processes in its namespaces, then the namespaces, and with them every link.
fn remove(number: u8) {
    // The kernel takes its time with what was in a namespace; the one link outside must not be in the next lab's way.
    let _ = run(&mut words(&["ip", "link", "delete", &format!("synch{number}-test")]));
    for namespace in namespaces().iter().filter(|name| number_of(name) == Some(number)) {
        let pids = run(&mut words(&["ip", "netns", "pids", namespace])).unwrap_or_default();
        for pid in pids.split_whitespace() {
            let _ = run(&mut words(&["kill", "-9", pid]));
        }
        if let Err(error) = run(&mut words(&["ip", "netns", "delete", namespace])) {
            eprintln!("lab: {namespace} stays behind: {error}");
        }
    }
}

fn left_over() -> Vec<u8> {
    let mut numbers: Vec<u8> = namespaces().iter().filter_map(|name| number_of(name)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn namespaces() -> Vec<String> {
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The lab that a namespace belongs to: 3 for `synch3-main`, nobody for a namespace that is not ours.
fn number_of(namespace: &str) -> Option<u8> {
    namespace.strip_prefix("synch")?.split_once('-')?.0.parse().ok()
}

fn try_lock(number: u8) -> Result<Option<File>> {
    fs::create_dir_all(LOCKS).context(format!("making {LOCKS}: the lab needs root"))?;
    let path = Path::new(LOCKS).join(number.to_string());
    let file = File::create(&path).context(format!("making {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => {
            Err(Error::new(format!("locking {}: {error}", path.display())))
        }
    }
}

/// Several `ip` commands at once in a namespace: a process each would take most of the time a lab needs to be up.
fn batch(namespace: &str, lines: &str) -> Result {
    run_with(&mut words(&["ip", "-n", namespace, "-batch", "-"]), lines).map(drop)
}
