//! The branch that is soaked: its main, the load, and how each act is done.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::ami::Ami;
use lab::asterisk::Console;
use lab::certificates::{believing, takes_tls};
use lab::death::Death;
use lab::dns::{RecordType, Responder, records};
use lab::error::Error;
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Result, Site};

use crate::act::Act;
use crate::beside::Beside;
use crate::in_use::InUse;
use crate::load::{Counts, Load, Right};
use crate::plan::Plan;
use crate::reloads::{self, HINTS};
use crate::states::States;
use crate::watch::Used;

/// Users of this site besides the three of the lab's own.
const USERS: u32 = 1000;
/// How long the main is away, from when the branch serves.
const AWAY: Duration = Duration::from_secs(10);
/// Between two acts.
const PAUSE: Duration = Duration::from_secs(5);
/// How long nothing happens where that is asked for.
const IDLE: Duration = Duration::from_secs(20);
/// How long the branch is looked at for what it uses at least. Longer than a thread of Asterisk's pools waits for work
/// (60 s for PJSIP's) before it ends, so that the fewest threads are those that always are.
const QUIET: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(500);
/// Whose name changes.
const CHANGED: &str = "1001";
/// What the forwarder says of every name (RFC 5737).
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Everything an operator can look at.
const COMMANDS: [&str; 10] = [
    "synch show status",
    "synch show status json",
    "synch show config",
    "synch show users",
    "synch show versions",
    "synch show history",
    "synch show phones",
    "synch show sites",
    "synch show state",
    "synch doctor",
];

/// What went on besides the load.
#[derive(Default)]
pub struct Done {
    /// Every act, in order.
    pub acts: Vec<Act>,
    /// Workers that ended by a panic and were started again.
    pub restarts: u64,
    /// Reloads of the branch's own dialplan.
    pub reloads: u64,
    /// Changes of states at the other system.
    pub changes: u64,
}

impl Done {
    /// How often the service had to move.
    pub fn meant(&self) -> usize {
        // The first is that of the start.
        1 + self.acts.iter().map(|act| act.moves()).sum::<usize>()
    }
}

/// What the log says of a move.
pub const MOVED: &str = "res_synch: Service state changed";
/// As many of the last moves tell what went before one that nobody meant.
const SHOWN: usize = 6;

/// A branch at work.
pub struct Office {
    // First, so that it goes first: without the network it would not hear that it is to end.
    _forwarder: Responder,
    /// Main, branch and network.
    pub site: Site,
    /// What the branch has in use of its memory.
    pub in_use: InUse,
    /// How the questions fared so far.
    pub counts: Counts,
    /// What was done so far.
    pub done: Done,
    right: Right,
    load: Option<Load>,
    /// Whether the dialplan is reloaded beside the acts.
    reloading: bool,
    reloads: Option<Beside<u64>>,
    changes: Option<Beside<u64>>,
    /// `None`: the branch shares no states.
    states: Option<States>,
    /// Sessions that are open all the time: threads of Asterisk that outlive each load of the module.
    held: (Console, Ami),
    round: u32,
    /// Moves that no act has meant, as far as they were told.
    unmeant: usize,
}

impl Office {
    /// A branch in normal service, with as many users and hints as an office has, and no load yet.
    pub fn open(plan: &Plan) -> Result<Self> {
        let mut site = Site::with_dialplan(plan.version)?;
        site.branch.install_module()?;
        site.branch.add_hints(HINTS)?;
        takes_tls(&site)?;
        site.branch.edit_conf("res_synch.conf", "[main]", &format!("[main]\n{}", believing(&site)))?;
        let users: Vec<_> = (10_000..).take(USERS as usize).map(|user: u32| user.to_string()).collect();
        site.add_users(&users, "HeadOffice")?;
        let forwarder = SocketAddr::from((site.net.own_address(), 5353));
        // The cache is full within minutes, so that it does not grow any more when it counts.
        let dns = format!("[dns]\nforwarder = {forwarder}\ncache_size = 32");
        site.branch.edit_conf("res_synch.conf", "[dns]", &dns)?;
        site.branch.edit_conf("res_synch.conf", "interval = 300", "interval = 30")?;
        let forwarder = Responder::with_address(forwarder, || OTHER)?;
        let in_use = InUse::of(&mut site.branch)?;
        let states = plan.shares.then(|| States::open(&site)).transpose()?;
        site.serve()?;
        let held = (site.branch.console()?, quiet_session(&site)?);
        let right = Right { main: site.main.address(), branch: site.branch.address(), other: OTHER };
        Ok(Self {
            site,
            in_use,
            counts: Counts::default(),
            done: Done::default(),
            right,
            load: None,
            reloading: plan.reloads,
            reloads: None,
            changes: None,
            states,
            held,
            _forwarder: forwarder,
            round: 0,
            unmeant: 0,
        })
    }

