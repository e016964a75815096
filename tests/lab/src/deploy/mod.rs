//! What deploys a fleet: Ansible with the role and the playbooks of `deploy/`, and the branch machines that they are for.
//!
//! Ansible runs beside the tests. It reaches a machine by its own ssh, whose program is one of ours: that enters the
//! machine's namespace and root file system, where ssh would have gone over the network.

mod branches;
mod machine;
mod packages;
mod systemd;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

pub use branches::{Branches, SITES, own};
pub use machine::Machine;
pub use packages::{Packed, own_version, package, package_for};

use systemd::NAMESPACES;

use crate::command::{run, words};
use crate::error::{Context, Error, Result};
use crate::files::Folder;
use crate::net::Net;
use crate::version::Version;

/// What all branches of the lab have in common, with places for what differs.
const BRANCHES: &str = include_str!("../../conf/deploy/branches.yml");
/// The passwords, which a vault keeps.
const VAULT: &str = include_str!("../../conf/deploy/vault.yml");
/// What an inventory needs in the lab.
const LAB: &str = include_str!("../../conf/deploy/lab.yml");
/// And where the machines have no systemd.
const NO_SYSTEMD: &str = include_str!("../../conf/deploy/no-systemd.yml");
/// In the place of ssh.
const SSH: &str = include_str!("../../conf/deploy/ssh");

/// Words that may be in no output: every password of the vault, and those of the example's.
pub const SECRETS: [&str; 6] =
    ["SomePasswordHere", "monitor-secret", "pair-key", "trunk-secret", "AnotherPassword", "OneMorePassword"];

/// An inventory, and where its packages and backups are. Dropped, all of it is gone.
pub struct Deploy {
    folder: Folder,
}

/// What a playbook has said and done.
#[derive(Debug)]
pub struct Played {
    /// Whether it ended well.
    pub well: bool,
    /// All that it has said.
    pub text: String,
}

impl Deploy {
    /// An inventory of these machines, the first of which is the canary. The main has its usual account for each.
    pub fn new(net: &Net, machines: &[&Machine]) -> Result<Self> {
        let deploy = Self { folder: Folder::new(&format!("{}-deploy", net.name()))? };
        for folder in
            ["inventory/group_vars/all", "inventory/host_vars", "packages", "backups", "home", "doors"]
        {
            let path = deploy.path(folder);
            fs::create_dir_all(&path).context(format!("making {}", path.display()))?;
        }
        let ssh =
            SSH.replace("@DOORS@", &deploy.text("doors")).replace("@NAMESPACES@", &NAMESPACES.join(" "));
        let ssh = deploy.folder.write("ssh", &ssh)?;
        run(words(&["chmod", "755"]).arg(&ssh))?;
        deploy.folder.write("inventory/group_vars/all/lab.yml", &deploy.fill(LAB))?;
        if machines.iter().all(|machine| machine.systemd().is_none()) {
            deploy.folder.write("inventory/group_vars/all/no-systemd.yml", NO_SYSTEMD)?;
        }
        let branches = BRANCHES.replace("@MAIN@", &net.main_address().to_string());
        deploy.folder.write("inventory/group_vars/branches.yml", &branches)?;
        deploy.folder.write("vault-password", "what opens the vault\n")?;
        deploy.folder.write("inventory/group_vars/all/vault.yml", VAULT)?;
        let vault = deploy.path("inventory/group_vars/all/vault.yml");
        run(deploy.ansible("ansible-vault").arg("encrypt").arg(vault))?;

        let mut hosts = "---\nbranches:\n  hosts:\n".to_owned();
        for machine in machines {
            hosts += &format!("    {}:\n      ansible_host: {}\n", machine.name(), machine.address());
            deploy.open(machine)?;
        }
        let canary = machines.first().map(|machine| machine.name()).unwrap_or_default();
        hosts += &format!("canary:\n  hosts:\n    {canary}:\n");
        deploy.folder.write("inventory/hosts.yml", &hosts)?;
        Ok(deploy)
    }

    /// Takes the inventory that `deploy/README.md` begins with in the place of the lab's own, each word of the first column
    /// changed to that of the second.
    pub fn take_example(&self, changes: &[(&str, &str)]) -> Result {
        let example = playbooks().join("inventory/example");
        for file in [
            "hosts.yml",
            "group_vars/branches.yml",
            "group_vars/all/vault.yml",
            "host_vars/berlin.yml",
            "host_vars/bonn.yml",
        ] {
            let path = example.join(file);
            let mut text = fs::read_to_string(&path).context(path.display())?;
            for (from, to) in changes {
                text = text.replace(from, to);
            }
            self.folder.write(&format!("inventory/{file}"), &text)?;
        }
        Ok(())
    }

    fn fill(&self, text: &str) -> String {
        text.replace("@SSH@", &self.text("ssh"))
            .replace("@PACKAGES@", &self.text("packages"))
            .replace("@BACKUPS@", &self.text("backups"))
    }

    /// Says what is a site's own, in YAML.
    pub fn site(&self, name: &str, text: &str) -> Result {
        self.folder.write(&format!("inventory/host_vars/{name}.yml"), &format!("---\n{text}")).map(drop)
    }

