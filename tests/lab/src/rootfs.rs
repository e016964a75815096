//! The root file systems that hold Asterisk 22 and 16: made once, of Debian's packages, and kept in `target/lab`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::command;
use crate::error::{Context, Result};
use crate::version::Version;

/// Where the lab keeps what it makes: `target/lab` of the workspace, or `SYNCH_LAB_DIR`.
pub fn lab_dir() -> PathBuf {
    match std::env::var_os("SYNCH_LAB_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lab"),
    }
}

/// What is in a root file system besides the least that Debian needs. One that was made with other packages is made anew.
fn packages(version: Version) -> &'static str {
    match version {
        // The broker is for the demo.
        Version::V22 => "asterisk,asterisk-dev,procps,mosquitto",
        // Voicemail is a package of its own there.
        Version::V16 => "asterisk,asterisk-voicemail,asterisk-dev,procps",
    }
}

/// Says in a root file system with which packages it was made.
const MADE_WITH: &str = "etc/synch-lab";

/// The root file system of `version`, made now if there is none yet (half a minute, needs root and a Debian mirror).
pub fn rootfs(version: Version) -> Result<PathBuf> {
    kept(&version.to_string(), packages(version), |mirror| suites(version, mirror))
}

/// Suite and sources of a Debian that has that version.
fn suites(version: Version, mirror: &str) -> Vec<String> {
    match version {
        Version::V22 => vec!["forky".to_owned(), mirror.to_owned()],
        // Asterisk of bullseye, on bookworm's C library: what is built on bookworm loads there.
        Version::V16 => {
            let source = |suite: &str| format!("deb {mirror} {suite} main");
            vec!["bookworm".to_owned(), source("bookworm"), source("bullseye")]
        }
    }
}

/// What a branch machine has beside its Asterisk.
const BESIDE: &str = "procps,python3,python3-apt,openssl,nftables,keepalived,iproute2";

/// The root file system of a branch machine as Ansible finds it: Debian's Asterisk, the Python that Ansible wants, and what the
/// role makes use of.
pub fn fleet_rootfs(version: Version) -> Result<PathBuf> {
    match version {
        Version::V22 => kept("fleet", &format!("asterisk,{BESIDE}"), |mirror| suites(version, mirror)),
        Version::V16 => {
            let packages = format!("asterisk,asterisk-voicemail,{BESIDE}");
            kept("fleet-16", &packages, |mirror| suites(version, mirror))
        }
    }
}

/// The root file system of such a machine with Asterisk 22 that its own systemd boots.
pub fn systemd_rootfs() -> Result<PathBuf> {
    let packages = format!("asterisk,{BESIDE},systemd-sysv,dbus");
    kept("systemd", &packages, |mirror| suites(Version::V22, mirror))
}

/// The root file system of other name servers, which `make bench` compares with and which stand in for a site's own, and of
/// Debian 12's brokers. It is made as the others are: installed on the machine itself, each of them would start.
pub fn servers_rootfs() -> Result<PathBuf> {
    let packages = "nsd,knot,unbound,dnsmasq-base,dnsperf,mosquitto,mosquitto-clients,nats-server";
    kept("dns", packages, |mirror| vec!["bookworm".to_owned(), mirror.to_owned()])
}

/// The root file system of RabbitMQ, which is as large as all others together, in the version of that Debian.
pub fn rabbit_rootfs(debian: &str) -> Result<PathBuf> {
    let name = format!("rabbit-{debian}");
    kept(&name, "rabbitmq-server,iproute2", |mirror| vec![debian.to_owned(), mirror.to_owned()])
}

/// The root file system of version 22 with valgrind, which must be of the same Debian: it replaces functions of the C
/// library, and finds them by its debugging symbols (libc6-dbg).
pub fn valgrind_rootfs() -> Result<PathBuf> {
    let packages = format!("{},valgrind,libc6-dbg", packages(Version::V22));
    kept("valgrind", &packages, |mirror| vec!["forky".to_owned(), mirror.to_owned()])
}

/// The root file system of a host that reads pages and metrics, and raises alarms. Installed on the machine itself, Prometheus
/// would start.
pub fn reader_rootfs() -> Result<PathBuf> {
    let packages = "prometheus,prometheus-alertmanager,chromium,fonts-dejavu-core,curl";
    kept("reader", packages, |mirror| vec!["bookworm".to_owned(), mirror.to_owned()])
}