    /// Shows the moves in the log at the first act after which there are more than were meant.
    pub fn tell_unmeant(&mut self) {
        let log = self.site.branch.log();
        let moves: Vec<&str> = log.lines().filter(|line| line.contains(MOVED)).collect();
        let unmeant = moves.len().saturating_sub(self.done.meant());
        if unmeant > self.unmeant {
            let shown = moves.len().saturating_sub(SHOWN);
            println!("  more moves than were meant:");
            moves.iter().skip(shown).for_each(|line| println!("    {line}"));
        }
        self.unmeant = unmeant;
    }

    /// What the branch uses at least while nothing happens: no load, no sessions but those that are held.
    pub fn quiet(&mut self) -> Result<Used> {
        self.pause_load()?;
        for (beside, count) in
            [(&mut self.reloads, &mut self.done.reloads), (&mut self.changes, &mut self.done.changes)]
        {
            if let Some(beside) = beside.take() {
                *count += beside.finish()?;
            }
        }
        self.wait_served()?;
        let (end, mut least) = (Instant::now() + QUIET, self.trimmed()?);
        while Instant::now() < end {
            sleep(LOOK);
            // A sync has a second set of users in use for a moment, on a machine that does much else for longer.
            least.in_use_kib = least.in_use_kib.min(self.in_use.now_kib()?);
            let (now, vitals) = (self.site.branch.vitals()?, &mut least.vitals);
            vitals.threads = vitals.threads.min(now.threads);
            vitals.descriptors = vitals.descriptors.min(now.descriptors);
        }
        least.vitals.anonymous_kib = least.vitals.anonymous_kib.min(self.trimmed()?.vitals.anonymous_kib);
        Ok(least)
    }

    /// What the branch uses when Asterisk has given back to the kernel what it does not use: a reload of a thousand users
    /// leaves 10 MiB with malloc, or not, as it comes.
    pub fn trimmed(&self) -> Result<Used> {
        let in_use_kib = self.in_use.least_kib()?;
        self.site.branch.rx("malloc trim")?;
        Ok(Used { vitals: self.site.branch.vitals()?, in_use_kib })
    }

    /// Does one thing under load, and waits until all is well again.
    pub fn act(&mut self, act: Act) -> Result {
        self.resume_load()?;
        self.round += 1;
        match act {
            Act::Change => self.change(),
            Act::Outage(death) => self.outage(death),
            Act::Look => self.look(),
            Act::Settings => self.change_settings(),
            Act::Hold => self.hold(),
            Act::Cycle => self.cycle(),
            Act::Part => self.states.iter().try_for_each(|states| states.part(&self.site.branch)),
            Act::Wait => {
                sleep(IDLE);
                Ok(())
            }
        }?;
        self.wait_served()?;
        self.done.acts.push(act);
        sleep(PAUSE);
        Ok(())
    }

    /// Stops the load and counts how its questions fared.
    pub fn pause_load(&mut self) -> Result {
        if let Some(load) = self.load.take() {
            self.counts += load.finish()?;
        }
        Ok(())
    }

    /// Counts the workers that were started again: an unload forgets them.
    pub fn count_restarts(&mut self) -> Result {
        let restarts = self.site.status("Restarts")?;
        self.done.restarts += restarts.parse::<u64>().map_err(|error| Error::new(error.to_string()))?;
        Ok(())
    }