    /// Lets the controller reach a machine: what its ssh goes through.
    pub fn open(&self, machine: &Machine) -> Result {
        let door = match machine.systemd() {
            Some(systemd) => format!("init={}\n", systemd.pid()),
            None => format!("namespace={}\nroot={}\n", machine.host().namespace, machine.root().display()),
        };
        self.folder.write(&format!("doors/{}", machine.address()), &door).map(drop)
    }

    /// Lets it reach a machine no more.
    pub fn close(&self, machine: &Machine) -> Result {
        let door = self.path(&format!("doors/{}", machine.address()));
        fs::remove_file(&door).context(format!("removing {}", door.display()))
    }

    /// Where a file of it is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Writes a file of it.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        self.folder.write(name, text)
    }

    /// Plays one of the playbooks with these words besides, such as `["site.yml", "--limit", "berlin"]`.
    pub fn play(&self, line: &[&str]) -> Result<Played> {
        let mut command = self.ansible("ansible-playbook");
        command.arg("--inventory").arg(self.path("inventory")).args(line);
        let output = command.stdin(Stdio::null()).output().context("starting ansible-playbook")?;
        let played = Played::of(&output);
        // For whoever looks into a failure.
        let last = crate::rootfs::lab_dir().join("last");
        let test = std::thread::current().name().unwrap_or("main").replace("::", "-");
        let _ = fs::create_dir_all(last.join(&test));
        let name = line.first().copied().unwrap_or("play").replace('/', "-");
        let _ = fs::write(last.join(test).join(format!("{name}.log")), &played.text);
        Ok(played)
    }

    /// Plays it, and it has to end well.
    pub fn play_well(&self, line: &[&str]) -> Result<Played> {
        let played = self.play(line)?;
        if played.well { Ok(played) } else { Err(Error::new(format!("{line:?} fails:\n{}", played.text))) }
    }

    /// Plays it, and it has to fail.
    pub fn play_badly(&self, line: &[&str]) -> Result<Played> {
        let played = self.play(line)?;
        if played.well {
            Err(Error::new(format!("{line:?} does not fail:\n{}", played.text)))
        } else {
            Ok(played)
        }
    }

    /// One of Ansible's programs, in the folder of the playbooks.
    pub fn ansible(&self, program: &str) -> Command {
        let mut command = words(&[program]);
        command.current_dir(playbooks());
        command.env("HOME", self.path("home"));
        command.env("LC_ALL", "C.UTF-8");
        command.env("ANSIBLE_NOCOLOR", "1");
        command.env("ANSIBLE_VAULT_PASSWORD_FILE", self.path("vault-password"));
        // Where this repository may be written by all, Ansible would not read the file by itself.
        command.env("ANSIBLE_CONFIG", playbooks().join("ansible.cfg"));
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

impl Played {
    fn of(output: &Output) -> Self {
        let text = [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets));
        Self { well: output.status.success(), text: text.concat() }
    }

    /// What was counted of a host in the end: `changed`, `failed`, `unreachable`, …; nothing where it was not touched.
    pub fn count(&self, host: &str, what: &str) -> Option<u32> {
        let (_, recap) = self.text.rsplit_once("PLAY RECAP")?;
        let line = recap.lines().find(|line| line.split_whitespace().next() == Some(host))?;
        let counted = line.split_whitespace().find_map(|word| word.strip_prefix(&format!("{what}=")))?;
        counted.parse().ok()
    }

    /// No password is in what was said.
    pub fn keeps_secrets(&self) -> Result {
        has_no_secret(&self.text)
    }
}

/// No password is in that text.
fn has_no_secret(text: &str) -> Result {
    match SECRETS.iter().find(|secret| text.contains(**secret)) {
        None => Ok(()),
        Some(secret) => {
            let line = text.lines().find(|line| line.contains(secret)).unwrap_or_default();
            Err(Error::new(format!("{secret} is in the output: {line}")))
        }
    }
}

/// The folder of the playbooks.
pub fn playbooks() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    path.canonicalize().unwrap_or(path)
}

/// Machines of these names in the LAN, each with an Asterisk 22 that runs as Debian has installed it.
pub fn machines<const N: usize>(net: &Arc<Net>, names: [&'static str; N]) -> Result<Vec<Machine>> {
    machines_of(net, names, Version::V22)
}

/// The same, booted by their own systemd.
pub fn machines_with_systemd<const N: usize>(
    net: &Arc<Net>,
    names: [&'static str; N],
) -> Result<Vec<Machine>> {
    let machines = names.iter().map(|name| Machine::with_systemd(net, name)).collect::<Result<Vec<_>>>()?;
    machines.iter().try_for_each(Machine::wait_booted)?;
    Ok(machines)
}

/// The same with that version of Asterisk.
pub fn machines_of<const N: usize>(
    net: &Arc<Net>,
    names: [&'static str; N],
    version: Version,
) -> Result<Vec<Machine>> {
    let machines = names.iter().map(|name| Machine::new(net, name, version)).collect::<Result<Vec<_>>>()?;
    machines.iter().try_for_each(Machine::start)?;
    machines.iter().try_for_each(Machine::wait_booted)?;
    Ok(machines)
}
