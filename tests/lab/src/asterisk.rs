//! One running Asterisk: its own files in a shared root file system, its own namespace, its life.

mod cli;
mod folder;
mod launch;
mod module;
mod process;

pub use folder::module_file;
pub use process::{Vitals, cpu_time};

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::ami::Ami;
use crate::command::words;
use crate::conf::{Role, files};
use crate::error::{Context, Error, Result};
use crate::net::{Host, Net};
use crate::rootfs::{lab_dir, rootfs};
use crate::version::Version;
use crate::wait::{GENEROUS, PHONES_RETRY, until, until_ok};

/// Where the root file systems have it.
const BINARY: &str = "/usr/sbin/asterisk";
/// How long a CLI command may take, if nothing else is said.
const ANSWER: Duration = Duration::from_secs(30);

/// An Asterisk with folders of its own. Dropped, it is killed and its folder is kept aside for whoever looks into a
/// failure (see [`Asterisk::kept`]).
pub struct Asterisk {
    /// Its major version.
    pub version: Version,
    /// What it is for.
    pub role: Role,
    host: Host,
    root: PathBuf,
    /// Its folder, as it sees it.
    home: String,
    user: &'static str,
    /// The words that its command line begins with, as it sees them.
    launcher: Vec<String>,
    child: Option<Child>,
}

impl Asterisk {
    /// An Asterisk for `role`, with all its files, not started yet.
    pub fn new(net: &Arc<Net>, role: Role, version: Version) -> Result<Self> {
        Self::in_root(net, role, version, rootfs(version)?)
    }

    /// The same in another root file system that holds that version.
    pub fn in_root(net: &Arc<Net>, role: Role, version: Version, root: PathBuf) -> Result<Self> {
        let home = format!("/lab/{}/{}", net.name(), role.name());
        let host = match role {
            Role::Main => net.main_host()?,
            Role::Branch => net.branch_host()?,
            Role::Second => net.second_host()?,
            Role::Carrier => net.carrier_host()?,
        };
        let asterisk =
            Self { version, role, host, root, home, user: "root", launcher: Vec::new(), child: None };
        folder::make(&asterisk.root, &asterisk.path(""))?;
        for (name, text) in files(role, version, net, &asterisk.home) {
            asterisk.write_conf(name, &text)?;
        }
        Ok(asterisk)
    }

    /// Its host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its address.
    pub fn address(&self) -> Ipv4Addr {
        self.host.address
    }