    fn resume_load(&mut self) -> Result {
        if self.load.is_none() {
            self.load = Some(Load::start(&self.site, self.right)?);
        }
        if self.reloading && self.reloads.is_none() {
            self.reloads = Some(reloads::start(quiet_session(&self.site)?));
        }
        if self.changes.is_none() {
            self.changes = self.states.as_ref().map(States::start).transpose()?;
        }
        Ok(())
    }

    fn wait_served(&self) -> Result {
        self.site.wait_status("Service", "Normal")?;
        self.site.wait_status("Sync", "Synced")?;
        if self.states.is_some() {
            self.site.wait_status("State", "Joined")?;
        }
        self.site.wait_name(self.right.main)
    }

    fn change(&mut self) -> Result {
        let users = self.site.main.read_conf(self.site.main.version.users_file())?;
        let end = format!("<{CHANGED}>");
        let line = users.lines().find(|line| line.starts_with("callerid=") && line.ends_with(&end));
        let line = line.ok_or_else(|| Error::new(format!("the main has no {CHANGED}")))?;
        let name = format!("Round {}", self.round);
        self.site.edit_users(line, &format!("callerid={name} <{CHANGED}>"))?;
        self.site.main.reload(&format!("module reload {}", self.site.main.version.sip_module()))?;
        self.site.branch.wait_live(CHANGED, &name)
    }

    fn outage(&mut self, death: Death) -> Result {
        death.begin(&mut self.site)?;
        self.site.wait_status("Service", "Failover")?;
        self.site.wait_name(self.right.branch)?;
        sleep(AWAY);
        death.end(&mut self.site)
    }

    fn look(&mut self) -> Result {
        for command in COMMANDS {
            let answer = self.site.branch.rx(command)?;
            if answer.contains("No such command") {
                return Err(Error::new(format!("{command}: {answer}")));
            }
        }
        let (held_console, held_ami) = &mut self.held;
        held_console.type_line("synch show status")?;
        let mut console = self.site.branch.console()?;
        console.type_line("synch show users")?;
        for ami in [held_ami, &mut self.site.branch.ami()?] {
            ami.action("SynchStatus", &[])?.need("Service")?;
            for list in ["SynchUsers", "SynchVersions", "SynchHistory"] {
                ami.list(list, &[])?;
            }
        }
        Ok(())
    }

    fn change_settings(&mut self) -> Result {
        let (from, to) = if self.site.branch.read_conf("res_synch.conf")?.contains("record_ttl = 5") {
            (5, 4)
        } else {
            (4, 5)
        };
        let line = |ttl: u32| format!("record_ttl = {ttl}");
        self.site.branch.edit_conf("res_synch.conf", &line(from), &line(to))?;
        self.site.branch.reload_module()?;
        let wanted = format!("{to} A {}", self.right.main);
        until_ok(&format!("the answer '{wanted}'"), GENEROUS, || {
            match records(self.right.branch, NAME, RecordType::A)? {
                found if found == [wanted.as_str()] => Ok(()),
                found => Err(Error::new(format!("{found:?}"))),
            }
        })
    }

    fn hold(&mut self) -> Result {
        self.site.branch.rx("synch set mode failover")?;
        self.site.wait_name(self.right.branch)?;
        self.site.branch.rx("synch set mode auto")?;
        self.site.wait_name(self.right.main)?;
        let version = self.site.status("SyncVersion")?;
        self.site.branch.rx(&format!("synch rollback {version}"))?;
        self.site.wait_status("HeldVersion", &version)?;
        self.site.sync()?;
        self.site.wait_status("HeldVersion", "")
    }

    fn cycle(&mut self) -> Result {
        // Nobody answers in between: that is no fault.
        self.pause_load()?;
        self.count_restarts()?;
        self.site.branch.unload_module()?;
        self.site.branch.load_module()?;
        self.wait_served()
    }
}

/// A session that hears of nothing: what it does not read, Asterisk would wait to write.
fn quiet_session(site: &Site) -> Result<Ami> {
    let mut ami = site.branch.ami()?;
    ami.action("Events", &[("EventMask", "off")])?;
    Ok(ami)
}
