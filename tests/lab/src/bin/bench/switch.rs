//! How long after the main's death the phones' name points to the branch, a call goes through, the phones are there.
//!
//! Each kind of death has a lab of its own, and they run at once: most of the time is the phones'. What is measured to
//! the millisecond, and what makes the machine busy, is done by one lab at a time.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use lab::dns::a_record;
use lab::phone::{Handset, Kind, Settings};
use lab::registered::registered;
use lab::site::NAME;
use lab::wait::{GENEROUS, until_ok};
use lab::{Error, Phone, Result, Site, Version};

use crate::table::{self, Round};
use lab::death::Death;

const ROUNDS: u32 = 3;
/// How many phones move, of all makes in turn.
const PHONES: u32 = 8;
/// What they register for, in seconds: what docs/phones.md advises.
const EXPIRES: u32 = 60;
/// Between two questions for the name.
const POLL: Duration = Duration::from_millis(5);
/// A switch that has not come by then does not come.
const SWITCH: Duration = Duration::from_secs(120);
/// A phone that asks in vain a last time, and then waits as long as any of these does.
const MOVE: Duration = Duration::from_secs(300);
/// A number at the branch that answers.
const ECHO: &str = "600";

/// Held by the lab that measures, or starts an Asterisk.
static ALONE: Mutex<()> = Mutex::new(());

/// Measures and prints.
pub fn tell() -> Result {
    println!("The main's death: {ROUNDS} rounds of each kind, {PHONES} phones that register for {EXPIRES} s");
    let measured = scope(|scope| {
        let labs = Death::ALL.map(|death| (death, scope.spawn(move || rounds(death))));
        let joined = labs.map(|(death, lab)| (death, lab.join()));
        joined.map(|(death, outcome)| {
            let outcome = outcome.unwrap_or_else(|_| Err(Error::new("a lab panicked")));
            outcome.map(|(rounds, settings)| (death, rounds, settings))
        })
    });
    let measured = measured.into_iter().collect::<Result<Vec<_>>>()?;
    let settings = measured.first().map(|(_, _, settings)| settings.as_str()).unwrap_or_default();
    println!("\nSettings of the branch:\n\n{settings}");
    table::print(measured.iter().map(|(death, rounds, _)| (*death, rounds.as_slice())));
    Ok(())
}

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every round of one kind of death, and the settings they were measured with.
fn rounds(death: Death) -> Result<(Vec<Round>, String)> {
    let mut office = Office::open()?;
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        // Each time, the phones are at another point of their registrations.
        sleep(Duration::from_secs(u64::from(EXPIRES * round / ROUNDS)));
        rounds.push(office.lose_main(death)?);
        println!("  {death}: round {} of {ROUNDS}", round + 1);
        office.heal(death)?;
    }
    Ok((rounds, in_force(&office.site)?))
}

/// A site, its phones, and one more that is registered nowhere.
struct Office {
    caller: Phone,
    _phones: Vec<Handset>,
    users: BTreeSet<String>,
    site: Site,
}

impl Office {
    fn open() -> Result<Self> {
        let mut site = Site::with_module(Version::V22)?;
        let conf = site.branch.read_conf("res_synch.conf")?;
        site.branch.write_conf("res_synch.conf", &without_probe(&conf))?;
        let users: Vec<_> = (3000..3000 + PHONES).map(|user| user.to_string()).collect();
        site.add_users(&users, "HeadOffice")?;
        let starting = alone();
        site.serve()?;
        let settings = Settings { expires: EXPIRES, ..site.phone_settings() };
        let plug_in = |(user, kind): (&String, Kind)| Handset::new(&site.net, kind, user, &settings);
        let phones = users.iter().zip(Kind::ALL.into_iter().cycle()).map(plug_in).collect::<Result<_>>()?;
        let caller = Phone::new(&site.net, "1001", &Settings { expires: 0, ..settings })?;
        drop(starting);
        let office = Self { caller, _phones: phones, users: users.into_iter().collect(), site };
        office.wait_home()?;
        Ok(office)
    }

    /// The main dies once.
    fn lose_main(&mut self, death: Death) -> Result<Round> {
        let measuring = alone();
        let branch = self.site.branch.address();
        let mut ami = self.site.branch.ami()?;
        let start = Instant::now();
        let detection = scope(|scope| {
            let switch = scope.spawn(move || wait_switch(branch, start));
            death.begin(&mut self.site)?;
            switch.join().unwrap_or_else(|_| Err(Error::new("a thread panicked")))
        })?;
        // Who calls just now needs no registration.
        self.caller.dial(ECHO)?;
        self.caller.wait_in_call(GENEROUS)?;
        let dial_tone = start.elapsed();
        self.caller.hang_up()?;
        self.caller.wait_call_ended(GENEROUS)?;
        drop(measuring);
        let [half, all] = [self.users.len().div_ceil(2), self.users.len()].map(|wanted| {
            until_ok(&format!("{wanted} phones to be at the branch"), MOVE, || {
                let here = registered(&mut ami, self.site.branch.version)?;
                match self.users.intersection(&here).count() {
                    count if count >= wanted => Ok(start.elapsed()),
                    count => Err(Error::new(format!("{count} are"))),
                }
            })
        });
        Ok(Round { detection, dial_tone, half: half?, all: all? })
    }

    /// The main is back, and everybody at it; whatever a return waits for, an operator need not.
    fn heal(&mut self, death: Death) -> Result {
        let starting = alone();
        death.end(&mut self.site)?;
        drop(starting);
        self.site.branch.rx("synch set mode normal")?;
        self.wait_home()?;
        self.site.wait_status("Monitor", "Stable")?;
        self.site.branch.rx("synch set mode auto")?;
        self.site.wait_status("Service", "Normal")
    }

    /// Waits until all phones are at the main, and none at the branch.
    fn wait_home(&self) -> Result {
        until_ok("the phones to be at the main", MOVE, || {
            let (main, branch) = (self.site.main.registered()?, self.site.branch.registered()?);
            match self.users.is_subset(&main) && self.users.is_disjoint(&branch) {
                true => Ok(()),
                false => Err(Error::new(format!("at the main {main:?}, at the branch {branch:?}"))),
            }
        })
    }
}

/// Waits for the first answer that names the branch, as a phone would see it; the time since the start.
fn wait_switch(branch: Ipv4Addr, start: Instant) -> Result<Duration> {
    while a_record(branch, NAME)? != branch {
        if start.elapsed() > SWITCH {
            return Err(Error::new(format!("waited {SWITCH:?}, and {NAME} still names the main")));
        }
        sleep(POLL);
    }
    Ok(start.elapsed())
}

/// The configuration with the defaults for how the main is watched.
fn without_probe(conf: &str) -> String {
    let mut inside = false;
    let keep = |line: &&str| {
        inside = if line.starts_with('[') { *line == "[probe]" } else { inside };
        !inside
    };
    conf.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

/// What the branch says of the settings that matter here.
fn in_force(site: &Site) -> Result<String> {
    let config = site.branch.rx("synch show config")?;
    let sections = config
        .split("\n[")
        .filter(|section| ["probe]", "failover]"].iter().any(|name| section.starts_with(name)));
    let mut text: String =
        sections.map(|section| format!("    [{}\n", section.trim().replace('\n', "\n    "))).collect();
    let ttls = config.lines().filter(|line| line.contains("ttl") && !line.contains("soa"));
    text.extend(["    [dns]\n".to_owned()].into_iter().chain(ttls.map(|line| format!("    {line}\n"))));
    Ok(text)
}
