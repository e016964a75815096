//! Backups of a fleet by Ansible (`deploy/`), put back into branches that work and into new machines, and a maintenance, which
//! begins with one. `make fleet` runs them.

use std::fs;
use std::time::Instant;

use lab::command::{run, words};
use lab::deploy::{Branches, SITES};
use lab::wait::{GENEROUS, until_ok};
use lab::{Context, Error, Result};

#[test]
#[ignore = "make fleet"]
fn a_backup_is_put_back_into_a_branch_that_works() -> Result {
    let branches = Branches::in_service(["berlin", "bonn"])?;
    let berlin = branches.machine("berlin")?;
    // A held version, a held mode and a forward that the main knows.
    branches.main.edit_conf("pjsip.endpoint.conf", "Alice <1001>", "Alicia <1001>")?;
    branches.main.reload("module reload res_pjsip.so")?;
    berlin.rx("synch sync")?;
    berlin.wait_status("SyncVersion", "2")?;
    berlin.rx("synch rollback 1")?;
    berlin.wait_status("HeldVersion", "1")?;
    berlin.rx("synch set mode failover 600")?;
    let users = berlin.rx("synch show users")?;
    assert!(users.contains("Alice"), "{users}");
    let until = berlin.status("ModeUntil")?;

    let played = branches.play_well(&["backup.yml"])?;
    for (site, _) in SITES.iter().take(2) {
        assert_eq!(branches.archives(site)?.len(), 1, "{site}");
    }
    let timestamp = branches.newest("berlin")?;
    assert_eq!(timestamp, branches.newest("bonn")?);
    assert!(played.text.contains(&format!("restore_timestamp={timestamp}")), "{}", played.text);
    let archive = branches.archives("berlin")?.pop().context("no archive")?;
    let list = run(words(&["tar", "-tzf"]).arg(archive))?;
    for file in ["etc/res_synch.conf", "etc/pjsip_synch.conf", "etc/pjsip.conf", "database", "var/synch/"] {
        assert!(list.lines().any(|line| line == file), "{file} is not in\n{list}");
    }
    assert!(!berlin.path("var/lib/synch-deploy/backup.tar.gz").exists());

    // Everything is another.
    berlin.rx("synch set mode auto")?;
    berlin.rx("synch sync")?;
    berlin.wait_status("HeldVersion", "")?;
    until_ok("Alicia", GENEROUS, || {
        let users = berlin.rx("synch show users")?;
        if users.contains("Alicia") { Ok(()) } else { Err(Error::new(users)) }
    })?;
    let began = berlin.began()?;
    let restore = format!("restore_timestamp={timestamp}");
    let start = Instant::now();
    branches.play_well(&["restore.yml", "--limit", "berlin", "-e", &restore])?;
    eprintln!("fleet: restore {:.0?}", start.elapsed());
    assert_eq!(berlin.began()?, began, "Asterisk was restarted");
    for (key, wanted) in [("HeldVersion", "1"), ("Mode", "failover"), ("ModeUntil", &until)] {
        assert_eq!(berlin.status(key)?, wanted, "{key}");
    }
    assert_eq!(berlin.rx("synch show users")?, users);
    let live = berlin.rx("pjsip show endpoint 1001")?;
    assert!(live.contains("Alice"), "{live}");

    // Where Asterisk does not run, it is started once, for its database.
    berlin.kill();
    let played = branches.play_well(&["restore.yml", "--limit", "berlin", "-e", &restore])?;
    assert!(!played.text.contains(": Restart Asterisk] "), "{}", played.text);
    for (key, wanted) in [("HeldVersion", "1"), ("Mode", "failover"), ("ModeUntil", &until)] {
        assert_eq!(berlin.status(key)?, wanted, "{key}");
    }

    // One that is cut short takes nothing out.
    let broken = branches.deploy.path("backups/berlin/20010101T000001Z.tar.gz");
    fs::write(&broken, "no archive").context("a broken archive")?;
    branches.play_badly(&["restore.yml", "--limit", "berlin", "-e", "restore_timestamp=20010101T000001Z"])?;
    assert_eq!(berlin.status("HeldVersion")?, "1");
    let played = branches.play_badly(&["restore.yml", "-e", "restore_timestamp=20010101T000000Z"])?;
    assert!(played.text.contains("is not there"), "{}", played.text);
    branches.play_badly(&["restore.yml"]).map(drop)
}

#[test]
#[ignore = "make fleet"]
fn a_backup_is_put_into_a_new_machine_while_the_main_is_dead() -> Result {
    let mut branches = Branches::in_service(["berlin"])?;
    branches.main.rx("database put CFU 1003 1001")?;
    branches.machine("berlin")?.rx("synch sync")?;
    until_ok("the forward", GENEROUS, || {
        let said = branches.machine("berlin")?.rx("database show CFU")?;
        if said.contains("1001") { Ok(()) } else { Err(Error::new(said)) }
    })?;
    branches.play_well(&["backup.yml"])?;
    let timestamp = branches.newest("berlin")?;

    branches.main.kill_9()?;
    let berlin = branches.machines.pop().context("no machine")?.anew()?;
    berlin.start()?;
    berlin.wait_booted()?;
    branches.deploy.open(&berlin)?;
    branches.machines.push(berlin);
    let restore = format!("restore_timestamp={timestamp}");
    let start = Instant::now();
    branches.play_well(&["restore.yml", "--limit", "berlin", "-e", &restore])?;
    eprintln!("fleet: restore into a new machine {:.0?}", start.elapsed());
    let berlin = branches.machine("berlin")?;
    assert_eq!(berlin.status("Service")?, "Failover");
    assert_eq!(berlin.status("Users")?, "3");
    assert!(berlin.rx("database show CFU")?.contains("1001"));

    let mut alice = branches.phone("berlin", "1001")?;
    let mut alex = branches.phone("berlin", "1002")?;
    for user in ["1001", "1002"] {
        berlin.wait_registered(user)?;
    }
    alice.talk_with(&mut alex)
}

#[test]
#[ignore = "make fleet"]
fn a_maintenance_begins_with_a_backup_and_ends_with_questions() -> Result {
    let branches = Branches::in_service(["berlin", "bonn"])?;
    let start =
        ["maintenance.yml", "-e", "do=start", "-e", "minutes=30", "-e", "{\"reason\": \"upgrade to 22.11\"}"];
    branches.play_well(&start)?;
    for machine in &branches.machines {
        assert_eq!(machine.status("Mode")?, "maintenance");
        assert_eq!(machine.status("MaintenanceReason")?, "upgrade to 22.11");
        assert_eq!(branches.archives(machine.name())?.len(), 1);
    }
    let stop = ["maintenance.yml", "-e", "do=stop", "-e", "main_version=23."];
    let played = branches.play_badly(&stop)?;
    assert!(played.text.contains("not 23."), "{}", played.text);
    for machine in &branches.machines {
        assert_eq!(machine.status("Mode")?, "maintenance");
    }
    branches.play_well(&["maintenance.yml", "-e", "do=stop", "-e", "main_version=22."])?;
    for machine in &branches.machines {
        assert_eq!(machine.status("Mode")?, "auto");
        machine.wait_status("Service", "Normal")?;
    }
    branches.play_badly(&["maintenance.yml"]).map(drop)
}