/// The root file system of version 22 for the processor of a Raspberry Pi, whose programs qemu runs (`tests/lab/install arm64`).
pub fn arm64_rootfs() -> Result<PathBuf> {
    kept_for(Some("arm64"), "arm64", "asterisk,procps", |mirror| vec!["forky".to_owned(), mirror.to_owned()])
}

/// A root file system of that name with these packages; `suites` are the suite and the sources, for mmdebstrap.
fn kept(name: &str, packages: &str, suites: impl FnOnce(&str) -> Vec<String>) -> Result<PathBuf> {
    kept_for(None, name, packages, suites)
}

/// The same for another processor, by Debian's name for it.
fn kept_for(
    architecture: Option<&str>,
    name: &str,
    packages: &str,
    suites: impl FnOnce(&str) -> Vec<String>,
) -> Result<PathBuf> {
    let dir = lab_dir();
    fs::create_dir_all(&dir).context(format!("making {}", dir.display()))?;
    let root = dir.join(format!("rootfs-{name}"));
    let _only_one = lock(&dir.join(format!("rootfs-{name}.lock")))?;
    let made_with = fs::read_to_string(root.join(MADE_WITH)).unwrap_or_default();
    if made_with != packages {
        let half_made = dir.join(format!("rootfs-{name}.new"));
        // Nothing is ever mounted in it, so that removing it removes only it.
        if half_made.exists() {
            fs::remove_dir_all(&half_made).context(format!("removing {}", half_made.display()))?;
        }
        let takes = if architecture.is_some() { "ten minutes" } else { "half a minute" };
        eprintln!("lab: making the root file system {name} ({takes}, once)");
        make(architecture, packages, &suites(&mirror()?), &half_made)?;
        if root.exists() {
            fs::remove_dir_all(&root).context(format!("removing {}", root.display()))?;
        }
        fs::rename(&half_made, &root).context(format!("making {}", root.display()))?;
    }
    root.canonicalize().context(format!("finding {}", root.display()))
}

/// Removes what a killed run left of the lab of that name.
pub fn forget(lab: &str) {
    let dir = lab_dir();
    for left in [
        "phones",
        "rootfs-22/lab",
        "rootfs-16/lab",
        "rootfs-valgrind/lab",
        "rootfs-dns/lab",
        "rootfs-rabbit/lab",
        "rootfs-reader/lab",
    ] {
        let _ = fs::remove_dir_all(dir.join(left).join(lab));
    }
}

fn make(architecture: Option<&str>, packages: &str, suites: &[String], dir: &Path) -> Result {
    let mut mmdebstrap = command::words(&[
        // What it mounts in there stays out of sight, and goes when it ends, even by kill -9.
        "unshare",
        "--mount",
        "mmdebstrap",
        "--quiet",
        "--mode=root",
        "--variant=minbase",
        // The suites' release files can be past their date.
        "--aptopt=Acquire::Check-Valid-Until \"false\"",
    ]);
    mmdebstrap.args(architecture.map(|name| format!("--architectures={name}")));
    mmdebstrap.arg(format!("--include={packages}"));
    let (suite, sources) = suites.split_first().context("no suite to make a root file system of")?;
    mmdebstrap.arg(suite).arg(dir).args(sources);
    command::run(&mut mmdebstrap)?;
    // The machine's name servers can't be reached from a lab: without this, Asterisk waits for them as it starts.
    let switch = dir.join("etc/nsswitch.conf");
    fs::write(&switch, "passwd: files\ngroup: files\nhosts: files\n")
        .context(format!("writing {}", switch.display()))?;
    let made_with = dir.join(MADE_WITH);
    fs::write(&made_with, packages).context(format!("writing {}", made_with.display()))
}

/// The Debian mirror that this machine's apt uses.
fn mirror() -> Result<String> {
    let targets = command::run(&mut command::words(&[
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Codename: bookworm",
    ]))?;
    let first = targets.lines().next();
    first.map(str::to_owned).context("apt knows no mirror of bookworm: run apt-get update on a Debian 12")
}

/// Takes the lock on `path`, waiting for it; it ends with the file, or with the process.
fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).context(format!("making {}", path.display()))?;
    file.lock().context(format!("locking {}", path.display()))?;
    Ok(file)
}
