//! How long after the main's death the phones' name points to the branch, a call goes through, the phones are there.
//!
//! Each kind of death has a lab of its own, and they run at once: most of the time is the phones'. What is measured to
//! the millisecond, and what makes the machine busy, is done by one lab at a time.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use lab::dns::a_record;
use lab::phone::{Handset, Kind, Settings};
use lab::registered::registered;
use lab::site::NAME;
use lab::wait::{GENEROUS, PHONES_RETRY, until_ok};
use lab::{Error, Phone, Result, Site, Version};

use crate::death::Death;
use crate::table::{self, Round};

const ROUNDS: u32 = 3;
/// How many phones move, of all makes in turn.
const PHONES: u32 = 8;
/// What they register for, in seconds: what the README advises.
const EXPIRES: u32 = 60;
/// Between two questions for the name.
const POLL: Duration = Duration::from_millis(2);
/// Between two looks at who is registered.
const LOOK: Duration = Duration::from_millis(50);
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
    let mut site = Site::with_module(Version::V22)?;
    let conf = site.branch.read_conf("res_synch.conf")?;
    site.branch.write_conf("res_synch.conf", &without_probe(&conf))?;
    let users: Vec<_> = (3000..3000 + PHONES).map(|user| user.to_string()).collect();
    site.add_users(&users, "HeadOffice")?;
    let starting = alone();
    site.serve()?;
    let settings = Settings { expires: EXPIRES, ..site.phone_settings() };
    let plug_in = |(user, kind): (&String, Kind)| Handset::new(&site.net, kind, user, &settings);
    let _phones = users.iter().zip(Kind::ALL.into_iter().cycle()).map(plug_in).collect::<Result<Vec<_>>>()?;
    let mut caller = Phone::new(&site.net, "1001", &Settings { expires: 0, ..settings.clone() })?;
    drop(starting);
    let users = users.into_iter().collect();
    wait_home(&site, &users)?;

    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        // Each time, the phones are at another point of their registrations.
        sleep(Duration::from_secs(u64::from(EXPIRES * round / ROUNDS)));
        rounds.push(one(death, &mut site, &mut caller, &users)?);
        println!("  {death}: round {} of {ROUNDS}", round + 1);
        let starting = alone();
        death.end(&mut site)?;
        drop(starting);
        site.branch.rx("synch set mode normal")?;
        wait_home(&site, &users)?;
        site.wait_status("Monitor", "Stable")?;
        site.branch.rx("synch set mode auto")?;
        site.wait_status("Service", "Normal")?;
    }
    Ok((rounds, in_force(&site)?))
}

/// The main dies once.
fn one(death: Death, site: &mut Site, caller: &mut Phone, users: &BTreeSet<String>) -> Result<Round> {
    let measuring = alone();
    let branch = site.branch.address();
    let mut ami = site.branch.ami()?;
    let start = Instant::now();
    let detection = scope(|scope| {
        let seen = scope.spawn(move || {
            while a_record(branch, NAME)? != branch {
                if start.elapsed() > GENEROUS * 2 {
                    return Err(Error::new(format!("{death}: {NAME} still names the main")));
                }
                sleep(POLL);
            }
            Ok(start.elapsed())
        });
        death.begin(site)?;
        seen.join().unwrap_or_else(|_| Err(Error::new("a thread panicked")))
    })?;
    // Who calls just now needs no registration.
    caller.dial(ECHO)?;
    caller.wait_in_call(GENEROUS)?;
    let dial_tone = start.elapsed();
    caller.hang_up()?;
    caller.wait_call_ended(GENEROUS)?;
    drop(measuring);

    let mut half = None;
    let bound = PHONES_RETRY + Duration::from_secs(u64::from(EXPIRES));
    let all = loop {
        let here = users.intersection(&registered(&mut ami, site.branch.version)?).count();
        let now = start.elapsed();
        if here * 2 >= users.len() {
            half.get_or_insert(now);
        }
        if here == users.len() {
            break now;
        }
        if now > bound {
            return Err(Error::new(format!("{death}: {here} of {} phones after {now:?}", users.len())));
        }
        sleep(LOOK);
    };
    Ok(Round { detection, dial_tone, half: half.unwrap_or(all), all })
}

/// Waits until all phones are at the main, and none at the branch.
fn wait_home(site: &Site, users: &BTreeSet<String>) -> Result {
    let bound = PHONES_RETRY + Duration::from_secs(u64::from(EXPIRES));
    until_ok("the phones to be at the main", bound, || {
        let (main, branch) = (site.main.registered()?, site.branch.registered()?);
        match users.is_subset(&main) && users.is_disjoint(&branch) {
            true => Ok(()),
            false => Err(Error::new(format!("at the main {main:?}, at the branch {branch:?}"))),
        }
    })
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
