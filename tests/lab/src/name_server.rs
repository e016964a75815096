//! The site's own name server, Debian's dnsmasq or unbound, on a host of its own in the LAN. It forwards the phones' zone
//! to whom it is told, and knows no other name.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::conf::DOMAIN;
use crate::dns::{RecordType, ask};
use crate::error::{Context, Result};
use crate::net::{Host, Net};
use crate::rootfs::servers_rootfs;
use crate::wait::{GENEROUS, until_ok};

/// Each has a name of its own.
static STARTED: AtomicU16 = AtomicU16::new(1);

/// Which program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// dnsmasq 2.90.
    Dnsmasq,
    /// unbound 1.17.
    Unbound,
}

/// A running name server. Dropped, it is killed.
pub struct NameServer {
    child: Child,
    file: PathBuf,
    host: Host,
}

impl Make {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Dnsmasq, Self::Unbound];

    /// What its administrator writes into its configuration: whom to ask for the zone, and `options`, lines of its
    /// own syntax, of unbound's `server:`.
    fn lines(self, branches: &[Ipv4Addr], options: &str) -> String {
        let each = |line: &dyn Fn(&Ipv4Addr) -> String| branches.iter().map(line).collect::<String>();
        match self {
            Self::Dnsmasq => {
                let servers = each(&|branch| format!("server=/{DOMAIN}/{branch}\n"));
                format!("{servers}{options}\n")
            }
            Self::Unbound => {
                let forwards = each(&|branch| format!("    forward-addr: {branch}\n"));
                format!("server:\n{options}\nforward-zone:\n    name: \"{DOMAIN}\"\n{forwards}")
            }
        }
    }

    /// What the lab adds, so that it runs where it is.
    fn lab_lines(self, address: Ipv4Addr) -> String {
        match self {
            Self::Dnsmasq => {
                format!(
                    "listen-address={address}\nbind-interfaces\nno-hosts\nno-resolv\nuser=root\npid-file=\n"
                )
            }
            Self::Unbound => format!(
                "server:\n    interface: {address}\n    access-control: 10.0.0.0/8 allow\n    do-daemonize: no\n    \
                 chroot: \"\"\n    username: \"\"\n    pidfile: \"\"\n    use-syslog: no\n\
                 remote-control:\n    control-enable: no\n"
            ),
        }
    }

    fn command(self) -> &'static [&'static str] {
        match self {
            Self::Dnsmasq => &["dnsmasq", "--keep-in-foreground", "-C"],
            Self::Unbound => &["unbound", "-d", "-c"],
        }
    }
}

impl fmt::Display for Make {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dnsmasq => "dnsmasq",
            Self::Unbound => "unbound",
        })
    }
}

impl NameServer {
    /// Starts one that asks `branches` for the phones' zone; `options` are lines of its configuration besides.
    pub fn start(net: &Arc<Net>, make: Make, branches: &[Ipv4Addr], options: &str) -> Result<Self> {
        Self::with_lines(net, make, &make.lines(branches, options))
    }

    /// Starts one with just these lines for its configuration.
    pub fn with_lines(net: &Arc<Net>, make: Make, lines: &str) -> Result<Self> {
        let root = servers_rootfs()?;
        let name = format!("{make}-{}", STARTED.fetch_add(1, Ordering::Relaxed));
        let host = net.phone_host(&name)?;
        let inside = format!("lab/{}", net.name());
        let folder = root.join(&inside);
        fs::create_dir_all(&folder).context(format!("making {}", folder.display()))?;
        let file = folder.join(&name);
        let text = format!("{lines}\n{}", make.lab_lines(host.address));
        fs::write(&file, text).context(format!("writing {}", file.display()))?;
        let mut command = host.command(&["chroot"]);
        command.arg(&root).args(make.command()).arg(format!("/{inside}/{name}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().context(format!("starting {make}"))?;
        let server = Self { child, file, host };
        // Both answer for this name by themselves, be it with a refusal.
        until_ok(&format!("{make} to answer"), GENEROUS, || {
            ask(server.address(), "localhost.", RecordType::A)
        })?;
        Ok(server)
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.host.address
    }

    /// The same, as a phone is told it.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::from((self.address(), 53))
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.file);
        // The lab's folder goes with its last server.
        if let Some(lab) = self.file.parent() {
            let _ = fs::remove_dir(lab);
        }
    }
}
