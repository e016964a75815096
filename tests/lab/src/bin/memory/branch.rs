//! The branch that is watched, and what it goes through in each cycle.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lab::asterisk::Asterisk;
use lab::certificates::{believing, takes_tls};
use lab::conf::Role;
use lab::death::Death;
use lab::dns::{RecordType, Responder, Transport, ask_with, question};
use lab::error::Error;
use lab::rootfs::lab_dir;
use lab::site::NAME;
use lab::wait::{GENEROUS, until, until_ok};
use lab::{Net, Result, Site, Version};

use crate::tool::Tool;

/// Asterisk starts in a second; under valgrind in half a minute, on a machine that does much else.
const START: Duration = Duration::from_secs(300);
/// At its end valgrind looks through all memory for what is lost.
const END: Duration = Duration::from_secs(300);
/// Under valgrind one thread runs at a time, and each takes twenty times as long: a main that answers is not to be taken
/// for a dead one.
const PROBE: &str = "[probe]\ninterval = 2\ntimeout = 8";
/// Whose name changes.
const CHANGED: &str = "1001";

/// Everything an operator can ask for.
const COMMANDS: [&str; 11] = [
    "synch show status",
    "synch show status json",
    "synch show config",
    "synch show users like 1",
    "synch show user 1001",
    "synch show directory",
    "synch show versions",
    "synch show history",
    "synch show phones",
    "synch doctor",
    "synch drill",
];
const LISTS: [&str; 3] = ["SynchUsers", "SynchVersions", "SynchHistory"];

/// A main, and a branch that is watched.
pub struct Branch {
    // First, so that it goes first: without the network it would not hear that it is to end.
    _forwarder: Responder,
    site: Site,
}

impl Branch {
    /// Starts both; the module is in place and not loaded.
    pub fn start(tool: Tool) -> Result<Self> {
        let (net, version) = (Net::new()?, Version::V22);
        let main = Asterisk::new(&net, Role::Main, version)?;
        let branch = Asterisk::in_root(&net, Role::Branch, version, tool.root()?)?;
        let mut site = Site { main, branch, net };
        takes_tls(&site)?;
        site.branch.edit_conf("res_synch.conf", "[main]", &format!("[main]\n{}", believing(&site)))?;
        site.branch.install_module_from(&lab_dir().join(tool.module()))?;
        tool.watch(&mut site.branch);
        let forwarder = SocketAddr::from((site.net.own_address(), 5353));
        site.branch.edit_conf("res_synch.conf", "[dns]", &format!("[dns]\nforwarder = {forwarder}"))?;
        site.branch.edit_conf("res_synch.conf", "[probe]\ninterval = 1\ntimeout = 1", PROBE)?;
        let forwarder = Responder::with_address(forwarder, || Ipv4Addr::new(192, 0, 2, 1))?;
        site.main.start()?;
        site.branch.spawn()?;
        until_ok("the branch to start", START, || site.branch.rx("core waitfullybooted"))?;
        Ok(Self { site, _forwarder: forwarder })
    }

    /// Load, sync, outage, reload, unload; and everything that somebody can ask meanwhile.
    pub fn cycle(&mut self, number: usize) -> Result {
        let site = &mut self.site;
        site.branch.load_module()?;
        site.wait_status("Sync", "Synced")?;
        site.wait_status("Service", "Normal")?;
        ask_names(site)?;
        change_user(site, number)?;
        // Each kind of death in turn.
        let death = Death::ALL.into_iter().cycle().nth(number).unwrap_or(Death::Kill);
        death.begin(site)?;
        site.wait_status("Service", "Failover")?;
        site.wait_name(site.branch.address())?;
        ask_names(site)?;
        look(site)?;
        death.end(site)?;
        site.wait_status("Service", "Normal")?;
        site.wait_status("Sync", "Synced")?;
        site.branch.rx("synch rollback 1")?;
        site.sync()?;
        site.wait_status("HeldVersion", "")?;
        let ttl = |number: usize| format!("record_ttl = {}", 5 + number);
        site.branch.edit_conf("res_synch.conf", &ttl(number), &ttl(number + 1))?;
        site.branch.reload_module()?;
        site.wait_name(site.main.address())?;
        refuse_settings(site)?;
        // A number of the site's own, which nobody answers: through its dialplan and the functions of the module.
        site.branch.rx("channel originate Local/1002@synch-internal application Wait 0.1")?;
        until("the call to be over", GENEROUS, || site.branch.channels().is_ok_and(|left| left == 0))?;
        site.branch.unload_module()
    }

    /// The branch.
    pub fn asterisk(&self) -> &Asterisk {
        &self.site.branch
    }

    /// Loads the module once more, so that Asterisk ends with it at work: nobody unloads it then.
    pub fn load(&self) -> Result {
        self.site.branch.load_module()?;
        self.site.wait_status("Sync", "Synced")?;
        self.site.wait_status("Service", "Normal")
    }

    /// Ends the branch, if it has not ended yet, and waits until it is told what was found.
    pub fn stop(&mut self) -> Result {
        // It ends while it answers.
        let _ = self.site.branch.rx("core stop now");
        until("the branch to end", END, || !self.site.branch.is_running())
    }
}

/// The zone in each way, and a name that is relayed.
fn ask_names(site: &Site) -> Result {
    let server = SocketAddr::from((site.branch.address(), 53));
    for (name, record) in [
        (NAME, RecordType::A),
        (NAME, RecordType::AAAA),
        (NAME, RecordType::NAPTR),
        ("_sip._udp.sip.voice.example.com", RecordType::SRV),
        ("nobody.voice.example.com", RecordType::A),
        ("www.example.com", RecordType::A),
    ] {
        for transport in [Transport::Udp, Transport::Tcp] {
            ask_with(server, &question(name, record)?, transport)?;
        }
    }
    Ok(())
}

/// A reload of settings with every kind of error, and back.
fn refuse_settings(site: &Site) -> Result {
    let good = site.branch.read_conf("res_synch.conf")?;
    site.branch
        .write_conf("res_synch.conf", &format!("{good}\n[dns]\ncache_size = long\n[nothing]\nkey = 1\n"))?;
    let told = site.branch.reload_answer()?;
    site.branch.write_conf("res_synch.conf", &good)?;
    if told.contains("successfully") { Err(Error::new(format!("wrong settings: {told}"))) } else { Ok(()) }
}

fn change_user(site: &Site, number: usize) -> Result {
    let name = |number: usize| match number {
        0 => "Alice".to_owned(),
        number => format!("Round {number}"),
    };
    let line = |number: usize| format!("callerid={} <{CHANGED}>", name(number));
    site.edit_users(&line(number), &line(number + 1))?;
    site.main.reload("module reload res_pjsip.so")?;
    site.sync()?;
    site.branch.wait_live(CHANGED, &name(number + 1))
}

fn look(site: &Site) -> Result {
    for command in COMMANDS {
        site.branch.rx(command)?;
    }
    let mut ami = site.branch.ami()?;
    ami.action("SynchStatus", &[])?.need("Service")?;
    LISTS.iter().try_for_each(|list| ami.list(list, &[]).map(drop))
}