    /// Where a file of its folder is, seen from outside: `path("etc/pjsip.conf")`, `path("log/messages")`.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(self.home.trim_start_matches('/')).join(inside)
    }

    /// The same file as Asterisk itself names it.
    pub fn inside(&self, file: &str) -> String {
        format!("{}/{file}", self.home)
    }

    /// Writes a configuration file, in the place of any before it.
    pub fn write_conf(&self, name: &str, text: &str) -> Result {
        let path = self.path("etc").join(name);
        fs::write(&path, text).context(format!("writing {}", path.display()))?;
        // As `make install` leaves it: it holds a password.
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(&path, mode).context(format!("the mode of {}", path.display()))
    }

    /// A configuration file's text.
    pub fn read_conf(&self, name: &str) -> Result<String> {
        let path = self.path("etc").join(name);
        fs::read_to_string(&path).context(format!("reading {}", path.display()))
    }

    /// Replaces `from`, which must be there, in a configuration file.
    pub fn edit_conf(&self, name: &str, from: &str, to: &str) -> Result {
        let text = self.read_conf(name)?;
        if !text.contains(from) {
            return Err(Error::new(format!("{name} has no '{from}'")));
        }
        self.write_conf(name, &text.replace(from, to))
    }

    /// Puts the module and its documentation in place, as `make install` does; a running Asterisk can load it then.
    pub fn install_module(&self) -> Result {
        folder::install_module(self.version, &self.path(""))
    }

    /// Has the installed module loaded at every start.
    pub fn load_module_at_start(&self) -> Result {
        let modules = self.read_conf("modules.conf")?;
        self.write_conf("modules.conf", &format!("{modules}load = res_synch.so\n"))
    }

    /// Starts it and waits until it is fully booted.
    pub fn start(&mut self) -> Result {
        self.spawn()?;
        self.wait_booted()
    }

    /// Starts it and does not wait.
    pub fn spawn(&mut self) -> Result {
        if self.is_running() {
            return Err(Error::new(format!("{} runs already", self.role.name())));
        }
        // A socket of the run before would make the CLI believe that something listens.
        let _ = fs::remove_file(self.path("run").join(cli::SOCKET));
        let output = File::options().create(true).append(true).open(self.path("log/output"));
        let output = output.context("opening the file for Asterisk's output")?;
        let mut command = self.host.chroot(&self.root);
        command.args(&self.launcher).args([BINARY, "-f", "-C", &self.conf()]);
        // `-U root` is not the same as no -U: it takes the permission to bind port 53 away from root, too.
        if self.user != "root" {
            command.args(["-U", self.user]);
        }
        command.stdin(Stdio::null());
        command.stdout(output.try_clone().context("sharing the output file")?).stderr(output);
        self.child = Some(command.spawn().context(format!("starting {}", self.role.name()))?);
        Ok(())
    }

    /// A file as it sees it, from outside.
    pub fn in_its_root(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Waits until it is fully booted; fails at once when it ends instead.
    pub fn wait_booted(&mut self) -> Result {
        let name = self.role.name();
        let booted = until_ok(&format!("{name} to boot"), GENEROUS, || match self.is_running() {
            true => self.rx("core waitfullybooted").map(Ok),
            false => Ok(Err(Error::new(format!("{name} ended while it booted")))),
        });
        booted?.map(drop).map_err(|error| Error::new(format!("{error}\n{}", self.tail())))
    }

    /// What a CLI command says.
    pub fn rx(&self, command: &str) -> Result<String> {
        self.rx_within(ANSWER, command)
    }

    /// What a CLI command says within such a time.
    pub fn rx_within(&self, bound: Duration, command: &str) -> Result<String> {
        cli::ask(&self.path("run"), command, bound)
    }

    /// Opens a remote console and holds it open until it is dropped.
    pub fn console(&self) -> Result<Console> {
        // On a terminal of its own, which `script` makes: without one, the console spoils the second line typed.
        let root = self.root.display();
        let console = format!("exec chroot '{root}' {BINARY} -C {} -r", self.conf());
        let mut command = words(&["script", "--quiet", "--command", &console, "/dev/null"]);
        command.env("TERM", "vt100");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Console(command.spawn().context("opening a console")?))
    }

    /// Logs in at its manager interface as `admin`, who may do everything.
    pub fn ami(&self) -> Result<Ami> {
        Ami::login(self.address(), "admin", "admin-secret")
    }

    /// Its log, all of it.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log/messages")).unwrap_or_default()
    }

    /// Waits until its log says `text`.
    pub fn wait_log(&self, text: &str, bound: Duration) -> Result {
        until(&format!("{} to log '{text}'", self.role.name()), bound, || self.log().contains(text))
    }

    /// Waits until an entry of Asterisk's database is on the disk, which takes a second or two.
    pub fn wait_on_disk(&self, entry: &str) -> Result {
        until(&format!("{entry} to be on the disk"), GENEROUS, || {
            let database = fs::read(self.path("var/astdb.sqlite3")).unwrap_or_default();
            let is_there = database.windows(entry.len()).any(|bytes| bytes == entry.as_bytes());
            is_there && !self.path("var/astdb.sqlite3-journal").exists()
        })
    }

    /// The addresses that a user is registered from, as this Asterisk sees it; none when it is not registered here.
    pub fn registered_from(&self, user: &str) -> Result<Vec<String>> {
        let listing = match self.version {
            Version::V22 => self.rx("pjsip show contacts")?,
            Version::V16 => self.rx(&format!("sip show peer {user}"))?,
        };
        Ok(listing.lines().filter_map(|line| contact(self.version, line, user)).collect())
    }

    /// Waits until `user` is registered here.
    pub fn wait_registered(&self, user: &str) -> Result {
        let what = format!("{user} to register at the {}", self.role.name());
        until_ok(&what, PHONES_RETRY, || match self.registered_from(user)?.is_empty() {
            true => Err(Error::new("not registered")),
            false => Ok(()),
        })
    }

    /// Waits until it knows that it reaches a trunk of PJSIP that it asks now and then. Who was asked before he was there
    /// is given up three seconds later, and not called for a minute.
    pub fn wait_trunk(&self, name: &str) -> Result {
        until_ok(&format!("{} to reach {name}", self.role.name()), GENEROUS, || {
            let contacts = self.rx("pjsip show contacts")?;
            let line = contacts.lines().find(|line| line.contains(&format!(" {name}/"))).unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            if words.contains(&"Avail") {
                return Ok(());
            }
            if words.contains(&"Unavail") {
                self.rx(&format!("pjsip qualify {name}"))?;
            }
            Err(Error::new(line.trim()))
        })
    }

    /// How many channels there are.
    pub fn channels(&self) -> Result<usize> {
        let count = self.rx("core show channels count")?;
        let first = count.split_whitespace().next().and_then(|number| number.parse().ok());
        first.context(format!("core show channels count says '{count}'"))
    }

    /// The folder that what is left of this Asterisk is kept in once it is dropped, until the same test runs again.
    pub fn kept(&self) -> PathBuf {
        let test = std::thread::current().name().unwrap_or("main").replace("::", "-");
        lab_dir().join("last").join(test).join(self.role.name())
    }

    fn conf(&self) -> String {
        self.inside("etc/asterisk.conf")
    }

    /// The end of what it said, for error messages.
    fn tail(&self) -> String {
        let all = fs::read_to_string(self.path("log/output")).unwrap_or_default() + &self.log();
        let lines: Vec<&str> = all.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(20)).map(|line| format!("  {line}\n")).collect()
    }
}

impl Drop for Asterisk {
    fn drop(&mut self) {
        let _ = self.kill_9();
        folder::keep(&self.path(""), &self.kept());
    }
}

/// A remote console that somebody holds open.
pub struct Console(Child);

impl Console {
    /// Types a command; what it does shows elsewhere.
    pub fn type_line(&mut self, command: &str) -> Result {
        let stdin = self.0.stdin.as_mut().context("a console without input")?;
        writeln!(stdin, "{command}").context(format!("typing {command}"))
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The address in one line of what Asterisk says about contacts, if it is about `user`.
fn contact(version: Version, line: &str, user: &str) -> Option<String> {
    match version {
        // "  Contact:  1001/sip:1001-0x55@10.77.1.11:5060   hash Avail  1.2"
        Version::V22 => {
            let uri = line.trim().strip_prefix("Contact:")?.trim().strip_prefix(&format!("{user}/"))?;
            let (_, address) = uri.split_whitespace().next()?.split_once('@')?;
            Some(address.split([':', ';']).next()?.to_owned())
        }
        // "  Addr->IP     : 10.77.1.11:5060", or "(null)"
        Version::V16 => {
            let address = line.trim().strip_prefix("Addr->IP")?.trim_start_matches([' ', ':']);
            let (address, _) = address.rsplit_once(':')?;
            address.parse::<Ipv4Addr>().ok().map(|address| address.to_string())
        }
    }
}

/// Whether `path` is a folder or a file that is there.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
